/* classify.h -- determines which wire type a Python value has. */
#ifndef HEKA_CLASSIFY_H
#define HEKA_CLASSIFY_H

#include "run.h"

/* The kind of *value. *value must be owned: it may be replaced, an Enum by its value, a value
 * without a wire type by the result of policy->hook or of convert.c. User code may run.
 * KIND_ERROR: an exception is set. */
heka_kind heka_resolve(heka_run *r, PyObject **value);

#endif
