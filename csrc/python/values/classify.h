/* classify.h -- what a value is, for the wire. */
#ifndef HEKA_CLASSIFY_H
#define HEKA_CLASSIFY_H

#include "run.h"

/* The kind of *value (owned), which may be replaced by what it stands for: an Enum by its value, a
 * value without a type by what policy->convert makes of it. KIND_ERROR: an exception is set. */
heka_kind heka_resolve(heka_run *r, PyObject **value);

#endif
