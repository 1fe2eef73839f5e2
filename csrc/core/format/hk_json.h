/* hk_json.h -- a decoded message as one line of JSON.
 *
 *     {"time": "2026-03-01T13:02:11.123456789Z", "timestamp_ns": 1772370131123456789,
 *      "uuid": "...", "severity": 6, "severity_name": "INFO", "type": "ads_served",
 *      "logger": "ads", "hostname": "...", "pid": 1, "env_version": "0.8", "payload": "",
 *      "fields": {"size": {"value_type": "integer", "representation": "KiB", "values": [12]}}}
 *
 * (here with line breaks; a line has one, at its end), byte for byte what heka.jsonlines writes:
 * the strings of hk_json_text.h, bytes as base64, the doubles of hk_double.h, "NaN", "Infinity" and
 * "-Infinity" as strings, "SEVERITY 42" for one above 7 or below 0. Of fields with the same name
 * the first is written; one without values has an empty list.
 *
 * No state, reentrant. Allocates for more than HK_FIRSTS_FEW fields, and to let *out grow.
 * Source: docs/reference, heka.jsonlines. Includes: hk_buffer.h, hk_decode.h. */
#ifndef HK_JSON_H
#define HK_JSON_H

#include "core/base/hk_buffer.h"
#include "core/wire/hk_decode.h"

/* What a receiver knows of a message beside its bytes; the keys behind "fields". */
typedef struct {
    bool checked;     /* "signature_checked": signatures were verified */
    bool is_signed;   /* false: "signer" and "signer_version" are null */
    hk_slice signer;  /* borrowed */
    uint32_t version; /* of the signer's key */
    hk_slice from;    /* borrowed: where it came from */
} hk_json_origin;

/* Appends the line for *message, which hk_decode has filled; with the keys of *origin unless that
 * is NULL. HK_ERR_NOMEM; HK_ERR_TOO_BIG past the limit of *out; *out then has its old contents. err
 * may be NULL. */
HK_CHECK hk_status hk_json_line(const hk_message *message, const hk_json_origin *origin,
                                hk_buffer *out, hk_error *err);

/* Parts of a line, for other formats. The first three write at p and return the end; p has room for
 * 40 bytes. */

/* 2026-03-01T13:02:11.123456789Z */
uint8_t *hk_json_put_time(uint8_t *p, int64_t timestamp);

/* 8-4-4-4-12 digits in lower case */
uint8_t *hk_json_put_uuid(uint8_t *p, const uint8_t uuid[16]);

/* ERROR, or SEVERITY 42 */
uint8_t *hk_json_put_severity_name(uint8_t *p, int32_t severity);

/* Appends one value, and leaves HK_JSON_TAIL bytes of room. HK_ERR_NOMEM, HK_ERR_TOO_BIG. */
HK_CHECK hk_status hk_json_put_value(hk_buffer *out, hk_value_type type, const hk_value *value);

/* Appends all values of a field as an array; errors and room as above, but two bytes less. */
HK_CHECK hk_status hk_json_put_values(hk_buffer *out, const hk_field *field);

#endif
