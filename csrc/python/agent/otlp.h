/* otlp.h -- otlp_logs: all messages of a block as the body of an OTLP request. */
#ifndef HEKA_OTLP_H
#define HEKA_OTLP_H

#include "python/base/state.h"

/* The module function otlp_logs(block, resource, now, /). */
PyObject *heka_otlp_logs(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_otlp_logs_doc[];

#endif
