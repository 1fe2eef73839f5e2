/* lines.h -- json_lines: all messages of a block as lines of JSON. */
#ifndef HEKA_LINES_H
#define HEKA_LINES_H

#include "python/base/state.h"

/* The module function json_lines(block, checked, origin, /). */
PyObject *heka_json_lines(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_json_lines_doc[];

#endif
