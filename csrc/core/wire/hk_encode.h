/* hk_encode.h -- the single-pass writer of a Heka Message.
 *
 * Writes the safe subset that every receiver reads the same way: ascending tags, every header
 * attribute and representation present even when empty, value_type always, numbers packed in one
 * chunk, at least one value in each field. Lengths that are not known in advance get one byte,
 * which grows when the length is closed: most fields are below 128 bytes.
 *
 *     hk_encode_head(out, &head)                  tags 1 to 9
 *     hk_field_open(out, ..., &mark)              tag 10, once for each field
 *         hk_put_*(out, ...)                      at least one value, of the type that was opened
 *     hk_field_close(out, &mark)
 *
 * After an error the output is to be rewound (out->len = mark.start) or thrown away.
 * Source: Heka docs, "Message Format"; lua_sandbox's reader.
 * No state, reentrant. Includes: hk_buffer.h, hk_utf8.h, hk_wire.h. */
#ifndef HK_ENCODE_H
#define HK_ENCODE_H

#include "core/base/hk_buffer.h"
#include "core/base/hk_utf8.h"
#include "hk_uuid.h"
#include "hk_wire.h"

/* Bytes of a Message that receivers take: hekad's and Hindsight's default max_message_size. */
#define HK_MESSAGE_MAX (64u * 1024u)
/* Bytes that we are ready to hold for one Message that is still being built, or to read over. */
#define HK_LENGTH_MAX (16u * 1024u * 1024u)

/* The attributes of a Message but its fields. All borrowed. */
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
    hk_slice origin; /* what hk_encode_origin wrote, in place of env_version, pid and hostname; or
                        empty */
} hk_head;

/* Bytes of an origin whose two texts have `texts` bytes together: tags, lengths, a full pid. */
#define HK_ORIGIN_SIZE(texts) ((texts) + 2u * 6u + 1u + HK_VARINT_MAX)

/* Where an open field began. */
typedef struct {
    size_t start;  /* offset of its tag 10: rewind to here to take the field back */
    size_t values; /* offset of its first value */
    hk_value_type type;
} hk_field_mark;

/* Appends tags 1 to 9. Escaped surrogates go back to the bytes that they stand for; text that is
 * not from the wire must have been checked before.
 * HK_ERR_TEXT, HK_ERR_TOO_BIG, HK_ERR_NOMEM; the output is unchanged then. */
HK_CHECK hk_status hk_encode_head(hk_buffer *out, const hk_head *head);

/* Appends tags 7 to 9, which are the same in every message of a process. Errors as above. */
HK_CHECK hk_status hk_encode_origin(hk_buffer *out, const hk_head *head);

/* Opens a field named prefix + name. HK_ERR_TEXT when name or representation cannot be written. */
HK_CHECK hk_status hk_field_open(hk_buffer *out, hk_slice prefix, const hk_text *name,
                                 hk_value_type type, const hk_text *representation,
                                 hk_surrogates mode, hk_field_mark *mark);

/* Writes what stands between a field's name and the length of its values; returns the end. */
static inline uint8_t *
hk_field_put_type(uint8_t *p, hk_value_type type)
{
    *p++ = HK_TAG_FIELD_TYPE;
    *p++ = (uint8_t)type;
    return p;
}

/* Opens the packed block of a type that has one. */
static inline uint8_t *
hk_field_put_block(uint8_t *p, hk_value_type type)
{
    if (type >= HK_INTEGER) {
        /* The tags of the three blocks are eight apart. */
        *p++ = (uint8_t)(HK_TAG_FIELD_INTEGER + 8 * ((unsigned)type - HK_INTEGER));
        *p++ = 0; /* the block's length, by hk_field_close */
    }
    return p;
}

/* hk_field_open for the usual field: no representation, and a name whose two parts are UTF-8
 * already and have at most HK_NAME_SHORT bytes together. */
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
    *p++ = 0; /* the field's length, by hk_field_close */
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

/* Values, each for the type its name says. HK_ERR_TEXT (strings only): the unit at *at. */
HK_CHECK hk_status hk_put_string(hk_buffer *out, const hk_text *value, hk_surrogates mode,
                                 size_t *at);
HK_CHECK hk_status hk_put_bytes(hk_buffer *out, hk_slice value);

/* hk_put_string for text of at most HK_TEXT_SHORT bytes that is UTF-8 already. */
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

/* The cold half of hk_field_close: lengths of more than a byte, and none at all. */
HK_CHECK HK_COLD hk_status hk_field_close_long(hk_buffer *out, const hk_field_mark *mark);

/* Writes the lengths. HK_ERR_EMPTY when no value was put. */
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
