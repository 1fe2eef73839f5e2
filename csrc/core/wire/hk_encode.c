/* hk_encode.c -- the single-pass encoder of a Heka Message. */
#include "hk_encode.h"

#include <assert.h>
#include <string.h>

/* Bytes of tag and length in front of a string of fewer than 2^35 bytes. */
#define PREFIX_MAX 6u
/* Bytes of the head besides its texts: tags, uuid, two varints of full length, the prefixes of
 * three texts. */
#define HEAD_FIXED (2u + HK_UUID_SIZE + 2u * (1u + HK_VARINT_MAX) + 3u * PREFIX_MAX)

/* Sign-extends: protobuf encodes a negative int32 as a varint of ten bytes. */
static inline uint64_t
widen(int64_t value)
{
    return (uint64_t)value;
}

static inline uint8_t *
put_text(uint8_t *p, uint8_t tag, const hk_text *text, size_t size)
{
    *p++ = tag;
    p = hk_varint_put(p, size);
    return hk_utf8_write(text, p);
}

/* Measures a text: its size in *size, and added to *total. */
static inline hk_status
measure(const hk_text *text, size_t *size, size_t *total)
{
    size_t at;
    const hk_status status = hk_utf8_measure(text, HK_SURROGATES_ESCAPED, size, &at);
    if (status == HK_OK && *size > HK_LENGTH_MAX) {
        return HK_ERR_TOO_BIG;
    }
    *total += *size;
    return status;
}

hk_status
hk_encode_origin(hk_buffer *out, const hk_head *head)
{
    size_t env_version;
    size_t hostname;
    size_t total = 0;
    hk_status status;

    if ((status = measure(&head->env_version, &env_version, &total)) != HK_OK ||
        (status = measure(&head->hostname, &hostname, &total)) != HK_OK ||
        (status = hk_buffer_room(out, HK_ORIGIN_SIZE(total))) != HK_OK) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    p = put_text(p, HK_TAG_ENV_VERSION, &head->env_version, env_version);
    *p++ = HK_TAG_PID;
    p = hk_varint_put(p, widen(head->pid));
    p = put_text(p, HK_TAG_HOSTNAME, &head->hostname, hostname);
    out->len = (size_t)(p - out->data);
    return HK_OK;
}

hk_status
hk_encode_head(hk_buffer *out, const hk_head *head)
{
    const size_t start = out->len;
    size_t type;
    size_t logger;
    size_t payload;
    size_t total = HEAD_FIXED;
    hk_status status;

    if ((status = measure(&head->type, &type, &total)) != HK_OK ||
        (status = measure(&head->logger, &logger, &total)) != HK_OK ||
        (status = measure(&head->payload, &payload, &total)) != HK_OK ||
        (status = hk_buffer_room(out, total + head->origin.len)) != HK_OK) {
        return status;
    }

    uint8_t *p = out->data + start;
    *p++ = HK_TAG_UUID;
    *p++ = HK_UUID_SIZE;
    memcpy(p, head->uuid, HK_UUID_SIZE);
    p += HK_UUID_SIZE;
    *p++ = HK_TAG_TIMESTAMP;
    p = hk_varint_put(p, widen(head->timestamp));
    p = put_text(p, HK_TAG_TYPE, &head->type, type);
    p = put_text(p, HK_TAG_LOGGER, &head->logger, logger);
    *p++ = HK_TAG_SEVERITY;
    p = hk_varint_put(p, widen(head->severity));
    p = put_text(p, HK_TAG_PAYLOAD, &head->payload, payload);
    if (HK_LIKELY(head->origin.len > 0)) {
        memcpy(p, head->origin.data, head->origin.len);
        out->len = (size_t)(p - out->data) + head->origin.len;
        return HK_OK;
    }
    out->len = (size_t)(p - out->data);
    status = hk_encode_origin(out, head);
    if (status != HK_OK) {
        out->len = start;
    }
    return status;
}

static inline bool
is_packed(hk_value_type type)
{
    return type >= HK_INTEGER;
}

/* The slow path of hk_field_open: long names and prefixes, representations, text to transcode. */
static HK_COLD hk_status
field_open(hk_buffer *out, hk_slice prefix, const hk_text *name, hk_value_type type,
           const hk_text *representation, hk_surrogates mode, hk_field_mark *mark)
{
    size_t name_size;
    size_t representation_size;
    size_t at;
    hk_status status;

    status = hk_utf8_measure(name, mode, &name_size, &at);
    if (status == HK_OK) {
        status = hk_utf8_measure(representation, mode, &representation_size, &at);
    }
    if (status != HK_OK) {
        return status;
    }
    if (name_size > HK_LENGTH_MAX || representation_size > HK_LENGTH_MAX) {
        return HK_ERR_TOO_BIG;
    }
    /* 6: tag and length of the field, tag and value of value_type, tag and length of the block. */
    status = hk_buffer_room(out, prefix.len + name_size + representation_size + 2 * PREFIX_MAX + 6);
    if (status != HK_OK) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    *p++ = HK_TAG_FIELDS;
    *p++ = 0; /* the field's length, written by hk_field_close */
    *p++ = HK_TAG_FIELD_NAME;
    p = hk_varint_put(p, prefix.len + name_size);
    if (prefix.len > 0) {
        memcpy(p, prefix.data, prefix.len);
        p += prefix.len;
    }
    p = hk_field_put_type(hk_utf8_write(name, p), type);
    p = put_text(p, HK_TAG_FIELD_REPRESENTATION, representation, representation_size);
    out->len = (size_t)(hk_field_put_block(p, type) - out->data);
    mark->values = out->len;
    return HK_OK;
}

hk_status
hk_field_open(hk_buffer *out, hk_slice prefix, const hk_text *name, hk_value_type type,
              const hk_text *representation, hk_surrogates mode, hk_field_mark *mark)
{
    if (name->kind == HK_TEXT_UTF8 && prefix.len <= HK_NAME_SHORT &&
        name->len <= HK_NAME_SHORT - prefix.len && representation->len == 0) {
        return hk_field_open_short(out, prefix, name, type, mark);
    }
    mark->start = out->len;
    mark->type = type;
    return field_open(out, prefix, name, type, representation, mode, mark);
}

hk_status
hk_put_string(hk_buffer *out, const hk_text *value, hk_surrogates mode, size_t *at)
{
    size_t size;
    hk_status status = hk_utf8_measure(value, mode, &size, at);
    if (status != HK_OK) {
        return status;
    }
    if (size > HK_LENGTH_MAX) {
        return HK_ERR_TOO_BIG;
    }
    if ((status = hk_buffer_room(out, PREFIX_MAX + size)) != HK_OK) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    out->len = (size_t)(put_text(p, HK_TAG_FIELD_STRING, value, size) - out->data);
    return HK_OK;
}

hk_status
hk_put_bytes(hk_buffer *out, hk_slice value)
{
    if (value.len > HK_LENGTH_MAX) {
        return HK_ERR_TOO_BIG;
    }
    const hk_status status = hk_buffer_room(out, PREFIX_MAX + value.len);
    if (status != HK_OK) {
        return status;
    }
    const hk_text raw = {.data = value.data, .len = value.len, .kind = HK_TEXT_UTF8};
    uint8_t *p = out->data + out->len;
    out->len = (size_t)(put_text(p, HK_TAG_FIELD_BYTES, &raw, value.len) - out->data);
    return HK_OK;
}

/* Writes the length of everything after out->data[at] into that byte, which was reserved for it.
 * A length of more than one byte moves everything after it back. */
static inline hk_status
close_length(hk_buffer *out, size_t at)
{
    const size_t length = out->len - at - 1;
    const size_t extra = hk_varint_size(length) - 1;
    if (extra == 0) {
        out->data[at] = (uint8_t)length;
        return HK_OK;
    }
    const hk_status status = hk_buffer_room(out, extra);
    if (status != HK_OK) {
        return status;
    }
    memmove(out->data + at + 1 + extra, out->data + at + 1, length);
    (void)hk_varint_put(out->data + at, length);
    out->len += extra;
    return HK_OK;
}

hk_status
hk_field_close_long(hk_buffer *out, const hk_field_mark *mark)
{
    assert(mark->values <= out->len);
    if (out->len == mark->values) {
        return HK_ERR_EMPTY;
    }
    if (is_packed(mark->type)) {
        const hk_status status = close_length(out, mark->values - 1);
        if (status != HK_OK) {
            return status;
        }
    }
    return close_length(out, mark->start + 1);
}

/* A STRING field has no block to close, and values = start makes hk_field_close count the head of
 * the field as its values. */
hk_status
hk_field_close_valueless(hk_buffer *out, hk_field_mark *mark)
{
    if (mark->type >= HK_INTEGER) {
        out->len -= 2; /* tag and length of the block */
    }
    mark->type = HK_STRING;
    mark->values = mark->start;
    return hk_field_close(out, mark);
}
