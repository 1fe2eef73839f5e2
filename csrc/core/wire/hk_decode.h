/* hk_decode.h -- decoding a canonical Heka Message, validating any Message.
 *
 * hk_decode_canonical decodes what hk_encode and every known client write; it is hand-written and
 * costs half of protobuf-c. Any other valid protobuf (unknown tags, split or unpacked values, tags
 * in any order) goes through hk_normalise.h: protobuf-c decodes it and hk_encode writes it again in
 * canonical form. hk_decode_check decides what is valid. Unlike protobuf-c it reports the offset of
 * the error, and it allocates nothing.
 *
 * Strings may contain any bytes: Heka's receivers do not check UTF-8, and neither does this.
 * All slices borrow from the input. No state, reentrant.
 * Source: Protocol Buffers encoding; proto/message.proto. Includes: hk_encode.h. */
#ifndef HK_DECODE_H
#define HK_DECODE_H

#include "hk_encode.h"

/* Bytes of the largest non-canonical Message that is accepted: sixteen times what receivers accept.
 * protobuf-c uses up to 60 bytes of memory for each. */
#define HK_FOREIGN_MAX (1024u * 1024u)

/* Most groups, one inside the other, in an unknown entry; protobuf's own limit. A group is an old
 * form of nesting: entries between a key that begins it and one that ends it. Heka's messages have
 * none, so each one is an unknown entry, which is skipped. */
#define HK_GROUPS_MAX 100u

/* A decoded canonical Message. Its slices borrow from the input; missing attributes have their
 * defaults. */
typedef struct {
    const uint8_t *uuid; /* HK_UUID_SIZE bytes */
    int64_t timestamp;   /* nanoseconds since the epoch */
    int32_t severity;
    int32_t pid;
    hk_slice type;
    hk_slice logger;
    hk_slice payload;
    hk_slice env_version;
    hk_slice hostname;
    hk_slice fields; /* all entries of tag 10, one after the other; see hk_field_next */
    bool valueless;  /* one of the fields has no values: it is shown, but never sent */
} hk_message;

/* One field of hk_message.fields. */
typedef struct {
    hk_slice whole; /* tag, length and contents */
    hk_slice name;
    hk_slice representation;
    hk_value_type type;
    hk_slice values; /* STRING, BYTES: tag, length and bytes of each; else the block's contents */
} hk_field;

/* One value, in the member for the field's type. */
typedef union {
    hk_slice text; /* STRING and BYTES */
    int64_t integer;
    double real;
    bool truth;
} hk_value;

/* HK_OK: data[0..len) is canonical and *message describes it. HK_ERR_CORRUPT: it is not canonical;
 * it may still be valid. Linear; stops at the first byte that is not canonical. */
HK_CHECK hk_status hk_decode_canonical(const uint8_t *data, size_t len, hk_message *message);

/* HK_OK: data[0..len) is the valid protobuf of a Message with a 16-byte uuid and a timestamp;
 * hk_decode_normalise then fails only when there is no memory. HK_ERR_CORRUPT: *err has the offset
 * of the first invalid byte. Linear, no allocation, no recursion. */
HK_CHECK hk_status hk_decode_check(const uint8_t *data, size_t len, hk_error *err);

/* As hk_decode_check; *examined: the number of bytes examined before the result was known,
 * including those that an earlier hk_decode_canonical examined. It can be far past the offset of
 * the error: a missing uuid is known only at the end. */
HK_CHECK hk_status hk_decode_validate(const uint8_t *data, size_t len, size_t *examined,
                                      hk_error *err);

/* Overwrites each group in data[0..len), which hk_decode_check accepts, with another unknown entry
 * of the same size: protobuf-c reads no groups. Returns whether there was one. */
bool hk_decode_cover_groups(uint8_t *data, size_t len);

/* Iterates over hk_message.fields: takes the next field off the front of *fields. False at the
 * end. */
bool hk_field_next(hk_slice *fields, hk_field *field);

/* Iterates over hk_field.values of a field of that type: takes the next value off the front of
 * *values. False at the end. */
bool hk_value_next(hk_slice *values, hk_value_type type, hk_value *value);

#endif
