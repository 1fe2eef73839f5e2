/* ring.h -- the type Ring: a queue of frames between the program's threads and the one that sends.
 *
 * Producers come through heka_ring_offer() or put(), with the GIL, and wait for nobody unless the
 * policy is to block. The consumer is a thread of heka._delivery. */
#ifndef HEKA_RING_H
#define HEKA_RING_H

#include <stdatomic.h>

#include "core/io/hk_pump.h"
#include "core/queue/hk_queue.h"
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
    PyObject *start;         /* owned: called by the frame that finds nobody who drains; or NULL */
    PyObject *pause;         /* owned: sleeps in our place where threads are imitated; or NULL */
    PyObject *full_error;    /* owned: the exception of `raise` */
    size_t capacity;         /* bytes */
    size_t max_frame;        /* bytes */
    atomic_bool interrupted; /* the consumer is to come back to Python */
    heka_pump_past past;     /* the consumer's: what is in flight on the connection */
    hk_monitor monitor;      /* of sleep() */
    bool has_monitor;        /* it was made */
    unsigned generation;     /* fork generation that the monitor belongs to */
    unsigned created;        /* fork generation that made it */
} HekaRing;

/* Whether it can take frames in this process: a child has no part in its parent's files, and needs
 * a ring of its own. */
static inline bool
heka_ring_is_usable(const HekaRing *ring)
{
    return !ring->queue->on_disk || ring->created == hk_fork_generation();
}

/* Offers a frame: 1 it is queued, 0 dropped and counted, -1 an exception: the policy is to raise,
 * or a signal's handler did while we waited. */
int heka_ring_offer(HekaRing *ring, const uint8_t *data, size_t len);

/* Counts a frame that is given up before it comes here, for a reason of reasons.h, or as an error.
 */
void heka_ring_refuse(HekaRing *ring, PyObject *reason);

/* Sleeps until everything that was accepted before has left. 1 all of it has arrived; 0 the time is
 * over, or something was dropped; -1 with the exception of a signal's handler. */
int heka_ring_flush(HekaRing *ring, double timeout);

extern PyGetSetDef heka_ring_getset[]; /* ring_attributes.c */

/* ring_account.c: the number of a reason, or -1 with TypeError or ValueError; and methods. */
int heka_ring_read_reason(PyObject *word);
PyObject *heka_ring_refuse_word(PyObject *ring, PyObject *word);
PyObject *heka_ring_stats(PyObject *ring, PyObject *ignored);
PyObject *heka_ring_count(PyObject *ring, PyObject *ignored);

#endif
