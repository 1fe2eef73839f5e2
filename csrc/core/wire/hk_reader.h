/* hk_reader.h -- frames out of a stream of bytes, whatever the stream does.
 *
 *     hk_reader_feed(r, chunk, len)
 *     while (hk_reader_next(r, &frame, err) == HK_OK)
 *         use(frame)                                  its slices end with the next call
 *
 * The chunk is borrowed until hk_reader_next has answered HK_ERR_TRUNCATED; only what is left of it
 * then, an incomplete frame, is copied. What is delivered is structurally valid, in the sense of
 * hk_decode_check.
 *
 *     header cannot be parsed, or separator wrong     one byte discarded
 *     Message malformed (a torn frame)                one byte discarded, frames inside recovered
 *     signature asked for and wrong, unknown, absent  refused, consumed whole
 *     length over the limit, up to HK_LENGTH_MAX      refused, skipped whole, across feeds too
 *     length over HK_LENGTH_MAX                       one byte discarded
 *
 * At every return: bytes fed = delivered + refused + discarded + pending.
 * Time is linear: looking into torn frames is paid for from an allowance that grows with the bytes
 * read, and where hostile input has used it up a torn frame is discarded whole. Memory: at most
 * four frames of the limit's size. One thread at a time.
 * Source: Heka docs, "Stream Framing"; the receivers' own behaviour. Includes: hk_frame.h,
 * hk_keyring.h. */
#ifndef HK_READER_H
#define HK_READER_H

#include "hk_frame.h"
#include "hk_keyring.h"

/* Bytes that may be spent on torn frames for each byte read, before the first one, and at most in
 * one go. A walk through a Message is some bytes a nanosecond, so hostile input costs about as much
 * again as honest input; one torn frame in each ten honest ones stays far below. */
#define HK_READER_ALLOWANCE 8u
#define HK_READER_ALLOWANCE_START (1024u * 1024u)
#define HK_READER_ALLOWANCE_MAX (64u * 1024u * 1024u)

typedef struct {
    /* settings */
    size_t max_message;     /* bytes; at most HK_LENGTH_MAX */
    const hk_keyring *keys; /* borrowed for the reader's life; NULL: nothing is verified */
    bool require_signature; /* with keys: unsigned frames are refused */
    /* the account */
    uint64_t delivered_bytes;
    uint64_t refused_bytes;
    uint64_t discarded_bytes;
    uint64_t refused[HK_REFUSALS]; /* frames, by reason */
    /* the stream */
    hk_buffer pending;  /* owned: the beginning of an incomplete frame, and what completes it */
    size_t carried;     /* length of pending before bytes of chunk were added to it */
    size_t at;          /* next byte of pending, or of chunk when pending is empty */
    hk_slice chunk;     /* borrowed: what was fed last */
    uint64_t skip;      /* bytes of an oversize frame that are still to come */
    size_t need;        /* bytes from the frame's start before it is worth another look */
    uint64_t allowance; /* bytes that may be spent on looking into torn frames */
} hk_reader;

typedef struct {
    hk_slice message; /* borrowed */
    hk_slice signer;  /* borrowed; its data is NULL unless the signature was verified */
    uint32_t version; /* of the signer's key */
} hk_frame;

void hk_reader_init(hk_reader *r, size_t max_message, const hk_keyring *keys,
                    bool require_signature);
void hk_reader_clear(hk_reader *r);

/* Hands in data[0..len). The last chunk must have been read to its end. */
void hk_reader_feed(hk_reader *r, const uint8_t *data, size_t len);

/* HK_OK: *frame is the next one. HK_ERR_TRUNCATED: all was read, feed more. HK_ERR_NOMEM,
 * HK_ERR_CRYPTO: nothing was consumed, the call may be repeated. */
HK_CHECK hk_status hk_reader_next(hk_reader *r, hk_frame *frame, hk_error *err);

/* Gives up what was fed and is not read yet, pending included, as discarded. */
void hk_reader_abandon(hk_reader *r);

/* Bytes that were fed and are in no other account: those of a chunk that is not read to its end,
 * and those that wait for the rest of their frame. */
size_t hk_reader_pending(const hk_reader *r);

/* The stream has ended: what is pending is discarded. */
void hk_reader_close(hk_reader *r);

#endif
