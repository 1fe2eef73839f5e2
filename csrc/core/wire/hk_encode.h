/* hk_encode.h -- the single-pass encoder of a Heka Message.
 *
 * It writes canonical messages, the subset of protobuf that every receiver reads in the same way:
 * tags in ascending order; every attribute, representation and value_type present, even when
 * empty; numbers packed in one block; at least one value in each field. A length that is not known
 * in advance gets one byte. If it needs more, hk_field_close moves the contents back: most fields
 * have fewer than 128 bytes.
 *
 *     hk_encode_head(out, &head)                  tags 1 to 9
 *     hk_field_open(out, ..., &mark)              tag 10, once for each field
 *         hk_put_*(out, ...)                      at least one value, of the type of the field
 *     hk_field_close(out, &mark)
 *
 * After an error the caller rewinds the output (out->len = mark.start) or discards it.
 * Source: Heka docs, "Message Format"; the parser of lua_sandbox.
 * No state, reentrant. Includes: hk_buffer.h, hk_utf8.h, hk_wire.h. */
#ifndef HK_ENCODE_H
#define HK_ENCODE_H

#include "core/base/hk_buffer.h"
#include "core/base/hk_utf8.h"
#include "hk_uuid.h"
#include "hk_wire.h"

/* Bytes of the largest Message that receivers accept: hekad's and Hindsight's default
 * max_message_size. */
#define HK_MESSAGE_MAX (64u * 1024u)
/* Bytes of the largest Message that is built in memory, or skipped in a stream. */
#define HK_LENGTH_MAX (16u * 1024u * 1024u)

/* The attributes of a Message without its fields. All borrowed. */
typedef struct {
    const uint8_t *uuid; /* HK_UUID_SIZE bytes */
    int64_t timestamp;   /* nanoseconds since the epoch */
    int32_t severity;
    int32_t pid;
    hk_text type;
    hk_text logger;
    hk_text payload;
    hk_text env_version;
    hk_text hostname;
    hk_slice origin; /* output of hk_encode_origin, used instead of env_version, pid and hostname;
                        or empty */
} hk_head;

/* Bytes of an encoded origin whose two texts have `texts` bytes together: adds the tags, the
 * lengths and a pid of full length. */
#define HK_ORIGIN_SIZE(texts) ((texts) + 2u * 6u + 1u + HK_VARINT_MAX)

/* Offsets of an open field in the output. */
typedef struct {
    size_t start;  /* offset of its tag 10: rewinding to it removes the field */
    size_t values; /* offset of its first value */
    hk_value_type type;
} hk_field_mark;

/* Appends tags 1 to 9. Escaped surrogates (U+DC80..U+DCFF) are written as the bytes that they
 * escape; the caller must have checked text that does not come from the wire.
 * HK_ERR_TEXT, HK_ERR_TOO_BIG, HK_ERR_NOMEM; the output is then unchanged. */
HK_CHECK hk_status hk_encode_head(hk_buffer *out, const hk_head *head);

/* Appends tags 7 to 9 (env_version, pid, hostname), which are the same in every message of a
 * process, so that a caller can encode them once. Errors as above. */
HK_CHECK hk_status hk_encode_origin(hk_buffer *out, const hk_head *head);

/* Opens a field with the name prefix + name. HK_ERR_TEXT: UTF-8 cannot encode the name or the
 * representation. HK_ERR_TOO_BIG, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_field_open(hk_buffer *out, hk_slice prefix, const hk_text *name,
                                 hk_value_type type, const hk_text *representation,
                                 hk_surrogates mode, hk_field_mark *mark);

/* Writes tag and value of value_type; returns the end. */
static inline uint8_t *
hk_field_put_type(uint8_t *p, hk_value_type type)
{
    *p++ = HK_TAG_FIELD_TYPE;
    *p++ = (uint8_t)type;
    return p;
}

/* Opens the packed block, if the type has one; returns the end. */
static inline uint8_t *
hk_field_put_block(uint8_t *p, hk_value_type type)
{
    if (type >= HK_INTEGER) {
        /* The tags of the three blocks differ by 8: consecutive field numbers, equal wire type. */
        *p++ = (uint8_t)(HK_TAG_FIELD_INTEGER + 8 * ((unsigned)type - HK_INTEGER));
        *p++ = 0; /* the block's length, written by hk_field_close */
    }
    return p;
}

/* hk_field_open for the common case: no representation, and prefix and name are UTF-8 already and
 * have at most HK_NAME_SHORT bytes together. */
#define HK_NAME_SHORT 127u
HK_CHECK static inline hk_status
hk_field_open_short(hk_buffer *out, hk_slice prefix, const hk_text *name, hk_value_type type,
                    hk_field_mark *mark)
{
    const hk_status status = hk_buffer_room(out, HK_NAME_SHORT + 10);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    mark->start = out->len;
    mark->type = type;
    *p++ = HK_TAG_FIELDS;
    *p++ = 0; /* the field's length, written by hk_field_close */
    *p++ = HK_TAG_FIELD_NAME;
    *p++ = (uint8_t)(prefix.len + name->len);
    if (HK_UNLIKELY(prefix.len > 0)) {
        hk_copy(p, prefix.data, prefix.len);
        p += prefix.len;
    }
    hk_copy(p, name->data, name->len);
    p = hk_field_put_type(p + name->len, type);
    *p++ = HK_TAG_FIELD_REPRESENTATION;
    *p++ = 0;
    out->len = (size_t)(hk_field_put_block(p, type) - out->data);
    mark->values = out->len;
    return HK_OK;
}

/* Each hk_put_* appends one value to a field of the type in its name. HK_ERR_TOO_BIG,
 * HK_ERR_NOMEM; HK_ERR_TEXT (strings only): UTF-8 cannot encode the unit at *at. */
HK_CHECK hk_status hk_put_string(hk_buffer *out, const hk_text *value, hk_surrogates mode,
                                 size_t *at);
HK_CHECK hk_status hk_put_bytes(hk_buffer *out, hk_slice value);

/* hk_put_string for the common case: at most HK_TEXT_SHORT bytes that are UTF-8 already. */
#define HK_TEXT_SHORT 127u
HK_CHECK static inline hk_status
hk_put_short(hk_buffer *out, const void *data, size_t len)
{
    const hk_status status = hk_buffer_room(out, 2 + HK_TEXT_SHORT);
    if (HK_LIKELY(status == HK_OK)) {
        uint8_t *p = out->data + out->len;
        *p++ = HK_TAG_FIELD_STRING;
        *p++ = (uint8_t)len;
        hk_copy(p, data, len);
        out->len += 2 + len;
    }
    return status;
}

HK_CHECK static inline hk_status
hk_put_integer(hk_buffer *out, int64_t value)
{
    const hk_status status = hk_buffer_room(out, HK_VARINT_MAX);
    if (HK_LIKELY(status == HK_OK)) {
        out->len = (size_t)(hk_varint_put(out->data + out->len, (uint64_t)value) - out->data);
    }
    return status;
}

HK_CHECK static inline hk_status
hk_put_double(hk_buffer *out, double value)
{
    const hk_status status = hk_buffer_room(out, sizeof value);
    if (HK_LIKELY(status == HK_OK)) {
        uint64_t bits;
        uint8_t *p = out->data + out->len;
        memcpy(&bits, &value, sizeof bits);
        for (unsigned shift = 0; shift < 64; shift += 8) { /* little-endian on every machine */
            *p++ = (uint8_t)(bits >> shift);
        }
        out->len += sizeof value;
    }
    return status;
}

HK_CHECK static inline hk_status
hk_put_bool(hk_buffer *out, bool value)
{
    const hk_status status = hk_buffer_room(out, 1);
    if (HK_LIKELY(status == HK_OK)) {
        out->data[out->len++] = value ? 1 : 0;
    }
    return status;
}

/* Closes a field without values, which hk_field_close refuses: one that was decoded is kept,
 * without its packed block, so that a reader sees it. HK_ERR_TOO_BIG, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_field_close_valueless(hk_buffer *out, hk_field_mark *mark);

/* The slow path of hk_field_close: lengths of more than one byte, and fields without values. */
HK_CHECK HK_COLD hk_status hk_field_close_long(hk_buffer *out, const hk_field_mark *mark);

/* Closes the field: writes its length, and that of its packed block. HK_ERR_EMPTY when it has no
 * value; HK_ERR_TOO_BIG, HK_ERR_NOMEM. */
HK_CHECK static inline hk_status
hk_field_close(hk_buffer *out, const hk_field_mark *mark)
{
    const size_t length = out->len - mark->start - 2;
    const size_t values = out->len - mark->values;
    if (HK_UNLIKELY(length >= 0x80 || values == 0)) {
        return hk_field_close_long(out, mark);
    }
    if (mark->type >= HK_INTEGER) {
        out->data[mark->values - 1] = (uint8_t)values;
    }
    out->data[mark->start + 1] = (uint8_t)length;
    return HK_OK;
}

#endif
