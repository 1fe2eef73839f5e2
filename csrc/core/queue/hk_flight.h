/* hk_flight.h -- the lengths of frames under way: handed to the sender, not yet acknowledged.
 *
 *     oldest        out          count
 *       |            |             |
 *       v            v             v
 *     [ handed out   | to be handed out again ]
 *
 * What hk_window.h does, for frames whose bytes lie elsewhere. Lengths are kept, so what becomes of
 * the bytes meanwhile cannot upset the account.
 * No allocation, no lock, memory is the caller's; one owner at a time. Includes: hk_status.h. */
#ifndef HK_FLIGHT_H
#define HK_FLIGHT_H

#include "core/base/hk_status.h"

/* All are private but `count` and `out`. */
typedef struct {
    uint32_t *lengths; /* borrowed: `slots` of them, in bytes, round and round */
    size_t slots;
    size_t most;      /* bytes that may be under way */
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

/* A frame of `len` bytes may go; one may always. */
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
 * `outstanding` ones: it has arrived, and is under way no more. Else 0. */
size_t hk_flight_release(hk_flight *f, size_t outstanding);

/* What is handed out is to be handed out again; its last `unsent` bytes were not sent. */
void hk_flight_rewind(hk_flight *f, size_t unsent);

/* Nothing is under way. How many frames were. */
size_t hk_flight_clear(hk_flight *f);

#endif
