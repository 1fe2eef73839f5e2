/* plain.h -- fields of exact built-in types: the fast way to the wire.
 *
 * No code of the user's runs here, so the dict and its lists are read in place. What is not of
 * these types, and everything that is to be refused, is left to coerce.c: here nothing is said. */
#ifndef HEKA_PLAIN_H
#define HEKA_PLAIN_H

#include "run.h"

enum { HEKA_DONE = 0, HEKA_FAILED = -1, HEKA_NOT_PLAIN = 1 };

/* A value of one of the five exact types; -1 when it is none. */
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

/* Appends the fields of an exact dict. HEKA_NOT_PLAIN: it holds something else, and the output a
 * part that is to be taken back. HEKA_FAILED: an exception is set. */
int heka_plain_dict(heka_run *r, PyObject *dict);

#endif
