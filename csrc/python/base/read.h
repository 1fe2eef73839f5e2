/* read.h -- plain Python values, from arguments to C: numbers, seconds, callables. */
#ifndef HEKA_READ_H
#define HEKA_READ_H

#include "state.h"

/* Reads an int, or what has __index__. 0, or -1 with a TypeError or ValueError that names the
 * argument. */
int heka_read_int32(PyObject *value, const char *name, int32_t *out);
int heka_read_int64(PyObject *value, const char *name, int64_t *out);

/* Whether PyFloat_AsDouble() takes it. */
bool heka_is_number(PyObject *value);

/* Seconds, 0 or more, of the argument of that name, or of `timeout`. 0, or -1 with TypeError or
 * ValueError. */
int heka_read_seconds(PyObject *value, const char *name, double *out);
int heka_read_timeout(PyObject *value, double *out);

/* seconds as ns, at most a century; negative (no deadline) for infinity. */
int64_t heka_to_ns(double seconds);

/* Borrows a callable; NULL for None. 0, or -1 with TypeError. */
int heka_read_callable(PyObject *value, const char *name, PyObject **out);

/* AttributeError for `del x.name`. Returns -1. */
int heka_refuse_delete(const char *name);

#endif
