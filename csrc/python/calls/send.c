/* send.c -- one non-blocking send on a connected descriptor, with the GIL kept. */
#include "send.h"

#include <errno.h>

#include "core/io/hk_send.h"
#include "python/base/state.h"
#include "sink_account.h"

/* A frame that the hot path leaves to Python: all of it, or the rest. */
typedef struct {
    const uint8_t *data;
    size_t len;
    size_t written; /* bytes that the kernel has; if any, this call owns the connection */
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
        counted = heka_sink_count_drop(sink, answer);
    }
    HEKA_END_CRITICAL_SECTION();
    return counted < 0 ? heka_sink_settle_exception(sink) : sent;
}

/* Has Python connect, wait and send, or give up:
 * deliver(frame, written, timeout, ticket) -> True, or the reason of the drop. */
static HK_COLD int
deliver(HekaSink *sink, const pending_send *e)
{
    PyObject *answer = call_deliver(sink, e);

    HEKA_BEGIN_CRITICAL_SECTION(sink);
    sink->pending--;
    if (sink->owner == e->ticket) { /* it ended without release(), as by a KeyboardInterrupt */
        sink->owner = 0;
        sink->torn = true;
    }
    HEKA_END_CRITICAL_SECTION();

    const int result =
        answer == NULL ? heka_sink_settle_exception(sink) : settle(sink, answer, e->len);
    Py_XDECREF(answer);
    return result;
}

/* ---- an object with write() ---- */

/* Counts an earlier frame whose rest will not be written: the stream is gone, or was given up by
 * close() while this call had its turn. An exception that is set stays. */
static HK_COLD void
settle_lost(HekaSink *sink, const heka_written *out)
{
    const heka_saved_error saved = heka_save_error();
    if ((out->lost && heka_sink_drop(sink, "closed") < 0) ||
        (sink->closed && heka_sink_abandon_rest(sink) < 0)) {
        PyErr_WriteUnraisable((PyObject *)sink);
    }
    heka_restore_error(saved);
}

/* Counts what one call of the writer has come to. 1 sent, 0 not, -1 an exception. */
static int
settle_written(HekaSink *sink, int result, heka_written *out, size_t len)
{
    if (HK_UNLIKELY(out->finished > 0)) {
        heka_sink_count(sink, out->finished);
    }
    if (HK_LIKELY(result == 1)) {
        heka_sink_count(sink, len);
        return 1;
    }
    if (HK_UNLIKELY(out->lost || sink->closed)) {
        settle_lost(sink, out);
    }
    if (out->kept) { /* counted once the rest is taken, or given up */
        return result;
    }
    if (result < 0) {
        return heka_sink_settle_exception(sink);
    }
    const int dropped = heka_sink_drop_object(sink, out->reason);
    Py_DECREF(out->reason);
    return dropped < 0 ? heka_sink_settle_exception(sink) : 0;
}

/* len: the bytes to count. */
static int
write_object(HekaSink *sink, PyObject *data, size_t len, double timeout)
{
    heka_written out;
    const int result =
        heka_writer_write(heka_state_of((PyObject *)sink), &sink->writer, data, timeout, &out);
    return settle_written(sink, result, &out, len);
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
        settle_lost(sink, &out);
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
        return heka_sink_settle_exception(sink);
    }
    const int result = write_object(sink, frame, len, timeout);
    Py_DECREF(frame);
    return result;
}

/* ---- one frame ---- */

int
heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout)
{
    ssize_t n = -1;
    bool whole = false;
    pending_send e = {.data = data, .len = len, .timeout = timeout};

    if (sink->ring != NULL && HK_LIKELY(heka_ring_is_usable(sink->ring))) {
        HekaRing *ring =
            (HekaRing *)Py_NewRef(sink->ring); /* another may take its place meanwhile */
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
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    if (HK_LIKELY(sink->fd >= 0 && sink->generation == hk_fork_generation())) {
        n = hk_send_now(sink->fd, data, len);
        if (HK_UNLIKELY(n < 0 && errno == ECONNREFUSED && sink->datagram)) {
            n = hk_send_now(sink->fd, data, len); /* the refusal was an earlier datagram's */
        }
        whole = n == (ssize_t)len;
        if (HK_LIKELY(whole)) {
            sink->sent++;
            sink->bytes += len;
        } else if (n > 0) {
            e.written = (size_t)n;
            sink->fd = -1;                   /* the rest of this frame comes before any other */
            sink->owner = sink->tickets + 1; /* this call, see below */
        } else if (n < 0 && !hk_send_is_passing(errno)) {
            sink->fd = -1; /* so that a second call does not mark a connection torn that was made
                              meanwhile */
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
