/* hk_frame.h -- the Heka stream frame: sealing one, reading its header.
 *
 *     offset   size  value
 *     0        1     0x1e record separator
 *     1        1     H, length of the header in bytes (1..255, unsigned)
 *     2        H     protobuf Header; its message_length is M
 *     2 + H    1     0x1f unit separator
 *     3 + H    M     protobuf Message
 *
 * The Message is written first, with HK_FRAME_ROOM bytes left in front of it; sealing writes the
 * frame's beginning into that room, against the Message, so that no byte is moved.
 * Source: Heka docs, "Stream Framing". Reentrant; buffers are borrowed for the call.
 * Includes: hk_encode.h, hk_sign.h. */
#ifndef HK_FRAME_H
#define HK_FRAME_H

#include "hk_encode.h"
#include "hk_sign.h"

#define HK_RS 0x1e           /* record separator */
#define HK_US 0x1f           /* unit separator */
#define HK_FRAME_OVERHEAD 3u /* bytes: both separators and the length */
#define HK_HEADER_MAX 255u   /* bytes; the length field is one byte */
#define HK_FRAME_ROOM (HK_FRAME_OVERHEAD + HK_HEADER_MAX) /* bytes in front of a Message */

/* What a signature adds to the header: who signed, with which key. */
typedef struct {
    hk_signer key;
    size_t prefix_len;             /* bytes of prefix */
    uint8_t prefix[HK_HEADER_MAX]; /* tags 3, 4 and 5, and tag 6 up to the digest */
} hk_identity;

/* Keys *identity. HK_ERR_TOO_BIG when no header can hold the name: HK_HEADER_MAX less what the
 * other entries take for a Message of HK_MESSAGE_MAX bytes. HK_ERR_CRYPTO as hk_signer_init. */
HK_CHECK hk_status hk_identity_init(hk_identity *identity, hk_slice name, uint32_t version,
                                    hk_hash hash, hk_slice key, hk_error *err);
void hk_identity_clear(hk_identity *identity);

/* Bytes that a frame adds to a Message of `message_len` bytes; identity may be NULL. */
size_t hk_frame_cost(size_t message_len, const hk_identity *identity);

/* Writes the beginning of the frame in front of message[0..len), where HK_FRAME_ROOM bytes are
 * free, signed when identity is not NULL. *start: its first byte. The Message is at most
 * HK_MESSAGE_MAX bytes. HK_ERR_CRYPTO, HK_ERR_NOMEM (signing only). */
HK_CHECK hk_status hk_frame_seal(uint8_t *message, size_t len, const hk_identity *identity,
                                 uint8_t **start, hk_error *err);

/* A header as it was read. */
typedef struct {
    uint32_t message_length;
    uint32_t hash; /* the number on the wire: may be none of hk_hash */
    uint32_t key_version;
    hk_slice signer; /* empty when none is named */
    hk_slice hmac;
    bool has_hmac;
} hk_header;

/* Reads a header of `total` bytes of which `len` are here, any valid protobuf with a
 * message_length. HK_ERR_TRUNCATED: what is here may be the beginning of one. HK_ERR_CORRUPT: no
 * byte that may follow can make it one. HK_OK only when len == total. */
HK_CHECK hk_status hk_header_read(const uint8_t *data, size_t len, size_t total, hk_header *header);

#endif
