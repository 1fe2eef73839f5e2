/* hk_decode.h -- reading a Heka Message, in two tiers.
 *
 * hk_decode_canonical is a strict hand-written reader of what hk_encode and every known client
 * write; it costs half of protobuf-c. Everything else that is valid protobuf (unknown tags, split
 * or unpacked values, any order) goes through hk_normalise.h: protobuf-c reads it and
 * hk_encode writes it anew, in canonical form. hk_decode_check is the judge of what is valid: it
 * knows the byte at fault, which protobuf-c does not tell, and refuses before anything is
 * allocated.
 *
 * Strings may hold any bytes: Heka's receivers do not check UTF-8, and neither does this.
 * All slices borrow from the input. No state, reentrant.
 * Source: Protocol Buffers encoding; proto/message.proto. Includes: hk_encode.h. */
#ifndef HK_DECODE_H
#define HK_DECODE_H

#include "hk_encode.h"

/* Bytes of the largest Message that is not canonical and yet read: sixteen times what receivers
 * take. protobuf-c spends up to 60 bytes of memory on each. */
#define HK_FOREIGN_MAX (1024u * 1024u)

/* A canonical Message, in place. Attributes that are missing have their defaults. */
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
    hk_slice fields; /* the run of tag 10, each canonical */
    bool valueless;  /* a field among them has no values: show it, but never send it */
} hk_message;

/* One field of hk_message.fields. */
typedef struct {
    hk_slice whole; /* its tag, length and contents */
    hk_slice name;
    hk_slice representation;
    hk_value_type type;
    hk_slice values; /* STRING, BYTES: tag, length, bytes for each; else the inside of the block */
} hk_field;

/* One value: the member that the field's type names. */
typedef union {
    hk_slice text; /* STRING and BYTES */
    int64_t integer;
    double real;
    bool truth;
} hk_value;

/* HK_OK: data[0..len) is canonical, *message describes it. HK_ERR_CORRUPT: it is not, which says
 * nothing about its being valid. Linear, stops at the first byte that is not canonical. */
HK_CHECK hk_status hk_decode_canonical(const uint8_t *data, size_t len, hk_message *message);

/* HK_OK: valid protobuf of a Message with a 16-byte uuid and a timestamp, so that
 * hk_decode_normalise fails only for want of memory. HK_ERR_CORRUPT with the offset of the first
 * byte at fault. Linear, no allocation, no recursion. */
HK_CHECK hk_status hk_decode_check(const uint8_t *data, size_t len, hk_error *err);

/* The same, and in *walked what it cost: the bytes that were looked at before the answer, by
 * hk_decode_canonical too if that was asked first. It can be far behind the fault: that there is no
 * good uuid shows at the end only. */
HK_CHECK hk_status hk_decode_judge(const uint8_t *data, size_t len, size_t *walked, hk_error *err);

/* Takes the next field off the front of *fields, a run of canonical fields; false at its end. */
bool hk_field_next(hk_slice *fields, hk_field *field);

/* Takes the next value off the front of *values, the values of a field of that type. */
bool hk_value_next(hk_slice *values, hk_value_type type, hk_value *value);

#endif
