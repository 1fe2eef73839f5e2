/* hk_utf8.c -- UTF-8: measuring, encoding, validating, truncating. */
#include "hk_utf8.h"

#include <assert.h>
#include <string.h>

static inline uint32_t
unit_at(const hk_text *text, size_t i)
{
    switch (text->kind) {
        case HK_TEXT_UCS2:
            return ((const uint16_t *)text->data)[i];
        case HK_TEXT_UCS4:
            return ((const uint32_t *)text->data)[i];
        case HK_TEXT_UTF8:
        case HK_TEXT_LATIN1:
            break;
    }
    return ((const uint8_t *)text->data)[i];
}

hk_status
hk_utf8_measure_units(const hk_text *text, hk_surrogates mode, size_t *size, size_t *at)
{
    assert(text->data != NULL || text->len == 0);
    size_t total = 0;
    for (size_t i = 0; i < text->len; i++) {
        const uint32_t c = unit_at(text, i);
        if (c < 0x80) {
            total += 1;
        } else if (c < 0x800) {
            total += 2;
        } else if (c >= 0xd800 && c <= 0xdfff) {
            if (mode == HK_SURROGATES_REFUSED || c < 0xdc80 || c > 0xdcff) {
                *at = i;
                return HK_ERR_TEXT;
            }
            total += 1;
        } else {
            total += c < 0x10000 ? 3 : 4;
        }
    }
    *size = total;
    return HK_OK;
}

uint8_t *
hk_utf8_write_units(const hk_text *text, uint8_t *out)
{
    uint8_t *p = out;
    for (size_t i = 0; i < text->len; i++) {
        const uint32_t c = unit_at(text, i);
        if (c < 0x80) {
            *p++ = (uint8_t)c;
        } else if (c < 0x800) {
            *p++ = (uint8_t)(0xc0 | c >> 6);
            *p++ = (uint8_t)(0x80 | (c & 0x3f));
        } else if (c >= 0xdc80 && c <= 0xdcff) {
            *p++ = (uint8_t)(c - 0xdc00); /* the byte that PEP 383 escaped */
        } else if (c < 0x10000) {
            *p++ = (uint8_t)(0xe0 | c >> 12);
            *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            *p++ = (uint8_t)(0x80 | (c & 0x3f));
        } else {
            *p++ = (uint8_t)(0xf0 | c >> 18);
            *p++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
            *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            *p++ = (uint8_t)(0x80 | (c & 0x3f));
        }
    }
    return p;
}

bool
hk_utf8_is_ascii(const uint8_t *data, size_t len)
{
    uint64_t word;
    while (len >= sizeof word) {
        memcpy(&word, data, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            return false;
        }
        data += sizeof word;
        len -= sizeof word;
    }
    uint8_t high = 0;
    for (size_t i = 0; i < len; i++) {
        high |= data[i];
    }
    return high < 0x80;
}

/* Length of the well-formed sequence at the start of data[0..len), 0 when there is none. The
 * ranges of the second byte are those of the Unicode Standard, table 3-7. */
static size_t
sequence_at(const uint8_t *data, size_t len)
{
    const uint8_t b = data[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t n;

    if (b < 0x80) {
        return 1;
    }
    if (b >= 0xc2 && b <= 0xdf) {
        n = 2;
    } else if (b >= 0xe0 && b <= 0xef) {
        n = 3;
        low = b == 0xe0 ? 0xa0 : low;
        high = b == 0xed ? 0x9f : high;
    } else if (b >= 0xf0 && b <= 0xf4) {
        n = 4;
        low = b == 0xf0 ? 0x90 : low;
        high = b == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (len < n || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

size_t
hk_utf8_valid_prefix(const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const size_t n = sequence_at(data + at, len - at);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

size_t
hk_utf8_cut(const uint8_t *data, size_t len, size_t max)
{
    if (max >= len) {
        return len;
    }
    /* A character has at most three continuation bytes. More than three in a row are not UTF-8,
     * so the data may then be cut anywhere. */
    size_t n = max;
    while (n > 0 && max - n < 3 && (data[n] & 0xc0) == 0x80) {
        n--;
    }
    return (data[n] & 0xc0) == 0x80 ? max : n;
}
