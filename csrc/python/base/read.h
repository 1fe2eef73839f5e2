/* read.h -- converts Python arguments to C values: numbers, seconds, callables.
 *
 * The heka_read_* functions for numbers may run user code (__index__, __float__), which may change
 * any object that the caller has only borrowed a part of. */
#ifndef HEKA_READ_H
#define HEKA_READ_H

#include "state.h"

/* Reads an int or an object with __index__. 0, or -1 with a TypeError or ValueError that names the
 * argument, or with the exception of __index__. */
int heka_read_int32(PyObject *value, const char *name, int32_t *out);
int heka_read_int64(PyObject *value, const char *name, int64_t *out);

/* Whether PyFloat_AsDouble() accepts it. Runs no user code. */
bool heka_is_number(PyObject *value);

/* Reads seconds, 0 or more; the name is for the error text, and "timeout" for heka_read_timeout.
 * 0, or -1 with TypeError or ValueError, or with the exception of __float__. */
int heka_read_seconds(PyObject *value, const char *name, double *out);
int heka_read_timeout(PyObject *value, double *out);

/* Converts seconds to ns; -1, which means no deadline, from 3e9 seconds (95 years) on. */
int64_t heka_to_ns(double seconds);

/* Seconds of the core's monotonic clock. */
double heka_now(void);

/* monotonic(): the same for Python. */
PyObject *heka_monotonic(PyObject *module, PyObject *ignored);
extern const char heka_monotonic_doc[];

/* *out: the callable, borrowed from value; NULL when value is None or NULL. 0, or -1 with
 * TypeError. */
int heka_read_callable(PyObject *value, const char *name, PyObject **out);

/* Raises the AttributeError of `del x.name`. Returns -1. */
int heka_refuse_delete(const char *name);

#endif
