/* json.h -- json_line: a message as one line of JSON. */
#ifndef HEKA_JSON_H
#define HEKA_JSON_H

#include "python/base/state.h"

/* The module function json_line(message, checked, signer, signer_version, origin, /). */
PyObject *heka_json_line(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_json_line_doc[];

#endif
