/* nearest.h -- the known name that a mistaken one resembles, for the texts of errors. */
#ifndef HEKA_NEAREST_H
#define HEKA_NEAREST_H

#include "core/base/hk_typo.h"
#include "pycompat.h"

/* A name as bytes that hk_typo_edits compares; letters that are not ASCII are all the same. */
typedef struct {
    uint8_t bytes[HK_TYPO_NAME_MAX];
    size_t len; /* 0: not a str, or a longer one; it resembles nothing */
} heka_letters;

/* Reads the letters of a str. Allocates nothing and runs no user code. */
void heka_letters_read(PyObject *name, heka_letters *out);

/* nearest(name, known): the same for Python. */
PyObject *heka_nearest(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
extern const char heka_nearest_doc[];

#endif
