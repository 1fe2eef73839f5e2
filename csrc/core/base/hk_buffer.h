/* hk_buffer.h -- growable output.
 *
 * Starts in memory that the caller lends (a block on the stack), moves to the heap when that is
 * full, and refuses to pass its limit: an endless generator of values must not eat the machine.
 * Not locked; one owner at a time. Includes: hk_status.h. */
#ifndef HK_BUFFER_H
#define HK_BUFFER_H

#include <assert.h>
#include <stdlib.h>

#include "hk_status.h"

typedef struct {
    uint8_t *data; /* owned once it is not `lent` */
    size_t len;    /* bytes written */
    size_t cap;    /* bytes that fit before the next growth */
    size_t limit;  /* bytes; growth past it is HK_ERR_TOO_BIG */
    uint8_t *lent; /* borrowed: the caller's block, or NULL */
} hk_buffer;

/* Starts empty in block[0..size); block may be NULL when size is 0. */
static inline void
hk_buffer_init(hk_buffer *buf, uint8_t *block, size_t size, size_t limit)
{
    assert(block != NULL || size == 0);
    buf->data = buf->lent = block;
    buf->len = 0;
    buf->cap = size < limit ? size : limit; /* room() looks at cap alone */
    buf->limit = limit;
}

/* Frees what was allocated; the buffer is then empty without a block. May be called twice. */
static inline void
hk_buffer_clear(hk_buffer *buf)
{
    if (HK_UNLIKELY(buf->data != buf->lent)) {
        free(buf->data);
    }
    buf->data = buf->lent = NULL;
    buf->len = buf->cap = 0;
}

/* The cold half of hk_buffer_room. HK_ERR_NOMEM, HK_ERR_TOO_BIG; the contents stay as they were. */
HK_CHECK HK_COLD hk_status hk_buffer_grow(hk_buffer *buf, size_t more);

/* Makes sure that `more` bytes fit behind len. */
HK_CHECK static inline hk_status
hk_buffer_room(hk_buffer *buf, size_t more)
{
    return HK_LIKELY(more <= buf->cap - buf->len) ? HK_OK : hk_buffer_grow(buf, more);
}

/* Appends a copy of data[0..len), which must not lie in the buffer itself. */
HK_CHECK hk_status hk_buffer_append(hk_buffer *buf, const uint8_t *data, size_t len);

/* Drops the first n bytes, n <= len. */
void hk_buffer_consume(hk_buffer *buf, size_t n);

#endif
