/* rings.h -- small rings for tests: numbered frames in, batches checked, counters that balance.
 *
 * As check.h: one translation unit a program. Includes: check.h, frames.h, hk_ring.h. */
#ifndef RINGS_H
#define RINGS_H

#include <stdlib.h>

#include "core/queue/hk_ring.h"
#include "check.h"
#include "frames.h"

#define MS INT64_C(1000000) /* ns */
#define REASON 3u           /* any */
#define SMALL 200u          /* bytes: largest frame of the rings here */

static inline hk_ring *
ring_of(size_t capacity)
{
    hk_ring *r = NULL;
    if (!CHECK_INT(hk_ring_new(capacity, SMALL, 1000, &r, NULL), HK_OK)) {
        exit(check_report());
    }
    return r;
}

static unsigned made; /* frames that put() got in: the next one's number */

static inline hk_status
put(hk_ring *r, size_t len)
{
    uint8_t frame[SMALL + 1];
    frames_write(frame, len, 1, made);
    const hk_status status = hk_ring_put(r, frame, len);
    made += status == HK_OK;
    return status;
}

/* The batch holds `frames` whole frames, from the number `first` on. */
static inline bool
holds(const hk_ring_batch *batch, unsigned first, size_t frames)
{
    size_t at = 0;
    size_t n = 0;
    unsigned maker;
    unsigned number;
    size_t len;
    while ((len = frames_read(batch->data + at, batch->len - at, &maker, &number)) > 0 &&
           number == first + n) {
        at += len;
        n++;
    }
    return batch->frames == frames && n == frames && at == batch->len;
}

/* The counters, which balance, with the frames that are really there. */
static inline hk_ring_stats
stats_of(hk_ring *r)
{
    hk_ring_stats s;
    uint64_t dropped = 0;
    hk_ring_get_stats(r, &s);
    for (size_t i = 0; i < HK_RING_REASONS; i++) {
        dropped += s.dropped[i];
    }
    CHECK_SIZE(s.offered + s.recovered, s.sent + dropped + s.queued);
    CHECK_SIZE(hk_ring_count(r), s.queued);
    return s;
}

/* The outcome for what is there now. */
static inline hk_ring_outcome
flush(hk_ring *r, int64_t timeout_ns)
{
    hk_ring_goal goal;
    hk_ring_set_goal(r, &goal);
    return hk_ring_flush(r, &goal, timeout_ns);
}

#endif
