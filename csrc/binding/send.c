/* send.c -- one non-blocking send on a connected descriptor, with the GIL kept. */
#include "send.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "args.h"
#include "errors.h"
#include "head.h"

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* macOS: the socket has SO_NOSIGPIPE instead */
#endif

/* Counts one frame dropped; 0, or -1 with an exception, and then it is not counted at all. */
static int
count_drop(HekaSink *sink, PyObject *reason)
{
    int64_t count = 0;
    int result = -1;
    PyObject *next = NULL;
    if (sink->ring != NULL) { /* one account, so that it is right at every moment */
        heka_ring_refuse(sink->ring, reason);
        return 0;
    }
    PyObject *old = PyDict_GetItemWithError(sink->dropped, reason);
    if ((old == NULL && PyErr_Occurred()) ||
        (old != NULL && heka_read_int64(old, "a count", &count) < 0)) {
        return -1;
    }
    next = PyLong_FromLongLong(count + 1);
    if (next != NULL && PyDict_SetItem(sink->dropped, reason, next) == 0) {
        sink->lost++;
        result = 0;
    }
    Py_XDECREF(next);
    return result;
}

int
heka_sink_drop_object(HekaSink *sink, PyObject *reason)
{
    int result;
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    result = count_drop(sink, reason);
    HEKA_END_CRITICAL_SECTION();
    return result;
}

int
heka_sink_drop(HekaSink *sink, const char *reason)
{
    PyObject *name = PyUnicode_InternFromString(reason);
    const int result = name == NULL ? -1 : heka_sink_drop_object(sink, name);
    Py_XDECREF(name);
    return result;
}

void
heka_sink_count(HekaSink *sink, size_t len)
{
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    sink->sent++;
    sink->bytes += len;
    HEKA_END_CRITICAL_SECTION();
}

static ssize_t
send_now(int fd, const uint8_t *data, size_t len)
{
    ssize_t n;
    do {
        n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Whether the connection is as good as before: it has no room now, or not for a datagram of that
 * size. */
static bool
is_passing(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EMSGSIZE;
}

/* What the hot path leaves to Python: all of a frame, or the rest of it. */
typedef struct {
    const uint8_t *data;
    size_t len;
    size_t written; /* bytes that the kernel has; if any, this call owns the connection */
    double timeout; /* seconds */
    uint64_t ticket;
} errand;

static PyObject *
call_deliver(HekaSink *sink, const errand *e)
{
    PyObject *frame = PyBytes_FromStringAndSize((const char *)e->data, (Py_ssize_t)e->len);
    if (frame == NULL) {
        return NULL;
    }
    PyObject *answer = PyObject_CallFunction(sink->deliver, "OndK", frame, (Py_ssize_t)e->written,
                                             e->timeout, (unsigned long long)e->ticket);
    Py_DECREF(frame);
    return answer;
}

/* Whether Python is at its end: modules are emptied, and what needs them fails for that alone. */
static HK_COLD bool
is_closing(void)
{
    const heka_saved_error saved = heka_save_error();
    PyObject *ask = PySys_GetObject("is_finalizing"); /* borrowed; NULL once sys is emptied too */
    PyObject *answer = ask == NULL ? NULL : PyObject_CallNoArgs(ask);
    const bool closing = answer != Py_False;
    Py_XDECREF(answer);
    PyErr_Clear();
    heka_restore_error(saved);
    return closing;
}

/* Telemetry never breaks the program. */
int
heka_sink_settle_exception(HekaSink *sink)
{
    const bool broken = PyErr_ExceptionMatches(PyExc_Exception);
    if (broken && is_closing()) {
        PyErr_Clear(); /* no bug, and of no use to anybody who reads it */
    } else if (broken) {
        PyErr_WriteUnraisable(sink->deliver);
    }
    const heka_saved_error saved = heka_save_error();
    if (heka_sink_drop(sink, broken ? "error" : "interrupted") < 0) {
        PyErr_WriteUnraisable((PyObject *)sink);
    }
    heka_restore_error(saved);
    return broken ? 0 : -1;
}

/* The answer of deliver(): a str is the reason of a drop, anything else true means sent. */
static int
settle(HekaSink *sink, PyObject *answer, size_t len)
{
    int sent = 0;
    int counted = 0;
    if (!PyUnicode_Check(answer)) {
        sent = PyObject_IsTrue(answer);
    }
    if (sent < 0) {
        return heka_sink_settle_exception(sink);
    }
    if (!sent && !PyUnicode_Check(answer)) {
        return heka_sink_drop(sink, "error") < 0 ? heka_sink_settle_exception(sink) : 0;
    }
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    if (sent) {
        sink->sent++;
        sink->bytes += len;
    } else {
        counted = count_drop(sink, answer);
    }
    HEKA_END_CRITICAL_SECTION();
    return counted < 0 ? heka_sink_settle_exception(sink) : sent;
}

/* The way through Python, which connects, waits and gives up:
 * deliver(frame, written, timeout, ticket) -> True, or the reason of the drop. */
static HK_COLD int
deliver(HekaSink *sink, const errand *e)
{
    PyObject *answer = call_deliver(sink, e);

    HEKA_BEGIN_CRITICAL_SECTION(sink);
    sink->pending--;
    if (sink->owner == e->ticket) { /* interrupted before it could say what it has left */
        sink->owner = 0;
        sink->torn = true;
    }
    HEKA_END_CRITICAL_SECTION();

    const int result =
        answer == NULL ? heka_sink_settle_exception(sink) : settle(sink, answer, e->len);
    Py_XDECREF(answer);
    return result;
}

static int
write_bytes(HekaSink *sink, const uint8_t *data, size_t len)
{
    PyObject *frame = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)len);
    if (frame == NULL) {
        return heka_sink_settle_exception(sink);
    }
    const int result = heka_stream_write(heka_state_of((PyObject *)sink), sink, frame, len);
    Py_DECREF(frame);
    return result;
}

int
heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout)
{
    ssize_t n = -1;
    bool whole = false;
    errand e = {.data = data, .len = len, .timeout = timeout};

    if (sink->ring != NULL && HK_LIKELY(heka_ring_is_usable(sink->ring))) {
        HekaRing *ring =
            (HekaRing *)Py_NewRef(sink->ring); /* another may take its place meanwhile */
        const int queued = heka_ring_offer(ring, data, len);
        Py_DECREF(ring);
        return queued;
    }
    if (sink->stream != NULL) {
        return write_bytes(sink, data, len);
    }
    if (sink->discards) {
        heka_sink_count(sink, len);
        return 1;
    }
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    if (HK_LIKELY(sink->fd >= 0 && sink->generation == hk_fork_generation())) {
        n = send_now(sink->fd, data, len);
        if (HK_UNLIKELY(n < 0 && errno == ECONNREFUSED && sink->datagram)) {
            n = send_now(sink->fd, data, len); /* the refusal was an earlier datagram's */
        }
        whole = n == (ssize_t)len;
        if (HK_LIKELY(whole)) {
            sink->sent++;
            sink->bytes += len;
        } else if (n > 0) {
            e.written = (size_t)n;
            sink->fd = -1;                   /* the rest of this frame comes before any other */
            sink->owner = sink->tickets + 1; /* this call, see below */
        } else if (n < 0 && !is_passing(errno)) {
            sink->fd = -1; /* said once: not by a second call, of a connection made meanwhile */
            sink->torn = true;
        }
    }
    if (HK_UNLIKELY(!whole)) {
        e.ticket = ++sink->tickets;
        sink->pending++;
    }
    HEKA_END_CRITICAL_SECTION();
    return HK_LIKELY(whole) ? 1 : deliver(sink, &e);
}
