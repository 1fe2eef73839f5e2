/* raw.h -- encode_raw: a message with everything that a decoded one may have. */
#ifndef HEKA_RAW_H
#define HEKA_RAW_H

#include "python/base/state.h"

/* The module function encode_raw(uuid, timestamp_ns, severity, pid, texts, fields, /). */
PyObject *heka_encode_raw(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_encode_raw_doc[];

#endif
