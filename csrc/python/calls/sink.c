/* sink.c -- the type Sink: a destination, and the methods that acquire and release its connection.
 */
#include <errno.h>
#include <unistd.h>

#include "core/base/hk_clock.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "send.h"
#include "sink_account.h"

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
    self->refresh_ns = UINT64_MAX;
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
    Py_VISIT(((HekaSink *)op)->on_drop);
    Py_VISIT(((HekaSink *)op)->ring);
    return heka_writer_traverse(&((HekaSink *)op)->writer, visit, arg);
}

static int
sink_clear(PyObject *op)
{
    /* deliver is never NULL: a finalizer in the same cycle may still send. dropped stays, as it
     * holds str and int only, which form no cycle. */
    Py_SETREF(((HekaSink *)op)->deliver, Py_NewRef(Py_None));
    heka_writer_clear(&((HekaSink *)op)->writer);
    Py_CLEAR(((HekaSink *)op)->ring);
    Py_CLEAR(((HekaSink *)op)->on_drop);
    return 0;
}

/* Takes the descriptor from the hot path, and closes it if the sink owns it. */
static void
detach(HekaSink *self)
{
    if (self->keeps_fd && self->fd >= 0) {
        (void)close(self->fd);
    }
    self->keeps_fd = false;
    self->fd = -1;
}

static void
sink_dealloc(PyObject *op)
{
    HekaSink *self = (HekaSink *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->deliver);
    Py_CLEAR(self->dropped);
    Py_CLEAR(self->on_drop);
    Py_CLEAR(self->ring);
    heka_writer_clear(&self->writer);
    heka_writer_free(&self->writer);
    detach(self);
    tp->tp_free(op);
    Py_DECREF(tp); /* last: the type may be freed here */
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
        detach(self); /* in the same critical section: the hot path must not send any more */
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
    /* Before the critical section: __bool__ may run any code, which may use this sink. */
    const int datagram = in[2] == NULL ? 0 : PyObject_IsTrue(in[2]);
    if (datagram < 0) {
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    /* The caller may have lost the connection: by reset() after a fork, or because its call ended.
     */
    owned = ticket != 0 && self->owner == ticket;
    if (owned) {
        self->owner = 0;
        self->torn = self->hung_up = false;
        if (fd >= 0 && !self->closed) {
            self->fd = fd;
            self->keeps_fd = false;
            self->datagram = datagram != 0;
            self->written_at = 0;
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
    detach(self);
    self->owner = 0;
    self->torn = self->hung_up = self->has_refused = false;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
sink_close(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    detach(self); /* the owner keeps the connection until release(), which sees `closed` */
    self->closed = true;
    HEKA_END_CRITICAL_SECTION();
    if (heka_sink_abandon_rest(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Counts a refusal that the kernel has not reported yet, as no datagram was sent afterwards. */
static PyObject *
sink_check_refused(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    if (self->udp && self->fd >= 0 && self->generation == hk_fork_generation() &&
        heka_pump_pending_error(self->fd) == ECONNREFUSED) {
        self->refused++;
    }
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

/* Counts a refusal that was reported to Python. */
static PyObject *
sink_count_refused(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    self->refused++;
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

/* Takes over the descriptor, and calls deliver() neither for a refusal nor to refresh: the modules
 * of Python may be gone already. */
static PyObject *
sink_keep(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    self->keeps_fd = self->fd >= 0;
    self->has_refused = true;
    self->refresh_ns = UINT64_MAX;
    HEKA_END_CRITICAL_SECTION();
    return PyBool_FromLong(self->keeps_fd);
}

/* Returns the truth of an argument, 0 if it is absent; -1 with an exception. */
static int
read_flag(PyObject *value)
{
    return value == NULL ? 0 : PyObject_IsTrue(value);
}

/* From now on, frames are passed to the write() of `stream`. */
static PyObject *
sink_attach_stream(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_stream, HEKA_NAME_failed, HEKA_NAME_wait,
                                    HEKA_NAME_weak, HEKA_NAME_flushes};
    static const heka_signature sig = {
        .fname = "attach_stream", .names = names, .count = 5, .required = 2, .positional = 2};
    HekaSink *self = (HekaSink *)op;
    heka_state *state = heka_state_of(op);
    PyObject *in[5];
    PyObject *wait = NULL;
    if (heka_parse_args(state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_read_callable(in[2], "wait", &wait) < 0) {
        return NULL;
    }
    const int weak = read_flag(in[3]);
    const int flushes = in[4] == NULL ? 1 : read_flag(in[4]);
    if (weak < 0 || flushes < 0 ||
        heka_writer_attach(state, &self->writer, in[0], in[1], wait, weak == 1, flushes == 1) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* From now on, frames are put into the queue, which counts them. */
static PyObject *
sink_attach_ring(PyObject *op, PyObject *ring)
{
    HekaSink *self = (HekaSink *)op;
    PyTypeObject *type = heka_state_of(op)->ring_type;
    if (ring != Py_None && Py_TYPE(ring) != type) {
        (void)heka_type_error("ring", "Ring or None", ring);
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    Py_XSETREF(self->ring, ring == Py_None ? NULL : (HekaRing *)Py_NewRef(ring));
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
sink_discard(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    ((HekaSink *)op)->discards = true;
    Py_RETURN_NONE;
}

/* Passes an object that an encoder returned to the stream: bytes, text or a Message. */
static PyObject *
sink_write_object(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    HekaSink *self = (HekaSink *)op;
    double timeout = 1.0;
    if (nargs < 1 || nargs > 2) {
        PyErr_Format(PyExc_TypeError,
                     "write_object() takes from 1 to 2 positional arguments but %zd %s", nargs,
                     nargs == 1 ? "was given" : "were given");
        return NULL;
    }
    if (self->writer.stream == NULL) {
        PyErr_SetString(PyExc_ValueError, "write_object() needs attach_stream() first");
        return NULL;
    }
    if (nargs == 2 && heka_read_timeout(args[1], &timeout) < 0) {
        return NULL;
    }
    const int sent = heka_sink_write_object(self, args[0], timeout);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

/* Writes the rest of a partly written frame to the stream. */
static PyObject *
sink_finish(PyObject *op, PyObject *value)
{
    double timeout;
    if (heka_read_timeout(value, &timeout) < 0) {
        return NULL;
    }
    const int finished = heka_sink_finish((HekaSink *)op, timeout);
    return finished < 0 ? NULL : PyBool_FromLong(finished);
}

/* Counts a frame that the caller drops. */
static PyObject *
sink_drop(PyObject *op, PyObject *reason)
{
    if (!PyUnicode_Check(reason)) {
        (void)heka_type_error("reason", "str", reason);
        return NULL;
    }
    if (heka_sink_drop_object((HekaSink *)op, reason) < 0) {
        return NULL;
    }
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
    /* The view is held during the call: other code must not resize a bytearray meanwhile. */
    const int sent = heka_sink_send((HekaSink *)op, view.buf, (size_t)view.len, timeout, 0);
    PyBuffer_Release(&view);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

static PyObject *
sink_counts(PyObject *op, PyObject *ignored)
{
    HekaSink *self = (HekaSink *)op;
    PyObject *counts = NULL;
    (void)ignored;
    /* All counters in one critical section, so that offered = sent + dropped + queued holds. */
    HEKA_BEGIN_CRITICAL_SECTION(op);
    const unsigned long long sent = self->sent;
    const unsigned long long bytes = self->bytes;
    const unsigned long long lost = self->lost;
    const bool has_rest = heka_writer_has_rest(&self->writer);
    PyObject *dropped = PyDict_Copy(self->dropped);
    if (dropped != NULL && has_rest) {
        counts = Py_BuildValue("{sKsKsKsisN}", "offered", sent + lost + 1, "sent", sent, "bytes",
                               bytes, "queued", 1, "dropped", dropped);
    } else if (dropped != NULL) {
        counts = Py_BuildValue("{sKsKsKsN}", "offered", sent + lost, "sent", sent, "bytes", bytes,
                               "dropped", dropped);
    }
    HEKA_END_CRITICAL_SECTION();
    return counts;
}

static PyObject *
sink_has_hung_up(PyObject *ignored, PyObject *value)
{
    int32_t fd;
    (void)ignored;
    return heka_read_int32(value, "fd", &fd) < 0 ? NULL
                                                 : PyBool_FromLong(heka_pump_has_hung_up(fd));
}

static PyMethodDef sink_methods[] = {
    {"has_hung_up", sink_has_hung_up, METH_O | METH_STATIC,
     "has_hung_up(fd, /)\n--\n\n"
     "Whether the peer of a stream socket has closed it; a reset is left for the next send."},
    {"acquire", (PyCFunction)(void (*)(void))sink_acquire, METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, ticket=0)\n--\n\n"
     "Make the call *ticket*, or a new ticket, the owner of the connection; the hot path stops "
     "using it. Returns the ticket, or 0 if another call is the owner."},
    {"release", (PyCFunction)(void (*)(void))sink_release, METH_FASTCALL | METH_KEYWORDS,
     "release($self, ticket, fd=-1, datagram=False)\n--\n\n"
     "Release the connection, between two frames. From now on the hot path sends on *fd*; Python "
     "closes *fd*, after acquire(). Does nothing and returns False if *ticket* is not the owner."},
    {"reset", sink_reset, METH_NOARGS,
     "reset($self)\n--\n\nAfter a fork: end the ownership of a call of the parent process."},
    {"close", sink_close, METH_NOARGS,
     "close($self)\n--\n\n"
     "The hot path never sends again; the emitter looks the destination up again."},
    {"check_refused", sink_check_refused, METH_NOARGS,
     "check_refused($self)\n--\n\n"
     "Count a refusal that the kernel has pending for the descriptor of the hot path."},
    {"count_refused", sink_count_refused, METH_NOARGS,
     "count_refused($self)\n--\n\nCount a refusal that the kernel has reported to Python."},
    {"keep", sink_keep, METH_NOARGS,
     "keep($self)\n--\n\n"
     "Own the descriptor of the hot path, and close it with the sink; True if there is one. For "
     "the end of the interpreter: deliver() is called only if sending fails."},
    {"attach_stream", (PyCFunction)(void (*)(void))sink_attach_stream,
     METH_FASTCALL | METH_KEYWORDS,
     "attach_stream($self, stream, failed, *, wait=None, weak=False, flushes=True)\n--\n\n"
     "Pass every frame to stream.write(), then call stream.flush() if there is one. An exception "
     "of these is passed to *failed*(exception), which returns the drop reason. *wait*(stream, "
     "seconds) waits until a stream that has taken part of a frame may take more; False: give up. "
     "*weak*: do not keep the stream alive."},
    {"attach_ring", sink_attach_ring, METH_O,
     "attach_ring($self, ring, /)\n--\n\n"
     "Put every frame into *ring*, which counts it; None: send on the descriptor again."},
    {"discard", sink_discard, METH_NOARGS,
     "discard($self)\n--\n\nFrom now on, count every frame as sent, and send none."},
    {"write_object", (PyCFunction)(void (*)(void))sink_write_object, METH_FASTCALL,
     "write_object($self, data, timeout=1.0, /)\n--\n\n"
     "Pass a frame, text or a Message to the attached stream; True when it took it."},
    {"finish", sink_finish, METH_O,
     "finish($self, timeout, /)\n--\n\n"
     "Write the rest of a partly written frame to the attached stream, within *timeout* seconds; "
     "True when nothing is left."},
    {"drop", sink_drop, METH_O,
     "drop($self, reason, /)\n--\n\nCount one frame offered and dropped."},
    {"write", (PyCFunction)(void (*)(void))sink_write, METH_FASTCALL,
     "write($self, frame, timeout, /)\n--\n\n"
     "Send *frame* within *timeout* seconds; True when the kernel has it."},
    {"counts", sink_counts, METH_NOARGS,
     "counts($self)\n--\n\n"
     "A consistent snapshot of the counters: offered, sent, the bytes of those, and dropped as "
     "{reason: count}; queued is 1 while the attached stream has taken part of a frame. offered = "
     "sent + the sum of dropped + queued."},
    {NULL, NULL, 0, NULL},
};

/* What it sends on, and its account. */
static PyObject *
sink_repr(PyObject *op)
{
    const HekaSink *self = (HekaSink *)op;
    const char *state = self->closed         ? "closed"
                        : self->ring != NULL ? "queued"
                        : self->discards     ? "discarding"
                        : self->fd >= 0      ? "connected"
                                             : "not connected";
    return PyUnicode_FromFormat("<heka._core.Sink: %s, %llu sent, %llu dropped>", state,
                                (unsigned long long)self->sent, (unsigned long long)self->lost);
}

static PyType_Slot sink_slots[] = {
    {Py_tp_doc, (void *)"Sink(deliver)\n--\n\n"
                        "A destination on the hot path: sends on a connected descriptor, or calls "
                        "deliver()."},
    {Py_tp_new, sink_new},
    {Py_tp_dealloc, sink_dealloc},
    {Py_tp_traverse, sink_traverse},
    {Py_tp_clear, sink_clear},
    {Py_tp_repr, sink_repr},
    {Py_tp_getset, heka_sink_getset},
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
heka_sink_init(PyObject *module, heka_state *state)
{
    state->write_name = PyUnicode_InternFromString("write");
    state->flush_name = PyUnicode_InternFromString("flush");
    PyObject *io = PyImport_ImportModule("io");
    if (io == NULL) {
        return -1;
    }
    state->raw_type = PyObject_GetAttrString(io, "RawIOBase");
    state->buffered_type = PyObject_GetAttrString(io, "BufferedIOBase");
    Py_DECREF(io);
    if (state->raw_type == NULL || state->buffered_type == NULL) {
        return -1;
    }
    state->sink_type = heka_new_type(module, &sink_spec, NULL);
    return state->write_name == NULL || state->flush_name == NULL || state->sink_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Sink", (PyObject *)state->sink_type);
}
