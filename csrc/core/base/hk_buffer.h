/* hk_buffer.h -- growable output.
 *
 * Writes into a block that the caller provides (usually on the stack) and moves to the heap when
 * the block is full. It never grows past its limit, so that an endless iterable of values cannot
 * use up the memory. Not thread-safe: one owner at a time. Includes: hk_status.h. */
#ifndef HK_BUFFER_H
#define HK_BUFFER_H

#include <assert.h>
#include <stdlib.h>

#include "hk_status.h"

typedef struct {
    uint8_t *data; /* `lent`, or an allocation that the buffer owns */
    size_t len;    /* bytes written */
    size_t cap;    /* bytes that fit before the next growth */
    size_t limit;  /* bytes; growth past it is HK_ERR_TOO_BIG */
    uint8_t *lent; /* borrowed: the caller's block, or NULL */
} hk_buffer;

/* Initialises an empty buffer in block[0..size), which must outlive it; block may be NULL when
 * size is 0. */
static inline void
hk_buffer_init(hk_buffer *buf, uint8_t *block, size_t size, size_t limit)
{
    assert(block != NULL || size == 0);
    buf->data = buf->lent = block;
    buf->len = 0;
    buf->cap = size < limit ? size : limit; /* hk_buffer_room compares with cap only */
    buf->limit = limit;
}

/* Frees the allocation, if any; the buffer is then empty and has no block. May be called twice. */
static inline void
hk_buffer_clear(hk_buffer *buf)
{
    if (HK_UNLIKELY(buf->data != buf->lent)) {
        free(buf->data);
    }
    buf->data = buf->lent = NULL;
    buf->len = buf->cap = 0;
}

/* The slow path of hk_buffer_room. HK_ERR_NOMEM or HK_ERR_TOO_BIG; the contents do not change. */
HK_CHECK HK_COLD hk_status hk_buffer_grow(hk_buffer *buf, size_t more);

/* Ensures that `more` bytes can be written at data + len. Errors as hk_buffer_grow. */
HK_CHECK static inline hk_status
hk_buffer_room(hk_buffer *buf, size_t more)
{
    return HK_LIKELY(more <= buf->cap - buf->len) ? HK_OK : hk_buffer_grow(buf, more);
}

/* Appends a copy of data[0..len), which must not be a part of the buffer: growing may move it.
 * Errors as hk_buffer_grow. */
HK_CHECK hk_status hk_buffer_append(hk_buffer *buf, const uint8_t *data, size_t len);

/* Removes the first n bytes, n <= len, and moves the rest to the front. */
void hk_buffer_consume(hk_buffer *buf, size_t n);

#endif
