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
