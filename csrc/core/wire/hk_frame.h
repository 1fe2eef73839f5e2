/* hk_frame.h -- the Heka stream frame: writing the header around a Message, reading a header.
 *
 *     offset   size  value
 *     0        1     0x1e record separator
 *     1        1     H, length of the header in bytes (1..255, unsigned)
 *     2        H     protobuf Header; its message_length is M
 *     2 + H    1     0x1f unit separator
 *     3 + H    M     protobuf Message
 *
 * The caller encodes the Message first and leaves HK_FRAME_ROOM free bytes in front of it.
 * hk_frame_seal writes the start of the frame into that room, directly before the Message, so that
 * no byte of the Message is copied.
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
#define HK_FRAME_MAX (HK_MESSAGE_MAX + HK_FRAME_ROOM)     /* bytes of the largest frame */

/* A signer: its key, and the header entries that every signature of it repeats. */
typedef struct {
    hk_signer key;
    size_t prefix_len;             /* bytes of prefix */
    uint8_t prefix[HK_HEADER_MAX]; /* encoded tags 3, 4 and 5, then tag and length of tag 6 */
} hk_identity;

/* Initialises *identity with a copy of name and key. HK_ERR_TOO_BIG: the header of a Message of
 * HK_MESSAGE_MAX bytes, with this name, would exceed HK_HEADER_MAX. HK_ERR_CRYPTO, HK_ERR_NOMEM as
 * hk_signer_init. */
HK_CHECK hk_status hk_identity_init(hk_identity *identity, hk_slice name, uint32_t version,
                                    hk_hash hash, hk_slice key, hk_error *err);
void hk_identity_clear(hk_identity *identity);

/* Bytes that a frame adds to a Message of `message_len` bytes; identity may be NULL. */
size_t hk_frame_cost(size_t message_len, const hk_identity *identity);

/* Writes the start of the frame in front of message[0..len), where HK_FRAME_ROOM bytes must be
 * free; signs the Message when identity is not NULL. *start: the first byte of the frame. len is
 * at most HK_MESSAGE_MAX. HK_ERR_CRYPTO, HK_ERR_NOMEM (only when signing). */
HK_CHECK hk_status hk_frame_seal(uint8_t *message, size_t len, const hk_identity *identity,
                                 uint8_t **start, hk_error *err);

/* A decoded header. Slices borrow from the input of hk_header_read. */
typedef struct {
    uint32_t message_length;
    uint32_t hash; /* the number on the wire, which may be no hk_hash */
    uint32_t key_version;
    hk_slice signer; /* empty when the header has no signer */
    hk_slice hmac;
    bool has_hmac;
} hk_header;

/* Decodes a header of `total` bytes, of which the first `len` have arrived. Accepts any valid
 * protobuf with a message_length. HK_ERR_TRUNCATED: data[0..len) may be the start of a header.
 * HK_ERR_CORRUPT: it is not, whatever bytes follow. HK_OK only when len == total. */
HK_CHECK hk_status hk_header_read(const uint8_t *data, size_t len, size_t total, hk_header *header);

#endif
