/* errors.h -- the exception classes, and the one table from hk_status to exception. */
#ifndef HEKA_ERRORS_H
#define HEKA_ERRORS_H

#include "state.h"

/* Sets the exception for err->status, with err->text; DecodeError also gets err->offset.
 * Returns NULL, so that a caller can write `return heka_raise(...)`. */
void *heka_raise(heka_state *state, const hk_error *err);

/* The same for a status without an hk_error. */
void *heka_raise_status(heka_state *state, hk_status status);

/* MatcherError: "column COLUMN: TEXT", with `column`. Returns NULL. */
void *heka_raise_matcher(heka_state *state, const char *text, size_t column);

/* TypeError: "NAME must be EXPECTED, not TYPE". Returns -1. */
int heka_type_error(const char *name, const char *expected, PyObject *got);

/* ValueError: the formatted text, followed by ", got VALUE". The format is that of PyErr_Format.
 * Returns -1. */
int heka_value_error(PyObject *got, const char *format, ...);

/* A value as an error text shows it, new: its repr, to be cut by "%.100U". Of a value whose repr
 * raises, only the type: before 3.12, PyErr_Format loses the whole text where a "%R" raises. NULL
 * without memory, or with an exception that is no Exception, such as KeyboardInterrupt. */
PyObject *heka_shown(PyObject *value);

#endif
