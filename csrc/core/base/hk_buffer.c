/* hk_buffer.c -- growth of an output buffer. */
#include "hk_buffer.h"

#include <string.h>

hk_status
hk_buffer_grow(hk_buffer *buf, size_t more)
{
    if (buf->len > buf->limit || more > buf->limit - buf->len) {
        return HK_ERR_TOO_BIG;
    }
    const size_t need = buf->len + more;
    size_t cap = buf->cap < 128 ? 256 : buf->cap > buf->limit / 2 ? buf->limit : buf->cap * 2;
    cap = cap > buf->limit ? buf->limit : cap;
    cap = cap < need ? need : cap;

    const bool heap = buf->data != buf->lent;
    uint8_t *data = realloc(heap ? buf->data : NULL, cap);
    if (data == NULL) {
        return HK_ERR_NOMEM;
    }
    if (!heap && buf->len > 0) {
        memcpy(data, buf->data, buf->len);
    }
    buf->data = data;
    buf->cap = cap;
    return HK_OK;
}

hk_status
hk_buffer_append(hk_buffer *buf, const uint8_t *data, size_t len)
{
    assert(data != NULL || len == 0);
    const hk_status status = hk_buffer_room(buf, len);
    if (status == HK_OK && len > 0) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }
    return status;
}

void
hk_buffer_consume(hk_buffer *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (n > 0 && buf->len > 0) {
        memmove(buf->data, buf->data + n, buf->len);
    }
}
