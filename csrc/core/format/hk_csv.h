/* hk_csv.h -- a decoded message as one record of CSV.
 *
 *     2026-03-01T13:02:11.123456789Z,6,ads_served,"a, ""b""",12
 *
 * RFC 4180: cells are separated by commas, a record ends with CR LF, a cell with a comma, a
 * quotation mark, CR or LF is quoted, and a quotation mark in it is doubled. The text is UTF-8. It
 * has no control characters but TAB, CR and LF: others are written as \x1b and \u009b, and a byte
 * that is no part of valid UTF-8 as \xff.
 *
 * A column is an attribute, by its name in hk_json.h, or "signer"; every other name is that of a
 * field, and "Fields[type]" is the field "type". A field with one value has that value in its
 * cell, bytes as base64; with several a JSON array of them. Of fields with the same name the first
 * is written. The cell of a field that is missing or has no value is empty; that of an empty text
 * is "", and so is an empty cell that is the only one of its record.
 *
 * No state, reentrant. Allocates for large arrays, and to let *out grow.
 * Source: RFC 4180. Includes: hk_buffer.h, hk_decode.h. */
#ifndef HK_CSV_H
#define HK_CSV_H

#include "core/base/hk_buffer.h"
#include "core/wire/hk_decode.h"

/* Most columns of a record: each is looked for among all fields of a message. */
#define HK_CSV_COLUMNS 256u

typedef enum {
    HK_CSV_TIME,
    HK_CSV_TIMESTAMP,
    HK_CSV_UUID,
    HK_CSV_SEVERITY,
    HK_CSV_SEVERITY_NAME,
    HK_CSV_TYPE,
    HK_CSV_LOGGER,
    HK_CSV_HOSTNAME,
    HK_CSV_PID,
    HK_CSV_ENV_VERSION,
    HK_CSV_PAYLOAD,
    HK_CSV_SIGNER,
    HK_CSV_FIELD,
} hk_csv_kind;

typedef struct {
    hk_csv_kind kind;
    hk_slice field; /* of HK_CSV_FIELD: its name, borrowed */
} hk_csv_column;

/* The column that `name` means; it borrows from name. */
hk_csv_column hk_csv_column_of(hk_slice name);

/* Appends the record of *message, which hk_decode has filled; its signer has no data if none was
 * verified. HK_ERR_NOMEM; HK_ERR_TOO_BIG past the limit of *out; *out then has its old contents.
 * err may be NULL. */
HK_CHECK hk_status hk_csv_line(const hk_message *message, hk_slice signer,
                               const hk_csv_column *columns, size_t count, hk_buffer *out,
                               hk_error *err);

#endif
