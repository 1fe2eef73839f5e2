/* hk_json_text.c -- appends JSON strings: escaped text, and bytes as base64. */
#include "hk_json_text.h"

#include <string.h>

#define ESCAPE_MAX 12u /* bytes: a pair of surrogates */

/* A byte repeated in all eight places of a word. */
#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* True unless all eight bytes stand for themselves in a JSON string. The top bit of a byte in one
 * of the terms is set for: below 0x20, a quotation mark, a backslash, DEL, above DEL. A borrow or
 * carry starts only in such a byte. */
static inline bool
any_special(uint64_t eight)
{
    const uint64_t quotes = eight ^ EIGHT('"');
    const uint64_t slashes = eight ^ EIGHT('\\');
    const uint64_t found = (eight - EIGHT(0x20)) | (quotes - EIGHT(1)) | (slashes - EIGHT(1)) |
                           (eight + EIGHT(1)) | eight;
    return (found & EIGHT(0x80)) != 0;
}

static inline bool
is_special(uint8_t byte)
{
    return byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\';
}

static inline bool
is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The character that data[0..len), which begins with a byte above 0x7f, begins with; *size: its
 * bytes, 0 when it is not valid UTF-8 (overlong, a surrogate, above U+10FFFF, incomplete). */
static uint32_t
take_character(const uint8_t *data, size_t len, size_t *size)
{
    const uint8_t first = data[0];
    *size = 0;
    if (first < 0xc2 || first > 0xf4 || len < 2 || !is_continuation(data[1])) {
        return 0;
    }
    if (first < 0xe0) {
        *size = 2;
        return (uint32_t)(first & 0x1f) << 6 | (data[1] & 0x3f);
    }
    if (len < 3 || !is_continuation(data[2])) {
        return 0;
    }
    uint32_t c =
        (uint32_t)(first & 0x0f) << 12 | (uint32_t)(data[1] & 0x3f) << 6 | (data[2] & 0x3f);
    if (first < 0xf0) {
        *size = c < 0x800 || (c >= 0xd800 && c < 0xe000) ? 0 : 3;
        return c;
    }
    if (len < 4 || !is_continuation(data[3])) {
        return 0;
    }
    c = (uint32_t)(first & 0x07) << 18 | (c & 0xfff) << 6 | (data[3] & 0x3f);
    *size = c < 0x10000 || c > 0x10ffff ? 0 : 4;
    return c;
}

/* Writes \uxxxx. */
static inline uint8_t *
put_unit(uint8_t *p, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    p[0] = '\\';
    p[1] = 'u';
    p[2] = (uint8_t)hex[unit >> 12 & 15];
    p[3] = (uint8_t)hex[unit >> 8 & 15];
    p[4] = (uint8_t)hex[unit >> 4 & 15];
    p[5] = (uint8_t)hex[unit & 15];
    return p + 6;
}

static uint8_t *
put_short(uint8_t *p, char letter)
{
    p[0] = '\\';
    p[1] = (uint8_t)letter;
    return p + 2;
}

/* Writes the special character at data[0..len), at most ESCAPE_MAX bytes; *size: its bytes. */
static uint8_t *
put_escape(uint8_t *p, const uint8_t *data, size_t len, size_t *size)
{
    const uint8_t byte = data[0];
    if (byte > 0x7f) {
        const uint32_t c = take_character(data, len, size);
        if (*size == 0) {
            *size = 1;
            return put_unit(p, 0xdc00u + byte);
        }
        if (c < 0x10000) {
            return put_unit(p, c);
        }
        return put_unit(put_unit(p, 0xd7c0 + (c >> 10)), 0xdc00 + (c & 0x3ff));
    }
    *size = 1;
    switch (byte) {
        case '"':
        case '\\':
            return put_short(p, (char)byte);
        case '\b':
            return put_short(p, 'b');
        case '\f':
            return put_short(p, 'f');
        case '\n':
            return put_short(p, 'n');
        case '\r':
            return put_short(p, 'r');
        case '\t':
            return put_short(p, 't');
        default:
            return put_unit(p, byte);
    }
}

/* The number of bytes at the front of data[0..len) that stand for themselves; writes them at p,
 * which has room for len. */
static inline size_t
copy_plain(uint8_t *p, const uint8_t *data, size_t len)
{
    size_t n = 0;
    while (len - n >= sizeof(uint64_t)) {
        uint64_t eight;
        memcpy(&eight, data + n, sizeof eight);
        memcpy(p + n, &eight, sizeof eight); /* what is wrong in it is overwritten */
        if (any_special(eight)) {
            break;
        }
        n += sizeof eight;
    }
    for (; n < len && !is_special(data[n]); n++) {
        p[n] = data[n];
    }
    return n;
}

hk_status
hk_json_put_string(hk_buffer *out, hk_slice text)
{
    const uint8_t *data = text.data;
    size_t left = text.len;

    hk_status status = hk_buffer_room(out, left + 2 + HK_JSON_TAIL);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    out->data[out->len++] = '"';
    while (left > 0) {
        size_t size = copy_plain(out->data + out->len, data, left);
        out->len += size;
        data += size;
        left -= size;
        if (left == 0) {
            break;
        }
        /* Room for the escape, for the rest as it is, and for what comes after the string. */
        status = hk_buffer_room(out, ESCAPE_MAX + left + 1 + HK_JSON_TAIL);
        if (HK_UNLIKELY(status != HK_OK)) {
            return status;
        }
        const uint8_t *end = put_escape(out->data + out->len, data, left, &size);
        out->len = (size_t)(end - out->data);
        data += size;
        left -= size;
    }
    out->data[out->len++] = '"';
    return HK_OK;
}

hk_status
hk_json_put_base64(hk_buffer *out, hk_slice bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (bytes.len > out->limit) { /* the size below cannot overflow then */
        return HK_ERR_TOO_BIG;
    }
    const hk_status status = hk_buffer_room(out, bytes.len / 3 * 4 + 4 + 2 + HK_JSON_TAIL);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    const uint8_t *data = bytes.data;
    size_t left = bytes.len;
    *p++ = '"';
    for (; left >= 3; data += 3, left -= 3) {
        const uint32_t bits = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2];
        *p++ = (uint8_t)letters[bits >> 18];
        *p++ = (uint8_t)letters[bits >> 12 & 63];
        *p++ = (uint8_t)letters[bits >> 6 & 63];
        *p++ = (uint8_t)letters[bits & 63];
    }
    if (left > 0) {
        const uint32_t bits = (uint32_t)data[0] << 16 | (left == 2 ? (uint32_t)data[1] << 8 : 0);
        *p++ = (uint8_t)letters[bits >> 18];
        *p++ = (uint8_t)letters[bits >> 12 & 63];
        *p++ = left == 2 ? (uint8_t)letters[bits >> 6 & 63] : '=';
        *p++ = '=';
    }
    *p++ = '"';
    out->len = (size_t)(p - out->data);
    return HK_OK;
}
