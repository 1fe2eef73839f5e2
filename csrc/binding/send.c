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

static int
count_drop(HekaSink *sink, PyObject *reason)
{
    int64_t count = 0;
    PyObject *old = PyDict_GetItemWithError(sink->dropped, reason);
    if (old == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (old != NULL && heka_read_int64(old, "a count", &count) < 0) {
        return -1;
    }
    PyObject *next = PyLong_FromLongLong(count + 1);
    if (next == NULL) {
        return -1;
    }
    const int result = PyDict_SetItem(sink->dropped, reason, next);
    Py_DECREF(next);
    return result;
}

static int
drop_named(HekaSink *sink, const char *reason)
{
    PyObject *name = PyUnicode_InternFromString(reason);
    if (name == NULL) {
        return -1;
    }
    const int result = count_drop(sink, name);
    Py_DECREF(name);
    return result;
}

int
heka_sink_drop(HekaSink *sink, const char *reason)
{
    sink->offered++;
    return drop_named(sink, reason);
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

/* The way through Python: connects, waits, gives up and counts. */
static HK_COLD int
deliver(HekaSink *sink, const uint8_t *data, size_t len, size_t written, int error, double timeout)
{
    PyObject *answer = NULL;
    int result = -1;
    PyObject *frame = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)len);
    if (frame != NULL) {
        answer = PyObject_CallFunction(sink->deliver, "Onid", frame, (Py_ssize_t)written, error,
                                       timeout);
        Py_DECREF(frame);
    }
    if (answer != NULL) {
        result = PyObject_IsTrue(answer);
        Py_DECREF(answer);
    }
    if (result == 1) {
        sink->sent++;
        sink->bytes += len;
    } else if (result < 0) {
        /* Telemetry never breaks the program: an Exception here is a bug, said and not raised. */
        const bool broken = PyErr_ExceptionMatches(PyExc_Exception);
        if (broken) {
            PyErr_WriteUnraisable(sink->deliver);
            result = 0;
        }
        const heka_saved_error saved = heka_save_error();
        if (drop_named(sink, broken ? "error" : "interrupted") < 0) {
            PyErr_WriteUnraisable((PyObject *)sink);
        }
        heka_restore_error(saved);
    }
    return result;
}

int
heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout)
{
    ssize_t n = -1;
    int error = 0;
    bool whole = false;

    HEKA_BEGIN_CRITICAL_SECTION(sink);
    sink->offered++;
    if (HK_LIKELY(sink->fd >= 0 && sink->generation == hk_fork_generation())) {
        n = send_now(sink->fd, data, len);
        if (HK_UNLIKELY(n < 0 && errno == ECONNREFUSED && sink->datagram)) {
            n = send_now(sink->fd, data, len); /* the refusal was an earlier datagram's */
        }
        whole = n == (ssize_t)len;
        if (HK_LIKELY(whole)) {
            sink->sent++;
            sink->bytes += len;
        } else {
            error = n < 0 ? errno : EAGAIN;
            if (n > 0) {
                sink->fd = -1; /* the rest of this frame comes before any other */
                sink->busy = true;
            }
        }
    }
    HEKA_END_CRITICAL_SECTION();
    if (HK_LIKELY(whole)) {
        return 1;
    }
    return deliver(sink, data, len, n > 0 ? (size_t)n : 0, error, timeout);
}

/* ---- the type ---- */

static PyObject *
sink_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_deliver};
    static const heka_signature sig = {
        .fname = "Sink", .names = names, .count = 1, .required = 1, .positional = 1};
    PyObject *in[1];
    if (heka_parse_tuple(heka_state_of_type(type), &sig, args, kwargs, in) < 0) {
        return NULL;
    }
    if (!PyCallable_Check(in[0])) {
        (void)heka_type_error("deliver", "callable", in[0]);
        return NULL;
    }
    HekaSink *self = (HekaSink *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->fd = -1;
    self->framed = true;
    self->deliver = Py_NewRef(in[0]);
    self->dropped = PyDict_New();
    if (self->dropped == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
sink_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((HekaSink *)op)->deliver);
    Py_VISIT(((HekaSink *)op)->dropped);
    return 0;
}

static int
sink_clear(PyObject *op)
{
    /* Never NULL: a finalizer in the same cycle may still send. Counting needs no breaking up, as
     * dropped holds str and int only. */
    Py_SETREF(((HekaSink *)op)->deliver, Py_NewRef(Py_None));
    return 0;
}

static void
sink_dealloc(PyObject *op)
{
    HekaSink *self = (HekaSink *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->deliver);
    Py_CLEAR(self->dropped);
    tp->tp_free(op);
    Py_DECREF(tp);
}

static PyObject *
sink_attach(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_fd, HEKA_NAME_datagram};
    static const heka_signature sig = {
        .fname = "attach", .names = names, .count = 2, .required = 2, .positional = 1};
    HekaSink *self = (HekaSink *)op;
    PyObject *in[2];
    int32_t fd;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_read_int32(in[0], "fd", &fd) < 0) {
        return NULL;
    }
    const int datagram = PyObject_IsTrue(in[1]);
    if (datagram < 0) {
        return NULL;
    }
    if (fd < 0) {
        PyErr_Format(PyExc_ValueError, "fd must be an open descriptor, got %d", (int)fd);
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    self->datagram = datagram != 0;
    self->generation = hk_fork_generation();
    self->busy = false;
    self->fd = fd;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
sink_detach(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    ((HekaSink *)op)->fd = -1;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
sink_release(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    ((HekaSink *)op)->busy = false;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
sink_write(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    Py_buffer view;
    if (nargs != 2) {
        PyErr_Format(PyExc_TypeError, "write() takes 2 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    const double timeout = PyFloat_AsDouble(args[1]);
    if ((timeout == -1.0 && PyErr_Occurred()) ||
        PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const int sent = heka_sink_send((HekaSink *)op, view.buf, (size_t)view.len, timeout);
    PyBuffer_Release(&view);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

static PyObject *
sink_drop(PyObject *op, PyObject *reason)
{
    if (!PyUnicode_Check(reason)) {
        (void)heka_type_error("reason", "str", reason);
        return NULL;
    }
    int result;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    result = count_drop((HekaSink *)op, reason);
    HEKA_END_CRITICAL_SECTION();
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
sink_get_count(PyObject *op, void *closure)
{
    return PyLong_FromUnsignedLongLong(
        *(uint64_t *)(void *)((char *)op + (size_t)(uintptr_t)closure));
}

static PyObject *
sink_get_dropped(PyObject *op, void *closure)
{
    (void)closure;
    return PyDict_Copy(((HekaSink *)op)->dropped);
}

static PyObject *
sink_get_busy(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->busy);
}

static PyObject *
sink_get_attached(PyObject *op, void *closure)
{
    (void)closure;
    const HekaSink *self = (HekaSink *)op;
    return PyBool_FromLong(self->fd >= 0 && self->generation == hk_fork_generation());
}

static PyObject *
sink_get_max_frame(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((HekaSink *)op)->max_frame);
}

static int
sink_set_max_frame(PyObject *op, PyObject *value, void *closure)
{
    int64_t size;
    (void)closure;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "max_frame cannot be deleted; set it to 0");
        return -1;
    }
    if (heka_read_int64(value, "max_frame", &size) < 0) {
        return -1;
    }
    if (size < 0) {
        PyErr_Format(PyExc_ValueError, "max_frame must not be negative, got %R", value);
        return -1;
    }
    ((HekaSink *)op)->max_frame = (size_t)size;
    return 0;
}

static PyObject *
sink_get_framed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->framed);
}

static int
sink_set_framed(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int framed = value == NULL ? 1 : PyObject_IsTrue(value);
    if (framed < 0) {
        return -1;
    }
    ((HekaSink *)op)->framed = framed != 0;
    return 0;
}

static PyGetSetDef sink_getset[] = {
    {"offered", sink_get_count, NULL, "Frames handed in.", (void *)offsetof(HekaSink, offered)},
    {"sent", sink_get_count, NULL, "Frames that the kernel has.", (void *)offsetof(HekaSink, sent)},
    {"bytes", sink_get_count, NULL, "Bytes of the frames sent.", (void *)offsetof(HekaSink, bytes)},
    {"dropped", sink_get_dropped, NULL, "A copy of the counts of dropped frames, by reason.", NULL},
    {"busy", sink_get_busy, NULL, "Part of a frame is written; only who began it may go on.", NULL},
    {"attached", sink_get_attached, NULL, "A descriptor of this process is attached.", NULL},
    {"max_frame", sink_get_max_frame, sink_set_max_frame,
     "Bytes of the largest frame (message, when not framed); 0: no limit of its own.", NULL},
    {"framed", sink_get_framed, sink_set_framed, "False: bare messages, one a datagram.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef sink_methods[] = {
    {"attach", (PyCFunction)(void (*)(void))sink_attach, METH_FASTCALL | METH_KEYWORDS,
     "attach($self, fd, *, datagram)\n--\n\n"
     "Send on *fd* from now on; it is connected, and stays its owner's to close after detach()."},
    {"detach", sink_detach, METH_NOARGS, "detach($self)\n--\n\nSend through Python from now on."},
    {"release", sink_release, METH_NOARGS,
     "release($self)\n--\n\nThe frame that was partly written is done, or its connection closed."},
    {"write", (PyCFunction)(void (*)(void))sink_write, METH_FASTCALL,
     "write($self, frame, timeout, /)\n--\n\n"
     "Send *frame* within *timeout* seconds; True when the kernel has it."},
    {"drop", sink_drop, METH_O,
     "drop($self, reason, /)\n--\n\nCount a frame that was offered and is dropped."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot sink_slots[] = {
    {Py_tp_doc, (void *)"Sink(deliver)\n--\n\n"
                        "One destination as the hot path sees it: a connected descriptor, or a way "
                        "to Python."},
    {Py_tp_new, sink_new},
    {Py_tp_dealloc, sink_dealloc},
    {Py_tp_traverse, sink_traverse},
    {Py_tp_clear, sink_clear},
    {Py_tp_getset, sink_getset},
    {Py_tp_methods, sink_methods},
    {0, NULL},
};

static PyType_Spec sink_spec = {
    .name = "heka._core.Sink",
    .basicsize = sizeof(HekaSink),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = sink_slots,
};

int
heka_send_init(PyObject *module, heka_state *state)
{
    state->sink_type = heka_new_type(module, &sink_spec, NULL);
    return state->sink_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Sink", (PyObject *)state->sink_type);
}
