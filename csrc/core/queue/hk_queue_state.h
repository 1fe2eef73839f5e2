/* hk_queue_state.h -- the state of a queue and its counters: for hk_queue.h and hk_engine.h.
 *
 * Includes: hk_disk.h, hk_memory.h, hk_monitor.h. */
#ifndef HK_QUEUE_STATE_H
#define HK_QUEUE_STATE_H

#include <stdatomic.h>

#include "core/base/hk_monitor.h"
#include "hk_disk.h"
#include "hk_memory.h"

#define HK_QUEUE_REASONS 24u /* why frames were dropped: the caller's numbers */

/* Frames, but for `bytes`. At every moment: offered + recovered = sent + sum(dropped) + queued. */
typedef struct {
    uint64_t offered;      /* put or refused */
    uint64_t recovered;    /* found when the queue was opened, or when a lazy one was read */
    uint64_t sent;         /* acknowledged; each counts once */
    uint64_t resent;       /* handed out again although they may have been sent before */
    uint64_t bytes;        /* of the frames that were acknowledged, refused ones too */
    uint64_t queued;       /* waiting or in flight */
    uint64_t in_flight;    /* of those, in flight */
    uint64_t queued_bytes; /* of the frames in `queued` */
    uint64_t high_water;   /* the most that were ever queued */
    uint64_t dropped[HK_QUEUE_REASONS];
    int disk_failure; /* errno of the last file that the disk refused; 0: it refuses none */
} hk_queue_stats;

/* All is private: see hk_queue.c. */
typedef struct {
    bool on_disk;       /* which store; never written after hk_queue_open, as the next three */
    unsigned corrupt;   /* reason */
    size_t frame_max;   /* bytes */
    size_t run_max;     /* bytes of the longest run */
    atomic_uint owner;  /* fork generation of the process whose frames these are */
    bool closed;        /* guarded; the one thing that a child inherits */
    hk_monitor monitor; /* the consumer sleeps on `filled`; on `left`, who waits for room, or for
                           the end of what is queued */
    struct hk_queue_guarded { /* by monitor.mutex */
        hk_tally waiting;     /* frames that were never handed out */
        hk_flight flight;     /* lengths of those in flight */
        uint64_t placed;      /* frames ever, recovered ones too */
        uint64_t taken;       /* frames that came in flight */
        uint64_t settled;     /* of those, how many are no more */
        uint64_t lost;        /* frames dropped after they were put */
        size_t wake_at;       /* bytes that have to wait before the idle consumer is woken */
        size_t sleepers;      /* on `left` */
        size_t producers;     /* of those, who wait for room */
        bool idle;            /* the consumer sleeps on `filled`, and nobody has woken it yet */
        bool woken;           /* it was told not to sleep, and has not seen it yet */
        hk_queue_stats stats; /* but queued and in_flight, which follow from the above */
        union {
            hk_memory memory;
            hk_disk disk;
        } store;
    } in;
    uint32_t lengths[]; /* in.flight's; behind them, the memory of in.store.memory */
} hk_queue;

typedef enum {
    HK_QUEUE_READY,   /* frames can be taken; if none are, the window is full: acknowledge first */
    HK_QUEUE_WOKEN,   /* hk_queue_wake was called, or the time is over; frames may be there */
    HK_QUEUE_DRAINED, /* closed, and nothing is there to be taken, nor will be; frames may be in
                         flight */
} hk_queue_event;

/* What every other call does first: in a forked child, empties the queue and renews its mutex. For
 * handlers of fork, so that the parent's frames are not kept until the first message. */
void hk_queue_after_fork(hk_queue *q);

#endif
