/* watch.c -- watch_directory: tells of changes of the files in a directory, by inotify. */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "python/base/read.h"

/* What changes a log, or the names of a directory. */
#define EVENTS                                                                     \
    (IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

PyObject *
heka_watch_directory(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    int64_t given;
    PyObject *path = NULL; /* owned bytes */
    if (nargs != 2) {
        PyErr_Format(PyExc_TypeError,
                     "watch_directory() takes 2 positional arguments but %zd were given", nargs);
        return NULL;
    }
    if (heka_read_int64(args[0], "fd", &given) < 0) {
        return NULL;
    }
    if (given < -1 || given > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "fd: expected a descriptor or -1, got %lld",
                     (long long)given);
        return NULL;
    }
    if (!PyUnicode_FSConverter(args[1], (void *)&path)) {
        return NULL;
    }
    const int fd = given >= 0 ? (int)given : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    const int watch = fd < 0 ? -1 : inotify_add_watch(fd, PyBytes_AS_STRING(path), EVENTS);
    const int code = errno;
    Py_DECREF(path);
    if (watch < 0) {
        if (given < 0 && fd >= 0) {
            (void)close(fd);
        }
        errno = code;
        return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, args[1]);
    }
    PyObject *result = Py_BuildValue("(ii)", fd, watch);
    if (result == NULL && given < 0) {
        (void)close(fd);
    }
    return result;
}

const char heka_watch_directory_doc[] = PyDoc_STR(
    "watch_directory(fd, path, /)\n--\n\n"
    "Watch the directory *path*; return (fd, number of the watch).\n\n"
    "fd: of an earlier call, or -1 to open a descriptor of inotify, which the caller closes. What\n"
    "is read from it are events of inotify(7): of the files in the directory that are written,\n"
    "created, renamed and deleted, and of the directory itself. OSError if it cannot be watched.");
