/* hk_utf8.c -- UTF-8: measuring, encoding, validating, truncating. */
#include "hk_utf8.h"

#include <assert.h>
#include <string.h>

static inline bool
is_surrogate(uint32_t c)
{
    return (c & 0xfffff800u) == 0xd800;
}

/* ---- measuring: loops without branches, which the compiler turns into vector instructions ---- */

#define MEASURE_RUN \
    65536u /* units; their sums fit in 32 bits, in which more units share a vector */

static size_t
measure_latin1(const uint8_t *in, size_t n)
{
    uint32_t high = 0;
    for (size_t i = 0; i < n; i++) {
        high += in[i] >> 7;
    }
    return n + high;
}

/* *surrogates: whether there are any; each counts as three bytes. */
static size_t
measure_ucs2(const uint16_t *in, size_t n, bool *surrogates)
{
    uint32_t more = 0;
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t c = in[i];
        more += (uint32_t)(c >= 0x80) + (uint32_t)(c >= 0x800);
        found |= is_surrogate(c);
    }
    *surrogates = found != 0;
    return n + more;
}

static size_t
measure_ucs4(const uint32_t *in, size_t n, bool *surrogates)
{
    uint32_t more = 0;
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t c = in[i];
        more += (uint32_t)(c >= 0x80) + (uint32_t)(c >= 0x800) + (uint32_t)(c >= 0x10000);
        found |= is_surrogate(c);
    }
    *surrogates = found != 0;
    return n + more;
}

static inline uint32_t
unit_at(const hk_text *text, size_t i)
{
    return text->kind == HK_TEXT_UCS2 ? ((const uint16_t *)text->data)[i]
                                      : ((const uint32_t *)text->data)[i];
}

/* The surrogates of text[start..end): each one that escapes a byte has one byte instead of three,
 * and is subtracted from *size. HK_ERR_TEXT: *at is one that cannot be encoded. */
static HK_COLD hk_status
measure_surrogates(const hk_text *text, hk_surrogates mode, size_t start, size_t end, size_t *size,
                   size_t *at)
{
    for (size_t i = start; i < end; i++) {
        const uint32_t c = unit_at(text, i);
        if (is_surrogate(c)) {
            if (mode == HK_SURROGATES_REFUSED || c < 0xdc80 || c > 0xdcff) {
                *at = i;
                return HK_ERR_TEXT;
            }
            *size -= 2;
        }
    }
    return HK_OK;
}

hk_status
hk_utf8_measure_units(const hk_text *text, hk_surrogates mode, size_t *size, size_t *at)
{
    assert(text->data != NULL || text->len == 0);
    hk_status status = HK_OK;
    size_t total = 0;
    for (size_t i = 0, n; i < text->len && status == HK_OK; i += n) {
        bool surrogates = false;
        n = text->len - i < MEASURE_RUN ? text->len - i : MEASURE_RUN;
        total += text->kind == HK_TEXT_UCS2
                     ? measure_ucs2((const uint16_t *)text->data + i, n, &surrogates)
                 : text->kind == HK_TEXT_UCS4
                     ? measure_ucs4((const uint32_t *)text->data + i, n, &surrogates)
                     : measure_latin1((const uint8_t *)text->data + i, n);
        if (HK_UNLIKELY(surrogates)) {
            status = measure_surrogates(text, mode, i, i + n, &total, at);
        }
    }
    *size = total;
    return status;
}

/* ---- writing ---- */

static inline uint8_t *
put_character(uint8_t *p, uint32_t c)
{
    if (c < 0x80) {
        *p++ = (uint8_t)c;
    } else if (c < 0x800) {
        *p++ = (uint8_t)(0xc0 | c >> 6);
        *p++ = (uint8_t)(0x80 | (c & 0x3f));
    } else if (is_surrogate(c)) {
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
    return p;
}

/* The same for a character below U+0800, without a branch, as words and spaces alternate: writes
 * two bytes in any case. */
static inline uint8_t *
put_short(uint8_t *p, uint32_t c)
{
    const bool two = c >= 0x80;
    p[0] = (uint8_t)(two ? 0xc0 | c >> 6 : c);
    p[1] = (uint8_t)(0x80 | (c & 0x3f));
    return p + 1 + two;
}

static inline uint8_t *
put_triple(uint8_t *p, uint32_t c)
{
    p[0] = (uint8_t)(0xe0 | c >> 12);
    p[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    p[2] = (uint8_t)(0x80 | (c & 0x3f));
    return p + 3;
}

/* The three loops take a group of units at a time while at least one more follows it: each has a
 * byte at least, so there is room for the byte that put_short() may write too many. What is left
 * is written by itself. */

static uint8_t *
write_latin1(const uint8_t *in, size_t n, uint8_t *p)
{
    for (; n > 8; in += 8, n -= 8) {
        uint64_t eight;
        memcpy(&eight, in, sizeof eight);
        if ((eight & UINT64_C(0x8080808080808080)) == 0) {
            memcpy(p, &eight, sizeof eight);
            p += sizeof eight;
            continue;
        }
        for (size_t i = 0; i < 8; i++) {
            p = put_short(p, in[i]);
        }
    }
    for (; n > 0; in++, n--) {
        p = put_character(p, *in);
    }
    return p;
}

static uint8_t *
write_ucs2(const uint16_t *in, size_t n, uint8_t *p)
{
    for (; n > 4; in += 4, n -= 4) {
        const uint32_t any = (uint32_t)in[0] | in[1] | in[2] | in[3];
        if (any < 0x800) {
            p = put_short(put_short(put_short(put_short(p, in[0]), in[1]), in[2]), in[3]);
        } else {
            bool triples = true;
            for (size_t i = 0; i < 4; i++) {
                triples = triples & (in[i] >= 0x800) & !is_surrogate(in[i]);
            }
            for (size_t i = 0; i < 4; i++) {
                p = triples ? put_triple(p, in[i]) : put_character(p, in[i]);
            }
        }
    }
    for (; n > 0; in++, n--) {
        p = put_character(p, *in);
    }
    return p;
}

static uint8_t *
write_ucs4(const uint32_t *in, size_t n, uint8_t *p)
{
    for (; n > 4; in += 4, n -= 4) {
        const uint32_t any = in[0] | in[1] | in[2] | in[3];
        if (any < 0x800) {
            p = put_short(put_short(put_short(put_short(p, in[0]), in[1]), in[2]), in[3]);
        } else {
            for (size_t i = 0; i < 4; i++) {
                p = put_character(p, in[i]);
            }
        }
    }
    for (; n > 0; in++, n--) {
        p = put_character(p, *in);
    }
    return p;
}

uint8_t *
hk_utf8_write_units(const hk_text *text, uint8_t *out)
{
    switch (text->kind) {
        case HK_TEXT_UCS2:
            return write_ucs2(text->data, text->len, out);
        case HK_TEXT_UCS4:
            return write_ucs4(text->data, text->len, out);
        case HK_TEXT_UTF8:
        case HK_TEXT_LATIN1:
            break;
    }
    return write_latin1(text->data, text->len, out);
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

/* Length of the well-formed sequence at the start of data[0..len), len > 0; 0 when there is none.
 * The ranges of the second byte are those of the Unicode Standard, table 3-7. */
static size_t
sequence(const uint8_t *data, size_t len)
{
    const uint8_t b = data[0];
    const size_t n = b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
    if (n < 2) {
        return n;
    }
    const uint8_t low = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    if (n > len || data[1] < low || data[1] > high) {
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
hk_utf8_valid(const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint64_t word;
        while (len - at >= sizeof word) { /* ASCII, eight bytes at a time */
            memcpy(&word, data + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) != 0) {
                break;
            }
            at += sizeof word;
        }
        if (at == len) {
            break;
        }
        const size_t n = sequence(data + at, len - at);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

static const uint8_t REPLACEMENT[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */

size_t
hk_utf8_repair(const uint8_t *data, size_t len, uint8_t *out)
{
    uint8_t *p = out;
    for (size_t at = 0; at < len;) {
        const size_t n = hk_utf8_valid(data + at, len - at);
        if (n > 0) {
            memcpy(p, data + at, n);
            p += n;
            at += n;
        } else {
            memcpy(p, REPLACEMENT, sizeof REPLACEMENT);
            p += sizeof REPLACEMENT;
            at++;
        }
    }
    return (size_t)(p - out);
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
