/* hk_memory.h -- the store in memory: waiting frames in records, what is in flight in a window.
 *
 * Producers write into the records. Fetching copies a batch of frames into the window, where they
 * stay until they are released: so the records never hold a byte that is in flight, what is dropped
 * from their old end is room at once, and a peer that acknowledges nothing does not reduce it.
 *
 * A waiting frame costs its length + 8, rounded up to 8, and up to the largest record may be lost
 * at the end of memory, as a frame is contiguous.
 * The calls are described in hk_store.h. Includes: hk_records.h, hk_store.h, hk_window.h. */
#ifndef HK_MEMORY_H
#define HK_MEMORY_H

#include <string.h>

#include "hk_records.h"
#include "hk_store.h"
#include "hk_window.h"

typedef struct {
    hk_records records;
    hk_window window;
} hk_memory;

/* Bytes of memory for these settings behind `head` bytes of the same block, which all together
 * takes at most capacity + HK_QUEUE_EXTRA; a window over HK_QUEUE_WINDOW takes what is missing from
 * the capacity. 0: a largest frame would not fit in the records or the window. */
size_t hk_memory_size(const hk_queue_settings *settings, size_t head);

/* `data` is borrowed: what hk_memory_size said, a multiple of 8 as an address. */
void hk_memory_init(hk_memory *m, const hk_queue_settings *settings, uint8_t *data, size_t size);

static inline HK_CHECK hk_status
hk_memory_put(hk_memory *m, const uint8_t *frame, size_t len)
{
    uint8_t *to = hk_records_put(&m->records, len);
    if (HK_UNLIKELY(to == NULL)) {
        return HK_ERR_FULL;
    }
    memcpy(to, frame, len);
    return HK_OK;
}

/* An eighth of the records is free: producers that sleep are woken then, not by each frame. Woken
 * by each, producers of a full queue would put a few and sleep again: 40,000 times for a million
 * datagrams. */
static inline bool
hk_memory_is_roomy(const hk_memory *m)
{
    return m->records.used <= m->records.size - m->records.size / 8;
}

/* The frame that was put first of those that are there; there is one. */
static inline hk_slice
hk_memory_oldest(const hk_memory *m, const hk_flight *flight)
{
    if (flight->count == 0) {
        return hk_records_oldest(&m->records);
    }
    return (hk_slice){m->window.data + m->window.first, flight->lengths[flight->slot]};
}

hk_tally hk_memory_drop_oldest(hk_memory *m);
hk_queue_batch hk_memory_fetch(hk_memory *m, hk_flight *flight, size_t most);

static inline void
hk_memory_clear(hk_memory *m)
{
    hk_records_clear(&m->records);
    hk_window_clear(&m->window);
}

#endif
