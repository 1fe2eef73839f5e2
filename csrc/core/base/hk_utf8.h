/* hk_utf8.h -- UTF-8: measuring, encoding, validating, truncating.
 *
 * Host languages store text with one, two or four bytes per code point. hk_text borrows the text in
 * that form, and hk_utf8_write encodes it once, directly into the output. CPython's own encoder
 * (PyUnicode_AsUTF8AndSize) would keep a second copy on the str for as long as the str exists.
 * Pure functions, reentrant. Includes: hk_status.h. */
#ifndef HK_UTF8_H
#define HK_UTF8_H

#include <string.h>

#include "hk_status.h"

typedef enum {
    HK_TEXT_UTF8 = 0,   /* bytes that are copied unchanged (ASCII, or already UTF-8) */
    HK_TEXT_LATIN1 = 1, /* uint8_t code points */
    HK_TEXT_UCS2 = 2,   /* uint16_t code points; a surrogate here is always a lone one */
    HK_TEXT_UCS4 = 4,   /* uint32_t code points */
} hk_text_kind;

/* Text that hk_text does not own. */
typedef struct {
    const void *data; /* borrowed */
    size_t len;       /* units of `kind` */
    hk_text_kind kind;
} hk_text;

/* ESCAPED encodes U+DC80..U+DCFF as the bytes 0x80..0xff that they escape (PEP 383); use it only
 * for text that was decoded from the wire. REFUSED makes every lone surrogate an HK_ERR_TEXT. */
typedef enum { HK_SURROGATES_REFUSED = 0, HK_SURROGATES_ESCAPED = 1 } hk_surrogates;

/* The slow paths of hk_utf8_measure and hk_utf8_write, for text that is not UTF-8 already. */
HK_CHECK hk_status hk_utf8_measure_units(const hk_text *text, hk_surrogates mode, size_t *size,
                                         size_t *at);
uint8_t *hk_utf8_write_units(const hk_text *text, uint8_t *out);

/* Copies n bytes. Names and loggers are short: inline copies cost less than a call of memcpy. */
static inline void
hk_copy(uint8_t *out, const void *data, size_t n)
{
    const uint8_t *in = data;
    uint64_t head;
    uint64_t tail;
    uint32_t half;
    uint32_t rest;
    if (n > 16) {
        memcpy(out, in, n);
    } else if (n >= 8) { /* two 8-byte copies, which may overlap */
        memcpy(&head, in, 8);
        memcpy(&tail, in + n - 8, 8);
        memcpy(out, &head, 8);
        memcpy(out + n - 8, &tail, 8);
    } else if (n >= 4) {
        memcpy(&half, in, 4);
        memcpy(&rest, in + n - 4, 4);
        memcpy(out, &half, 4);
        memcpy(out + n - 4, &rest, 4);
    } else if (n > 0) {
        out[0] = in[0];
        out[n / 2] = in[n / 2];
        out[n - 1] = in[n - 1];
    }
}

/* *size: the bytes that hk_utf8_write will write. HK_ERR_TEXT: UTF-8 cannot encode the unit at
 * *at. */
HK_CHECK static inline hk_status
hk_utf8_measure(const hk_text *text, hk_surrogates mode, size_t *size, size_t *at)
{
    if (HK_LIKELY(text->kind == HK_TEXT_UTF8)) {
        *size = text->len;
        return HK_OK;
    }
    return hk_utf8_measure_units(text, mode, size, at);
}

/* Writes the text at out and returns the end of what it wrote. Call it only after hk_utf8_measure
 * succeeded; out must have room for the measured size. */
static inline uint8_t *
hk_utf8_write(const hk_text *text, uint8_t *out)
{
    if (HK_LIKELY(text->kind == HK_TEXT_UTF8)) {
        hk_copy(out, text->data, text->len);
        return out + text->len;
    }
    return hk_utf8_write_units(text, out);
}

/* True when every byte is below 0x80. */
bool hk_utf8_is_ascii(const uint8_t *data, size_t len);

/* The length of the longest prefix of data[0..len) that is well-formed UTF-8: no surrogates, no
 * overlong forms, nothing above U+10FFFF. */
size_t hk_utf8_valid(const uint8_t *data, size_t len);

/* Copies data[0..len) to out, which has room for 3 * len bytes, each byte that belongs to no
 * well-formed character as U+FFFD: what Go reads. Returns the bytes written. */
size_t hk_utf8_repair(const uint8_t *data, size_t len, uint8_t *out);

/* The largest n <= min(max, len) such that data[0..n) does not end inside a character. */
size_t hk_utf8_cut(const uint8_t *data, size_t len, size_t max);

#endif
