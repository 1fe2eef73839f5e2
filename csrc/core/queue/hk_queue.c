/* hk_queue.c -- waiting frames: records one behind the other in one piece of memory. */
#include "hk_queue.h"

#include <assert.h>

typedef struct {
    uint32_t room; /* bytes of the whole record | its state */
    uint32_t len;  /* bytes of the frame */
} record;
_Static_assert(sizeof(record) == HK_QUEUE_RECORD, "what the header says");

/* States of a record; sizes are multiples of 8, which leaves three bits. */
#define FILLER 0u /* no record: the end of memory, too small for the next one */
#define OPEN 1u   /* reserved */
#define DONE 2u   /* a frame */
#define DEAD 3u   /* aborted or dropped */
#define STATES 7u

static inline record *
record_at(const hk_queue *q, size_t at)
{
    assert(at % sizeof(record) == 0 && at <= q->size - sizeof(record));
    return (record *)(void *)(q->data + at); /* aligned: data and at are */
}

static inline size_t
room_of(const record *rec)
{
    return rec->room & ~STATES;
}

static inline uint32_t
state_of(const record *rec)
{
    return rec->room & STATES;
}

static inline void
set_state(record *rec, uint32_t state)
{
    rec->room = (rec->room & ~STATES) | state;
}

/* The offset of the record behind the one at `at`. */
static inline size_t
behind(const hk_queue *q, size_t at)
{
    const size_t next = at + room_of(record_at(q, at));
    return next == q->size ? 0 : next;
}

void
hk_queue_init(hk_queue *q, uint8_t *data, size_t size)
{
    assert(data != NULL && size % sizeof(record) == 0);
    *q = (hk_queue){.data = data, .size = size};
}

/* The record has room behind the newest, or at the beginning of memory (*wraps). */
static inline bool
room_for(const hk_queue *q, size_t room, bool *wraps)
{
    *wraps = false;
    if (q->used == 0) {
        return room <= q->size;
    }
    if (q->tail <= q->head) { /* the records go round the end, or all is used */
        return room <= q->head - q->tail;
    }
    *wraps = room > q->size - q->tail;
    return !*wraps || room <= q->head;
}

bool
hk_queue_fits(const hk_queue *q, size_t len)
{
    bool wraps;
    return room_for(q, hk_queue_cost(len), &wraps);
}

/* The new record, NULL when it does not fit. */
static inline record *
place(hk_queue *q, size_t len, uint32_t state)
{
    const size_t room = hk_queue_cost(len);
    bool wraps;
    assert(len > 0 && len < UINT32_MAX - 2 * sizeof(record));
    if (HK_UNLIKELY(!room_for(q, room, &wraps))) {
        return NULL;
    }
    if (q->used == 0) {
        q->head = q->tail = 0; /* what is emptied again and again stays in the cache */
    }
    if (HK_UNLIKELY(wraps)) {
        const size_t filler = q->size - q->tail; /* less than room: fits into 32 bits */
        if (filler > 0) {
            *record_at(q, q->tail) = (record){(uint32_t)filler | FILLER, 0};
            q->used += filler;
        }
        q->tail = 0;
    }
    record *rec = record_at(q, q->tail);
    *rec = (record){(uint32_t)room | state, (uint32_t)len};
    q->tail += room;
    q->used += room;
    q->placed++;
    return rec;
}

static inline void
count(hk_queue *q, size_t len)
{
    q->frames++;
    q->bytes += len;
}

uint8_t *
hk_queue_put(hk_queue *q, size_t len)
{
    record *rec = place(q, len, DONE);
    if (HK_UNLIKELY(rec == NULL)) {
        return NULL;
    }
    count(q, len);
    return (uint8_t *)(rec + 1);
}

uint8_t *
hk_queue_reserve(hk_queue *q, size_t len, size_t *at)
{
    record *rec = place(q, len, OPEN);
    if (HK_UNLIKELY(rec == NULL)) {
        return NULL;
    }
    *at = (size_t)((uint8_t *)rec - q->data);
    return (uint8_t *)(rec + 1);
}

void
hk_queue_commit(hk_queue *q, size_t at, size_t len)
{
    record *rec = record_at(q, at);
    const size_t had = room_of(rec);
    const size_t room = hk_queue_cost(len);
    assert(state_of(rec) == OPEN && len > 0 && len <= rec->len);
    rec->len = (uint32_t)len;
    set_state(rec, DONE);
    if (at + had == q->tail) {
        rec->room = (uint32_t)room | DONE;
        q->tail = at + room;
        q->used -= had - room;
    }
    count(q, len);
}

/* Takes the oldest record out, and behind it what is no record any more: the head is a frame then,
 * or open. */
static void
advance(hk_queue *q)
{
    uint32_t state;
    do {
        const record *rec = record_at(q, q->head);
        q->passed += state_of(rec) != FILLER;
        q->used -= room_of(rec);
        q->head = behind(q, q->head);
        state = q->used == 0 ? OPEN : state_of(record_at(q, q->head));
    } while (state == DEAD || state == FILLER);
}

void
hk_queue_abort(hk_queue *q, size_t at)
{
    record *rec = record_at(q, at);
    assert(state_of(rec) == OPEN);
    set_state(rec, DEAD);
    if (at == q->head) {
        advance(q);
    } else if (at + room_of(rec) == q->tail) { /* the newest: as if it had never been */
        q->tail = at;
        q->used -= room_of(rec);
        q->placed--;
    }
}

bool
hk_queue_ready(const hk_queue *q)
{
    return q->used > 0 && state_of(record_at(q, q->head)) == DONE;
}

hk_slice
hk_queue_oldest(const hk_queue *q)
{
    const record *rec = record_at(q, q->head);
    assert(hk_queue_ready(q));
    return (hk_slice){(const uint8_t *)(rec + 1), rec->len};
}

void
hk_queue_pop(hk_queue *q)
{
    assert(hk_queue_ready(q));
    q->frames--;
    q->bytes -= record_at(q, q->head)->len;
    advance(q);
}

size_t
hk_queue_clear(hk_queue *q)
{
    const size_t dropped = q->frames;
    size_t at = q->head;
    for (size_t seen = 0; seen < q->used;) {
        record *rec = record_at(q, at);
        seen += room_of(rec);
        at = behind(q, at);
        if (state_of(rec) == DONE) {
            set_state(rec, DEAD);
        }
    }
    q->frames = q->bytes = 0;
    if (q->used > 0 && state_of(record_at(q, q->head)) == DEAD) {
        advance(q);
    }
    return dropped;
}

size_t
hk_queue_recount(const hk_queue *q)
{
    size_t frames = 0;
    size_t at = q->head;
    for (size_t seen = 0; seen < q->used;) {
        const record *rec = record_at(q, at);
        frames += state_of(rec) == DONE;
        seen += room_of(rec);
        at = behind(q, at);
    }
    return frames;
}
