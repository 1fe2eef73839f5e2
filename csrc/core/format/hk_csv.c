/* hk_csv.c -- a decoded message as one record of CSV. */
#include "hk_csv.h"

#include <string.h>

#include "core/base/hk_utf8.h"
#include "hk_decimal.h"
#include "hk_json.h"

#define CELL_ROOM 64u  /* bytes: a number, a time, a UUID, the name of a severity */
#define ESCAPE_MAX 4u  /* bytes that one byte of text becomes at most: \xff */
#define ARRAY_ROOM 512 /* bytes of an array of values that are kept on the stack */

/* What a byte of text needs. */
enum { PLAIN = 0, QUOTES = 1, ESCAPE = 2, BEYOND = 4 };

static inline int
need_of(uint8_t byte)
{
    if (byte >= 0x80) {
        return BEYOND;
    }
    if (byte == '"' || byte == ',' || byte == '\r' || byte == '\n') {
        return QUOTES;
    }
    return (byte < 0x20 && byte != '\t') || byte == 0x7f ? ESCAPE : PLAIN;
}

static const char *const names[] = {"time",          "timestamp_ns", "uuid",    "severity",
                                    "severity_name", "type",         "logger",  "hostname",
                                    "pid",           "env_version",  "payload", "signer"};
_Static_assert(sizeof names / sizeof names[0] == HK_CSV_FIELD, "a name for each attribute");

hk_csv_column
hk_csv_column_of(hk_slice name)
{
    static const char open[] = "Fields[";
    const size_t lead = sizeof open - 1;
    for (size_t i = 0; i < HK_CSV_FIELD; i++) {
        if (strlen(names[i]) == name.len && memcmp(names[i], name.data, name.len) == 0) {
            return (hk_csv_column){(hk_csv_kind)i, {NULL, 0}};
        }
    }
    if (name.len > lead && memcmp(name.data, open, lead) == 0 && name.data[name.len - 1] == ']') {
        name = (hk_slice){name.data + lead, name.len - lead - 1};
    }
    return (hk_csv_column){HK_CSV_FIELD, name};
}

static uint8_t *
put_hex(uint8_t *p, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    *p++ = (uint8_t)hex[byte >> 4];
    *p++ = (uint8_t)hex[byte & 15];
    return p;
}

static uint8_t *
put_byte_escape(uint8_t *p, uint8_t byte)
{
    *p++ = '\\';
    *p++ = 'x';
    return put_hex(p, byte);
}

/* Writes well-formed UTF-8 with its escapes; at most ESCAPE_MAX bytes for each. */
static uint8_t *
put_characters(uint8_t *p, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = data[i];
        if (byte == '"') {
            *p++ = '"';
            *p++ = '"';
        } else if (need_of(byte) == ESCAPE) {
            p = put_byte_escape(p, byte);
        } else if (byte == 0xc2 && data[i + 1] < 0xa0) { /* a C1 control: 0x80 to 0x9f */
            *p++ = '\\';
            *p++ = 'u';
            *p++ = '0';
            *p++ = '0';
            p = put_hex(p, data[++i]);
        } else {
            *p++ = byte;
        }
    }
    return p;
}

/* Appends text as a cell, quoted where it must be. */
static hk_status
put_text(hk_buffer *out, hk_slice text)
{
    int needs = PLAIN;
    for (size_t i = 0; i < text.len; i++) {
        needs |= need_of(text.data[i]);
    }
    if (HK_LIKELY(needs == PLAIN)) {
        return text.len == 0 ? HK_OK : hk_buffer_append(out, text.data, text.len);
    }
    if (text.len > out->limit / ESCAPE_MAX) { /* the size below cannot overflow then */
        return HK_ERR_TOO_BIG;
    }
    const hk_status status = hk_buffer_room(out, text.len * ESCAPE_MAX + 2);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    if ((needs & QUOTES) != 0) {
        *p++ = '"';
    }
    while (text.len > 0) {
        const size_t valid = hk_utf8_valid(text.data, text.len);
        p = put_characters(p, text.data, valid);
        text.data += valid;
        text.len -= valid;
        if (text.len > 0) {
            p = put_byte_escape(p, *text.data);
            text.data++;
            text.len--;
        }
    }
    if ((needs & QUOTES) != 0) {
        *p++ = '"';
    }
    out->len = (size_t)(p - out->data);
    return HK_OK;
}

static hk_status
put_quotes(hk_buffer *out)
{
    static const uint8_t empty[] = {'"', '"'};
    return hk_buffer_append(out, empty, sizeof empty);
}

/* Appends several values as a JSON array. */
static hk_status
put_array(hk_buffer *out, const hk_field *field)
{
    uint8_t room[ARRAY_ROOM];
    hk_buffer array;
    hk_buffer_init(&array, room, sizeof room, out->limit);
    hk_status status = hk_json_put_values(&array, field);
    if (status == HK_OK) {
        status = put_text(out, (hk_slice){array.data, array.len});
    }
    hk_buffer_clear(&array);
    return status;
}

static hk_status
put_field(hk_buffer *out, hk_slice fields, hk_slice name)
{
    hk_field field;
    hk_value value;
    while (hk_field_next(&fields, &field)) {
        if (field.name.len != name.len || memcmp(field.name.data, name.data, name.len) != 0) {
            continue;
        }
        hk_slice values = field.values;
        if (!hk_value_next(&values, field.type, &value)) {
            return HK_OK;
        }
        if (values.len > 0) {
            return put_array(out, &field);
        }
        if (field.type == HK_STRING) {
            return value.text.len == 0 ? put_quotes(out) : put_text(out, value.text);
        }
        /* Numbers, and the quoted base64 of bytes, are cells as they are. */
        return hk_json_put_value(out, field.type, &value);
    }
    return HK_OK;
}

/* Appends an attribute that is no text. */
static hk_status
put_number(hk_buffer *out, const hk_message *m, hk_csv_kind kind)
{
    const hk_status status = hk_buffer_room(out, CELL_ROOM);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = out->data + out->len;
    if (kind == HK_CSV_TIME) {
        p = hk_json_put_time(p, m->timestamp);
    } else if (kind == HK_CSV_TIMESTAMP) {
        p = hk_decimal_put_signed(p, m->timestamp);
    } else if (kind == HK_CSV_UUID) {
        p = hk_json_put_uuid(p, m->uuid);
    } else if (kind == HK_CSV_SEVERITY_NAME) {
        p = hk_json_put_severity_name(p, m->severity);
    } else {
        p = hk_decimal_put_signed(p, kind == HK_CSV_PID ? m->pid : m->severity);
    }
    out->len = (size_t)(p - out->data);
    return HK_OK;
}

static hk_status
put_cell(hk_buffer *out, const hk_message *m, hk_slice signer, const hk_csv_column *column)
{
    switch (column->kind) {
        case HK_CSV_TYPE:
            return put_text(out, m->type);
        case HK_CSV_LOGGER:
            return put_text(out, m->logger);
        case HK_CSV_HOSTNAME:
            return put_text(out, m->hostname);
        case HK_CSV_ENV_VERSION:
            return put_text(out, m->env_version);
        case HK_CSV_PAYLOAD:
            return put_text(out, m->payload);
        case HK_CSV_SIGNER:
            return put_text(out, signer);
        case HK_CSV_FIELD:
            return put_field(out, m->fields, column->field);
        case HK_CSV_TIME:
        case HK_CSV_TIMESTAMP:
        case HK_CSV_UUID:
        case HK_CSV_SEVERITY:
        case HK_CSV_SEVERITY_NAME:
        case HK_CSV_PID:
            break;
    }
    return put_number(out, m, column->kind);
}

hk_status
hk_csv_line(const hk_message *message, hk_slice signer, const hk_csv_column *columns, size_t count,
            hk_buffer *out, hk_error *err)
{
    static const uint8_t comma[] = {','};
    static const uint8_t end[] = {'\r', '\n'};
    const size_t start = out->len;
    hk_status status = HK_OK;
    for (size_t i = 0; i < count && status == HK_OK; i++) {
        if (i > 0) {
            status = hk_buffer_append(out, comma, sizeof comma);
        }
        if (status == HK_OK) {
            status = put_cell(out, message, signer, &columns[i]);
        }
    }
    if (status == HK_OK && out->len == start) { /* else readers take the record for an empty line */
        status = put_quotes(out);
    }
    if (status == HK_OK) {
        status = hk_buffer_append(out, end, sizeof end);
    }
    if (HK_UNLIKELY(status != HK_OK)) {
        out->len = start;
        return hk_fail(err, status, 0, "%s for the CSV record of a message",
                       status == HK_ERR_NOMEM ? "no memory" : "the output has no room");
    }
    return HK_OK;
}
