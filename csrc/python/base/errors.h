/* errors.h -- the exceptions of the C part, and the one table from status to exception. */
#ifndef HEKA_ERRORS_H
#define HEKA_ERRORS_H

#include "state.h"

/* Sets the exception that err->status stands for, with err->text; DecodeError gets err->offset.
 * Returns NULL, so that a caller fails in one expression. */
void *heka_raise(heka_state *state, const hk_error *err);

/* The same for a status that came without a text. */
void *heka_raise_status(heka_state *state, hk_status status);

/* TypeError: "NAME must be EXPECTED, not TYPE". Returns -1. */
int heka_type_error(const char *name, const char *expected, PyObject *got);

#endif
