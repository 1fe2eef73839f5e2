/* writer.c -- frames for an object with write(): a stream of the program's own. */
#include "writer.h"

#include "core/base/hk_clock.h"
#include "sink_account.h"

/* ---- who is writing ---- */

/* Greenlets share a thread, so one that waits in write() does not make another one reentrant; then
 * only this many calls deep is a loop. That `greenlet` is imported says nothing: structlog does. */
#define DEPTH_MAX 8

static bool
has_greenlets(void)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    return modules != NULL && PyDict_Check(modules) &&
           (PyDict_GetItemString(modules, "gevent.hub") != NULL ||
            PyDict_GetItemString(modules, "eventlet.hubs") != NULL);
}

/* 1 entered, 0 this thread is in there already, -1 with MemoryError. */
static int
enter(heka_writing *w, unsigned long thread)
{
    size_t depth = 0;
    if (w->generation != hk_fork_generation()) { /* the entries are threads of the parent's */
        w->generation = hk_fork_generation();
        w->count = 0;
    }
    for (size_t i = 0; i < w->count; i++) {
        depth += w->threads[i] == thread;
    }
    if (HK_UNLIKELY(depth > 0 && (depth >= DEPTH_MAX || !has_greenlets()))) {
        return 0;
    }
    if (HK_UNLIKELY(w->count == w->cap)) {
        const size_t cap = w->cap == 0 ? 4 : 2 * w->cap;
        unsigned long *threads = PyMem_Realloc(w->threads, cap * sizeof *threads);
        if (threads == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        w->threads = threads;
        w->cap = cap;
    }
    w->threads[w->count++] = thread;
    return 1;
}

static void
leave(heka_writing *w, unsigned long thread)
{
    for (size_t i = w->count; i > 0; i--) {
        if (w->threads[i - 1] == thread) {
            w->threads[i - 1] = w->threads[--w->count];
            return;
        }
    }
}

void
heka_writing_free(heka_writing *writing)
{
    PyMem_Free(writing->threads);
    writing->threads = NULL;
    writing->count = writing->cap = 0;
}

/* ---- writing ---- */

/* write() and flush(). 0 written; 1 write() said False, as our own streams do of what they dropped
 * (what other streams answer says nothing that all agree on); -1 an exception. */
static int
call_stream(heka_state *state, PyObject *stream, bool flushes, PyObject *data)
{
    PyObject *answer = PyObject_CallMethodOneArg(stream, state->write_name, data);
    if (answer == NULL) {
        return -1;
    }
    const int lost = answer == Py_False;
    Py_DECREF(answer);
    if (!flushes) {
        return lost;
    }
    answer = PyObject_CallMethodNoArgs(stream, state->flush_name);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : lost;
}

/* Tells Python what an Exception was; the reason that the frame is counted under. New reference. */
static HK_COLD PyObject *
explain(HekaSink *sink)
{
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyObject *reason = NULL;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (sink->failed != NULL && value != NULL) {
        reason = PyObject_CallOneArg(sink->failed, value);
        if (reason == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
            PyErr_WriteUnraisable(sink->failed);
        }
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    if (reason != NULL && !PyUnicode_Check(reason)) {
        Py_CLEAR(reason);
    }
    return reason;
}

int
heka_stream_write(heka_state *state, HekaSink *sink, PyObject *data, size_t len)
{
    const unsigned long thread = PyThread_get_thread_ident();
    const int entered = enter(&sink->writing, thread);
    if (HK_UNLIKELY(entered <= 0)) {
        return entered < 0 ? heka_sink_settle_exception(sink) : heka_sink_drop(sink, "reentrant");
    }
    PyObject *stream = Py_NewRef(sink->stream); /* another may take its place meanwhile */
    const int result = call_stream(state, stream, sink->flushes, data);
    Py_DECREF(stream);
    leave(&sink->writing, thread);
    if (HK_LIKELY(result == 0)) {
        heka_sink_count(sink, len);
        return 1;
    }
    if (result > 0) {
        return heka_sink_drop(sink, "stream") < 0 ? heka_sink_settle_exception(sink) : 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return heka_sink_settle_exception(sink);
    }
    PyObject *reason = explain(sink);
    if (reason == NULL && PyErr_Occurred()) {
        return heka_sink_settle_exception(sink);
    }
    const int dropped =
        reason == NULL ? heka_sink_drop(sink, "error") : heka_sink_drop_object(sink, reason);
    Py_XDECREF(reason);
    return dropped < 0 ? heka_sink_settle_exception(sink) : 0;
}
