/* sink_account.c -- counts the frames of a sink that were sent or dropped. */
#include "sink_account.h"

#include "python/base/errors.h"
#include "python/base/read.h"

int
heka_sink_count_drop(HekaSink *sink, PyObject *reason)
{
    int64_t count = 0;
    int result = -1;
    PyObject *next = NULL;
    if (sink->ring != NULL) { /* the ring counts everything, so that its sum holds at any time */
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

/* on_drop may be replaced meanwhile, and may use this sink. */
static HK_COLD void
call_on_drop(HekaSink *sink, PyObject *reason)
{
    const heka_saved_error saved = heka_save_error();
    PyObject *on_drop = Py_NewRef(sink->on_drop);
    PyObject *answer = PyObject_CallOneArg(on_drop, reason);
    if (answer == NULL) {
        PyErr_WriteUnraisable(on_drop);
    }
    Py_XDECREF(answer);
    Py_DECREF(on_drop);
    heka_restore_error(saved);
}

void
heka_sink_tell_drop(HekaSink *sink, PyObject *reason)
{
    if (HK_UNLIKELY(sink->on_drop != NULL)) {
        call_on_drop(sink, reason);
    }
}

int
heka_sink_drop_object(HekaSink *sink, PyObject *reason)
{
    int result;
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    result = heka_sink_count_drop(sink, reason);
    HEKA_END_CRITICAL_SECTION();
    heka_sink_tell_drop(sink, reason);
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

/* Whether the interpreter is shutting down: modules are cleared, so code that needs them fails. */
static HK_COLD bool
is_closing(void)
{
    const heka_saved_error saved = heka_save_error();
    /* Borrowed; NULL when sys is cleared too. */
    PyObject *is_finalizing = PySys_GetObject("is_finalizing");
    PyObject *answer = is_finalizing == NULL ? NULL : PyObject_CallNoArgs(is_finalizing);
    const bool closing = answer != Py_False;
    Py_XDECREF(answer);
    PyErr_Clear();
    heka_restore_error(saved);
    return closing;
}

/* Logging must not break the program that logs, so an Exception is never raised. */
int
heka_sink_count_exception(HekaSink *sink)
{
    const bool broken = PyErr_ExceptionMatches(PyExc_Exception);
    if (broken && is_closing()) {
        PyErr_Clear(); /* not a bug, so it is not reported */
    } else if (broken) {
        PyErr_WriteUnraisable(sink->deliver);
    }
    /* A KeyboardInterrupt is still set; counting must not replace it. */
    const heka_saved_error saved = heka_save_error();
    if (heka_sink_drop(sink, broken ? "error" : "interrupted") < 0) {
        PyErr_WriteUnraisable((PyObject *)sink);
    }
    heka_restore_error(saved);
    return broken ? 0 : -1;
}
