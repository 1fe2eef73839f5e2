/* hk_reader.h -- splits a stream of bytes into frames, and recovers from invalid bytes.
 *
 *     hk_reader_feed(r, chunk, len)
 *     while (hk_reader_next(r, &frame, err) == HK_OK)
 *         use(frame)                                  its slices are valid until the next call
 *
 * or, for what runs over many messages, whole runs of frames (hk_block.h):
 *
 *     while (hk_reader_next_block(r, &block, err) == HK_OK)
 *         use(block)                                  its bytes are valid until the next call
 *
 * The reader borrows the chunk until hk_reader_next returns HK_ERR_TRUNCATED; then it copies the
 * rest of the chunk, which is an incomplete frame. Delivered Messages have passed hk_decode_check.
 *
 *     the header or the unit separator is invalid     one byte is discarded
 *     the Message is invalid (a torn frame)           one byte; frames inside are found
 *     the signature is missing or wrong               the whole frame is refused
 *     the signer or the hash is unknown               the whole frame is refused
 *     length over the limit, up to HK_LENGTH_MAX      the whole frame is refused, across feeds
 *     length over HK_LENGTH_MAX                       one byte is discarded
 *
 * At every return: bytes fed = delivered + refused + discarded + pending.
 * Time is linear: searching torn frames uses up an allowance, which grows with the bytes read. Once
 * hostile input has used it up, torn frames are discarded whole. Memory is at most four frames of
 * the limit's size. Not thread-safe: one thread at a time.
 * Source: Heka docs, "Stream Framing"; the behaviour of the receivers. Includes: hk_block.h,
 * hk_keyring.h. */
#ifndef HK_READER_H
#define HK_READER_H

#include "hk_block.h"
#include "hk_keyring.h"

/* Bytes of torn frames that may be examined: for each byte read, before the first byte, and at most
 * in a row. Examining costs some bytes a nanosecond, so hostile input costs about twice as much as
 * valid input; one torn frame among ten valid ones stays far below the allowance. */
#define HK_READER_ALLOWANCE 8u
#define HK_READER_ALLOWANCE_START (1024u * 1024u)
#define HK_READER_ALLOWANCE_MAX (64u * 1024u * 1024u)

/* The signer that a frame names which was refused. */
typedef struct {
    hk_refusal
        why; /* HK_REFUSED_UNKNOWN_SIGNER, HK_REFUSED_UNKNOWN_HASH or HK_REFUSED_BAD_DIGEST */
    uint32_t version;
    size_t len;
    uint8_t name[HK_HEADER_MAX]; /* not verified; valid UTF-8 or not */
} hk_refused_signer;

typedef struct {
    /* settings */
    size_t max_message;     /* bytes; at most HK_LENGTH_MAX */
    const hk_keyring *keys; /* borrowed until the last call; NULL: nothing is verified */
    bool require_signature; /* with keys: unsigned frames are refused */
    /* counters */
    uint64_t delivered_bytes;
    uint64_t refused_bytes;
    uint64_t discarded_bytes;
    uint64_t lost_before;          /* refused and discarded before the last delivered frame */
    uint64_t refused[HK_REFUSALS]; /* frames, by reason */
    bool has_refused_signer;
    hk_refused_signer last_refused; /* with has_refused_signer: of the last such frame */
    /* the stream */
    hk_buffer pending;  /* owned: an incomplete frame, then bytes of chunk that complete it */
    size_t carried;     /* bytes of pending that come from earlier chunks */
    size_t at;          /* offset of the next byte in pending, or in chunk when pending is empty */
    hk_slice chunk;     /* borrowed: the last chunk that was fed */
    uint64_t skip;      /* bytes of a refused frame that have not arrived yet */
    size_t need;        /* bytes of the frame that must be there before it is parsed again */
    uint64_t allowance; /* bytes of torn frames that may still be examined */
    bool verified;      /* the signature of the next frame was verified already */
} hk_reader;

typedef struct {
    hk_slice message; /* borrowed */
    hk_slice signer;  /* borrowed; its data is NULL unless the signature was verified */
    uint32_t version; /* of the signer's key */
} hk_frame;

void hk_reader_init(hk_reader *r, size_t max_message, const hk_keyring *keys,
                    bool require_signature);
void hk_reader_clear(hk_reader *r);

/* Sets the chunk to data[0..len), borrowed. hk_reader_next must have returned HK_ERR_TRUNCATED for
 * the chunk before. */
void hk_reader_feed(hk_reader *r, const uint8_t *data, size_t len);

/* HK_OK: *frame is the next frame. HK_ERR_TRUNCATED: the chunk is read to its end; feed the next
 * one. HK_ERR_NOMEM, HK_ERR_CRYPTO: the frame was not consumed; the call may be repeated. */
HK_CHECK hk_status hk_reader_next(hk_reader *r, hk_frame *frame, hk_error *err);

/* HK_OK: *block has the next frames, at least one: all that lie one behind the other and have the
 * same signer, up to the limits of hk_block.h. What follows the last one may already be counted as
 * refused or discarded. Its bytes are part of the chunk (and valid as long as the caller keeps the
 * chunk), but for a frame that began in an earlier chunk, which was copied: until the next call.
 * Any *block that was initialised; its earlier contents are removed. HK_ERR_TRUNCATED,
 * HK_ERR_NOMEM, HK_ERR_CRYPTO as hk_reader_next; *block is then empty. */
HK_CHECK hk_status hk_reader_next_block(hk_reader *r, hk_block *block, hk_error *err);

/* Discards all bytes that were fed and not read yet, pending ones included. */
void hk_reader_abandon(hk_reader *r);

/* Bytes that were fed and are in none of the three counters: the unread rest of the chunk, and an
 * incomplete frame. */
size_t hk_reader_pending(const hk_reader *r);

/* Bytes that were fed after the last delivered frame, or since the beginning. */
uint64_t hk_reader_tail(const hk_reader *r);

/* Ends the stream: discards the pending bytes. */
void hk_reader_close(hk_reader *r);

#endif
