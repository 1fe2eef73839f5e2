/* watch.h -- watch_directory: tells of changes of the files in a directory. */
#ifndef HEKA_AGENT_WATCH_H
#define HEKA_AGENT_WATCH_H

#include "python/base/state.h"

/* The module function watch_directory(fd, path, /). */
PyObject *heka_watch_directory(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

extern const char heka_watch_directory_doc[];

#endif
