/* hk_validate.c -- the validator of any Message, canonical or not. Declared in hk_decode.h. */
#include "hk_decode.h"

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5
};

/* One key and value of any protobuf message. */
typedef struct {
    size_t start;  /* offset of the key */
    size_t number; /* field number */
    unsigned wire; /* wire type */
    size_t value;  /* offset of the value; of its contents when it is length-delimited */
    size_t len;    /* bytes of the value, or of its contents; of a group: with its end */
} entry;

static const char *const wire_names[] = {"varint", "64-bit",    "length-delimited",
                                         "group",  "group end", "32-bit"};

static HK_COLD hk_status
torn(hk_error *err, size_t at, const char *what)
{
    return hk_fail(err, HK_ERR_CORRUPT, at, "the bytes end inside %s", what);
}

/* Reads the key at data[*at], and the value behind it unless that is a group, and advances *at past
 * them. base is the offset of data in the whole message; offsets of errors count from the start of
 * the message. */
static hk_status
walk_flat(const uint8_t *data, size_t len, size_t *at, entry *e, size_t base, hk_error *err)
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
        case WIRE_GROUP:
        case WIRE_GROUP_END:
            break;
        default:
            return hk_fail(err, HK_ERR_CORRUPT, base + e->start,
                           "field %zu has wire type %u, which protobuf does not have", e->number,
                           e->wire);
    }
    e->len = *at - e->value;
    return HK_OK;
}

/* Advances *at from behind the key of a group, *group, past the key that ends it. */
static hk_status
skip_group(const uint8_t *data, size_t len, size_t *at, const entry *group, size_t base,
           hk_error *err)
{
    size_t open[HK_GROUPS_MAX]; /* numbers of the groups that have not ended */
    size_t depth = 0;

    open[depth++] = group->number;
    while (depth > 0) {
        entry e;
        if (*at == len) {
            return torn(err, base + group->start, "a group");
        }
        const hk_status status = walk_flat(data, len, at, &e, base, err);
        if (status != HK_OK) {
            return status;
        }
        if (e.wire == WIRE_GROUP) {
            if (depth == HK_GROUPS_MAX) {
                return hk_fail(err, HK_ERR_CORRUPT, base + e.start,
                               "groups are nested deeper than %u", HK_GROUPS_MAX);
            }
            open[depth++] = e.number;
        } else if (e.wire == WIRE_GROUP_END && e.number != open[--depth]) {
            return hk_fail(err, HK_ERR_CORRUPT, base + e.start,
                           "expected the end of group %zu, got that of group %zu", open[depth],
                           e.number);
        }
    }
    return HK_OK;
}

/* Reads the entry at data[*at], with all of a group, and advances *at past it; base as above. */
static hk_status
walk(const uint8_t *data, size_t len, size_t *at, entry *e, size_t base, hk_error *err)
{
    hk_status status = walk_flat(data, len, at, e, base, err);
    if (status == HK_OK && e->wire == WIRE_GROUP) {
        status = skip_group(data, len, at, e, base, err);
        e->len = *at - e->value;
    } else if (status == HK_OK && e->wire == WIRE_GROUP_END) {
        status = hk_fail(err, HK_ERR_CORRUPT, base + e->start, "group %zu ends, but has not begun",
                         e->number);
    }
    return status;
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

/* Overwrites data[0..size), a group, with one length-delimited entry of the same size. Its number
 * is unknown in Message and in Field. */
static void
cover_group(uint8_t *data, size_t size)
{
    const uint8_t unknown = 15u << 3 | WIRE_BYTES;
    data[0] = unknown;
    if (size - 2 < 0x80) {
        data[1] = (uint8_t)(size - 2);
        return;
    }
    const size_t len = size - 4; /* below HK_FOREIGN_MAX: 21 bits, in three bytes */
    data[1] = (uint8_t)(len | 0x80);
    data[2] = (uint8_t)(len >> 7 | 0x80);
    data[3] = (uint8_t)(len >> 14 & 0x7f);
}

static bool
cover_groups_of_field(uint8_t *data, size_t len)
{
    bool found = false;
    size_t at = 0;
    entry e;
    while (at < len && walk(data, len, &at, &e, 0, NULL) == HK_OK) {
        if (e.wire == WIRE_GROUP) {
            cover_group(data + e.start, at - e.start);
            found = true;
        }
    }
    return found;
}

bool
hk_decode_cover_groups(uint8_t *data, size_t len)
{
    bool found = false;
    size_t at = 0;
    entry e;
    while (at < len && walk(data, len, &at, &e, 0, NULL) == HK_OK) {
        if (e.wire == WIRE_GROUP) {
            cover_group(data + e.start, at - e.start);
            found = true;
        } else if (e.wire == WIRE_BYTES && e.number == 10) {
            found |= cover_groups_of_field(data + e.value, e.len);
        }
    }
    return found;
}

hk_status
hk_decode_check(const uint8_t *data, size_t len, hk_error *err)
{
    size_t examined;
    return hk_decode_validate(data, len, &examined, err);
}
