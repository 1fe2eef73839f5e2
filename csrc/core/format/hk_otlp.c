/* hk_otlp.c -- messages as the body of an OTLP request.
 *
 * The length of an entry stands before its contents. `entry` leaves room for a length of the size
 * that is likely, and moves the contents when it was another: records are seldom moved, and only by
 * a byte or two. */
#include "hk_otlp.h"

#include <string.h>

#include "core/base/hk_utf8.h"
#include "core/wire/hk_uuid.h"
#include "core/wire/hk_wire.h"
#include "hk_firsts.h"
#include "hk_json.h"

/* Tag bytes: number << 3 | wire type. */
enum {
    LOGS_RESOURCE_LOGS = 0x0a,
    RESOURCE_LOGS_RESOURCE = 0x0a,
    RESOURCE_LOGS_SCOPE_LOGS = 0x12,
    RESOURCE_ATTRIBUTES = 0x0a,
    SCOPE_LOGS_SCOPE = 0x0a,
    SCOPE_LOGS_RECORD = 0x12,
    SCOPE_NAME = 0x0a,
    RECORD_TIME = 0x09,
    RECORD_SEVERITY_NUMBER = 0x10,
    RECORD_SEVERITY_TEXT = 0x1a,
    RECORD_BODY = 0x2a,
    RECORD_ATTRIBUTES = 0x32,
    RECORD_DROPPED = 0x38,
    RECORD_TRACE_ID = 0x4a,
    RECORD_SPAN_ID = 0x52,
    RECORD_OBSERVED = 0x59,
    RECORD_EVENT_NAME = 0x62,
    PAIR_KEY = 0x0a,
    PAIR_VALUE = 0x12,
    ANY_STRING = 0x0a,
    ANY_BOOL = 0x10,
    ANY_INT = 0x18,
    ANY_DOUBLE = 0x21,
    ANY_ARRAY = 0x2a,
    ANY_BYTES = 0x3a,
    ARRAY_VALUES = 0x0a,
};

#define UUID_TEXT 36u
#define TRACE_ID_SIZE 16u
#define SPAN_ID_SIZE 8u
#define NAME_ROOM 40u /* of the name of a severity */
/* Bytes of the numbers of a record, and of tags and lengths before a text. */
#define NUMBERS_ROOM 64u
#define HEAD_ROOM (2u + 2u * HK_VARINT_MAX)

/* An entry whose contents are being written. */
typedef struct {
    size_t start; /* of the contents, as an offset of the buffer */
    size_t size;  /* bytes that were left for the length */
} entry;

static inline uint8_t *
end_of(const hk_buffer *out)
{
    return out->data + out->len;
}

static inline hk_slice
text_of(const char *text)
{
    return (hk_slice){(const uint8_t *)text, strlen(text)};
}

/* Begins an entry of about `likely` bytes. */
static hk_status
begin(hk_buffer *out, uint8_t tag, size_t likely, entry *made)
{
    const hk_status status = hk_buffer_room(out, 1 + HK_VARINT_MAX);
    if (HK_LIKELY(status == HK_OK)) {
        out->data[out->len] = tag;
        made->size = hk_varint_size(likely);
        made->start = out->len + 1 + made->size;
        out->len = made->start;
    }
    return status;
}

/* Ends the entry: what was written since `begin` are its contents. */
static hk_status
end(hk_buffer *out, const entry *made)
{
    const size_t len = out->len - made->start;
    const size_t size = hk_varint_size(len);
    if (HK_UNLIKELY(size != made->size)) {
        const hk_status status = hk_buffer_room(out, HK_VARINT_MAX);
        if (status != HK_OK) {
            return status;
        }
        uint8_t *contents = out->data + made->start;
        memmove(contents - made->size + size, contents, len);
        out->len = made->start - made->size + size + len;
    }
    (void)hk_varint_put(out->data + made->start - made->size, len);
    return HK_OK;
}

/* Appends an entry of text; each byte that belongs to no character becomes U+FFFD. */
static hk_status
put_text(hk_buffer *out, uint8_t tag, hk_slice text)
{
    const bool is_valid = HK_LIKELY(hk_utf8_valid(text.data, text.len) == text.len);
    const size_t most = is_valid ? text.len : 3 * text.len;
    hk_status status = hk_buffer_room(out, HEAD_ROOM + most);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    if (is_valid) {
        uint8_t *p = end_of(out);
        *p++ = tag;
        p = hk_varint_put(p, text.len);
        hk_copy(p, text.data, text.len);
        out->len = (size_t)(p - out->data) + text.len;
        return HK_OK;
    }
    entry made;
    status = begin(out, tag, most, &made);
    if (status == HK_OK) {
        out->len += hk_utf8_repair(text.data, text.len, end_of(out));
        status = end(out, &made);
    }
    return status;
}

static hk_status
put_bytes(hk_buffer *out, uint8_t tag, hk_slice bytes)
{
    const hk_status status = hk_buffer_room(out, HEAD_ROOM + bytes.len);
    if (HK_LIKELY(status == HK_OK)) {
        uint8_t *p = end_of(out);
        *p++ = tag;
        p = hk_varint_put(p, bytes.len);
        hk_copy(p, bytes.data, bytes.len);
        out->len = (size_t)(p - out->data) + bytes.len;
    }
    return status;
}

/* Writes the eight bytes of a fixed64, the lowest first. */
static uint8_t *
put_fixed(uint8_t *p, uint64_t value)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        *p++ = (uint8_t)(value >> shift);
    }
    return p;
}

static uint8_t *
put_double(uint8_t *p, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_fixed(p, bits);
}

/* ---- values ------------------------------------------------------------------------------- */

/* Appends the contents of an AnyValue. */
static hk_status
put_any(hk_buffer *out, hk_value_type type, const hk_value *value)
{
    if (type == HK_STRING) {
        return put_text(out, ANY_STRING, value->text);
    }
    if (type == HK_BYTES) {
        return put_bytes(out, ANY_BYTES, value->text);
    }
    const hk_status status = hk_buffer_room(out, HEAD_ROOM);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = end_of(out);
    if (type == HK_INTEGER) {
        *p++ = ANY_INT;
        p = hk_varint_put(p, (uint64_t)value->integer);
    } else if (type == HK_DOUBLE) {
        *p++ = ANY_DOUBLE;
        p = put_double(p, value->real);
    } else {
        *p++ = ANY_BOOL;
        *p++ = value->truth;
    }
    out->len = (size_t)(p - out->data);
    return HK_OK;
}

/* Appends an AnyValue as an entry. */
static hk_status
put_value(hk_buffer *out, uint8_t tag, hk_value_type type, const hk_value *value)
{
    const bool is_text = type == HK_STRING || type == HK_BYTES;
    entry made;
    hk_status status = begin(out, tag, is_text ? value->text.len + 2 : 1, &made);
    if (status == HK_OK) {
        status = put_any(out, type, value);
    }
    return status == HK_OK ? end(out, &made) : status;
}

/* Appends an AnyValue with an array of all values; *first has been taken from the front of *rest.
 */
static hk_status
put_array(hk_buffer *out, const hk_field *field, const hk_value *first, hk_slice rest)
{
    hk_value value = *first;
    entry any;
    entry array;
    hk_status status = begin(out, PAIR_VALUE, field->values.len, &any);
    if (status == HK_OK) {
        status = begin(out, ANY_ARRAY, field->values.len, &array);
    }
    do {
        if (status == HK_OK) {
            status = put_value(out, ARRAY_VALUES, field->type, &value);
        }
    } while (status == HK_OK && hk_value_next(&rest, field->type, &value));
    if (status == HK_OK) {
        status = end(out, &array);
    }
    return status == HK_OK ? end(out, &any) : status;
}

/* Appends a KeyValue with one text. */
static hk_status
put_text_pair(hk_buffer *out, uint8_t tag, const char *key, hk_slice text)
{
    const hk_value value = {.text = text};
    entry pair;
    hk_status status = begin(out, tag, strlen(key) + text.len + 6, &pair);
    if (status == HK_OK) {
        status = put_bytes(out, PAIR_KEY, text_of(key));
    }
    if (status == HK_OK) {
        status = put_value(out, PAIR_VALUE, HK_STRING, &value);
    }
    return status == HK_OK ? end(out, &pair) : status;
}

static hk_status
put_integer_pair(hk_buffer *out, uint8_t tag, const char *key, int64_t integer)
{
    const hk_value value = {.integer = integer};
    entry pair;
    hk_status status = begin(out, tag, strlen(key) + 8, &pair);
    if (status == HK_OK) {
        status = put_bytes(out, PAIR_KEY, text_of(key));
    }
    if (status == HK_OK) {
        status = put_value(out, PAIR_VALUE, HK_INTEGER, &value);
    }
    return status == HK_OK ? end(out, &pair) : status;
}

static hk_status
put_field(hk_buffer *out, const hk_field *field)
{
    hk_slice rest = field->values;
    hk_value value;
    entry pair;
    hk_status status = begin(out, RECORD_ATTRIBUTES, field->whole.len, &pair);
    if (status == HK_OK) {
        status = put_text(out, PAIR_KEY, field->name);
    }
    if (status == HK_OK) {
        if (!hk_value_next(&rest, field->type, &value)) {
            status = put_bytes(out, PAIR_VALUE, text_of("")); /* an AnyValue that is not set */
        } else if (rest.len == 0) {
            status = put_value(out, PAIR_VALUE, field->type, &value);
        } else {
            status = put_array(out, field, &value, rest);
        }
    }
    return status == HK_OK ? end(out, &pair) : status;
}

/* ---- a record ----------------------------------------------------------------------------- */

/* Reads 2 * size hexadecimal digits. False: *field is no text of that form, or all are zero. */
static bool
read_id(const hk_field *field, size_t size, uint8_t *id)
{
    hk_slice rest = field->values;
    hk_value value;
    uint8_t any = 0;
    if (field->type != HK_STRING || !hk_value_next(&rest, HK_STRING, &value) || rest.len > 0 ||
        value.text.len != 2 * size) {
        return false;
    }
    for (size_t i = 0; i < 2 * size; i++) {
        const uint8_t c = value.text.data[i];
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (unsigned)((c | 0x20) - 'a') + 10;
        } else {
            return false;
        }
        id[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : id[i / 2] | digit);
        any |= (uint8_t)digit;
    }
    return any != 0;
}

static bool
is_named(const hk_field *field, const char *name)
{
    const size_t len = strlen(name);
    return field->name.len == len && memcmp(field->name.data, name, len) == 0;
}

/* Appends one field: as the record's trace or span, or as an attribute. */
static hk_status
put_attribute(hk_buffer *out, const hk_field *field)
{
    uint8_t id[TRACE_ID_SIZE];
    if (is_named(field, "trace_id") && read_id(field, TRACE_ID_SIZE, id)) {
        return put_bytes(out, RECORD_TRACE_ID, (hk_slice){id, TRACE_ID_SIZE});
    }
    if (is_named(field, "span_id") && read_id(field, SPAN_ID_SIZE, id)) {
        return put_bytes(out, RECORD_SPAN_ID, (hk_slice){id, SPAN_ID_SIZE});
    }
    return put_field(out, field);
}

static hk_status
put_attributes(hk_buffer *out, const hk_message *m)
{
    hk_firsts seen;
    hk_slice rest = m->fields;
    hk_field field;
    bool is_first;
    uint64_t left_out = 0;
    hk_status status = HK_OK;

    hk_firsts_init(&seen);
    while (status == HK_OK && hk_field_next(&rest, &field)) {
        status = hk_firsts_look(&seen, m->fields, field.name, &is_first);
        if (status == HK_OK && is_first) {
            status = put_attribute(out, &field);
        } else if (status == HK_OK) {
            left_out++;
        }
    }
    hk_firsts_clear(&seen);
    if (status == HK_OK && left_out > 0) {
        status = hk_buffer_room(out, HEAD_ROOM);
        if (status == HK_OK) {
            uint8_t *p = end_of(out);
            *p++ = RECORD_DROPPED;
            out->len = (size_t)(hk_varint_put(p, left_out) - out->data);
        }
    }
    return status;
}

static hk_status
put_numbers(hk_buffer *out, const hk_message *m, int64_t now)
{
    static const uint8_t numbers[] = {21, 19, 18, 17, 13, 10, 9, 5};
    uint8_t name[NAME_ROOM];
    hk_status status = hk_buffer_room(out, NUMBERS_ROOM);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = end_of(out);
    *p++ = RECORD_TIME;
    p = put_fixed(p, m->timestamp < 0 ? 0 : (uint64_t)m->timestamp);
    *p++ = RECORD_OBSERVED;
    p = put_fixed(p, now < 0 ? 0 : (uint64_t)now);
    if (m->severity >= 0 && m->severity < (int32_t)sizeof numbers) {
        *p++ = RECORD_SEVERITY_NUMBER;
        *p++ = numbers[m->severity];
    }
    out->len = (size_t)(p - out->data);
    const size_t len = (size_t)(hk_json_put_severity_name(name, m->severity) - name);
    return put_bytes(out, RECORD_SEVERITY_TEXT, (hk_slice){name, len});
}

/* Appends what a record has beside its numbers and fields. */
static hk_status
put_texts(hk_buffer *out, const hk_message *m)
{
    uint8_t uuid[NAME_ROOM];
    (void)hk_json_put_uuid(uuid, m->uuid);
    hk_status status =
        put_text_pair(out, RECORD_ATTRIBUTES, "log.record.uid", (hk_slice){uuid, UUID_TEXT});
    if (status == HK_OK && m->payload.len > 0) {
        const hk_value body = {.text = m->payload};
        status = put_value(out, RECORD_BODY, HK_STRING, &body);
    }
    if (status == HK_OK && m->type.len > 0) {
        status = put_text(out, RECORD_EVENT_NAME, m->type);
    }
    const hk_slice usual = text_of("0.8");
    const bool is_usual =
        m->env_version.len == usual.len && memcmp(m->env_version.data, usual.data, usual.len) == 0;
    if (status == HK_OK && m->env_version.len > 0 && !is_usual) {
        status = put_text_pair(out, RECORD_ATTRIBUTES, "heka.env_version", m->env_version);
    }
    if (status == HK_OK && m->timestamp < 0) {
        status = put_integer_pair(out, RECORD_ATTRIBUTES, "heka.timestamp", m->timestamp);
    }
    return status;
}

static hk_status
put_record(hk_buffer *out, const hk_message *m, size_t len, int64_t now)
{
    entry record;
    hk_status status = begin(out, SCOPE_LOGS_RECORD, len + NUMBERS_ROOM, &record);
    if (status == HK_OK) {
        status = put_numbers(out, m, now);
    }
    if (status == HK_OK) {
        status = put_texts(out, m);
    }
    if (status == HK_OK) {
        status = put_attributes(out, m);
    }
    return status == HK_OK ? end(out, &record) : status;
}

/* ---- scopes and resources ----------------------------------------------------------------- */

static bool
is_same(hk_slice one, hk_slice two)
{
    return one.len == two.len && (one.len == 0 || memcmp(one.data, two.data, one.len) == 0);
}

static bool
has_same_resource(const hk_message *one, const hk_message *two)
{
    return one->pid == two->pid && is_same(one->hostname, two->hostname);
}

/* Appends the scope of the messages from *at on, and moves *at behind those that have it. */
static hk_status
put_scope(hk_buffer *out, const hk_block *block, size_t *at, int64_t now)
{
    const hk_message *head = hk_block_message(block, *at);
    entry scope_logs;
    entry scope;
    hk_status status = begin(out, RESOURCE_LOGS_SCOPE_LOGS,
                             block->places[*at].len * (block->count - *at), &scope_logs);
    if (status == HK_OK && head->logger.len > 0) {
        status = begin(out, SCOPE_LOGS_SCOPE, head->logger.len + 2, &scope);
        if (status == HK_OK) {
            status = put_text(out, SCOPE_NAME, head->logger);
        }
        if (status == HK_OK) {
            status = end(out, &scope);
        }
    }
    for (; status == HK_OK && *at < block->count; (*at)++) {
        const hk_message *m = hk_block_message(block, *at);
        if (!is_same(m->logger, head->logger) || !has_same_resource(m, head)) {
            break;
        }
        status = put_record(out, m, block->places[*at].len, now);
    }
    return status == HK_OK ? end(out, &scope_logs) : status;
}

static hk_status
put_resource(hk_buffer *out, const hk_message *m, hk_slice further)
{
    entry resource;
    hk_status status =
        begin(out, RESOURCE_LOGS_RESOURCE, further.len + m->hostname.len + 32, &resource);
    if (status == HK_OK) {
        status = hk_buffer_append(out, further.data, further.len);
    }
    if (status == HK_OK && m->hostname.len > 0) {
        status = put_text_pair(out, RESOURCE_ATTRIBUTES, "host.name", m->hostname);
    }
    if (status == HK_OK && m->pid != 0) {
        status = put_integer_pair(out, RESOURCE_ATTRIBUTES, "process.pid", m->pid);
    }
    return status == HK_OK ? end(out, &resource) : status;
}

hk_status
hk_otlp_logs(const hk_block *block, const hk_otlp_options *options, hk_buffer *out, hk_error *err)
{
    const size_t before = out->len;
    hk_status status = HK_OK;
    for (size_t at = 0; status == HK_OK && at < block->count;) {
        const hk_message *head = hk_block_message(block, at);
        entry resource_logs;
        status = begin(out, LOGS_RESOURCE_LOGS, block->places[at].len * (block->count - at),
                       &resource_logs);
        if (status == HK_OK) {
            status = put_resource(out, head, options->resource);
        }
        while (status == HK_OK && at < block->count &&
               has_same_resource(hk_block_message(block, at), head)) {
            status = put_scope(out, block, &at, options->now);
        }
        if (status == HK_OK) {
            status = end(out, &resource_logs);
        }
    }
    if (HK_UNLIKELY(status != HK_OK)) {
        out->len = before;
        return hk_fail(err, status, 0, "%s for an OTLP request",
                       status == HK_ERR_NOMEM ? "no memory" : "the output has no room");
    }
    return HK_OK;
}
