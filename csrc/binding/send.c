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
heka_sink_drop(HekaSink *sink, const char *reason)
{
    int result = -1;
    PyObject *name = PyUnicode_InternFromString(reason);
    if (name != NULL) {
        HEKA_BEGIN_CRITICAL_SECTION(sink);
        result = count_drop(sink, name);
        HEKA_END_CRITICAL_SECTION();
        Py_DECREF(name);
    }
    return result;
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

/* Telemetry never breaks the program: an Exception is a bug, said and not raised; anything else
 * (KeyboardInterrupt, SystemExit) is the caller's. Counts the frame; 0, or -1 with that exception.
 */
static HK_COLD int
settle_exception(HekaSink *sink)
{
    const bool broken = PyErr_ExceptionMatches(PyExc_Exception);
    if (broken) {
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
        return settle_exception(sink);
    }
    if (!sent && !PyUnicode_Check(answer)) {
        return heka_sink_drop(sink, "error") < 0 ? settle_exception(sink) : 0;
    }
    HEKA_BEGIN_CRITICAL_SECTION(sink);
    if (sent) {
        sink->sent++;
        sink->bytes += len;
    } else {
        counted = count_drop(sink, answer);
    }
    HEKA_END_CRITICAL_SECTION();
    return counted < 0 ? settle_exception(sink) : sent;
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

    const int result = answer == NULL ? settle_exception(sink) : settle(sink, answer, e->len);
    Py_XDECREF(answer);
    return result;
}

int
heka_sink_send(HekaSink *sink, const uint8_t *data, size_t len, double timeout)
{
    ssize_t n = -1;
    bool whole = false;
    errand e = {.data = data, .len = len, .timeout = timeout};

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

static int
read_ticket(PyObject *value, uint64_t *ticket)
{
    const unsigned long long number = PyLong_AsUnsignedLongLong(value);
    if (number == (unsigned long long)-1 && PyErr_Occurred()) {
        return -1;
    }
    *ticket = number;
    return 0;
}

static PyObject *
sink_acquire(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_ticket};
    static const heka_signature sig = {
        .fname = "acquire", .names = names, .count = 1, .required = 0, .positional = 1};
    HekaSink *self = (HekaSink *)op;
    PyObject *in[1];
    uint64_t ticket = 0;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        (in[0] != NULL && read_ticket(in[0], &ticket) < 0)) {
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    if (ticket == 0) {
        ticket = ++self->tickets;
    }
    if (self->owner == 0 || self->owner == ticket) {
        self->owner = ticket;
        self->fd = -1;
    } else {
        ticket = 0;
    }
    HEKA_END_CRITICAL_SECTION();
    return PyLong_FromUnsignedLongLong(ticket);
}

static PyObject *
sink_release(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_ticket, HEKA_NAME_fd, HEKA_NAME_datagram};
    static const heka_signature sig = {
        .fname = "release", .names = names, .count = 3, .required = 1, .positional = 3};
    HekaSink *self = (HekaSink *)op;
    PyObject *in[3];
    uint64_t ticket;
    int32_t fd = -1;
    bool owned;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        read_ticket(in[0], &ticket) < 0 ||
        (in[1] != NULL && heka_read_int32(in[1], "fd", &fd) < 0)) {
        return NULL;
    }
    const int datagram = in[2] == NULL ? 0 : PyObject_IsTrue(in[2]);
    if (datagram < 0) {
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    owned = ticket != 0 && self->owner == ticket;
    if (owned) {
        self->owner = 0;
        self->torn = false;
        if (fd >= 0 && !self->closed) {
            self->fd = fd;
            self->datagram = datagram != 0;
            self->generation = hk_fork_generation();
        }
    }
    HEKA_END_CRITICAL_SECTION();
    return PyBool_FromLong(owned);
}

static PyObject *
sink_reset(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    self->fd = -1;
    self->owner = 0;
    self->torn = false;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
sink_close(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    self->fd = -1;
    self->closed = true;
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
sink_counts(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    PyObject *counts = NULL;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    const unsigned long long sent = self->sent;
    const unsigned long long bytes = self->bytes;
    const unsigned long long lost = self->lost;
    PyObject *dropped = PyDict_Copy(self->dropped);
    if (dropped != NULL) {
        counts = Py_BuildValue("{sKsKsKsN}", "offered", sent + lost, "sent", sent, "bytes", bytes,
                               "dropped", dropped);
    }
    HEKA_END_CRITICAL_SECTION();
    return counts;
}

static PyObject *
sink_get_pending(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(((HekaSink *)op)->pending);
}

static PyObject *
sink_get_busy(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->owner != 0);
}

static PyObject *
sink_get_torn(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->torn);
}

static PyObject *
sink_get_closed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->closed);
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
    {"attached", sink_get_attached, NULL, "The hot path has a descriptor of this process.", NULL},
    {"busy", sink_get_busy, NULL, "One call has the connection; only that one may write.", NULL},
    {"torn", sink_get_torn, NULL,
     "The connection is to be closed first: the call that had it ended without release(), so the "
     "peer may have half a frame, or sending on it failed.",
     NULL},
    {"closed", sink_get_closed, NULL, "close() was called.", NULL},
    {"pending", sink_get_pending, NULL, "Frames whose outcome is open: in Python, or waiting.",
     NULL},
    {"max_frame", sink_get_max_frame, sink_set_max_frame,
     "Bytes of the largest frame (message, when not framed); 0: no limit of its own.", NULL},
    {"framed", sink_get_framed, sink_set_framed, "False: bare messages, one a datagram.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef sink_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))sink_acquire, METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, ticket=0)\n--\n\n"
     "Take the connection from the hot path for the call *ticket*, or for a new one: its number, "
     "or 0 while another call has it."},
    {"release", (PyCFunction)(void (*)(void))sink_release, METH_FASTCALL | METH_KEYWORDS,
     "release($self, ticket, fd=-1, datagram=False)\n--\n\n"
     "Give the connection back, between two frames; the hot path sends on *fd* from now on, which "
     "stays its owner's to close after acquire(). False, and nothing done, unless *ticket* has "
     "it."},
    {"reset", sink_reset, METH_NOARGS,
     "reset($self)\n--\n\nTake the connection from whoever has it: they are in another process."},
    {"close", sink_close, METH_NOARGS,
     "close($self)\n--\n\nTake it from the hot path for ever; who looks it up asks for another."},
    {"write", (PyCFunction)(void (*)(void))sink_write, METH_FASTCALL,
     "write($self, frame, timeout, /)\n--\n\n"
     "Send *frame* within *timeout* seconds; True when the kernel has it."},
    {"counts", sink_counts, METH_NOARGS,
     "counts($self)\n--\n\n"
     "The frames that have an outcome, of one moment: offered, sent, their bytes, and dropped as "
     "{reason: count}. offered = sent + the sum of dropped."},
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
