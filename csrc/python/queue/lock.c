/* lock.c -- locked files of a spool, as functions of the module. */
#include "lock.h"

#include <errno.h>

#include "core/base/hk_lock.h"
#include "python/base/read.h"

PyObject *
heka_lock_file(PyObject *module, PyObject *path)
{
    PyObject *encoded = NULL;
    int fd;
    (void)module;
    if (!PyUnicode_FSConverter(path, &encoded)) {
        return NULL;
    }
    const char *name = PyBytes_AS_STRING(encoded); /* borrowed */
    Py_BEGIN_ALLOW_THREADS /* clang-format off */
    fd = hk_lock_file(name);
    Py_END_ALLOW_THREADS                           /* clang-format on */
    Py_DECREF(encoded);
    return fd >= 0 ? PyLong_FromLong(fd)
                   : PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
}

PyObject *
heka_unlock_file(PyObject *module, PyObject *value)
{
    int64_t fd;
    (void)module;
    if (heka_read_int64(value, "fd", &fd) < 0) {
        return NULL;
    }
    return PyBool_FromLong(fd >= 0 && fd <= INT_MAX && hk_lock_release((int)fd));
}

const char heka_lock_file_doc[] = PyDoc_STR(
    "lock_file(path, /)\n--\n\n"
    "Create *path* if it is missing, lock it, and return the descriptor that holds the lock.\n\n"
    "A forked child does not keep the lock, whoever forks it.\n\n"
    "Raises:\n"
    "    BlockingIOError: It is locked already.\n"
    "    FileNotFoundError: It was removed meanwhile.\n"
    "    OSError: It cannot be opened; errno is ELOOP for a symbolic link.");

const char heka_unlock_file_doc[] = PyDoc_STR(
    "unlock_file(fd, /)\n--\n\n"
    "Release a lock of lock_file(); False: this process does not hold it.");
