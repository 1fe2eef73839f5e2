/* writer.c -- passes frames to an object with write(). */
#include "writer.h"

#include "python/base/errors.h"

/* As heka_turn_enter(). After a fork, only the parent finishes a partly written frame. The child
 * forgets it and starts with a new frame; both share the descriptor, but the child cannot know when
 * the parent has finished. */
static inline int
enter(heka_writer *w, unsigned long thread)
{
    const unsigned before = w->turns.generation;
    const int entered = heka_turn_enter(&w->turns, thread);
    if (HK_UNLIKELY(w->turns.generation != before)) {
        w->stuck_since = 0;
        Py_CLEAR(w->rest);
    }
    return entered;
}

/* ---- the object ---- */

/* A new reference to the stream; NULL without an exception if the stream was freed. */
static PyObject *
get_stream(const heka_writer *w)
{
    if (!w->weak) {
        return Py_XNewRef(w->stream);
    }
    PyObject *stream = PyObject_CallNoArgs(w->stream);
    if (stream == Py_None) {
        Py_CLEAR(stream);
    }
    return stream;
}

static int
call_flush(const heka_state *state, PyObject *stream)
{
    PyObject *answer = PyObject_CallMethodNoArgs(stream, state->flush_name);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* 1 taken, 0 write() returned False, -1 an exception. */
static int
write_whole(const heka_state *state, const heka_writer *w, PyObject *stream, PyObject *data)
{
    PyObject *answer = PyObject_CallMethodOneArg(stream, state->write_name, data);
    if (HK_UNLIKELY(answer == NULL)) {
        return -1;
    }
    const int taken = answer != Py_False;
    Py_DECREF(answer);
    return w->flushes && call_flush(state, stream) < 0 ? -1 : taken;
}

/* ---- streams that may take a part ---- */

/* Clears a BlockingIOError and reads how many bytes were taken before it. 0, or -1 and any other
 * exception stays set. */
static int
read_blocking_error(size_t left, size_t *taken)
{
    if (!PyErr_ExceptionMatches(PyExc_BlockingIOError)) {
        return -1;
    }
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *written = value == NULL ? NULL : PyObject_GetAttrString(value, "characters_written");
    const Py_ssize_t number = written == NULL ? 0 : PyNumber_AsSsize_t(written, NULL);
    PyErr_Clear(); /* without the attribute, nothing was taken */
    *taken = number > 0 && (size_t)number <= left ? (size_t)number : 0;
    Py_XDECREF(written);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return 0;
}

/* Reads the result of a raw stream's write(). 0, or -1 with ValueError when it is neither None nor
 * a number from 0 to `left`. */
static int
read_raw_answer(PyObject *answer, size_t left, size_t *taken)
{
    *taken = 0;
    if (answer == Py_None) {
        return 0;
    }
    if (PyIndex_Check(answer) && !PyBool_Check(answer)) {
        const Py_ssize_t number = PyNumber_AsSsize_t(answer, NULL); /* clipped; -1 on error too */
        if (number >= 0 && (size_t)number <= left) {
            *taken = (size_t)number;
            return 0;
        }
    }
    if (!PyErr_Occurred()) {
        (void)heka_value_error(
            answer, "write() of a raw stream must return None or 0 to %zu, the bytes that it took",
            left);
    }
    return -1;
}

/* Calls write() once with data[at..); sets *taken to the bytes taken. 1, or 0 for False from a
 * stream that is not raw, or -1 with an exception. */
static int
write_part(const heka_state *state, const heka_writer *w, PyObject *stream, PyObject *data,
           size_t at, size_t *taken)
{
    const size_t left = (size_t)PyBytes_GET_SIZE(data) - at;
    PyObject *part =
        at == 0 ? Py_NewRef(data)
                : PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + at, (Py_ssize_t)left);
    *taken = 0;
    if (part == NULL) {
        return -1;
    }
    PyObject *answer = PyObject_CallMethodOneArg(stream, state->write_name, part);
    Py_DECREF(part);
    if (answer == NULL) {
        return read_blocking_error(left, taken) < 0 ? -1 : 1;
    }
    int result = 1;
    if (w->raw) {
        result = read_raw_answer(answer, left, taken) < 0 ? -1 : 1;
    } else if (answer == Py_False) {
        result = 0;
    } else {
        *taken = left;
    }
    Py_DECREF(answer);
    return result;
}

/* Waits until the stream may take bytes again, but not when it has taken nothing for `timeout`
 * seconds, in this call and those before: otherwise each message of a program would wait that long
 * while nobody reads. 1 try again, 0 give up, -1 with an exception. */
static int
wait_for_stream(heka_writer *w, PyObject *stream, double timeout, double end)
{
    const double at = heka_now();
    if (w->stuck_since == 0) {
        w->stuck_since = at;
    }
    const double stuck_end = w->stuck_since + timeout;
    const double left = (stuck_end < end ? stuck_end : end) - at;
    if (!(left > 0) || w->wait == NULL) {
        return 0;
    }
    PyObject *wait = Py_NewRef(w->wait); /* attach() may replace it during the call */
    PyObject *answer = PyObject_CallFunction(wait, "Od", stream, left);
    Py_DECREF(wait);
    const int again = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return again;
}

static int
refuse_child(void)
{
    PyErr_SetString(PyExc_OSError, "the process forked during write(); the parent has the frame");
    return -1;
}

/* Writes data[*at..). 1 all of it was taken, 0 write() returned False, -1 with an exception: a
 * TimeoutError after the timeout. Sets *at to the bytes taken in every case. */
static int
push(const heka_state *state, heka_writer *w, PyObject *stream, PyObject *data, size_t *at,
     double timeout, double end)
{
    const size_t len = (size_t)PyBytes_GET_SIZE(data);
    for (;;) {
        size_t taken;
        const int result = write_part(state, w, stream, data, *at, &taken);
        /* write() may fork. Then both processes return here, and only the parent may go on. */
        if (HK_UNLIKELY(!heka_turn_is_ours(&w->turns))) {
            PyErr_Clear();
            return refuse_child();
        }
        if (result <= 0) {
            return result;
        }
        *at += taken;
        if (HK_LIKELY(*at == len)) {
            w->stuck_since = 0;
            return 1;
        }
        if (taken > 0) {
            w->stuck_since = 0;
            continue;
        }
        const int again = wait_for_stream(w, stream, timeout, end);
        if (again < 0) {
            return -1;
        }
        if (!heka_turn_is_ours(&w->turns)) {
            return refuse_child();
        }
        if (again == 0) {
            PyErr_Format(PyExc_TimeoutError, "only %zu of %zu bytes were taken", *at, len);
            return -1;
        }
    }
}

/* Writes the rest of an earlier frame. 1 nothing is left, -1 with an exception. */
static int
push_rest(const heka_state *state, heka_writer *w, PyObject *stream, double timeout, double end,
          heka_written *out)
{
    if (HK_LIKELY(w->rest == NULL)) {
        return 1;
    }
    PyObject *rest = Py_NewRef(w->rest); /* write() may run any code, also attach() or close() */
    size_t at = w->rest_at;
    int result = push(state, w, stream, rest, &at, timeout, end);
    if (result == 0) {
        PyErr_SetString(PyExc_ValueError, "write() returned False for the rest of a frame");
        result = -1;
    }
    if (heka_turn_is_ours(&w->turns) && w->rest == rest) { /* nobody has replaced it meanwhile */
        w->rest_at = at;
        if (result == 1) {
            out->finished = (size_t)PyBytes_GET_SIZE(rest);
            Py_CLEAR(w->rest);
        }
    }
    Py_DECREF(rest);
    return result;
}

/* Flushes the stream's buffer. If the descriptor does not take it in time, the data stays in the
 * buffer, whole and in order. 0, or -1 with an exception. */
static int
flush_in_time(const heka_state *state, heka_writer *w, PyObject *stream, double timeout, double end,
              bool *flushed)
{
    *flushed = true;
    while (call_flush(state, stream) < 0) {
        size_t taken;
        if (read_blocking_error(SIZE_MAX, &taken) < 0) {
            return -1;
        }
        if (taken > 0) {
            w->stuck_since = 0;
        }
        const int again = wait_for_stream(w, stream, timeout, end);
        if (again <= 0) {
            *flushed = false;
            return again;
        }
    }
    w->stuck_since = 0;
    return 0;
}

/* Passes text or a Message to a stream that may take parts: it takes all of it, or nothing. */
static int
write_other(const heka_state *state, const heka_writer *w, PyObject *stream, PyObject *data)
{
    PyObject *answer = PyObject_CallMethodOneArg(stream, state->write_name, data);
    if (answer == NULL) {
        return -1;
    }
    const bool taken = answer != (w->raw ? Py_None : Py_False);
    Py_DECREF(answer);
    if (taken) {
        return w->flushes && call_flush(state, stream) < 0 ? -1 : 1;
    }
    if (w->raw) {
        PyErr_Format(PyExc_TimeoutError, "the %s was not taken", Py_TYPE(data)->tp_name);
        return -1;
    }
    return 0;
}

/* Writes the rest of an earlier frame, then data. The caller holds turns.lock. */
static int
write_parts(const heka_state *state, heka_writer *w, PyObject *stream, PyObject *data,
            double timeout, double end, heka_written *out)
{
    size_t at = 0;
    bool flushed;
    if (push_rest(state, w, stream, timeout, end, out) < 0) {
        return -1;
    }
    if (!PyBytes_Check(data)) {
        return write_other(state, w, stream, data);
    }
    const int result = push(state, w, stream, data, &at, timeout, end);
    if (result < 0 && at > 0 && heka_turn_is_ours(&w->turns)) { /* a child does not keep a rest */
        w->rest = Py_NewRef(data);
        w->rest_at = at;
        out->kept = true;
    }
    if (result == 1 && w->flushes && flush_in_time(state, w, stream, timeout, end, &flushed) < 0) {
        return -1;
    }
    return result;
}

/* ---- failures ---- */

static int
drop(heka_written *out, const char *reason)
{
    out->reason = PyUnicode_InternFromString(reason);
    return out->reason == NULL ? -1 : 0;
}

/* Passes an Exception to failed(), which returns the drop reason. 0, or -1 with an exception: the
 * current one if it is no Exception, or a new one. */
static HK_COLD int
read_failure(const heka_writer *w, heka_written *out)
{
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyObject *reason = NULL;
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (w->failed != NULL && value != NULL) {
        PyObject *failed = Py_NewRef(w->failed); /* attach() may replace it during the call */
        reason = PyObject_CallOneArg(failed, value);
        if (reason == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
            PyErr_WriteUnraisable(failed);
        }
        Py_DECREF(failed);
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    if (PyErr_Occurred()) {
        Py_XDECREF(reason);
        return -1;
    }
    if (out->kept) { /* the frame is counted when its rest is written or given up */
        Py_XDECREF(reason);
        return 0;
    }
    if (reason != NULL && PyUnicode_Check(reason)) {
        out->reason = reason;
        return 0;
    }
    Py_XDECREF(reason);
    return drop(out, "error");
}

/* ---- the calls ---- */

/* A new reference to bytes, for a stream that may take parts: the rest must not change later, so
 * other buffers are copied. */
static PyObject *
as_bytes(PyObject *data)
{
    return PyBytes_CheckExact(data) || !PyObject_CheckBuffer(data) ? Py_NewRef(data)
                                                                   : PyBytes_FromObject(data);
}

static int
write_in_turn(const heka_state *state, heka_writer *w, unsigned long thread, PyObject *stream,
              PyObject *data, double timeout, heka_written *out)
{
    const double end = heka_now() + timeout;
    PyObject *bytes = as_bytes(data);
    int result = bytes == NULL ? -1 : heka_turn_take(&w->turns, thread, end);
    if (result == 1) {
        const unsigned generation = w->turns.generation;
        result = write_parts(state, w, stream, bytes, timeout, end, out);
        heka_turn_end(&w->turns, generation);
        if (result == 0) {
            result = drop(out, "stream");
        }
    } else if (result == 0) {
        result = drop(out, "timeout");
    }
    Py_XDECREF(bytes);
    return result;
}

int
heka_writer_write(heka_state *state, heka_writer *w, PyObject *data, double timeout,
                  heka_written *out)
{
    const unsigned long thread = PyThread_get_thread_ident();
    *out = (heka_written){.reason = NULL};
    const int entered = enter(w, thread);
    if (HK_UNLIKELY(entered <= 0)) {
        return entered < 0 ? -1 : drop(out, "reentrant");
    }
    int result;
    PyObject *stream = get_stream(w); /* owned: attach() may replace it during write() */
    if (HK_UNLIKELY(stream == NULL)) {
        out->lost = heka_writer_abandon(w);
        result = PyErr_Occurred() ? -1 : drop(out, "closed");
    } else if (HK_UNLIKELY(w->parts)) {
        result = write_in_turn(state, w, thread, stream, data, timeout, out);
    } else {
        result = write_whole(state, w, stream, data);
        if (HK_UNLIKELY(result == 0)) {
            result = drop(out, "stream");
        }
    }
    Py_XDECREF(stream);
    heka_turn_leave(&w->turns, thread);
    /* After leave(): failed() may log to the same stream, and must not count as recursion. */
    return HK_LIKELY(result >= 0) ? result : read_failure(w, out);
}

int
heka_writer_finish(heka_state *state, heka_writer *w, double timeout, heka_written *out)
{
    const unsigned long thread = PyThread_get_thread_ident();
    bool flushed = true;
    *out = (heka_written){.reason = NULL};
    if (!w->parts) {
        return 1;
    }
    const int entered = enter(w, thread);
    if (entered <= 0) {
        return entered;
    }
    const double end = heka_now() + timeout;
    PyObject *stream = get_stream(w);
    int result = 1;
    if (stream != NULL) {
        result = heka_turn_take(&w->turns, thread, end);
    } else if (PyErr_Occurred()) {
        result = -1;
    } else {
        out->lost = heka_writer_abandon(w);
    }
    if (stream != NULL && result == 1) {
        const unsigned generation = w->turns.generation;
        const bool has_rest = w->rest != NULL;
        result = push_rest(state, w, stream, timeout, end, out);
        if (result == 1 && has_rest && w->flushes &&
            flush_in_time(state, w, stream, timeout, end, &flushed) < 0) {
            result = -1;
        }
        heka_turn_end(&w->turns, generation);
    }
    Py_XDECREF(stream);
    heka_turn_leave(&w->turns, thread);
    if (result >= 0) {
        return result == 1 && flushed;
    }
    result = read_failure(w, out);
    Py_CLEAR(out->reason); /* no frame of this call is dropped */
    return result;
}

bool
heka_writer_has_rest(const heka_writer *w)
{
    return w->rest != NULL && heka_turn_is_ours(&w->turns);
}

bool
heka_writer_abandon(heka_writer *w)
{
    /* Never waits for the lock: a running call may be the caller's own, and it sees `closed`. */
    if (!heka_writer_has_rest(w) || PyThread_acquire_lock(w->turns.lock, NOWAIT_LOCK) == 0) {
        return false;
    }
    Py_CLEAR(w->rest);
    PyThread_release_lock(w->turns.lock);
    return true;
}

/* ---- life ---- */

/* Sets *raw and *parts. 0, or -1 with an exception. */
static int
read_kind(const heka_state *state, PyObject *stream, bool *raw, bool *parts)
{
    const int is_raw = PyObject_IsInstance(stream, state->raw_type);
    const int is_buffered =
        is_raw != 0 ? is_raw : PyObject_IsInstance(stream, state->buffered_type);
    *raw = is_raw == 1;
    *parts = is_buffered == 1;
    return is_buffered < 0 ? -1 : 0;
}

/* A new reference to the stream; or, with *weak, a weak reference if its class allows them. */
static PyObject *
refer_to(PyObject *stream, bool *weak)
{
    if (*weak) {
        PyObject *reference = PyWeakref_NewRef(stream, NULL);
        if (reference != NULL || !PyErr_ExceptionMatches(PyExc_TypeError)) {
            return reference;
        }
        PyErr_Clear(); /* a class with __slots__, or written in C */
        *weak = false;
    }
    return Py_NewRef(stream);
}

int
heka_writer_attach(heka_state *state, heka_writer *w, PyObject *stream, PyObject *failed,
                   PyObject *wait, bool weak, bool flushes)
{
    bool raw;
    bool parts;
    PyObject *flush = flushes ? PyObject_GetAttr(stream, state->flush_name) : NULL;
    if (flush == NULL && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
    }
    Py_XDECREF(flush);
    if (read_kind(state, stream, &raw, &parts) < 0) {
        return -1;
    }
    if (parts && heka_turn_make_lock(&w->turns) < 0) {
        return -1;
    }
    PyObject *reference = refer_to(stream, &weak);
    if (reference == NULL) {
        return -1;
    }
    w->turns.generation = hk_fork_generation();
    w->flushes = flush != NULL;
    w->weak = weak;
    w->raw = raw;
    w->parts = parts;
    w->stuck_since = 0;
    Py_CLEAR(w->rest);
    Py_XSETREF(w->failed, Py_NewRef(failed));
    Py_XSETREF(w->wait, Py_XNewRef(wait));
    Py_XSETREF(w->stream, reference);
    return 0;
}

int
heka_writer_traverse(heka_writer *w, visitproc visit, void *arg)
{
    Py_VISIT(w->stream);
    Py_VISIT(w->failed);
    Py_VISIT(w->wait);
    return 0; /* rest is bytes */
}

void
heka_writer_clear(heka_writer *w)
{
    Py_CLEAR(w->stream);
    Py_CLEAR(w->failed);
    Py_CLEAR(w->wait);
}

void
heka_writer_free(heka_writer *w)
{
    Py_CLEAR(w->rest);
    heka_turn_free(&w->turns);
}
