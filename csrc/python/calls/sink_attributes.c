/* sink_attributes.c -- the attributes of Sink: who owns its connection, limits, refusals. */
#include "core/base/hk_clock.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "sink_object.h"

static PyObject *
get_pending(PyObject *op, void *closure)
{
    (void)closure;
    const HekaSink *self = (HekaSink *)op;
    return PyLong_FromUnsignedLongLong(self->pending + heka_writer_has_rest(&self->writer));
}

static PyObject *
get_busy(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->owner != 0);
}

static PyObject *
get_torn(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->torn);
}

static PyObject *
get_hung_up(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->hung_up);
}

static PyObject *
get_closed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->closed);
}

static PyObject *
get_attached(PyObject *op, void *closure)
{
    (void)closure;
    const HekaSink *self = (HekaSink *)op;
    return PyBool_FromLong(self->fd >= 0 && self->generation == hk_fork_generation());
}

static PyObject *
get_max_frame(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((HekaSink *)op)->max_frame);
}

static int
set_max_frame(PyObject *op, PyObject *value, void *closure)
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
        return heka_value_error(value, "max_frame must not be negative");
    }
    ((HekaSink *)op)->max_frame = (size_t)size;
    return 0;
}

static PyObject *
get_framed(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->framed);
}

static int
set_framed(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int framed = value == NULL ? 1 : PyObject_IsTrue(value);
    if (framed < 0) {
        return -1;
    }
    ((HekaSink *)op)->framed = framed != 0;
    return 0;
}

static PyObject *
get_refused(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(((HekaSink *)op)->refused);
}

static PyObject *
get_udp(PyObject *op, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((HekaSink *)op)->udp);
}

static int
set_udp(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int udp = value == NULL ? heka_refuse_delete("udp") : PyObject_IsTrue(value);
    if (udp < 0) {
        return -1;
    }
    ((HekaSink *)op)->udp = udp != 0;
    return 0;
}

static PyObject *
get_refresh(PyObject *op, void *closure)
{
    (void)closure;
    const uint64_t ns = ((HekaSink *)op)->refresh_ns;
    return PyFloat_FromDouble(ns == UINT64_MAX ? 0.0 : (double)ns * 1e-9);
}

static int
set_refresh(PyObject *op, PyObject *value, void *closure)
{
    double seconds = 0.0;
    (void)closure;
    if (value == NULL) {
        return heka_refuse_delete("refresh");
    }
    if (heka_read_seconds(value, "refresh", &seconds) < 0) {
        return -1;
    }
    ((HekaSink *)op)->refresh_ns =
        seconds > 0.0 ? (uint64_t)heka_to_ns(seconds < 1e9 ? seconds : 1e9) : UINT64_MAX;
    return 0;
}

static PyObject *
get_on_drop(PyObject *op, void *closure)
{
    (void)closure;
    PyObject *on_drop = ((HekaSink *)op)->on_drop;
    return Py_NewRef(on_drop == NULL ? Py_None : on_drop);
}

static int
set_on_drop(PyObject *op, PyObject *value, void *closure)
{
    PyObject *callable = NULL;
    (void)closure;
    if (heka_read_callable(value, "on_drop", &callable) < 0) {
        return -1;
    }
    Py_XSETREF(((HekaSink *)op)->on_drop, Py_XNewRef(callable));
    return 0;
}

PyGetSetDef heka_sink_getset[] = {
    {"attached", get_attached, NULL, "The hot path has a descriptor of this process.", NULL},
    {"busy", get_busy, NULL, "A call owns the connection; only that call may write.", NULL},
    {"torn", get_torn, NULL,
     "The connection must be closed before it is used: sending on it failed, or its last owner "
     "ended without release(), so that the peer may have received part of a frame.",
     NULL},
    {"hung_up", get_hung_up, NULL,
     "The connection is torn because the peer closed it while nothing was sent.", NULL},
    {"closed", get_closed, NULL, "close() was called.", NULL},
    {"pending", get_pending, NULL,
     "Frames that are neither sent nor dropped yet: in deliver(), or partly written.", NULL},
    {"max_frame", get_max_frame, set_max_frame,
     "Bytes of the largest frame (message, if not framed); 0: no limit of its own.", NULL},
    {"framed", get_framed, set_framed, "False: bare messages, one a datagram.", NULL},
    {"on_drop", get_on_drop, set_on_drop,
     "Called with the reason of each frame that this sink counts as dropped; or None.", NULL},
    {"udp", get_udp, set_udp,
     "Datagrams may be refused later than they are sent: refusals are counted.", NULL},
    {"refused", get_refused, NULL, "Datagrams that the kernel reported as refused.", NULL},
    {"refresh", get_refresh, set_refresh,
     "Seconds after which a datagram is passed to deliver(), so that it has the name resolved "
     "again; 0: never.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
