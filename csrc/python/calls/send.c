/* send.c -- one non-blocking send on a connected descriptor, with the GIL kept. */
#include "send.h"

#include <errno.h>

#include "core/base/hk_clock.h"
#include "core/io/hk_send.h"
#include "python/base/state.h"
#include "sink_account.h"

/* Nanoseconds without a frame after which a connection is idle. */
#define IDLE_NS UINT64_C(10000000)

/* A frame, or the rest of one, that the hot path could not send and passes to deliver(). */
typedef struct {
    const uint8_t *data; /* borrowed for the call: the whole frame */
    size_t len;
    size_t written; /* bytes that the kernel has; if not 0, this call owns the connection */
    double timeout; /* seconds */
    uint64_t ticket;
} pending_send;

static PyObject *
call_deliver(HekaSink *sink, const pending_send *e)
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

/* Counts the result of deliver(): a str is a drop reason, any other true value means sent. */
static int
count_answer(HekaSink *sink, PyObject *answer, size_t len)
{
    int sent = 0;
    int counted = 0;
    /* Outside of the critical section: __bool__ may run any code, which may use this sink. */
    if (!PyUnicode_Check(answer)) {
        sent = PyObject_IsTrue(answer);
    }
    if (sent < 0) {
        return heka_sink_count_exception(sink);
    }
    if (!sent && !PyUnicode_Check(answer)) {
        return heka_sink_drop(sink, "error") < 0 ? heka_sink_count_exception(sink) : 0;
    }
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    if (sent) {
        sink->sent++;
        sink->bytes += len;
    } else {
        counted = heka_sink_count_drop(sink, answer);
    }
    HEKA_END_CRITICAL_SECTION();
    if (!sent) {
        heka_sink_tell_drop(sink, answer);
    }
    return counted < 0 ? heka_sink_count_exception(sink) : sent;
}

/* Calls Python to connect, wait and send, or to give up:
 * deliver(frame, written, timeout, ticket) -> True, or the drop reason. */
static HK_COLD int
deliver(HekaSink *sink, const pending_send *e)
{
    PyObject *answer = call_deliver(sink, e);

    /* Before anything else: a KeyboardInterrupt can come between any two lines of deliver(), so
     * that only here is it certain that the call has released the connection. */
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    sink->pending--;
    if (sink->owner == e->ticket) { /* it ended without release() */
        sink->owner = 0;
        sink->torn = true;
    }
    HEKA_END_CRITICAL_SECTION();

    const int result =
        answer == NULL ? heka_sink_count_exception(sink) : count_answer(sink, answer, e->len);
    Py_XDECREF(answer);
    return result;
}

/* ---- an object with write() ---- */

/* Counts an earlier frame whose rest will not be written: the stream was freed, or close() was
 * called while this call was writing and so could not give up the rest. Keeps the current
 * exception. */
static HK_COLD void
count_lost(HekaSink *sink, const heka_written *out)
{
    const heka_saved_error saved = heka_save_error();
    if ((out->lost && heka_sink_drop(sink, "closed") < 0) ||
        (sink->closed && heka_sink_abandon_rest(sink) < 0)) {
        PyErr_WriteUnraisable((PyObject *)sink);
    }
    heka_restore_error(saved);
}

/* Counts the result of one call of the writer. 1 sent, 0 not, -1 an exception. */
static int
count_written(HekaSink *sink, int result, heka_written *out, size_t len)
{
    if (HK_UNLIKELY(out->finished > 0)) {
        heka_sink_count(sink, out->finished);
    }
    if (HK_LIKELY(result == 1)) {
        heka_sink_count(sink, len);
        return 1;
    }
    if (HK_UNLIKELY(out->lost || sink->closed)) {
        count_lost(sink, out);
    }
    if (out->kept) { /* the frame is counted when its rest is written or given up, not twice */
        return result;
    }
    if (result < 0) {
        return heka_sink_count_exception(sink);
    }
    const int dropped = heka_sink_drop_object(sink, out->reason);
    Py_DECREF(out->reason);
    return dropped < 0 ? heka_sink_count_exception(sink) : 0;
}

/* `len`: the size of data, for the counter of bytes. */
static int
write_object(HekaSink *sink, PyObject *data, size_t len, double timeout)
{
    heka_written out;
    const int result =
        heka_writer_write(heka_state_of((PyObject *)sink), &sink->writer, data, timeout, &out);
    return count_written(sink, result, &out, len);
}

int
heka_sink_write_object(HekaSink *sink, PyObject *data, double timeout)
{
    const Py_ssize_t len = PyBytes_Check(data) || PyUnicode_Check(data) ? PyObject_Size(data) : 0;
    return len < 0 ? -1 : write_object(sink, data, (size_t)len, timeout);
}

int
heka_sink_finish(HekaSink *sink, double timeout)
{
    heka_written out;
    const int result =
        heka_writer_finish(heka_state_of((PyObject *)sink), &sink->writer, timeout, &out);
    if (out.finished > 0) {
        heka_sink_count(sink, out.finished);
    }
    if (out.lost || sink->closed) {
        count_lost(sink, &out);
    }
    return result;
}

int
heka_sink_abandon_rest(HekaSink *sink)
{
    return heka_writer_abandon(&sink->writer) ? heka_sink_drop(sink, "closed") : 0;
}

static int
write_bytes(HekaSink *sink, const uint8_t *data, size_t len, double timeout)
{
    PyObject *frame = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)len);
    if (frame == NULL) {
        return heka_sink_count_exception(sink);
    }
    const int result = write_object(sink, frame, len, timeout);
    Py_DECREF(frame);
    return result;
}

/* ---- one frame ---- */

/* Whether the peer of an idle connection has closed it: what is written then is lost without an
 * error. Asked only when the last frame is old, since a call to the kernel costs as much as a
 * frame. The wall clock serves, because the call has read it; when it is set back, the kernel is
 * asked. */
static inline bool
is_closed_while_idle(HekaSink *sink, int64_t clock)
{
    const int64_t now = clock != 0 ? clock : hk_clock_now();
    const uint64_t age = (uint64_t)now - (uint64_t)sink->written_at;
    sink->written_at = now;
    return HK_UNLIKELY(age > IDLE_NS) && heka_pump_has_hung_up(sink->fd);
}

/* Whether it is time for deliver() to have the name of a datagram's host resolved again. */
static inline bool
is_refresh_due(HekaSink *sink, int64_t clock)
{
    if (sink->refresh_ns == UINT64_MAX) {
        return false;
    }
    const int64_t now = clock != 0 ? clock : hk_clock_now();
    const uint64_t age = (uint64_t)now - (uint64_t)sink->written_at;
    if (HK_LIKELY(age <= sink->refresh_ns)) {
        return false;
    }
    const bool is_first = sink->written_at == 0;
    sink->written_at = now;
    return !is_first;
}

/* Sends a datagram after ECONNREFUSED, which belongs to an earlier one: this one was not sent. Over
 * UDP it is counted, and the first time the datagram is left to deliver(), which reports it. */
static HK_COLD ssize_t
send_after_refusal(HekaSink *sink, const uint8_t *data, size_t len)
{
    const bool reported = sink->has_refused || !sink->udp;
    sink->refused += sink->udp;
    sink->has_refused = sink->udp;
    if (!reported) {
        errno = EAGAIN; /* the connection stays usable */
        return -1;
    }
    const ssize_t n = hk_send_now(sink->fd, data, len);
    sink->refused += sink->udp && n < 0 && errno == ECONNREFUSED;
    return n;
}

int
heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout, int64_t clock)
{
    ssize_t n = -1;
    bool whole = false;
    pending_send e = {.data = data, .len = len, .timeout = timeout};

    if (sink->ring != NULL && HK_LIKELY(heka_ring_is_usable(sink->ring))) {
        /* A strong reference: offering may run Python code, which may attach another ring. */
        HekaRing *ring = (HekaRing *)Py_NewRef(sink->ring);
        const int queued = heka_ring_offer(ring, data, len);
        Py_DECREF(ring);
        return queued;
    }
    if (sink->writer.stream != NULL) {
        return write_bytes(sink, data, len, timeout);
    }
    if (sink->discards) {
        heka_sink_count(sink, len);
        return 1;
    }
    /* The send itself is inside the critical section: an owner must not get the connection, and
     * nobody may close fd, between the check of fd and the send. */
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    const bool usable = sink->fd >= 0 && sink->generation == hk_fork_generation();
    if (HK_UNLIKELY(usable && !sink->datagram && is_closed_while_idle(sink, clock))) {
        sink->fd = -1;
        sink->torn = sink->hung_up = true;
    } else if (HK_LIKELY(usable && !(sink->datagram && is_refresh_due(sink, clock)))) {
        n = hk_send_now(sink->fd, data, len);
        if (HK_UNLIKELY(n < 0 && errno == ECONNREFUSED && sink->datagram)) {
            n = send_after_refusal(sink, data, len);
        }
        whole = n == (ssize_t)len;
        if (HK_LIKELY(whole)) {
            sink->sent++;
            sink->bytes += len;
        } else if (n > 0) {
            e.written = (size_t)n;
            sink->fd = -1; /* no other frame may be sent before the rest of this one */
            sink->owner = sink->tickets + 1; /* the ticket of this call, which is issued below */
        } else if (n < 0 && !hk_send_is_passing(errno)) {
            /* fd is cleared here, so that only the first failing call sets `torn`. A later one
             * could otherwise set it for a new connection. */
            sink->fd = -1;
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
