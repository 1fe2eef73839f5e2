/* errors.h -- the exception classes, and the one table from hk_status to exception. */
#ifndef HEKA_ERRORS_H
#define HEKA_ERRORS_H

#include "state.h"

/* Sets the exception for err->status, with err->text; DecodeError also gets err->offset.
 * Returns NULL, so that a caller can write `return heka_raise(...)`. */
void *heka_raise(heka_state *state, const hk_error *err);

/* The same for a status without an hk_error. */
void *heka_raise_status(heka_state *state, hk_status status);

/* TypeError: "NAME must be EXPECTED, not TYPE". Returns -1. */
int heka_type_error(const char *name, const char *expected, PyObject *got);

#endif
