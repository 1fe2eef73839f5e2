/* lock.h -- locked files of a spool, as functions of the module. */
#ifndef HEKA_LOCK_H
#define HEKA_LOCK_H

#include "python/base/state.h"

/* METH_O. */
PyObject *heka_lock_file(PyObject *module, PyObject *path);
PyObject *heka_unlock_file(PyObject *module, PyObject *fd);

extern const char heka_lock_file_doc[];
extern const char heka_unlock_file_doc[];

#endif
