/* hk_queue.h -- waiting frames: records one behind the other in one piece of memory, round and
 * round.
 *
 *     offset  size  value
 *     0       4     bytes of the whole record, a multiple of 8; its state in the low three bits
 *     4       4     N, bytes of the frame
 *     8       N     the frame, then up to 7 bytes of nothing
 *
 * A record lies in one piece: where the next one is larger than what is left before the end of
 * memory, a filler takes that, and the record goes to the beginning. A record may be reserved, its
 * frame written later; the frames behind it wait for it.
 * No allocation, no lock, memory is the caller's; one owner at a time. Includes: hk_status.h. */
#ifndef HK_QUEUE_H
#define HK_QUEUE_H

#include "core/base/hk_status.h"

#define HK_QUEUE_RECORD 8u /* bytes in front of each frame; records begin at multiples of it */

typedef struct {
    uint8_t *data;   /* borrowed: `size` bytes, both multiples of HK_QUEUE_RECORD */
    size_t size;     /* bytes */
    size_t head;     /* offset of the oldest record */
    size_t tail;     /* offset behind the newest */
    size_t used;     /* bytes of records; 0: head and tail mean nothing */
    size_t frames;   /* that are whole: put or committed */
    size_t bytes;    /* of those frames */
    uint64_t placed; /* records ever, without fillers */
    uint64_t passed; /* of those, how many have left at the old end */
} hk_queue;

/* Bytes of the record of a frame of `len` bytes. */
static inline size_t
hk_queue_cost(size_t len)
{
    return (len + 2 * HK_QUEUE_RECORD - 1) & ~((size_t)HK_QUEUE_RECORD - 1);
}

void hk_queue_init(hk_queue *q, uint8_t *data, size_t size);

/* A frame of `len` bytes can be placed now. Into an empty queue goes what its size allows. */
bool hk_queue_fits(const hk_queue *q, size_t len);

/* Places a record for `len` bytes behind the newest, and where they lie; NULL when it does not fit.
 * It is a frame at once (the caller writes it before anybody looks), or open. */
uint8_t *hk_queue_put(hk_queue *q, size_t len);
uint8_t *hk_queue_reserve(hk_queue *q, size_t len, size_t *at);

/* Makes the open record at `at` a frame of its first `len` bytes. What it does not use is free
 * again if no record was placed behind it. */
void hk_queue_commit(hk_queue *q, size_t at, size_t len);

/* Ends the open record at `at`: there is no frame. */
void hk_queue_abort(hk_queue *q, size_t at);

/* The oldest record is a frame: it can be looked at and popped. */
bool hk_queue_ready(const hk_queue *q);
hk_slice hk_queue_oldest(const hk_queue *q);
void hk_queue_pop(hk_queue *q);

/* Drops every frame, behind open records too, which stay open. How many. */
size_t hk_queue_clear(hk_queue *q);

/* The frames, counted by their records: what `frames` must be. */
size_t hk_queue_recount(const hk_queue *q);

#endif
