/* ring.c -- the type Ring: a queue of frames, and the methods that drain it. */
#include "ring.h"

#include "core/base/hk_clock.h"
#include "core/queue/hk_reasons.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"

/* ---- life ---- */

/* Opens the queue: on disk in `directory`, or in memory if that is NULL or None. */
static int
open_queue(heka_state *state, HekaRing *self, const hk_queue_settings *settings,
           PyObject *directory)
{
    hk_error err;
    hk_status status;
    PyObject *path = NULL;
    if (directory != NULL && directory != Py_None && !PyUnicode_FSConverter(directory, &path)) {
        return -1;
    }
    const char *name = path == NULL ? NULL : PyBytes_AS_STRING(path); /* borrowed from path */
    Py_BEGIN_ALLOW_THREADS /* opening reads every file of the directory */
    status = hk_queue_open(name, settings, &self->queue, &err);
    Py_END_ALLOW_THREADS
    Py_XDECREF(path);
    if (status != HK_OK) {
        (void)heka_raise(state, &err);
        return -1;
    }
    return 0;
}

static PyObject *
ring_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_capacity,  HEKA_NAME_max_frame, HEKA_NAME_window,
                                    HEKA_NAME_directory, HEKA_NAME_mapped,    HEKA_NAME_segment,
                                    HEKA_NAME_min_free,  HEKA_NAME_lazy};
    static const heka_signature sig = {
        .fname = "Ring", .names = names, .count = 8, .required = 1, .positional = 4};
    heka_state *state = heka_state_of_type(type);
    PyObject *in[8];
    hk_queue_settings settings = {
        .frame_max = HK_FRAME_MAX, .window = HK_QUEUE_WINDOW, .corrupt = HEKA_REASON_CORRUPT};
    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0 ||
        heka_ring_read_size(in[0], "capacity", &settings.capacity) < 0 ||
        heka_ring_read_size(in[1], "max_frame", &settings.frame_max) < 0 ||
        heka_ring_read_size(in[2], "window", &settings.window) < 0 ||
        heka_ring_read_size(in[5], "segment", &settings.segment) < 0 ||
        heka_ring_read_size(in[6], "min_free", &settings.min_free) < 0) {
        return NULL;
    }
    const int mapped = in[4] == NULL ? 1 : PyObject_IsTrue(in[4]);
    const int lazy = in[7] == NULL ? 0 : PyObject_IsTrue(in[7]);
    if (mapped < 0 || lazy < 0) {
        return NULL;
    }
    settings.lazy = lazy != 0;
    settings.unmapped = mapped == 0;
    HekaRing *self = (HekaRing *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (hk_monitor_init(&self->monitor) != HK_OK) {
        PyErr_NoMemory();
        goto failed;
    }
    self->has_monitor = true;
    self->generation = self->created = hk_fork_generation();
    self->capacity = settings.capacity;
    self->max_frame = settings.frame_max;
    self->block_timeout = 1.0;
    self->full_error = Py_NewRef(state->HekaError);
    atomic_init(&self->interrupted, false);
    atomic_init(&self->refused, 0);
    if (open_queue(state, self, &settings, in[3]) < 0) {
        goto failed;
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self); /* dealloc frees whatever was made: has_monitor and queue tell */
    return NULL;
}

static int
ring_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((HekaRing *)op)->start);
    Py_VISIT(((HekaRing *)op)->pause);
    Py_VISIT(((HekaRing *)op)->full_error);
    return 0;
}

static int
ring_clear(PyObject *op)
{
    Py_CLEAR(((HekaRing *)op)->start);
    Py_CLEAR(((HekaRing *)op)->pause);
    return 0; /* full_error stays: a producer may still raise it */
}

static void
ring_dealloc(PyObject *op)
{
    HekaRing *self = (HekaRing *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    (void)ring_clear(op);
    Py_CLEAR(self->full_error);
    /* After a fork, a thread of the parent may hold the mutex, and destroying that is undefined. */
    if (self->has_monitor && self->generation == hk_fork_generation()) {
        hk_monitor_destroy(&self->monitor);
    }
    hk_queue_free(self->queue);
    tp->tp_free(op);
    Py_DECREF(tp); /* last: the type may be freed here */
}

/* ---- producers ---- */

static PyObject *
ring_put(PyObject *op, PyObject *frame)
{
    Py_buffer view;
    if (PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    /* The queue copies the frame, so the buffer is needed only during the call. */
    const int queued = heka_ring_offer((HekaRing *)op, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return queued < 0 ? NULL : PyBool_FromLong(queued);
}

static PyObject *
ring_flush(PyObject *op, PyObject *value)
{
    double timeout;
    if (heka_read_timeout(value, &timeout) < 0) {
        return NULL;
    }
    const int flushed = heka_ring_flush((HekaRing *)op, timeout);
    return flushed < 0 ? NULL : PyBool_FromLong(flushed);
}

/* ---- the consumer ---- */

static PyObject *
ring_wait(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_bytes, HEKA_NAME_timeout};
    static const heka_signature sig = {
        .fname = "wait", .names = names, .count = 2, .required = 2, .positional = 2};
    const HekaRing *self = (HekaRing *)op;
    PyObject *in[2];
    size_t bytes = 0;
    double timeout;
    hk_queue_event event;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_ring_read_size(in[0], "bytes", &bytes) < 0 || heka_read_timeout(in[1], &timeout) < 0) {
        return NULL;
    }
    const int64_t timeout_ns = heka_to_ns(timeout);
    /* Without the GIL, so no Python object may be touched; the caller holds a reference to self. */
    Py_BEGIN_ALLOW_THREADS
    event = hk_queue_wait(self->queue, bytes, timeout_ns);
    Py_END_ALLOW_THREADS
    return PyUnicode_InternFromString(event == HK_QUEUE_READY     ? "ready"
                                      : event == HK_QUEUE_DRAINED ? "drained"
                                                                  : "woken");
}

static PyObject *
ring_take(PyObject *op, PyObject *value)
{
    const HekaRing *self = (HekaRing *)op;
    size_t most = 0;
    if (heka_ring_read_size(value, "most", &most) < 0) {
        return NULL;
    }
    /* The batch points into the queue's memory, which stays valid until it is acknowledged, so the
     * copy needs no lock. */
    const hk_queue_batch batch = hk_queue_take(self->queue, most);
    PyObject *frames = PyBytes_FromStringAndSize((const char *)batch.data, (Py_ssize_t)batch.len);
    if (frames == NULL) { /* MemoryError: nothing was sent, so the next take() returns them again */
        hk_queue_rewind(self->queue, batch.len);
    }
    return frames;
}

static PyObject *
ring_rewind(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_unsent};
    static const heka_signature sig = {
        .fname = "rewind", .names = names, .count = 1, .required = 0, .positional = 1};
    HekaRing *self = (HekaRing *)op;
    PyObject *in[1];
    size_t unsent = 0;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_ring_read_size(in[0], "unsent", &unsent) < 0) {
        return NULL;
    }
    hk_queue_rewind(self->queue, unsent);
    self->pump_state = (heka_pump_state){0}; /* nothing is in flight on a connection any more */
    Py_RETURN_NONE;
}

static PyObject *
ring_drop_in_flight(PyObject *op, PyObject *value)
{
    const HekaRing *self = (HekaRing *)op;
    const int reason = heka_ring_read_reason(value);
    return reason < 0 ? NULL
                      : PyLong_FromSize_t(hk_queue_drop_in_flight(self->queue, (unsigned)reason));
}

static PyObject *
ring_drop_all(PyObject *op, PyObject *value)
{
    const HekaRing *self = (HekaRing *)op;
    const int reason = heka_ring_read_reason(value);
    return reason < 0 ? NULL : PyLong_FromSize_t(hk_queue_drop_all(self->queue, (unsigned)reason));
}

static int
read_pump(heka_state *state, PyObject *const *args, size_t nargs, PyObject *kwnames, heka_pump *p)
{
    static const uint8_t names[] = {HEKA_NAME_fd, HEKA_NAME_datagram, HEKA_NAME_linger,
                                    HEKA_NAME_write_timeout, HEKA_NAME_idle};
    static const heka_signature sig = {
        .fname = "pump", .names = names, .count = 5, .required = 5, .positional = 5};
    PyObject *in[5];
    int32_t fd;
    double linger;
    double write_timeout;
    double idle;
    if (heka_parse_args(state, &sig, args, nargs, kwnames, in) < 0 ||
        heka_read_int32(in[0], "fd", &fd) < 0 ||
        heka_ring_read_size(in[1], "datagram", &p->datagram) < 0 ||
        heka_read_seconds(in[2], "linger", &linger) < 0 ||
        heka_read_seconds(in[3], "write_timeout", &write_timeout) < 0 ||
        heka_read_seconds(in[4], "idle", &idle) < 0) {
        return -1;
    }
    p->fd = fd;
    p->linger_ns = heka_to_ns(linger < 3600 ? linger : 3600);
    p->write_timeout_ns = heka_to_ns(write_timeout < 1e9 ? write_timeout : 1e9);
    p->idle_ns = heka_to_ns(idle < 3600 ? idle : 3600);
    return 0;
}

static PyObject *
ring_pump(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const events[] = {"tick", "interrupted", "drained", "closed", "failed"};
    HekaRing *self = (HekaRing *)op;
    heka_pump p = {.interrupted = &self->interrupted, .state = &self->pump_state};
    heka_pump_result result;
    if (read_pump(heka_state_of(op), args, (size_t)nargs, kwnames, &p) < 0) {
        return NULL;
    }
    /* The only thread that uses `pump_state` is the consumer, which runs this; `interrupted` is
     * atomic. The caller holds a reference to self, so both outlive the run. */
    Py_BEGIN_ALLOW_THREADS
    result = heka_pump_run(self->queue, &p);
    Py_END_ALLOW_THREADS
    return Py_BuildValue("siK", events[result.event], result.error,
                         (unsigned long long)result.bytes);
}

/* ---- interrupts, forks, close ---- */

/* Initialises the monitor again in a child process: a thread of the parent may have held its mutex
 * at the fork, and will never release it here. 0, or -1 with MemoryError. */
static int
renew_monitor(HekaRing *self)
{
    if (self->generation != hk_fork_generation()) {
        self->generation = hk_fork_generation();
        if (hk_monitor_init(&self->monitor) != HK_OK) {
            PyErr_NoMemory();
            return -1;
        }
        atomic_store(&self->interrupted, false);
    }
    return 0;
}

static PyObject *
ring_sleep(PyObject *op, PyObject *value)
{
    HekaRing *self = (HekaRing *)op;
    double timeout;
    bool in_time = true;
    if (heka_read_seconds(value, "seconds", &timeout) < 0) {
        return NULL;
    }
    if (renew_monitor(self) < 0) {
        return NULL;
    }
    const int64_t deadline = hk_deadline(heka_to_ns(timeout));
    Py_BEGIN_ALLOW_THREADS(void)
    pthread_mutex_lock(&self->monitor.mutex);
    while (!atomic_load(&self->interrupted) && in_time) {
        in_time = hk_monitor_sleep(&self->monitor, &self->monitor.filled, deadline);
    }
    (void)pthread_mutex_unlock(&self->monitor.mutex);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(atomic_load(&self->interrupted));
}

static PyObject *
ring_interrupt(PyObject *op, PyObject *ignored)
{
    HekaRing *self = (HekaRing *)op;
    (void)ignored;
    if (renew_monitor(self) < 0) {
        return NULL;
    }
    /* With the mutex held: sleep() must not check the flag before, and begin to wait after, the
     * broadcast. The GIL is kept, as the mutex is only ever held for a check. */
    (void)pthread_mutex_lock(&self->monitor.mutex);
    atomic_store(&self->interrupted, true);
    (void)pthread_mutex_unlock(&self->monitor.mutex);
    (void)pthread_cond_broadcast(&self->monitor.filled); /* ends sleep() */
    hk_queue_wake(self->queue); /* ends wait() and pump(), which check `interrupted` afterwards */
    Py_RETURN_NONE;
}

static PyObject *
ring_clear_interrupt(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    atomic_store(&((HekaRing *)op)->interrupted, false);
    Py_RETURN_NONE;
}

static PyObject *
ring_set_consumer(PyObject *op, PyObject *ignored)
{
    HekaRing *self = (HekaRing *)op;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    self->consumer_thread = PyThread_get_thread_ident();
    self->consumer_generation = hk_fork_generation() + 1; /* last: it makes the thread valid */
    HEKA_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
ring_clear_consumer(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    ((HekaRing *)op)->consumer_generation = 0; /* from now on, a producer calls start() */
    Py_RETURN_NONE;
}

static PyObject *
ring_close(PyObject *op, PyObject *ignored)
{
    const HekaRing *self = (HekaRing *)op;
    (void)ignored;
    hk_queue_close(self->queue);
    Py_RETURN_NONE;
}

static PyObject *
ring_after_fork(PyObject *op, PyObject *ignored)
{
    HekaRing *self = (HekaRing *)op;
    (void)ignored;
    hk_queue_after_fork(self->queue);
    self->pump_state = (heka_pump_state){0}; /* the parent's connection */
    return renew_monitor(self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
ring_sync(PyObject *op, PyObject *ignored)
{
    const HekaRing *self = (HekaRing *)op;
    hk_error err;
    hk_status status;
    (void)ignored;
    Py_BEGIN_ALLOW_THREADS /* as long as the disk takes; producers go on meanwhile */
    status = hk_queue_sync(self->queue, &err);
    Py_END_ALLOW_THREADS
    return status != HK_OK ? heka_raise(heka_state_of(op), &err) : Py_NewRef(Py_None);
}

static PyObject *
ring_outstanding(PyObject *ignored, PyObject *value)
{
    int32_t fd;
    size_t left;
    (void)ignored;
    if (heka_read_int32(value, "fd", &fd) < 0) {
        return NULL;
    }
    return heka_pump_outstanding(fd, &left) ? PyLong_FromSize_t(left)
                                            : PyErr_SetFromErrno(PyExc_OSError);
}

#define WITH_NAMES(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS

static PyMethodDef ring_methods[] = {
    {"put", ring_put, METH_O,
     "put($self, frame, /)\n--\n\nQueue a copy of *frame*; False: it is dropped and counted."},
    {"put_block", WITH_NAMES(heka_ring_put_block),
     "put_block($self, block, *, drop_old=False)\n--\n\n"
     "Queue copies of all frames of *block*; False: of none, and none is counted, because there is "
     "no room, or the ring is closed.\n\n"
     "*drop_old*: drop the oldest waiting frames to make room. Frames over max_frame are dropped "
     "and counted.\n\n"
     "Raises:\n"
     "    ValueError: It does not fit into an empty ring, or into a segment of the files."},
    {"wait_room", WITH_NAMES(heka_ring_wait_room),
     "wait_room($self, bytes, timeout)\n--\n\n"
     "Wait until there is room for *bytes* bytes; False after *timeout* seconds without."},
    {"refuse", WITH_NAMES(heka_ring_refuse_reason),
     "refuse($self, reason, count=1)\n--\n\nCount *count* frames offered and dropped."},
    {"flush", ring_flush, METH_O,
     "flush($self, timeout, /)\n--\n\n"
     "Wait at most *timeout* seconds; True when all frames accepted before the call were "
     "acknowledged."},
    {"wait", WITH_NAMES(ring_wait),
     "wait($self, bytes, timeout)\n--\n\n"
     "Wait until *bytes* bytes are queued: 'ready'; 'drained' if the ring is closed and nothing is "
     "left; "
     "'woken' after *timeout* seconds or interrupt()."},
    {"take", ring_take, METH_O,
     "take($self, most, /)\n--\n\n"
     "Return a copy of the next whole frames, at most *most* bytes but at least one frame; b'' if "
     "there is none. They stay in the ring until they are acknowledged."},
    {"acknowledge", WITH_NAMES(heka_ring_acknowledge),
     "acknowledge($self, outstanding=0, *, rejected=0)\n--\n\n"
     "Remove the frames that were taken, except those that reach into the last *outstanding* bytes "
     "taken; return how many. *rejected* of them are counted as dropped."},
    {"oldest", heka_ring_oldest, METH_NOARGS,
     "oldest($self)\n--\n\nReturn a copy of the oldest frame in the ring; b'' if it is empty."},
    {"rewind", WITH_NAMES(ring_rewind),
     "rewind($self, unsent=0)\n--\n\n"
     "Make take() return the frames in flight again; the last *unsent* bytes were never sent."},
    {"drop_in_flight", ring_drop_in_flight, METH_O,
     "drop_in_flight($self, reason, /)\n--\n\nDrop the frames in flight; return how many."},
    {"drop_all", ring_drop_all, METH_O,
     "drop_all($self, reason, /)\n--\n\nDrop every frame; return how many."},
    {"pump", WITH_NAMES(ring_pump),
     "pump($self, fd, datagram, linger, write_timeout, idle)\n--\n\n"
     "Send frames on the connected socket *fd*, in datagrams of *datagram* bytes (0: a stream), "
     "for *idle* seconds or until an event: ('tick', 'interrupted', 'drained', 'closed' or "
     "'failed', errno, bytes written)."},
    {"outstanding", ring_outstanding, METH_O | METH_STATIC,
     "outstanding(fd, /)\n--\n\n"
     "Bytes written to the stream socket *fd* that its peer has not acknowledged; 0 where the "
     "system cannot tell."},
    {"sleep", ring_sleep, METH_O,
     "sleep($self, seconds, /)\n--\n\nSleep until interrupt() or *seconds*; True if interrupted."},
    {"interrupt", ring_interrupt, METH_NOARGS,
     "interrupt($self)\n--\n\nMake the consumer return from wait(), sleep() or pump() at once."},
    {"clear_interrupt", ring_clear_interrupt, METH_NOARGS,
     "clear_interrupt($self)\n--\n\nEnd the interrupt: sleep() and pump() wait again."},
    {"set_consumer", ring_set_consumer, METH_NOARGS,
     "set_consumer($self)\n--\n\nRegister the calling thread as the one that drains the ring."},
    {"clear_consumer", ring_clear_consumer, METH_NOARGS,
     "clear_consumer($self)\n--\n\nRemove the registration: no thread drains the ring."},
    {"close", ring_close, METH_NOARGS,
     "close($self)\n--\n\nAccept no more frames; queued frames can still be taken."},
    {"after_fork", ring_after_fork, METH_NOARGS,
     "after_fork($self)\n--\n\nEmpty the ring in a child process; the parent sends the frames."},
    {"sync", ring_sync, METH_NOARGS,
     "sync($self)\n--\n\nSync the files of a ring on disk; does nothing in memory."},
    {"stats", heka_ring_stats, METH_NOARGS,
     "stats($self)\n--\n\nA consistent snapshot of the counters; offered + recovered = sent + the "
     "sum of dropped + queued."},
    {"count", heka_ring_count, METH_NOARGS,
     "count($self)\n--\n\nCount the frames in the ring, one by one, without the counters."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot ring_slots[] = {
    {Py_tp_doc, (void *)"Ring(capacity, max_frame=65794, window=114688, directory=None, *, "
                        "mapped=True, segment=0, min_free=0, lazy=False)\n--\n\n"
                        "A bounded queue of whole frames, in *capacity* bytes of memory."},
    {Py_tp_new, ring_new},
    {Py_tp_dealloc, ring_dealloc},
    {Py_tp_traverse, ring_traverse},
    {Py_tp_clear, ring_clear},
    {Py_tp_getset, heka_ring_getset},
    {Py_tp_methods, ring_methods},
    {0, NULL},
};

static PyType_Spec ring_spec = {
    .name = "heka._core.Ring",
    .basicsize = sizeof(HekaRing),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = ring_slots,
};

int
heka_ring_init(PyObject *module, heka_state *state)
{
    state->ring_type = heka_new_type(module, &ring_spec, NULL);
    return state->ring_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Ring", (PyObject *)state->ring_type);
}
