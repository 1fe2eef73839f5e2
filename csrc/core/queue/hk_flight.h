/* hk_flight.h -- the lengths of frames in flight: handed to the sender, not yet acknowledged.
 *
 *     oldest        out          count
 *       |            |             |
 *       v            v             v
 *     [ handed out   | to be handed out again ]
 *
 * The bytes of the frames are the store's: in a window in memory, or in files. Lengths are kept
 * here, so the counters stay right whatever happens to the bytes.
 * No allocation, no lock, memory is the caller's; one owner at a time. Includes: hk_status.h. */
#ifndef HK_FLIGHT_H
#define HK_FLIGHT_H

#include "core/base/hk_status.h"

/* Frames, and bytes of them. */
typedef struct {
    size_t frames;
    size_t bytes;
} hk_tally;

/* All are private but `count` and `out`. */
typedef struct {
    uint32_t *lengths; /* borrowed: `slots` of them, in bytes, round and round */
    size_t slots;
    size_t most;      /* bytes that may be in flight */
    size_t slot;      /* of the oldest */
    size_t count;     /* frames */
    size_t bytes;     /* of them */
    size_t out;       /* frames, the oldest, that are handed out */
    size_t out_bytes; /* of those */
    size_t touched;   /* frames, the oldest, that may have been sent before the last rewind */
} hk_flight;

static inline size_t
hk_flight_slot(const hk_flight *f, size_t index) /* of the frame, 0 is the oldest */
{
    const size_t slot = f->slot + index; /* both are below 2^62: a slot takes 4 bytes */
    return slot < f->slots ? slot : slot - f->slots;
}

/* Whether a frame of `len` bytes may be handed out; a single frame always may. */
static inline bool
hk_flight_takes(const hk_flight *f, size_t len)
{
    return f->count == 0 ||
           (f->count < f->slots && f->bytes <= f->most && len <= f->most - f->bytes);
}

/* A frame is handed out for the first time; none is to be handed out again. */
static inline void
hk_flight_push(hk_flight *f, size_t len)
{
    f->lengths[hk_flight_slot(f, f->count)] = (uint32_t)len;
    f->count++;
    f->bytes += len;
    f->out++;
    f->out_bytes += len;
}

/* Length of the frame that is to be handed out again next; there is one. */
static inline size_t
hk_flight_next(const hk_flight *f)
{
    return f->lengths[hk_flight_slot(f, f->out)];
}

/* That frame is handed out; true when it may have been sent before. */
bool hk_flight_repeat(hk_flight *f);

/* Length of the oldest frame, when it is handed out and none of its bytes is among the last
 * `outstanding` ones: it has arrived, and is removed. Else 0. */
static inline size_t
hk_flight_release(hk_flight *f, size_t outstanding)
{
    if (f->out == 0) {
        return 0;
    }
    const size_t len = f->lengths[f->slot];
    if (f->out_bytes - len < outstanding) {
        return 0;
    }
    f->slot = hk_flight_slot(f, 1);
    f->count--;
    f->bytes -= len;
    f->out--;
    f->out_bytes -= len;
    f->touched -= f->touched > 0;
    return len;
}

/* After releases: an empty table begins at its beginning, which stays in the cache. */
static inline void
hk_flight_settle(hk_flight *f)
{
    f->slot = f->count > 0 ? f->slot : 0;
}

/* What is handed out is to be handed out again; its last `unsent` bytes were not sent. */
void hk_flight_rewind(hk_flight *f, size_t unsent);

/* Removes the next `frames` frames that are to be handed out again. */
void hk_flight_remove(hk_flight *f, size_t frames);

/* Removes all frames: how many. */
size_t hk_flight_clear(hk_flight *f);

#endif
