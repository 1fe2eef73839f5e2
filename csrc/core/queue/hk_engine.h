/* hk_engine.h -- what the files of the engine share: the lock, and what a change means to sleepers.
 *
 * For hk_queue.c and hk_queue_run.c; all others call hk_queue.h.
 * Includes: hk_queue_state.h. */
#ifndef HK_ENGINE_H
#define HK_ENGINE_H

#include "hk_queue_state.h"

typedef struct hk_queue_guarded hk_guarded;

/* ---- the lock ---- */

static inline hk_guarded *
enter(hk_queue *q)
{
    hk_queue_after_fork(q);
    (void)pthread_mutex_lock(&q->monitor.mutex);
    return &q->in;
}

/* Nobody is woken with the lock held: it would wake up to wait. */
static inline void
leave(hk_queue *q, bool wake_consumer, bool wake_others)
{
    (void)pthread_mutex_unlock(&q->monitor.mutex);
    if (HK_UNLIKELY(wake_consumer)) {
        (void)pthread_cond_signal(&q->monitor.filled);
    }
    if (HK_UNLIKELY(wake_others)) {
        (void)pthread_cond_broadcast(&q->monitor.left);
    }
}

/* The same, and on disk the work that was left over. */
static inline void
leave_and_finish(hk_queue *q, bool wake_consumer, bool wake_others, hk_disk_work *work)
{
    leave(q, wake_consumer, wake_others);
    if (q->on_disk) {
        hk_disk_finish(&q->in.store.disk, work);
    }
}

/* What the consumer would find now. */
static inline hk_queue_event
look(const hk_queue *q, const hk_guarded *in)
{
    if (in->flight.out < in->flight.count ||
        (in->waiting.frames > 0 && (in->waiting.bytes >= in->wake_at || q->closed))) {
        return HK_QUEUE_READY;
    }
    return q->closed && in->waiting.frames == 0 ? HK_QUEUE_DRAINED : HK_QUEUE_WOKEN;
}

/* After a change: the consumer is to be woken, if it sleeps and this is what it waits for. */
static inline bool
wakes(const hk_queue *q, hk_guarded *in)
{
    if (HK_LIKELY(!in->idle) || look(q, in) == HK_QUEUE_WOKEN) {
        return false;
    }
    in->idle = false; /* one signal a sleep */
    return true;
}

/* Tells the consumer not to wait for more, as others wait for it. True: it is to be woken. */
static inline bool
hurry(hk_guarded *in)
{
    const bool wake = in->idle;
    in->woken = true;
    in->idle = false;
    return wake;
}

/* Counts frames that are given up: waiting ones, and some in flight. */
static inline void
lose(hk_guarded *in, hk_tally waiting, size_t flight, unsigned reason)
{
    in->waiting.frames -= waiting.frames;
    in->waiting.bytes -= waiting.bytes;
    in->settled += flight;
    in->lost += waiting.frames + flight;
    in->stats.dropped[reason] += waiting.frames + flight;
}

/* HK_OK: a frame may have this size. */
static inline hk_status
check_size(const hk_queue *q, size_t len)
{
    return HK_LIKELY(len > 0 && len <= q->frame_max) ? HK_OK
           : len == 0                                ? HK_ERR_ARGUMENT
                                                     : HK_ERR_TOO_BIG;
}

static inline bool
fits(const hk_queue *q, const hk_guarded *in, size_t len)
{
    return q->on_disk ? hk_disk_fits(&in->store.disk, in->waiting, len)
                      : hk_records_fit(&in->store.memory.records, len);
}

/* A put of `len` bytes in all has ended: counts the frames. True: the consumer is to be woken. */
static inline bool
count_put(const hk_queue *q, hk_guarded *in, hk_status status, size_t frames, size_t len)
{
    if (HK_UNLIKELY(status != HK_OK)) {
        /* The idle consumer may wait for more than there is room for. */
        return in->idle && in->waiting.frames > 0 && hurry(in);
    }
    in->waiting.frames += frames;
    const uint64_t queued = in->waiting.frames + in->flight.count;
    in->stats.high_water = queued > in->stats.high_water ? queued : in->stats.high_water;
    in->waiting.bytes += len;
    in->placed += frames;
    in->stats.offered += frames;
    return wakes(q, in);
}

/* hk_queue_drop_oldest and hk_queue_wait_room, for any `len` that the queue has room for. */
HK_CHECK hk_status hk_engine_drop_oldest(hk_queue *q, size_t len, unsigned reason, size_t *dropped);
HK_CHECK hk_status hk_engine_wait_room(hk_queue *q, size_t len, int64_t timeout_ns);

#endif
