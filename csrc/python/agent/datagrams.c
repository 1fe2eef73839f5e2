/* datagrams.c -- StatTable.receive(): from a socket straight into the table, without the GIL. */
#include <errno.h>
#include <string.h>

#include "core/io/hk_datagrams.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "stats.h"

typedef struct {
    size_t datagrams;
    size_t cut; /* longer than the reader's room */
    int error;  /* an errno; 0: none */
} received;

/* Feeds a datagram; of one that was cut, the whole lines. */
static void
feed(hk_stats *stats, hk_slice datagram, bool is_cut)
{
    if (is_cut) {
        while (datagram.len > 0 && datagram.data[datagram.len - 1] != '\n') {
            datagram.len--;
        }
        hk_stats_refuse(stats, 1);
    }
    (void)hk_stats_feed(stats, datagram);
}

/* Reads until `end`, or until `wake` can be read. */
static void
receive(hk_stats *stats, hk_datagrams *reader, int fd, int wake, double end, received *out)
{
    for (;;) {
        const int count = hk_datagrams_read(reader, fd);
        if (count < 0) {
            out->error = errno;
            return;
        }
        for (size_t i = 0; i < (size_t)count; i++) {
            bool is_cut;
            const hk_slice datagram = hk_datagrams_at(reader, i, &is_cut);
            feed(stats, datagram, is_cut);
            out->cut += is_cut ? 1 : 0;
        }
        out->datagrams += (size_t)count;
        const double left = end - heka_now();
        if (left <= 0) {
            return;
        }
        if (count == 0) {
            const int ready = hk_datagrams_wait(fd, wake, heka_to_ns(left));
            if (ready <= 0) {
                out->error = ready < 0 && errno != EINTR ? errno : 0;
                return; /* after EINTR, Python runs the handler of the signal */
            }
        }
    }
}

PyObject *
heka_stats_receive(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    HekaStatTable *self = (HekaStatTable *)op;
    int32_t fd;
    int32_t wake;
    int32_t size;
    double seconds;
    received found = {0, 0, 0};
    if (nargs != 4) {
        PyErr_Format(PyExc_TypeError, "receive() takes 4 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    if (heka_read_int32(args[0], "fd", &fd) < 0 || heka_read_int32(args[1], "wake", &wake) < 0 ||
        heka_read_seconds(args[2], "seconds", &seconds) < 0 ||
        heka_read_int32(args[3], "size", &size) < 0) {
        return NULL;
    }
    if (size < 1 || size > (int32_t)HK_DATAGRAM_MAX) {
        (void)heka_value_error(args[3], "size must be 1 to %u", HK_DATAGRAM_MAX);
        return NULL;
    }
    hk_datagrams *reader = hk_datagrams_new((size_t)size);
    if (reader == NULL) {
        return PyErr_NoMemory();
    }
    const double end = heka_now() + seconds;
    Py_BEGIN_ALLOW_THREADS;
    receive(self->stats, reader, fd, wake, end, &found);
    Py_END_ALLOW_THREADS;
    const unsigned long lost = hk_datagrams_lost(reader);
    hk_datagrams_free(reader);
    if (found.error != 0) {
        errno = found.error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return Py_BuildValue("nnk", (Py_ssize_t)found.datagrams, (Py_ssize_t)found.cut, lost);
}

const char heka_stats_receive_doc[] = PyDoc_STR(
    "receive($self, fd, wake, seconds, size, /)\n--\n\n"
    "Read datagrams from the socket *fd* into the table for *seconds*, without the GIL.\n\n"
    "Ends early when the descriptor *wake* can be read, or at a signal. A datagram of more than\n"
    "*size* bytes is cut to its whole lines. Returns (datagrams, those that were cut, datagrams\n"
    "that the kernel has dropped since the socket was made, modulo 2**32, or 0 if it did not "
    "say).");
