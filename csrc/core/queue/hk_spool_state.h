/* hk_spool_state.h -- what a spool consists of, and its lock. For hk_spool*.c only.
 *
 * Includes: hk_spool.h, hk_clock.h, hk_flight.h, hk_journal.h. */
#ifndef HK_SPOOL_STATE_H
#define HK_SPOOL_STATE_H

#include "core/base/hk_clock.h"
#include "hk_flight.h"
#include "hk_journal.h"
#include "hk_spool.h"

typedef struct { /* by monitor.mutex */
    hk_journal journal;
    hk_flight flight;
    size_t waiting; /* frames that were never handed out */
    size_t waiting_bytes;
    uint64_t placed;  /* frames ever, recovered ones too */
    uint64_t taken;   /* frames that came under way */
    uint64_t settled; /* of those, how many are no more */
    uint64_t lost;    /* frames dropped after they were taken in */
    size_t wake_at;   /* bytes that have to wait before the idle consumer is woken */
    size_t sleepers;  /* on `left` */
    bool idle;        /* the consumer sleeps on `filled`, and nobody has woken it yet */
    bool woken;       /* it was told not to sleep, and has not seen it yet */
    hk_ring_stats stats;
} hk_spool_guarded;

struct hk_spool {
    size_t capacity; /* bytes, as the next; never written after hk_spool_open */
    size_t frame_max;
    unsigned corrupt;  /* reason */
    atomic_uint owner; /* fork generation of the process whose files these are */
    bool closed;       /* guarded */
    hk_monitor monitor;
    hk_spool_guarded in;
    uint32_t lengths[]; /* in.flight's */
};

#define HK_SPOOL_RENEWING 0x80000000u /* bit of `owner`: a thread of that process empties it */

HK_COLD void hk_spool_renew(hk_spool *s, unsigned now);

static inline hk_spool_guarded *
hk_spool_enter(hk_spool *s)
{
    const unsigned now = hk_fork_generation() & ~HK_SPOOL_RENEWING;
    if (HK_UNLIKELY(atomic_load_explicit(&s->owner, memory_order_acquire) != now)) {
        hk_spool_renew(s, now);
    }
    (void)pthread_mutex_lock(&s->monitor.mutex);
    return &s->in;
}

/* Nobody is woken with the lock held: it would wake up to wait. */
static inline void
hk_spool_leave(hk_spool *s, bool wake_consumer, bool wake_others)
{
    (void)pthread_mutex_unlock(&s->monitor.mutex);
    if (HK_UNLIKELY(wake_consumer)) {
        (void)pthread_cond_signal(&s->monitor.filled);
    }
    if (HK_UNLIKELY(wake_others)) {
        (void)pthread_cond_broadcast(&s->monitor.left);
    }
}

#endif
