/* hk_wire.h -- protobuf varints, and Heka's tag bytes and enum values.
 *
 * The functions are small enough to be inlined into the encoder and both decoders. The tag bytes
 * are those of proto/message.proto; tests/core/test_wire.c compares them with the generated
 * descriptors. Pure functions. Includes: hk_status.h.
 * Source: Protocol Buffers encoding; Heka docs, "Message Format". */
#ifndef HK_WIRE_H
#define HK_WIRE_H

#include "core/base/hk_status.h"

#define HK_VARINT_MAX 10u /* bytes of the longest varint (64 bits, 7 a byte) */

/* A tag byte is field number << 3 | wire type. Every field number is below 16, so one byte is
 * enough. */
enum {
    HK_TAG_HEADER_LENGTH = 0x08,
    HK_TAG_HEADER_HASH = 0x18,
    HK_TAG_HEADER_SIGNER = 0x22,
    HK_TAG_HEADER_VERSION = 0x28,
    HK_TAG_HEADER_HMAC = 0x32,

    HK_TAG_UUID = 0x0a,
    HK_TAG_TIMESTAMP = 0x10,
    HK_TAG_TYPE = 0x1a,
    HK_TAG_LOGGER = 0x22,
    HK_TAG_SEVERITY = 0x28,
    HK_TAG_PAYLOAD = 0x32,
    HK_TAG_ENV_VERSION = 0x3a,
    HK_TAG_PID = 0x40,
    HK_TAG_HOSTNAME = 0x4a,
    HK_TAG_FIELDS = 0x52,

    HK_TAG_FIELD_NAME = 0x0a,
    HK_TAG_FIELD_TYPE = 0x10,
    HK_TAG_FIELD_REPRESENTATION = 0x1a,
    HK_TAG_FIELD_STRING = 0x22,
    HK_TAG_FIELD_BYTES = 0x2a,
    HK_TAG_FIELD_INTEGER = 0x32, /* packed, like the next two */
    HK_TAG_FIELD_DOUBLE = 0x3a,
    HK_TAG_FIELD_BOOL = 0x42,
};

/* Field.value_type: selects the one array of the Field that is read. */
typedef enum {
    HK_STRING = 0,
    HK_BYTES = 1,
    HK_INTEGER = 2,
    HK_DOUBLE = 3,
    HK_BOOL = 4,
} hk_value_type;
#define HK_VALUE_TYPES 5u

#define HK_SEVERITY_DEFAULT 7 /* debug: the default of Message.severity in message.proto */

/* Bytes of value as a varint, 1 to 10. */
static inline size_t
hk_varint_size(uint64_t value)
{
    size_t n = 1;
    while (value >= 0x80) {
        value >>= 7;
        n++;
    }
    return n;
}

/* Writes value at out, which has room for HK_VARINT_MAX bytes; returns the end of the varint. */
static inline uint8_t *
hk_varint_put(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

/* Reads a varint from data[*at..len) into *value and advances *at past it. Bits past the 64th are
 * dropped, as every protobuf parser does. *minimal (minimal may be NULL): whether this is the
 * shortest encoding of the value, the one that writers use.
 * HK_ERR_TRUNCATED: the bytes end inside it. HK_ERR_CORRUPT: it is longer than HK_VARINT_MAX. */
HK_CHECK static inline hk_status
hk_varint_get(const uint8_t *data, size_t len, size_t *at, uint64_t *value, bool *minimal)
{
    uint64_t result = 0;
    size_t i = *at;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (i == len) {
            return HK_ERR_TRUNCATED;
        }
        const uint8_t byte = data[i++];
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (minimal != NULL) {
                *minimal = (byte != 0 || shift == 0) && (shift < 63 || byte <= 1);
            }
            *value = result;
            *at = i;
            return HK_OK;
        }
    }
    return HK_ERR_CORRUPT;
}

#endif
