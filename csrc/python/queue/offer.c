/* offer.c -- the producer's side: puts a frame, and applies the overflow policy when there is no
 * room. */
#include <errno.h>

#include "core/base/hk_clock.h"
#include "core/queue/hk_reasons.h"
#include "python/base/read.h"
#include "ring.h"

#define SLICE_NS INT64_C(50000000) /* of waiting, between two checks for signals */
#define PAUSE 0.005                /* seconds of one sleep that lets other greenlets run */
#define TRIES_MAX 1000             /* to make room, when other producers keep taking it */

/* ---- waiting ---- */

/* Lets other greenlets run. They share this thread, so a wait in C would block the one that drains,
 * for which we wait. */
static int
pause_for_others(const HekaRing *r)
{
    PyObject *pause = Py_NewRef(r->pause); /* the attribute may be set during the call */
    PyObject *answer = PyObject_CallFunction(pause, "d", PAUSE);
    Py_DECREF(pause);
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* Waits for room until `end`, one slice at most, so that the caller can check its condition and a
 * signal handler can run. HK_ERR_FULL: none yet. -1 with an exception. */
static int
wait_for_room(HekaRing *r, size_t len, double end)
{
    hk_status status;
    if (r->pause != NULL) {
        if (pause_for_others(r) < 0) {
            return -1;
        }
        return (int)hk_queue_wait_room(r->queue, len, 0);
    }
    const int64_t left = heka_to_ns(end - heka_now());
    const int64_t slice = left >= 0 && left < SLICE_NS ? left : SLICE_NS;
    Py_BEGIN_ALLOW_THREADS
    status = hk_queue_wait_room(r->queue, len, slice);
    Py_END_ALLOW_THREADS
    return PyErr_CheckSignals() < 0 ? -1 : (int)status;
}

/* ---- the consumer ---- */

/* False in a child process: threads of the parent do not exist there. */
static bool
has_consumer(const HekaRing *r)
{
    return r->consumer_generation == hk_fork_generation() + 1;
}

/* Whether the calling thread is the consumer, as in a callback or a signal handler. It must not
 * wait for room or for a flush: it would wait for itself. */
static bool
is_consumer(const HekaRing *r)
{
    return has_consumer(r) && r->consumer_thread == PyThread_get_thread_ident();
}

/* Calls start(), which starts a thread that drains, or drains in this thread. An Exception is no
 * error of the producer: it is reported as unraisable, 0. Any other one is raised, -1. */
static HK_COLD int
start(HekaRing *r)
{
    if (r->start == NULL) {
        return 0;
    }
    PyObject *call = Py_NewRef(r->start); /* the attribute may be set during the call */
    PyObject *answer = PyObject_CallNoArgs(call);
    Py_DECREF(call);
    if (answer == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1;
        }
        PyErr_WriteUnraisable((PyObject *)r);
        return 0;
    }
    Py_DECREF(answer);
    return 0;
}

/* ---- no room ---- */

static int
refuse(HekaRing *r, heka_reason reason)
{
    if (reason == HEKA_REASON_FULL) {
        atomic_fetch_add_explicit(&r->refused, 1, memory_order_relaxed);
    }
    hk_queue_refuse(r->queue, reason);
    return 0;
}

/* Drops the oldest frames to make room. Another producer may take the room first, so it tries
 * again. */
static hk_status
put_over_oldest(HekaRing *r, const uint8_t *data, size_t len)
{
    hk_status status = HK_ERR_FULL;
    size_t dropped;
    for (int i = 0; status == HK_ERR_FULL && i < TRIES_MAX; i++) {
        if (hk_queue_drop_oldest(r->queue, len, HEKA_REASON_FULL, &dropped) != HK_OK) {
            return status;
        }
        status = hk_queue_put(r->queue, data, len);
    }
    return status;
}

/* Waits for room for block_timeout seconds. A status, or -1 with an exception; counts nothing. */
static int
put_after_waiting(HekaRing *r, const uint8_t *data, size_t len)
{
    const double end = heka_now() + r->block_timeout;
    int status = HK_ERR_FULL;
    if (is_consumer(r)) {
        return status;
    }
    do {
        /* In each round: the consumer may have ended, or a fork may have left it behind. */
        if (!has_consumer(r) && start(r) < 0) {
            return -1;
        }
        status = wait_for_room(r, len, end);
        if (status == HK_OK) {
            status = (int)hk_queue_put(r->queue, data, len);
        }
    } while (status == HK_ERR_FULL && heka_now() < end);
    return status;
}

/* Raises full_error, with the number of waiting frames as it was before this one is counted. */
static int
raise_full(HekaRing *r)
{
    hk_queue_stats stats;
    hk_queue_get_stats(r->queue, &stats);
    (void)refuse(r, HEKA_REASON_FULL);
    PyErr_Format(
        r->full_error,
        "the queue is full: %zu bytes, %llu frames wait; raise its capacity, send less, or "
        "choose overflow='drop_new', 'drop_old' or 'block'",
        r->capacity, (unsigned long long)stats.queued);
    return -1;
}

/* Applies the overflow policy to a frame that was not queued. 1 queued after all, 0 dropped and
 * counted, -1 an exception. */
static HK_COLD int
apply_overflow(HekaRing *r, int status, const uint8_t *data, size_t len)
{
    if (status == HK_ERR_FULL && r->overflow == HEKA_OVERFLOW_DROP_OLD) {
        status = (int)put_over_oldest(r, data, len);
    } else if (status == HK_ERR_FULL && r->overflow == HEKA_OVERFLOW_BLOCK) {
        status = put_after_waiting(r, data, len);
        if (status < 0) {
            (void)refuse(r, HEKA_REASON_INTERRUPTED);
            return -1;
        }
    } else if (status == HK_ERR_FULL && r->overflow == HEKA_OVERFLOW_RAISE) {
        return raise_full(r);
    }
    switch (status) {
        case HK_OK:
            return 1;
        case HK_ERR_CLOSED:
            return refuse(r, HEKA_REASON_CLOSED);
        case HK_ERR_TOO_BIG:
            return refuse(r, HEKA_REASON_OVERSIZE);
        case HK_ERR_ARGUMENT:
            return refuse(r, HEKA_REASON_ENCODE);
        default:
            return refuse(r, HEKA_REASON_FULL);
    }
}

/* The part of an offer that may run Python code. That code may drop the last other reference to the
 * ring, so this holds one of its own. */
static HK_COLD int
finish_offer(HekaRing *r, hk_status status, const uint8_t *data, size_t len)
{
    Py_INCREF(r);
    int queued = status == HK_OK ? 1 : apply_overflow(r, (int)status, data, len);
    /* After the frame is queued, so that the new consumer finds it. */
    if (queued == 1 && !has_consumer(r) && start(r) < 0) {
        queued = -1;
    }
    Py_DECREF(r);
    return queued;
}

int
heka_ring_offer(HekaRing *r, const uint8_t *data, size_t len)
{
    if (HK_UNLIKELY(r->refuses)) { /* dropping older frames of this queue would not help */
        return r->overflow == HEKA_OVERFLOW_RAISE ? raise_full(r) : refuse(r, HEKA_REASON_FULL);
    }
    const hk_status status = hk_queue_put(r->queue, data, len);
    return HK_LIKELY(status == HK_OK && has_consumer(r)) ? 1 : finish_offer(r, status, data, len);
}

/* ---- blocks ---- */

#define LARGE 16384u /* bytes: copying more takes longer than taking the GIL again */

/* Older frames take room that a new one could have: not where the disk refuses for another reason.
 */
static bool
dropping_helps(hk_queue *q)
{
    hk_queue_stats stats;
    hk_queue_get_stats(q, &stats);
    return stats.disk_failure == 0 || stats.disk_failure == ENOSPC || stats.disk_failure == EDQUOT;
}

/* May run without the GIL. */
static hk_status
put_run(hk_queue *q, hk_slice run, bool drop_old)
{
    size_t frames;
    size_t dropped;
    hk_status status = hk_queue_put_run(q, run.data, run.len, &frames);
    for (int i = 0; status == HK_ERR_FULL && drop_old && i < TRIES_MAX && dropping_helps(q); i++) {
        status = hk_queue_drop_for_run(q, run.len, frames, HEKA_REASON_FULL, &dropped);
        if (status != HK_OK) {
            break;
        }
        status = hk_queue_put_run(q, run.data, run.len, &frames);
    }
    return status;
}

/* The block without its frames that are larger than the ring takes; *large: how many these are. */
static HK_COLD hk_status
select_small(const HekaRing *r, const hk_block *block, hk_block *small, size_t *large,
             hk_error *err)
{
    bool keep[HK_BLOCK_FRAMES];
    *large = 0;
    for (size_t i = 0; i < block->count; i++) {
        keep[i] = hk_block_frame(block, i).len <= r->max_frame;
        *large += !keep[i];
    }
    return hk_block_select(small, block, keep, err);
}

/* A block that is too large as it is. The others count when they are queued. */
static HK_COLD int
offer_small(HekaRing *r, const hk_block *block, bool drop_old)
{
    hk_block small;
    hk_error err;
    size_t large;
    hk_block_init(&small);
    hk_status status = select_small(r, block, &small, &large, &err);
    if (status != HK_OK) {
        PyErr_NoMemory();
        return -1;
    }
    if (large == 0) {
        hk_block_clear(&small);
        PyErr_Format(PyExc_ValueError,
                     "a block of %zu bytes does not fit into a segment of the ring (%zu bytes)",
                     block->frames.len, r->queue->run_max);
        return -1;
    }
    status = small.count > 0 ? put_run(r->queue, small.frames, drop_old) : HK_OK;
    hk_block_clear(&small);
    if (status == HK_OK) {
        hk_queue_refuse_run(r->queue, large, HEKA_REASON_OVERSIZE);
    }
    return status == HK_OK;
}

int
heka_ring_offer_block(HekaRing *r, const hk_block *block, bool drop_old)
{
    hk_status status;
    if (block->count == 0) {
        return 1;
    }
    if (block->frames.len < LARGE) {
        status = put_run(r->queue, block->frames, drop_old);
    } else {
        Py_BEGIN_ALLOW_THREADS /* the caller keeps the block, which does not change */
        status = put_run(r->queue, block->frames, drop_old);
        Py_END_ALLOW_THREADS
    }
    if (HK_UNLIKELY(status == HK_ERR_TOO_BIG)) {
        return offer_small(r, block, drop_old);
    }
    if (status == HK_OK && !has_consumer(r) && start(r) < 0) {
        return -1;
    }
    return status == HK_OK;
}

/* ---- flush ---- */

/* Waits for the goal until `end`, one slice at most. 0, or -1 with an exception. */
static int
wait_for_end(HekaRing *r, hk_queue_goal *goal, double end, hk_queue_outcome *outcome)
{
    if (!has_consumer(r) && start(r) < 0) {
        return -1;
    }
    if (r->pause != NULL) {
        if (pause_for_others(r) < 0) {
            return -1;
        }
        *outcome = hk_queue_flush(r->queue, goal, 0);
        return 0;
    }
    const int64_t left = heka_to_ns(end - heka_now());
    const int64_t slice = left >= 0 && left < SLICE_NS ? left : SLICE_NS;
    Py_BEGIN_ALLOW_THREADS
    *outcome = hk_queue_flush(r->queue, goal, slice);
    Py_END_ALLOW_THREADS
    return PyErr_CheckSignals();
}

int
heka_ring_flush(HekaRing *r, double timeout)
{
    const double end = heka_now() + timeout;
    hk_queue_goal goal;
    hk_queue_set_goal(r->queue, &goal); /* frames accepted from now on do not prolong the flush */
    hk_queue_outcome outcome = hk_queue_flush(r->queue, &goal, 0);
    while (outcome == HK_QUEUE_PENDING && heka_now() < end && !is_consumer(r)) {
        if (wait_for_end(r, &goal, end, &outcome) < 0) {
            return -1;
        }
    }
    return outcome == HK_QUEUE_FLUSHED;
}
