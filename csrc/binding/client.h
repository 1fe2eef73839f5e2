/* client.h -- the Emitter: a log call with its defaults, from arguments to a sink. */
#ifndef HEKA_CLIENT_H
#define HEKA_CLIENT_H

#include "state.h"

/* The module function set_sources(clock=None, uuid=None): replaces time and ids, for tests. */
PyObject *heka_set_sources(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames);

extern const char heka_set_sources_doc[];

#endif
