/* hk_records.c -- waiting frames in memory: a ring of records in one block. */
#include "hk_records.h"

void
hk_records_init(hk_records *r, uint8_t *data, size_t size)
{
    assert(data != NULL && size % HK_RECORD_HEAD == 0);
    *r = (hk_records){.data = data, .size = size};
}

/* The offset of the record behind the one at `at`. */
static inline size_t
behind(const hk_records *r, size_t at)
{
    const size_t next = at + hk_records_at(r, at)->room;
    return next == r->size ? 0 : next;
}

void
hk_records_pop(hk_records *r)
{
    assert(r->used > 0 && hk_records_at(r, r->head)->len > 0);
    do { /* behind it, a filler */
        r->used -= hk_records_at(r, r->head)->room;
        r->head = behind(r, r->head);
    } while (r->used > 0 && hk_records_at(r, r->head)->len == 0);
}

void
hk_records_clear(hk_records *r)
{
    r->head = r->tail = r->used = 0;
}

size_t
hk_records_count(const hk_records *r)
{
    size_t frames = 0;
    size_t at = r->head;
    for (size_t seen = 0; seen < r->used;) {
        const hk_record *record = hk_records_at(r, at);
        frames += record->len > 0;
        seen += record->room;
        at = behind(r, at);
    }
    return frames;
}
