/* hk_json.c -- a decoded message as one line of JSON.
 *
 * hk_json_put_string leaves HK_JSON_TAIL bytes of room behind each string: the short texts and the
 * numbers between two strings are written there without a look at the buffer. */
#include "hk_json.h"

#include <math.h>
#include <string.h>

#include "hk_decimal.h"
#include "hk_double.h"
#include "hk_firsts.h"
#include "hk_json_text.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_SECONDS INT64_C(86400)
/* Room for one value that is no string, and for what may follow before the next look. */
#define VALUE_ROOM (HK_DOUBLE_TEXT + HK_JSON_TAIL)
/* Bytes before the first string, "type": the longest are 203. */
#define HEAD_ROOM 256u

/* Writes a string literal; the caller has ensured the room. */
#define PUT(p, literal) put_bytes((p), (literal), sizeof(literal) - 1)

static inline uint8_t *
put_bytes(uint8_t *p, const char *text, size_t len)
{
    memcpy(p, text, len);
    return p + len;
}

static inline uint8_t *
end_of(const hk_buffer *out)
{
    return out->data + out->len;
}

static inline void
set_end(hk_buffer *out, const uint8_t *p)
{
    out->len = (size_t)(p - out->data);
}

/* Writes the date of that day since 1970-01-01, as 2026-03-01. The years of an int64_t in
 * nanoseconds, 1677 to 2262, have four digits. */
static uint8_t *
put_date(uint8_t *p, int64_t day)
{
    /* Years begin in March here, so that a leap day is the last day of its year; 400 of them are
     * 146,097 days. 719,468 days lead from 0000-03-01 to 1970-01-01. */
    const int64_t shifted = day + 719468;
    const int64_t era = shifted / 146097;
    const int64_t of_era = shifted % 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153; /* 0 is March */
    const int64_t date = of_year - (153 * month + 2) / 5 + 1;
    const bool is_next = month >= 10; /* January and February are of the next calendar year */
    p = hk_decimal_put_padded(p, (uint64_t)(era * 400 + year + is_next), 4);
    *p++ = '-';
    p = hk_decimal_put_padded(p, (uint64_t)(is_next ? month - 9 : month + 3), 2);
    *p++ = '-';
    return hk_decimal_put_padded(p, (uint64_t)date, 2);
}

uint8_t *
hk_json_put_time(uint8_t *p, int64_t timestamp)
{
    /* Rounded down, also before 1970. */
    const int64_t second = timestamp / SECOND_NS - (timestamp % SECOND_NS < 0);
    const int64_t day = second / DAY_SECONDS - (second % DAY_SECONDS < 0);
    const uint64_t of_day = (uint64_t)(second - day * DAY_SECONDS);
    const int64_t rest = timestamp % SECOND_NS;
    p = put_date(p, day);
    *p++ = 'T';
    p = hk_decimal_put_padded(p, of_day / 3600, 2);
    *p++ = ':';
    p = hk_decimal_put_padded(p, of_day / 60 % 60, 2);
    *p++ = ':';
    p = hk_decimal_put_padded(p, of_day % 60, 2);
    *p++ = '.';
    p = hk_decimal_put_padded(p, (uint64_t)(rest < 0 ? rest + SECOND_NS : rest), 9);
    *p++ = 'Z';
    return p;
}

/* Not uuid_unparse_lower, which formats by sprintf. */
uint8_t *
hk_json_put_uuid(uint8_t *p, const uint8_t uuid[16])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = (uint8_t)hex[uuid[i] >> 4];
        *p++ = (uint8_t)hex[uuid[i] & 15];
    }
    return p;
}

uint8_t *
hk_json_put_severity_name(uint8_t *p, int32_t severity)
{
    static const char *const names[] = {"EMERGENCY", "ALERT",  "CRITICAL", "ERROR",
                                        "WARNING",   "NOTICE", "INFO",     "DEBUG"};
    if (severity >= 0 && severity < 8) {
        return put_bytes(p, names[severity], strlen(names[severity]));
    }
    return hk_decimal_put_signed(PUT(p, "SEVERITY "), severity);
}

/* Appends all before the fields. */
static hk_status
put_head(hk_buffer *out, const hk_message *m)
{
    const hk_status status = hk_buffer_room(out, HEAD_ROOM);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = PUT(end_of(out), "{\"time\": \"");
    p = PUT(hk_json_put_time(p, m->timestamp), "\", \"timestamp_ns\": ");
    p = PUT(hk_decimal_put_signed(p, m->timestamp), ", \"uuid\": \"");
    p = PUT(hk_json_put_uuid(p, m->uuid), "\", \"severity\": ");
    p = PUT(hk_decimal_put_signed(p, m->severity), ", \"severity_name\": \"");
    p = PUT(hk_json_put_severity_name(p, m->severity), "\", \"type\": ");
    set_end(out, p);
    return HK_OK;
}

static hk_status
put_texts(hk_buffer *out, const hk_message *m)
{
    hk_status status = hk_json_put_string(out, m->type);
    if (status == HK_OK) {
        set_end(out, PUT(end_of(out), ", \"logger\": "));
        status = hk_json_put_string(out, m->logger);
    }
    if (status == HK_OK) {
        set_end(out, PUT(end_of(out), ", \"hostname\": "));
        status = hk_json_put_string(out, m->hostname);
    }
    if (status == HK_OK) {
        uint8_t *p = PUT(end_of(out), ", \"pid\": ");
        set_end(out, PUT(hk_decimal_put_signed(p, m->pid), ", \"env_version\": "));
        status = hk_json_put_string(out, m->env_version);
    }
    if (status == HK_OK) {
        set_end(out, PUT(end_of(out), ", \"payload\": "));
        status = hk_json_put_string(out, m->payload);
    }
    return status;
}

static uint8_t *
put_real(uint8_t *p, double value)
{
    if (HK_LIKELY(isfinite(value))) {
        return hk_double_put(p, value);
    }
    return isnan(value) ? PUT(p, "\"NaN\"")
           : value > 0  ? PUT(p, "\"Infinity\"")
                        : PUT(p, "\"-Infinity\"");
}

hk_status
hk_json_put_value(hk_buffer *out, hk_value_type type, const hk_value *value)
{
    if (type == HK_STRING) {
        return hk_json_put_string(out, value->text);
    }
    if (type == HK_BYTES) {
        return hk_json_put_base64(out, value->text);
    }
    const hk_status status = hk_buffer_room(out, VALUE_ROOM);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *p = end_of(out);
    if (type == HK_INTEGER) {
        p = hk_decimal_put_signed(p, value->integer);
    } else if (type == HK_DOUBLE) {
        p = put_real(p, value->real);
    } else {
        p = value->truth ? PUT(p, "true") : PUT(p, "false");
    }
    set_end(out, p);
    return HK_OK;
}

hk_status
hk_json_put_values(hk_buffer *out, const hk_field *field)
{
    hk_slice values = field->values;
    hk_value value;
    hk_status status = hk_buffer_room(out, HK_JSON_TAIL);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    set_end(out, PUT(end_of(out), "["));
    for (bool first = true; hk_value_next(&values, field->type, &value); first = false) {
        if (!first) {
            set_end(out, PUT(end_of(out), ", "));
        }
        status = hk_json_put_value(out, field->type, &value);
        if (HK_UNLIKELY(status != HK_OK)) {
            return status;
        }
    }
    set_end(out, PUT(end_of(out), "]"));
    return HK_OK;
}

/* Appends "name": {"value_type": ..., "representation": ..., "values": [...]}. */
static hk_status
put_field(hk_buffer *out, const hk_field *field)
{
    static const char *const types[] = {"string", "bytes", "integer", "double", "bool"};
    hk_status status = hk_json_put_string(out, field->name);
    if (status == HK_OK) {
        const char *type = types[field->type];
        uint8_t *p = PUT(end_of(out), ": {\"value_type\": \"");
        p = put_bytes(p, type, strlen(type));
        set_end(out, PUT(p, "\", \"representation\": "));
        status = hk_json_put_string(out, field->representation);
    }
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    set_end(out, PUT(end_of(out), ", \"values\": "));
    status = hk_json_put_values(out, field);
    if (status == HK_OK) {
        set_end(out, PUT(end_of(out), "}"));
    }
    return status;
}

static hk_status
put_fields(hk_buffer *out, const hk_message *m)
{
    hk_firsts seen;
    hk_slice rest = m->fields;
    hk_field field;
    bool is_first;
    bool any = false;
    hk_status status = HK_OK;

    hk_firsts_init(&seen);
    set_end(out, PUT(end_of(out), ", \"fields\": {"));
    while (status == HK_OK && hk_field_next(&rest, &field)) {
        status = hk_firsts_look(&seen, m->fields, field.name, &is_first);
        if (status == HK_OK && is_first) {
            if (any) {
                set_end(out, PUT(end_of(out), ", "));
            }
            any = true;
            status = put_field(out, &field);
        }
    }
    hk_firsts_clear(&seen);
    if (status == HK_OK) {
        set_end(out, PUT(end_of(out), "}"));
    }
    return status;
}

static hk_status
put_origin(hk_buffer *out, const hk_json_origin *origin)
{
    hk_status status = HK_OK;
    uint8_t *p = PUT(end_of(out), ", \"signature_checked\": ");
    p = origin->checked ? PUT(p, "true") : PUT(p, "false");
    set_end(out, PUT(p, ", \"signer\": "));
    if (origin->is_signed) {
        status = hk_json_put_string(out, origin->signer);
        if (status == HK_OK) {
            p = PUT(end_of(out), ", \"signer_version\": ");
            set_end(out, PUT(hk_decimal_put(p, origin->version), ", \"from\": "));
        }
    } else {
        set_end(out, PUT(end_of(out), "null, \"signer_version\": null, \"from\": "));
    }
    return status == HK_OK ? hk_json_put_string(out, origin->from) : status;
}

hk_status
hk_json_line(const hk_message *message, const hk_json_origin *origin, hk_buffer *out, hk_error *err)
{
    const size_t start = out->len;
    hk_status status = put_head(out, message);
    if (status == HK_OK) {
        status = put_texts(out, message);
    }
    if (status == HK_OK) {
        status = put_fields(out, message);
    }
    if (status == HK_OK && origin != NULL) {
        status = put_origin(out, origin);
    }
    if (HK_UNLIKELY(status != HK_OK)) {
        out->len = start;
        return hk_fail(err, status, 0, "%s for the JSON line of a message",
                       status == HK_ERR_NOMEM ? "no memory" : "the output has no room");
    }
    set_end(out, PUT(end_of(out), "}\n"));
    return HK_OK;
}
