/* carbon.h -- carbon_lines: the lines in the payloads of a block, for carbon. */
#ifndef HEKA_CARBON_H
#define HEKA_CARBON_H

#include "python/base/state.h"

/* The module function carbon_lines(block, tags, most_lines, most_bytes, /). */
PyObject *heka_carbon_lines(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_carbon_lines_doc[];

#endif
