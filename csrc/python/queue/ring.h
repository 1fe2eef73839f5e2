/* ring.h -- the type Ring: a queue of frames between the program's threads and the one that sends.
 *
 * Producers call heka_ring_offer() or put(), with the GIL held; they wait only with
 * overflow='block'. The consumer is a thread of heka._delivery. */
#ifndef HEKA_RING_H
#define HEKA_RING_H

#include <stdatomic.h>

#include "core/io/hk_pump.h"
#include "core/queue/hk_queue.h"
#include "core/wire/hk_block.h"
#include "python/base/state.h"

typedef enum {
    HEKA_OVERFLOW_DROP_NEW,
    HEKA_OVERFLOW_DROP_OLD,
    HEKA_OVERFLOW_BLOCK,
    HEKA_OVERFLOW_RAISE,
} heka_overflow;

typedef struct HekaRing {
    PyObject_HEAD
    hk_queue *queue; /* owned */
    heka_overflow overflow;
    double block_timeout;          /* seconds */
    unsigned consumer_generation;  /* fork generation of the thread that drains it, plus 1 */
    unsigned long consumer_thread; /* that thread's identifier */
    PyObject *start;         /* owned: called by a producer when there is no consumer; or NULL */
    PyObject *pause;         /* owned: sleep function that runs other greenlets; or NULL */
    PyObject *full_error;    /* owned: the exception class of overflow='raise' */
    size_t capacity;         /* bytes */
    size_t max_frame;        /* bytes */
    bool refuses;            /* no frame is taken: the spool as a whole is over its limit */
    atomic_ulong refused;    /* new frames that found no room */
    atomic_bool interrupted; /* the consumer must return from C to Python; read without the GIL */
    heka_pump_state pump_state; /* used by the consumer only: what is in flight on the connection */
    hk_monitor monitor;         /* of sleep() */
    bool has_monitor;           /* monitor is initialised */
    unsigned generation;        /* fork generation of monitor */
    unsigned created;           /* fork generation that created the ring */
} HekaRing;

/* Whether the ring accepts frames in this process. A child process must not write to its parent's
 * files, so a ring on disk is usable only in the process that created it. */
static inline bool
heka_ring_is_usable(const HekaRing *ring)
{
    return !ring->queue->on_disk || ring->created == hk_fork_generation();
}

/* Offers a frame: 1 it is queued, 0 dropped and counted, -1 an exception, by overflow='raise' or by
 * a signal handler during a wait. */
int heka_ring_offer(HekaRing *ring, const uint8_t *data, size_t len);

/* Offers the frames of a block together: 1 all are queued, 0 none is, and none is counted, for want
 * of room or because the queue is closed; -1 an exception. `drop_old`: older frames make room.
 * Frames larger than the ring takes are dropped and counted when the others are queued. */
int heka_ring_offer_block(HekaRing *ring, const hk_block *block, bool drop_old);

/* Counts a frame that the caller drops, for a reason of hk_reasons.h; any other counts as 'error'.
 */
void heka_ring_refuse(HekaRing *ring, PyObject *reason);

/* Waits until all frames accepted before the call have left the queue. 1 all were acknowledged;
 * 0 the timeout has passed, or some were dropped; -1 with the exception of a signal handler. */
int heka_ring_flush(HekaRing *ring, double timeout);

extern PyGetSetDef heka_ring_getset[]; /* ring_attributes.c */

/* ring_blocks.c: methods; and a size in bytes: without a value, *out keeps its default. 0, or -1
 * with an exception. */
int heka_ring_read_size(PyObject *value, const char *name, size_t *out);
PyObject *heka_ring_put_block(PyObject *ring, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames);
PyObject *heka_ring_wait_room(PyObject *ring, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames);
PyObject *heka_ring_acknowledge(PyObject *ring, PyObject *const *args, Py_ssize_t nargs,
                                PyObject *kwnames);
PyObject *heka_ring_oldest(PyObject *ring, PyObject *ignored);

/* ring_account.c: the number of a reason, or -1 with TypeError or ValueError; and methods. */
int heka_ring_read_reason(PyObject *value);
PyObject *heka_ring_refuse_reason(PyObject *ring, PyObject *const *args, Py_ssize_t nargs,
                                  PyObject *kwnames);
PyObject *heka_ring_stats(PyObject *ring, PyObject *ignored);
PyObject *heka_ring_count(PyObject *ring, PyObject *ignored);

#endif
