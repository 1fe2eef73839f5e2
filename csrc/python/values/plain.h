/* plain.h -- encodes fields of exact built-in types: the fast path.
 *
 * No user code runs here, so the dict and its lists are read in place, by borrowed references.
 * Values of other types, and all values that must be refused, return HEKA_NOT_PLAIN; coerce.c then
 * encodes or refuses them. */
#ifndef HEKA_PLAIN_H
#define HEKA_PLAIN_H

#include "run.h"

enum { HEKA_DONE = 0, HEKA_FAILED = -1, HEKA_NOT_PLAIN = 1 };

/* The heka_kind of a value of one of the five exact types; -1 for any other. */
static inline int
heka_plain_kind(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) {
        return KIND_STRING;
    }
    if (type == &PyLong_Type) {
        return KIND_INTEGER;
    }
    if (type == &PyFloat_Type) {
        return KIND_DOUBLE;
    }
    if (type == &PyBool_Type) {
        return KIND_BOOL;
    }
    return type == &PyBytes_Type ? KIND_BYTES : -1;
}

/* Appends the fields of an exact dict. HEKA_NOT_PLAIN: a value needs the general path; no exception
 * is set, and the caller removes the partial output. HEKA_FAILED: an exception is set. */
int heka_plain_dict(heka_run *r, PyObject *dict);

#endif
