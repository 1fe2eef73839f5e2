/* hk_records.h -- waiting frames in memory: a ring of records in one block.
 *
 *     offset  size  value
 *     0       4     bytes of the whole record, a multiple of 8
 *     4       4     N, bytes of the frame; 0: a filler, which holds no frame
 *     8       N     the frame, then up to 7 unused bytes
 *
 * A record is contiguous: where the next one is larger than what is left before the end of the
 * block, a filler takes that, and the record goes to the beginning.
 * No allocation, no lock, memory is the caller's; one owner at a time. Includes: hk_status.h. */
#ifndef HK_RECORDS_H
#define HK_RECORDS_H

#include <assert.h>

#include "core/base/hk_status.h"

#define HK_RECORD_HEAD 8u /* bytes in front of each frame; records begin at multiples of it */

typedef struct {
    uint8_t *data; /* borrowed: `size` bytes, both multiples of HK_RECORD_HEAD */
    size_t size;   /* bytes */
    size_t head;   /* offset of the oldest record */
    size_t tail;   /* offset behind the newest */
    size_t used;   /* bytes of records; 0: head and tail mean nothing */
} hk_records;

typedef struct {
    uint32_t room; /* bytes of the whole record */
    uint32_t len;  /* bytes of the frame */
} hk_record;
_Static_assert(sizeof(hk_record) == HK_RECORD_HEAD, "the layout above");

/* Bytes of the record of a frame of `len` bytes. */
static inline size_t
hk_records_cost(size_t len)
{
    return (len + 2 * HK_RECORD_HEAD - 1) & ~((size_t)HK_RECORD_HEAD - 1);
}

static inline hk_record *
hk_records_at(const hk_records *r, size_t at)
{
    assert(at % sizeof(hk_record) == 0 && at <= r->size - sizeof(hk_record));
    return (hk_record *)(void *)(r->data + at); /* aligned: data and at are */
}

/* A record of `room` bytes has room behind the newest, or at the beginning of the block (*wraps).
 */
static inline bool
hk_records_have_room(const hk_records *r, size_t room, bool *wraps)
{
    *wraps = false;
    if (r->used == 0) {
        return room <= r->size;
    }
    if (r->tail <= r->head) { /* the records wrap around the end, or all is used */
        return room <= r->head - r->tail;
    }
    *wraps = room > r->size - r->tail;
    return !*wraps || room <= r->head;
}

/* A frame of `len` bytes can be put now. Into an empty block goes what its size allows. */
static inline bool
hk_records_fit(const hk_records *r, size_t len)
{
    bool wraps;
    return hk_records_have_room(r, hk_records_cost(len), &wraps);
}

/* Appends a record; returns where its `len` bytes, not 0, are to be written, NULL when it does not
 * fit. */
static inline uint8_t *
hk_records_put(hk_records *r, size_t len)
{
    const size_t room = hk_records_cost(len);
    bool wraps;
    assert(len > 0 && len < UINT32_MAX - 2 * HK_RECORD_HEAD);
    if (HK_UNLIKELY(!hk_records_have_room(r, room, &wraps))) {
        return NULL;
    }
    if (r->used == 0) {
        r->head = r->tail = 0; /* a block that is emptied again and again stays in the cache */
    }
    if (HK_UNLIKELY(wraps)) {
        const size_t filler = r->size - r->tail; /* less than room: fits into 32 bits */
        if (filler > 0) {
            *hk_records_at(r, r->tail) = (hk_record){(uint32_t)filler, 0};
            r->used += filler;
        }
        r->tail = 0;
    }
    hk_record *record = hk_records_at(r, r->tail);
    *record = (hk_record){(uint32_t)room, (uint32_t)len};
    r->tail += room;
    r->used += room;
    return (uint8_t *)(record + 1);
}

/* The oldest frame; the slice is empty when there is none. */
static inline hk_slice
hk_records_oldest(const hk_records *r)
{
    if (r->used == 0) {
        return (hk_slice){NULL, 0};
    }
    const hk_record *record = hk_records_at(r, r->head);
    return (hk_slice){(const uint8_t *)(record + 1), record->len};
}

void hk_records_init(hk_records *r, uint8_t *data, size_t size);

/* Removes the oldest frame; there is one. */
void hk_records_pop(hk_records *r);

void hk_records_clear(hk_records *r);

/* The frames, counted one by one. */
size_t hk_records_count(const hk_records *r);

#endif
