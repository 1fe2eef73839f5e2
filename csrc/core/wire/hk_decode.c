/* hk_decode.c -- the decoder of canonical Messages, and the validator of any Message. */
#include "hk_decode.h"

#include <string.h>

/* ---- canonical messages ---- */

/* A cursor over bytes that must be canonical. Each take_* advances it and returns true, or returns
 * false at the first byte that is not canonical. */
typedef struct {
    const uint8_t *p;
    const uint8_t *end;
} cursor;

static inline size_t
left(const cursor *c)
{
    return (size_t)(c->end - c->p);
}

/* Takes the next byte if it is `tag`. */
static inline bool
take_tag(cursor *c, uint8_t tag)
{
    if (c->p < c->end && *c->p == tag) {
        c->p++;
        return true;
    }
    return false;
}

static inline bool
take_varint(cursor *c, uint64_t *value)
{
    if (HK_LIKELY(c->p < c->end && *c->p < 0x80)) {
        *value = *c->p++;
        return true;
    }
    size_t at = 0;
    bool minimal;
    if (hk_varint_get(c->p, left(c), &at, value, &minimal) != HK_OK || !minimal) {
        return false;
    }
    c->p += at;
    return true;
}

static inline bool
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
static inline bool
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

static bool
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
static bool
take_block(cursor *c, uint8_t tag, hk_slice *values)
{
    return take_tag(c, tag) && take_slice(c, values) && c->p == c->end && values->len > 0;
}

static bool
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
static inline bool
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

/* ---- validating any message ---- */

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* One key and value of any protobuf message. */
typedef struct {
    size_t start;  /* offset of the key */
    size_t number; /* field number */
    unsigned wire; /* wire type */
    size_t value;  /* offset of the value; of its contents when it is length-delimited */
    size_t len;    /* bytes of the value, or of its contents */
} entry;

static const char *const wire_names[] = {"varint",    "64-bit", "length-delimited", "group",
                                         "group end", "32-bit", "type 6",           "type 7"};

static HK_COLD hk_status
torn(hk_error *err, size_t at, const char *what)
{
    return hk_fail(err, HK_ERR_CORRUPT, at, "the bytes end inside %s", what);
}

/* Reads the entry at data[*at] and advances *at past it. base is the offset of data in the whole
 * message; offsets of errors count from the start of the message. */
static hk_status
walk(const uint8_t *data, size_t len, size_t *at, entry *e, size_t base, hk_error *err)
{
    uint64_t key;
    uint64_t size;
    hk_status status;

    e->start = *at;
    status = hk_varint_get(data, len, at, &key, NULL);
    if (status == HK_ERR_TRUNCATED) {
        return torn(err, base + e->start, "a field key");
    }
    if (status != HK_OK || *at - e->start > 5 || key >> 32 != 0 || key >> 3 == 0) {
        return hk_fail(err, HK_ERR_CORRUPT, base + e->start,
                       "expected a field key, got byte 0x%02x", data[e->start]);
    }
    e->number = (size_t)(key >> 3);
    e->wire = (unsigned)(key & 7);
    e->value = *at;
    switch (e->wire) {
        case WIRE_VARINT:
            status = hk_varint_get(data, len, at, &size, NULL);
            if (status == HK_ERR_TRUNCATED) {
                return torn(err, base + e->value, "a varint");
            }
            if (status != HK_OK) {
                return hk_fail(err, HK_ERR_CORRUPT, base + e->value,
                               "expected a varint of at most %u bytes", HK_VARINT_MAX);
            }
            break;
        case WIRE_FIXED64:
        case WIRE_FIXED32:
            size = e->wire == WIRE_FIXED64 ? 8 : 4;
            if (size > len - *at) {
                return torn(err, base + e->value, "a fixed-size number");
            }
            *at += (size_t)size;
            break;
        case WIRE_BYTES:
            status = hk_varint_get(data, len, at, &size, NULL);
            if (status == HK_ERR_TRUNCATED) {
                return torn(err, base + e->value, "a length");
            }
            if (status != HK_OK || *at - e->value > 5) {
                return hk_fail(err, HK_ERR_CORRUPT, base + e->value,
                               "expected a length of at most 5 bytes");
            }
            if (size > len - *at) {
                return hk_fail(err, HK_ERR_CORRUPT, base + e->value,
                               "field %zu claims %llu bytes, %zu are left", e->number,
                               (unsigned long long)size, len - *at);
            }
            e->value = *at;
            *at += (size_t)size;
            break;
        default:
            return hk_fail(err, HK_ERR_CORRUPT, base + e->start,
                           "field %zu has wire type %u (%s), which Heka does not use", e->number,
                           e->wire, wire_names[e->wire]);
    }
    e->len = *at - e->value;
    return HK_OK;
}

static hk_status
expect_wire(const entry *e, unsigned wire, const char *what, size_t base, hk_error *err)
{
    if (e->wire == wire) {
        return HK_OK;
    }
    return hk_fail(err, HK_ERR_CORRUPT, base + e->start, "expected %s as %s, got %s", what,
                   wire_names[wire], wire_names[e->wire]);
}

/* Checks a packed block of varints: the last one must end with the block. */
static hk_status
check_varints(const uint8_t *data, size_t len, size_t base, hk_error *err)
{
    size_t at = 0;
    uint64_t ignored;
    while (at < len) {
        const size_t start = at;
        if (hk_varint_get(data, len, &at, &ignored, NULL) != HK_OK) {
            return hk_fail(err, HK_ERR_CORRUPT, base + start,
                           "expected a varint inside a packed block of %zu bytes", len);
        }
    }
    return HK_OK;
}

static hk_status
check_field(const uint8_t *data, size_t len, size_t base, hk_error *err)
{
    static const char *const names[] = {"",
                                        "Field.name",
                                        "Field.value_type",
                                        "Field.representation",
                                        "Field.value_string",
                                        "Field.value_bytes",
                                        "Field.value_integer",
                                        "Field.value_double",
                                        "Field.value_bool"};
    bool named = false;
    size_t at = 0;
    hk_status status = HK_OK;

    while (at < len && status == HK_OK) {
        entry e;
        status = walk(data, len, &at, &e, base, err);
        if (status != HK_OK) {
            return status;
        }
        switch (e.number) {
            case 1:
                named = true;
                status = expect_wire(&e, WIRE_BYTES, names[1], base, err);
                break;
            case 3:
            case 4:
            case 5:
                status = expect_wire(&e, WIRE_BYTES, names[e.number], base, err);
                break;
            case 2:
                status = expect_wire(&e, WIRE_VARINT, names[2], base, err);
                break;
            case 6:
            case 8:
                if (e.wire == WIRE_BYTES) {
                    status = check_varints(data + e.value, e.len, base + e.value, err);
                } else {
                    status = expect_wire(&e, WIRE_VARINT, names[e.number], base, err);
                }
                break;
            case 7:
                if (e.wire != WIRE_BYTES) {
                    status = expect_wire(&e, WIRE_FIXED64, names[7], base, err);
                } else if (e.len % 8 != 0) {
                    status = hk_fail(err, HK_ERR_CORRUPT, base + e.value,
                                     "expected 8 bytes for each double, got a block of %zu", e.len);
                }
                break;
            default: /* unknown: skipped */
                break;
        }
    }
    if (status == HK_OK && !named) {
        status = hk_fail(err, HK_ERR_CORRUPT, base, "expected a name in a field of %zu bytes", len);
    }
    return status;
}

hk_status
hk_decode_validate(const uint8_t *data, size_t len, size_t *examined, hk_error *err)
{
    static const char *const names[] = {"",       "uuid",     "timestamp", "type",
                                        "logger", "severity", "payload",   "env_version",
                                        "pid",    "hostname", "fields"};
    static const uint8_t wires[] = {0,           WIRE_BYTES,  WIRE_VARINT, WIRE_BYTES,
                                    WIRE_BYTES,  WIRE_VARINT, WIRE_BYTES,  WIRE_BYTES,
                                    WIRE_VARINT, WIRE_BYTES,  WIRE_BYTES};
    bool timed = false;
    bool identified = false;
    size_t uuid_at = 0;
    size_t uuid_len = 0;
    hk_status status;

    *examined = 0;
    if (len > HK_FOREIGN_MAX) {
        *examined = len; /* hk_decode_canonical may have examined all of them */
        return hk_fail(err, HK_ERR_CORRUPT, HK_FOREIGN_MAX,
                       "expected a message of at most %u bytes, got %zu", HK_FOREIGN_MAX, len);
    }
    while (*examined < len) {
        entry e;
        if ((status = walk(data, len, examined, &e, 0, err)) != HK_OK) {
            return status;
        }
        if (e.number >= sizeof wires) {
            continue; /* unknown: skipped */
        }
        status = expect_wire(&e, wires[e.number], names[e.number], 0, err);
        if (status == HK_OK && e.number == 10) {
            status = check_field(data + e.value, e.len, e.value, err);
        }
        if (status != HK_OK) {
            return status;
        }
        if (e.number == 1) {
            identified = true;
            uuid_at = e.value;
            uuid_len = e.len;
        }
        timed |= e.number == 2;
    }
    if (!identified) {
        return hk_fail(err, HK_ERR_CORRUPT, len, "no uuid in a message of %zu bytes", len);
    }
    if (uuid_len != HK_UUID_SIZE) {
        return hk_fail(err, HK_ERR_CORRUPT, uuid_at, "expected a uuid of %u bytes, got %zu",
                       HK_UUID_SIZE, uuid_len);
    }
    if (!timed) {
        return hk_fail(err, HK_ERR_CORRUPT, len, "no timestamp in a message of %zu bytes", len);
    }
    return HK_OK;
}

hk_status
hk_decode_check(const uint8_t *data, size_t len, hk_error *err)
{
    size_t examined;
    return hk_decode_validate(data, len, &examined, err);
}
