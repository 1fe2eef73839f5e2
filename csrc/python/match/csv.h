/* csv.h -- csv_lines: all messages of a block as records of CSV. */
#ifndef HEKA_CSV_H
#define HEKA_CSV_H

#include "python/base/state.h"

/* The module function csv_lines(block, columns, /). */
PyObject *heka_csv_lines(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_csv_lines_doc[];

#endif
