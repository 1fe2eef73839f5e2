/* ring_blocks.c -- methods of Ring for what works on blocks: put, wait, acknowledge with refusals.
 */
#include "core/base/hk_clock.h"
#include "core/queue/hk_reasons.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/match/block.h"
#include "ring.h"

int
heka_ring_read_size(PyObject *value, const char *name, size_t *out)
{
    int64_t size;
    if (value == NULL) {
        return 0;
    }
    if (heka_read_int64(value, name, &size) < 0) {
        return -1;
    }
    if (size < 0) {
        return heka_value_error(value, "%s must not be negative", name);
    }
    *out = (size_t)size;
    return 0;
}

PyObject *
heka_ring_put_block(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_block, HEKA_NAME_drop_old};
    static const heka_signature sig = {
        .fname = "put_block", .names = names, .count = 2, .required = 1, .positional = 1};
    heka_state *state = heka_state_of(op);
    PyObject *in[2];
    if (heka_parse_args(state, &sig, args, (size_t)nargs, kwnames, in) < 0) {
        return NULL;
    }
    const hk_block *block = heka_block_borrow(state, in[0], "block");
    const int drop_old = in[1] == NULL ? 0 : PyObject_IsTrue(in[1]);
    if (block == NULL || drop_old < 0) {
        return NULL;
    }
    const int queued = heka_ring_offer_block((HekaRing *)op, block, drop_old != 0);
    return queued < 0 ? NULL : PyBool_FromLong(queued);
}

PyObject *
heka_ring_wait_room(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_bytes, HEKA_NAME_timeout};
    static const heka_signature sig = {
        .fname = "wait_room", .names = names, .count = 2, .required = 2, .positional = 2};
    const HekaRing *self = (HekaRing *)op;
    PyObject *in[2];
    size_t bytes = 0;
    double timeout;
    hk_status status;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_ring_read_size(in[0], "bytes", &bytes) < 0 || heka_read_timeout(in[1], &timeout) < 0) {
        return NULL;
    }
    const int64_t timeout_ns = heka_to_ns(timeout);
    Py_BEGIN_ALLOW_THREADS
    status = hk_queue_wait_room_for_run(self->queue, bytes, 0, timeout_ns);
    Py_END_ALLOW_THREADS
    return PyBool_FromLong(status != HK_ERR_FULL);
}

PyObject *
heka_ring_acknowledge(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_outstanding, HEKA_NAME_rejected};
    static const heka_signature sig = {
        .fname = "acknowledge", .names = names, .count = 2, .required = 0, .positional = 1};
    const HekaRing *self = (HekaRing *)op;
    PyObject *in[2];
    size_t outstanding = 0;
    size_t rejected = 0;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_ring_read_size(in[0], "outstanding", &outstanding) < 0 ||
        heka_ring_read_size(in[1], "rejected", &rejected) < 0) {
        return NULL;
    }
    return PyLong_FromSize_t(
        hk_queue_settle(self->queue, outstanding, rejected, HEKA_REASON_REJECTED));
}

PyObject *
heka_ring_oldest(PyObject *op, PyObject *ignored)
{
    const HekaRing *self = (HekaRing *)op;
    (void)ignored;
    uint8_t *data = PyMem_Malloc(self->max_frame);
    if (data == NULL) {
        return PyErr_NoMemory();
    }
    size_t len = hk_queue_peek(self->queue, data, self->max_frame);
    if (self->queue->on_disk) { /* what comes behind the frame in its file was read too */
        len = hk_segment_measure(data, len);
    }
    PyObject *frame = PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)len);
    PyMem_Free(data);
    return frame;
}
