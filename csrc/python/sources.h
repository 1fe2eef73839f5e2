/* sources.h -- set_sources: replaces the clock and the uuid generator of new messages, for tests.
 */
#ifndef HEKA_SOURCES_H
#define HEKA_SOURCES_H

#include "python/base/state.h"

/* The module function set_sources(clock=None, uuid=None). */
PyObject *heka_set_sources(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames);

extern const char heka_set_sources_doc[];

#endif
