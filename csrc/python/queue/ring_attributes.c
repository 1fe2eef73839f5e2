/* ring_attributes.c -- the attributes of Ring: overflow policy, callbacks, sizes. */
#include "core/base/hk_clock.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "ring.h"

static const char *const overflow_names[] = {"drop_new", "drop_old", "block", "raise"};

static PyObject *
get_overflow(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(overflow_names[((HekaRing *)op)->overflow]);
}

static int
set_overflow(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return heka_refuse_delete("overflow");
    }
    if (!PyUnicode_Check(value)) {
        return heka_type_error("overflow", "str", value);
    }
    for (int i = 0; i < 4; i++) {
        if (PyUnicode_CompareWithASCIIString(value, overflow_names[i]) == 0) {
            ((HekaRing *)op)->overflow = (heka_overflow)i;
            return 0;
        }
    }
    return heka_value_error(value, "overflow must be 'drop_new', 'drop_old', 'block' or 'raise'");
}

static PyObject *
get_block_timeout(PyObject *op, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(((HekaRing *)op)->block_timeout);
}

static int
set_block_timeout(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL
               ? heka_refuse_delete("block_timeout")
               : heka_read_seconds(value, "block_timeout", &((HekaRing *)op)->block_timeout);
}

static int
set_callable(PyObject *value, const char *name, PyObject **slot)
{
    PyObject *callable;
    if (value == NULL) {
        return heka_refuse_delete(name);
    }
    if (heka_read_callable(value, name, &callable) < 0) {
        return -1;
    }
    /* Stores the new value before it releases the old one, whose destructor may use the ring. */
    Py_XSETREF(*slot, Py_XNewRef(callable));
    return 0;
}

static PyObject *
get_start(PyObject *op, void *closure)
{
    PyObject *call = ((HekaRing *)op)->start;
    (void)closure;
    return Py_NewRef(call == NULL ? Py_None : call);
}

static int
set_start(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return set_callable(value, "start", &((HekaRing *)op)->start);
}

static PyObject *
get_pause(PyObject *op, void *closure)
{
    PyObject *call = ((HekaRing *)op)->pause;
    (void)closure;
    return Py_NewRef(call == NULL ? Py_None : call);
}

static int
set_pause(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return set_callable(value, "pause", &((HekaRing *)op)->pause);
}

static PyObject *
get_full_error(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaRing *)op)->full_error);
}

static int
set_full_error(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return heka_refuse_delete("full_error");
    }
    if (!PyExceptionClass_Check(value)) {
        return heka_type_error("full_error", "an exception class", value);
    }
    Py_SETREF(((HekaRing *)op)->full_error, Py_NewRef(value));
    return 0;
}

/* A registration counts only in the process that made it: threads do not survive a fork. */
static PyObject *
get_has_consumer(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaRing *)op)->consumer_generation == hk_fork_generation() + 1);
}

static PyObject *
get_interrupted(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(atomic_load(&((HekaRing *)op)->interrupted));
}

static PyObject *
get_refused(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(atomic_load(&((HekaRing *)op)->refused));
}

static PyObject *
get_disk_failure(PyObject *op, void *closure)
{
    (void)closure;
    hk_queue_stats stats;
    hk_queue_get_stats(((HekaRing *)op)->queue, &stats);
    return PyLong_FromLong(stats.disk_failure);
}

static PyObject *
get_queued_bytes(PyObject *op, void *closure)
{
    (void)closure;
    hk_queue_stats stats;
    hk_queue_get_stats(((HekaRing *)op)->queue, &stats);
    return PyLong_FromUnsignedLongLong(stats.queued_bytes);
}

static PyObject *
get_refuses(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaRing *)op)->refuses);
}

static int
set_refuses(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int refuses = value == NULL ? heka_refuse_delete("refuses") : PyObject_IsTrue(value);
    if (refuses < 0) {
        return -1;
    }
    ((HekaRing *)op)->refuses = refuses != 0;
    return 0;
}

static PyObject *
get_capacity(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((HekaRing *)op)->capacity);
}

static PyObject *
get_max_frame(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((HekaRing *)op)->max_frame);
}

PyGetSetDef heka_ring_getset[] = {
    {"overflow", get_overflow, set_overflow,
     "Policy for a frame when there is no room: 'drop_new', 'drop_old', 'block' or 'raise'.", NULL},
    {"block_timeout", get_block_timeout, set_block_timeout,
     "Seconds that 'block' waits for room; then the frame is dropped.", NULL},
    {"start", get_start, set_start,
     "Called by a producer when no thread of this process drains the ring; or None.", NULL},
    {"pause", get_pause, set_pause,
     "Called with seconds instead of waiting in C, so that other greenlets run; or None.", NULL},
    {"full_error", get_full_error, set_full_error, "The exception class of overflow='raise'.",
     NULL},
    {"refused", get_refused, NULL, "How many new frames found no room.", NULL},
    {"disk_failure", get_disk_failure, NULL,
     "The errno of the last file that the disk refused; 0: it refuses none.", NULL},
    {"queued_bytes", get_queued_bytes, NULL, "Bytes of the frames in the ring.", NULL},
    {"refuses", get_refuses, set_refuses, "Every new frame is dropped as full.", NULL},
    {"has_consumer", get_has_consumer, NULL, "A thread of this process drains the ring.", NULL},
    {"interrupted", get_interrupted, NULL, "interrupt() was called, and clear_interrupt() not yet.",
     NULL},
    {"capacity", get_capacity, NULL, "Bytes for frames that wait.", NULL},
    {"max_frame", get_max_frame, NULL, "Bytes of the largest frame.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
