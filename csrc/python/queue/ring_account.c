/* ring_account.c -- the counters of a ring, and the names of its drop reasons. */
#include "core/queue/hk_reasons.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "ring.h"

#define REASON_NAME(name, text) text,
static const char *const reason_names[] = {HEKA_REASONS(REASON_NAME)};

/* The number of a drop reason, or -1 if there is none of that name. */
static int
find_reason(PyObject *name)
{
    for (int i = 0; i < HEKA_REASON_COUNT; i++) {
        if (PyUnicode_CompareWithASCIIString(name, reason_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* The same, or -1 with TypeError or ValueError. */
int
heka_ring_read_reason(PyObject *value)
{
    if (!PyUnicode_Check(value)) {
        return heka_type_error("reason", "str", value);
    }
    const int reason = find_reason(value);
    if (reason < 0) {
        return heka_value_error(
            value, "reason must be one of stats()['dropped'], such as 'full' or 'closed'");
    }
    return reason;
}

void
heka_ring_refuse(HekaRing *ring, PyObject *reason_name)
{
    const int reason = find_reason(reason_name);
    hk_queue_refuse(ring->queue, reason < 0 ? HEKA_REASON_ERROR : (unsigned)reason);
}

PyObject *
heka_ring_refuse_reason(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_reason, HEKA_NAME_count};
    static const heka_signature sig = {
        .fname = "refuse", .names = names, .count = 2, .required = 1, .positional = 2};
    const HekaRing *self = (HekaRing *)op;
    PyObject *in[2];
    int64_t count = 1;
    if (heka_parse_args(heka_state_of(op), &sig, args, (size_t)nargs, kwnames, in) < 0) {
        return NULL;
    }
    const int reason = heka_ring_read_reason(in[0]);
    if (reason < 0 || (in[1] != NULL && heka_read_int64(in[1], "count", &count) < 0)) {
        return NULL;
    }
    if (count < 0) {
        (void)heka_value_error(in[1], "count must not be negative");
        return NULL;
    }
    hk_queue_refuse_run(self->queue, (size_t)count, (unsigned)reason);
    Py_RETURN_NONE;
}

static PyObject *
dropped_of(const hk_queue_stats *stats)
{
    PyObject *dropped = PyDict_New();
    for (size_t i = 0; dropped != NULL && i < HEKA_REASON_COUNT; i++) {
        if (stats->dropped[i] == 0) {
            continue;
        }
        PyObject *count = PyLong_FromUnsignedLongLong(stats->dropped[i]);
        if (count == NULL || PyDict_SetItemString(dropped, reason_names[i], count) < 0) {
            Py_CLEAR(dropped);
        }
        Py_XDECREF(count);
    }
    return dropped;
}

PyObject *
heka_ring_stats(PyObject *op, PyObject *ignored)
{
    const HekaRing *self = (HekaRing *)op;
    hk_queue_stats stats;
    (void)ignored;
    hk_queue_get_stats(self->queue, &stats); /* a consistent snapshot, taken under one lock */
    PyObject *dropped = dropped_of(&stats);
    return dropped == NULL
               ? NULL
               : Py_BuildValue("{sKsKsKsKsKsKsKsKsN}", "offered", (unsigned long long)stats.offered,
                               "recovered", (unsigned long long)stats.recovered, "sent",
                               (unsigned long long)stats.sent, "resent",
                               (unsigned long long)stats.resent, "bytes",
                               (unsigned long long)stats.bytes, "queued",
                               (unsigned long long)stats.queued, "in_flight",
                               (unsigned long long)stats.in_flight, "high_water",
                               (unsigned long long)stats.high_water, "dropped", dropped);
}

PyObject *
heka_ring_count(PyObject *op, PyObject *ignored)
{
    const HekaRing *self = (HekaRing *)op;
    (void)ignored;
    return PyLong_FromSize_t(hk_queue_count(self->queue));
}
