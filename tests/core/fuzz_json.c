/* fuzz_json.c -- fuzz target: the JSON line of any message is ASCII, one line, and valid JSON with
 * as many fields and values as the message has.
 *
 * The first byte of the input selects the keys of the receiver and how much the output may hold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/hk_json.h"
#include "core/wire/hk_normalise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define WITH_ORIGIN 0x01
#define WITH_LIMIT 0x02
#define DEEPEST 4 /* objects and lists, one inside the other: line, fields, field, values */

/* A strict reader of RFC 8259 for what a line may contain: no blanks but one behind , and : */
typedef struct {
    const uint8_t *p;
    const uint8_t *end;
    int depth;
    size_t members; /* of the objects at depth 2: the fields */
    size_t items;   /* of lists: the values */
} parser;

static bool
take(parser *in, const char *text)
{
    const size_t len = strlen(text);
    if ((size_t)(in->end - in->p) < len || memcmp(in->p, text, len) != 0) {
        return false;
    }
    in->p += len;
    return true;
}

static bool
take_string(parser *in)
{
    if (!take(in, "\"")) {
        return false;
    }
    while (in->p < in->end && *in->p != '"') {
        if (*in->p < 0x20 || *in->p > 0x7e) {
            return false;
        }
        if (*in->p++ != '\\') {
            continue;
        }
        if (take(in, "u")) {
            for (int i = 0; i < 4; i++) {
                if (in->p == in->end || strchr("0123456789abcdef", *in->p++) == NULL) {
                    return false;
                }
            }
        } else if (in->p == in->end || strchr("\"\\bfnrt", *in->p++) == NULL) {
            return false;
        }
    }
    return take(in, "\"");
}

static size_t
take_digits(parser *in)
{
    size_t count = 0;
    for (; in->p < in->end && *in->p >= '0' && *in->p <= '9'; in->p++) {
        count++;
    }
    return count;
}

static bool
take_number(parser *in)
{
    (void)take(in, "-");
    const bool zero = in->p < in->end && *in->p == '0';
    const size_t whole = take_digits(in);
    if (whole == 0 || (zero && whole > 1) || (take(in, ".") && take_digits(in) == 0)) {
        return false;
    }
    if (take(in, "e")) {
        return (take(in, "+") || take(in, "-")) && take_digits(in) >= 2;
    }
    return true;
}

static bool take_value(parser *in); /* NOLINT(misc-no-recursion): at most DEEPEST deep */

static bool
take_members(parser *in, const char *end, bool named)
{
    if (++in->depth > DEEPEST) {
        return false;
    }
    for (bool first = true; !take(in, end); first = false) {
        if ((!first && !take(in, ", ")) || (named && (!take_string(in) || !take(in, ": ")))) {
            return false;
        }
        in->members += named && in->depth == 2;
        in->items += !named;
        if (!take_value(in)) {
            return false;
        }
    }
    in->depth--;
    return true;
}

static bool
take_value(parser *in)
{
    if (take(in, "{")) {
        return take_members(in, "}", true);
    }
    if (take(in, "[")) {
        return take_members(in, "]", false);
    }
    if (in->p < in->end && *in->p == '"') {
        return take_string(in);
    }
    return take(in, "true") || take(in, "false") || take(in, "null") || take_number(in);
}

static bool
has_name_before(hk_slice fields, const hk_field *field)
{
    hk_field other;
    while (hk_field_next(&fields, &other) && other.whole.data != field->whole.data) {
        if (other.name.len == field->name.len &&
            memcmp(other.name.data, field->name.data, other.name.len) == 0) {
            return true;
        }
    }
    return false;
}

static const char *
fault_of(const hk_message *m, const hk_buffer *out)
{
    parser in = {.p = out->data, .end = out->data + out->len};
    hk_slice fields = m->fields;
    hk_field field;
    hk_value value;
    size_t members = 0;
    size_t items = 0;
    if (!take_value(&in) || !take(&in, "\n") || in.p != in.end) {
        return "not one line of JSON";
    }
    while (hk_field_next(&fields, &field)) {
        if (!has_name_before(m->fields, &field)) {
            members++;
            while (hk_value_next(&field.values, field.type, &value)) {
                items++;
            }
        }
    }
    return in.members != members ? "other fields" : in.items != items ? "other values" : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    hk_buffer spare;
    hk_buffer out;
    hk_message m;
    const char *fault = NULL;
    if (len == 0) {
        return 0;
    }
    const uint8_t how = data[0];
    hk_buffer_init(&spare, NULL, 0, HK_LENGTH_MAX);
    hk_buffer_init(&out, NULL, 0, (how & WITH_LIMIT) != 0 ? how * 8u : HK_LENGTH_MAX);
    if (hk_decode(data + 1, len - 1, &m, &spare, NULL) == HK_OK) {
        const hk_json_origin origin = {.checked = (how & 0x04) != 0,
                                       .is_signed = (how & 0x08) != 0,
                                       .signer = m.payload,
                                       .version = how,
                                       .from = m.type};
        const hk_status status =
            hk_json_line(&m, (how & WITH_ORIGIN) != 0 ? &origin : NULL, &out, NULL);
        if (status == HK_OK) {
            fault = fault_of(&m, &out);
        } else if (status != HK_ERR_TOO_BIG || out.len != 0 || (how & WITH_LIMIT) == 0) {
            fault = "a line that cannot be written";
        }
    }
    hk_buffer_clear(&out);
    hk_buffer_clear(&spare);
    if (fault != NULL) {
        fprintf(stderr, "%s\n", fault);
        abort();
    }
    return 0;
}
