/* hk_decode.c -- the decoder of canonical Messages. */
#include "hk_decode.h"

#include <string.h>

/* A cursor over bytes that must be canonical. Each take_* advances it and returns true, or returns
 * false at the first byte that is not canonical. */
typedef struct {
    const uint8_t *p;
    const uint8_t *end;
} cursor;

/* The helpers of the cursor are inlined whatever their number, and pass no pointer to it on: so the
 * compiler keeps it in registers. In memory each step would wait for the store of the step before,
 * which doubles the time of a small message. */
#if defined(__GNUC__)
#define CURSOR_INLINE static inline __attribute__((always_inline))
#define CURSOR_COLD static __attribute__((noinline))
#else
#define CURSOR_INLINE static inline
#define CURSOR_COLD static
#endif

CURSOR_INLINE size_t
left(const cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* Takes the next byte if it is `tag`. */
CURSOR_INLINE bool
take_tag(cursor *c, uint8_t tag)
{
    if (c->p < c->end && *c->p == tag) {
        c->p++;
        return true;
    }
    return false;
}

/* Reads the varint at p; returns its end, or NULL if it is not canonical. */
CURSOR_COLD const uint8_t *
long_varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    /* Nine bytes, of which the first eight go on: every timestamp from 1974 to 2262. The seven low
     * bits of each byte are joined in pairs, then fours, then eights. */
    const uint64_t more = UINT64_C(0x8080808080808080);
    uint64_t low;
    if (end - p >= 9 && p[8] < 0x80 && p[8] > 0) {
        memcpy(&low, p, sizeof low);
        if ((low & more) == more) {
            low &= ~more;
            low = (low & UINT64_C(0x007f007f007f007f)) | (low & UINT64_C(0x7f007f007f007f00)) >> 1;
            low = (low & UINT64_C(0x00003fff00003fff)) | (low & UINT64_C(0x3fff00003fff0000)) >> 2;
            low = (low & UINT64_C(0x0fffffff)) | (low & UINT64_C(0x0fffffff00000000)) >> 4;
            *value = low | (uint64_t)p[8] << 56;
            return p + 9;
        }
    }
#endif
    size_t at = 0;
    bool minimal;
    if (hk_varint_get(p, (size_t)(end - p), &at, value, &minimal) != HK_OK || !minimal) {
        return NULL;
    }
    return p + at;
}

CURSOR_INLINE bool
take_varint(cursor *c, uint64_t *value)
{
    if (HK_LIKELY(c->p < c->end && *c->p < 0x80)) {
        *value = *c->p++;
        return true;
    }
    uint64_t wide;
    const uint8_t *p = long_varint(c->p, c->end, &wide);
    if (p == NULL) {
        return false;
    }
    *value = wide;
    c->p = p;
    return true;
}

CURSOR_INLINE bool
take_slice(cursor *c, hk_slice *slice)
{
    uint64_t len;
    if (!take_varint(c, &len) || len > left(c)) {
        return false;
    }
    slice->data = c->p;
    slice->len = (size_t)len;
    c->p += len;
    return true;
}

/* Takes a sign-extended int32; encoders write no other form. */
CURSOR_INLINE bool
take_int32(cursor *c, int32_t *value)
{
    uint64_t raw;
    if (!take_varint(c, &raw)) {
        return false;
    }
    const int64_t wide = (int64_t)raw;
    *value = (int32_t)wide;
    return wide == *value;
}

CURSOR_INLINE bool
strings_are_canonical(cursor c, uint8_t tag)
{
    hk_slice ignored;
    while (c.p < c.end) {
        if (!take_tag(&c, tag) || !take_slice(&c, &ignored)) {
            return false;
        }
    }
    return true;
}

/* Takes a packed block, which must not be empty and must end the field; *values: its contents. */
CURSOR_INLINE bool
take_block(cursor *c, uint8_t tag, hk_slice *values)
{
    return take_tag(c, tag) && take_slice(c, values) && c->p == c->end && values->len > 0;
}

CURSOR_INLINE bool
values_are_canonical(cursor c, hk_value_type type, hk_slice *values)
{
    uint64_t ignored;

    values->data = c.p;
    values->len = left(&c);
    if (values->len == 0) {
        return true; /* a field without values is shown to readers and never sent */
    }
    switch (type) {
        case HK_STRING:
            return strings_are_canonical(c, HK_TAG_FIELD_STRING);
        case HK_BYTES:
            return strings_are_canonical(c, HK_TAG_FIELD_BYTES);
        case HK_DOUBLE:
            return take_block(&c, HK_TAG_FIELD_DOUBLE, values) && values->len % 8 == 0;
        case HK_BOOL:
            if (!take_block(&c, HK_TAG_FIELD_BOOL, values)) {
                return false;
            }
            for (size_t i = 0; i < values->len; i++) {
                if (values->data[i] > 1) {
                    return false;
                }
            }
            return true;
        case HK_INTEGER:
            if (!take_block(&c, HK_TAG_FIELD_INTEGER, values)) {
                return false;
            }
            c.p = values->data;
            while (c.p < c.end) {
                if (!take_varint(&c, &ignored)) {
                    return false;
                }
            }
            return true;
    }
    return false;
}

/* Takes the field after its tag. Does not fill field->whole. */
CURSOR_INLINE bool
take_field(cursor *c, hk_field *field)
{
    hk_slice body;
    if (!take_slice(c, &body)) {
        return false;
    }
    cursor in = {body.data, body.data + body.len};
    if (!take_tag(&in, HK_TAG_FIELD_NAME) || !take_slice(&in, &field->name) ||
        !take_tag(&in, HK_TAG_FIELD_TYPE) || left(&in) == 0 || *in.p >= HK_VALUE_TYPES) {
        return false;
    }
    field->type = (hk_value_type)*in.p++;
    return take_tag(&in, HK_TAG_FIELD_REPRESENTATION) && take_slice(&in, &field->representation) &&
           values_are_canonical(in, field->type, &field->values);
}

hk_status
hk_decode_canonical(const uint8_t *data, size_t len, hk_message *m)
{
    if (len == 0) {
        return HK_ERR_CORRUPT; /* data may be NULL here, and NULL + 0 is undefined in C11 */
    }
    cursor c = {data, data + len};
    hk_slice uuid;
    uint64_t timestamp;

    if (!take_tag(&c, HK_TAG_UUID) || !take_slice(&c, &uuid) || uuid.len != HK_UUID_SIZE ||
        !take_tag(&c, HK_TAG_TIMESTAMP) || !take_varint(&c, &timestamp)) {
        return HK_ERR_CORRUPT;
    }
    memset(m, 0, sizeof *m);
    m->uuid = uuid.data;
    m->timestamp = (int64_t)timestamp;
    m->severity = HK_SEVERITY_DEFAULT;
    if ((take_tag(&c, HK_TAG_TYPE) && !take_slice(&c, &m->type)) ||
        (take_tag(&c, HK_TAG_LOGGER) && !take_slice(&c, &m->logger)) ||
        (take_tag(&c, HK_TAG_SEVERITY) && !take_int32(&c, &m->severity)) ||
        (take_tag(&c, HK_TAG_PAYLOAD) && !take_slice(&c, &m->payload)) ||
        (take_tag(&c, HK_TAG_ENV_VERSION) && !take_slice(&c, &m->env_version)) ||
        (take_tag(&c, HK_TAG_PID) && !take_int32(&c, &m->pid)) ||
        (take_tag(&c, HK_TAG_HOSTNAME) && !take_slice(&c, &m->hostname))) {
        return HK_ERR_CORRUPT;
    }
    m->fields.data = c.p;
    m->fields.len = left(&c);
    while (c.p < c.end) {
        hk_field field;
        if (!take_tag(&c, HK_TAG_FIELDS) || !take_field(&c, &field)) {
            return HK_ERR_CORRUPT;
        }
        m->valueless |= field.values.len == 0;
    }
    return HK_OK;
}

/* Takes the next of a series of canonical fields, which hk_decode_canonical has checked or
 * hk_encode has written; so tags and types are not checked again. It never reads past the end,
 * whatever the bytes are. */
static inline bool
take_known_field(cursor *c, hk_field *field)
{
    hk_slice body;
    c->p++; /* its tag */
    if (!take_slice(c, &body) || body.len < 6) {
        return false;
    }
    cursor in = {body.data + 1, body.data + body.len};
    if (!take_slice(&in, &field->name) || left(&in) < 4 || in.p[1] > HK_BOOL) {
        return false;
    }
    field->type = (hk_value_type)in.p[1];
    in.p += 3; /* tag and type, tag of the representation */
    if (!take_slice(&in, &field->representation)) {
        return false;
    }
    if (field->type >= HK_INTEGER && left(&in) > 0) {
        in.p++; /* the block's tag */
        return take_slice(&in, &field->values);
    }
    field->values = (hk_slice){in.p, left(&in)};
    return true;
}

bool
hk_field_next(hk_slice *fields, hk_field *field)
{
    if (fields->len == 0) {
        return false;
    }
    cursor c = {fields->data, fields->data + fields->len};
    if (!take_known_field(&c, field)) {
        return false;
    }
    field->whole = (hk_slice){fields->data, (size_t)(c.p - fields->data)};
    *fields = (hk_slice){c.p, left(&c)};
    return true;
}

bool
hk_value_next(hk_slice *values, hk_value_type type, hk_value *value)
{
    if (values->len == 0) {
        return false;
    }
    cursor c = {values->data, values->data + values->len};
    uint64_t bits = 0;

    switch (type) {
        case HK_STRING:
        case HK_BYTES:
            c.p++; /* the tag */
            if (!take_slice(&c, &value->text)) {
                return false;
            }
            break;
        case HK_INTEGER:
            if (!take_varint(&c, &bits)) {
                return false;
            }
            value->integer = (int64_t)bits;
            break;
        case HK_DOUBLE:
            if (left(&c) < 8) {
                return false;
            }
            for (unsigned i = 0; i < 8; i++) {
                bits |= (uint64_t)c.p[i] << (8 * i);
            }
            memcpy(&value->real, &bits, sizeof value->real);
            c.p += 8;
            break;
        case HK_BOOL:
            value->truth = *c.p++ != 0;
            break;
    }
    *values = (hk_slice){c.p, left(&c)};
    return true;
}
