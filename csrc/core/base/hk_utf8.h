/* hk_utf8.h -- UTF-8: measuring, writing, validating, cutting.
 *
 * Host languages keep text as one, two or four bytes per code point; hk_text borrows it in that
 * form, and the bytes are made once, where they belong in the output. Writing a long str through
 * the host's own cache would double its memory for the rest of its life.
 * Pure functions, reentrant. Includes: hk_status.h. */
#ifndef HK_UTF8_H
#define HK_UTF8_H

#include <string.h>

#include "hk_status.h"

typedef enum {
    HK_TEXT_UTF8 = 0,   /* bytes that are written as they are (ASCII, or already UTF-8) */
    HK_TEXT_LATIN1 = 1, /* uint8_t code points */
    HK_TEXT_UCS2 = 2,   /* uint16_t code points; surrogates are lone by definition */
    HK_TEXT_UCS4 = 4,   /* uint32_t code points */
} hk_text_kind;

/* Text that someone else owns. */
typedef struct {
    const void *data; /* borrowed */
    size_t len;       /* units of `kind` */
    hk_text_kind kind;
} hk_text;

/* Whether U+DC80..U+DCFF stand for the bytes 0x80..0xff that they escape (PEP 383): only where the
 * text came from the wire, never for new text. */
typedef enum { HK_SURROGATES_REFUSED = 0, HK_SURROGATES_ESCAPED = 1 } hk_surrogates;

/* The cold halves of the next two: text that is not UTF-8 already. */
HK_CHECK hk_status hk_utf8_measure_units(const hk_text *text, hk_surrogates mode, size_t *size,
                                         size_t *at);
uint8_t *hk_utf8_write_units(const hk_text *text, uint8_t *out);

/* Copies n bytes. Names and loggers are short, and a call of memcpy costs more than they do. */
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
    } else if (n >= 8) { /* two words that overlap */
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

/* Bytes that hk_utf8_write will write. HK_ERR_TEXT: the unit at *at cannot be written. */
HK_CHECK static inline hk_status
hk_utf8_measure(const hk_text *text, hk_surrogates mode, size_t *size, size_t *at)
{
    if (HK_LIKELY(text->kind == HK_TEXT_UTF8)) {
        *size = text->len;
        return HK_OK;
    }
    return hk_utf8_measure_units(text, mode, size, at);
}

/* Writes the measured bytes to out and returns the byte behind them. The text must have been
 * measured with success in the same mode (or in HK_SURROGATES_ESCAPED, which writes the same). */
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

/* Length of the longest prefix that is well-formed UTF-8 (no surrogates, no overlong forms). */
size_t hk_utf8_valid_prefix(const uint8_t *data, size_t len);

/* Largest n <= max, n <= len, such that data[0..n) does not end inside a character. */
size_t hk_utf8_cut(const uint8_t *data, size_t len, size_t max);

#endif
