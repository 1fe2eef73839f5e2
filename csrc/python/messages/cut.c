/* cut.c -- the part of a text, or of a field, that a number of bytes holds. */
#include "cut.h"

#include <string.h>

static const char header[] = "Traceback (most recent call last):";
static const char gap[] = "\n[...]\n";
#define GAP_LEN (sizeof gap - 1)
/* Bytes below which a text has no room for two parts. */
#define PARTS_LEAST 64u

static bool
has_traceback(hk_slice text)
{
    const size_t len = sizeof header - 1;
    while (text.len >= len) {
        const uint8_t *at = memchr(text.data, header[0], text.len - len + 1);
        if (at == NULL) {
            return false;
        }
        if (memcmp(at, header, len) == 0) {
            return true;
        }
        text.len -= (size_t)(at + 1 - text.data);
        text.data = at + 1;
    }
    return false;
}

/* Offset of the last line. */
static size_t
last_line(hk_slice text)
{
    size_t at = text.len;
    while (at > 0 && (at == text.len || text.data[at - 1] != '\n')) {
        at--;
    }
    return at;
}

/* The last lines that `room` bytes hold; the beginning of the last one if it is longer. */
static hk_slice
last_lines(hk_slice text, size_t room)
{
    const size_t start = text.len - room;
    const uint8_t *end = memchr(text.data + start, '\n', room - 1);
    const size_t at = end == NULL ? last_line(text) : (size_t)(end + 1 - text.data);
    const hk_slice lines = {text.data + at, text.len - at};
    return (hk_slice){lines.data, hk_utf8_cut(lines.data, lines.len, room)};
}

hk_status
heka_cut_text(hk_buffer *out, hk_slice text, size_t limit)
{
    hk_slice tail = {NULL, 0};
    size_t room = limit;
    if (limit >= PARTS_LEAST && has_traceback(text)) {
        tail = last_lines(text, (limit - GAP_LEN) / 2);
        room = limit - GAP_LEN - tail.len;
        if ((size_t)(tail.data - text.data) <= room) { /* a last line that begins before the gap */
            tail.len = 0;
            room = limit;
        }
    }
    hk_status status = hk_buffer_append(out, text.data, hk_utf8_cut(text.data, text.len, room));
    if (status == HK_OK && tail.len > 0) {
        status = hk_buffer_append(out, (const uint8_t *)gap, GAP_LEN);
        if (status == HK_OK) {
            status = hk_buffer_append(out, tail.data, tail.len);
        }
    }
    return status;
}

/* Appends the first value of a text or bytes field, cut to `limit` bytes of values. */
static hk_status
put_part(hk_buffer *out, const hk_field *field, hk_slice value, size_t limit)
{
    hk_buffer part;
    uint8_t block[1024];
    size_t at;
    const size_t cost = 1 + hk_varint_size(limit); /* tag and length */
    const size_t room = limit > cost ? limit - cost : 0;
    if (field->type == HK_BYTES) {
        return hk_put_bytes(out, (hk_slice){value.data, room < value.len ? room : value.len});
    }
    hk_buffer_init(&part, block, sizeof block, HK_LENGTH_MAX);
    hk_status status = room < value.len ? heka_cut_text(&part, value, room)
                                        : hk_buffer_append(&part, value.data, value.len);
    if (status == HK_OK) {
        const hk_text text = {.data = part.data, .len = part.len, .kind = HK_TEXT_UTF8};
        status = hk_put_string(out, &text, HK_SURROGATES_REFUSED, &at);
    }
    hk_buffer_clear(&part);
    return status;
}

/* Appends the first values, as many as `limit` bytes hold. */
static hk_status
put_first(hk_buffer *out, const hk_field *field, size_t limit)
{
    hk_slice left = field->values;
    hk_value value;
    size_t keep = 0;
    while (hk_value_next(&left, field->type, &value)) {
        const size_t taken = field->values.len - left.len;
        if (taken > limit) {
            if (keep == 0 && field->type <= HK_BYTES) {
                return put_part(out, field, value.text, limit);
            }
            if (keep == 0) {
                keep = taken; /* a number is never cut */
            }
            break;
        }
        keep = taken;
    }
    return hk_buffer_append(out, field->values.data, keep);
}

static hk_text
text_of(hk_slice slice)
{
    return (hk_text){.data = slice.data, .len = slice.len, .kind = HK_TEXT_UTF8};
}

hk_status
heka_cut_field(hk_buffer *out, const hk_field *field, size_t limit)
{
    hk_field_mark mark;
    const hk_text name = text_of(field->name);
    const hk_text representation = text_of(field->representation);
    hk_status status = hk_field_open(out, (hk_slice){NULL, 0}, &name, field->type, &representation,
                                     HK_SURROGATES_REFUSED, &mark);
    if (status == HK_OK) {
        status = put_first(out, field, limit);
    }
    return status == HK_OK ? hk_field_close(out, &mark) : status;
}

size_t
heka_cut_measure(const hk_field *field)
{
    hk_slice left = field->values;
    hk_value value;
    size_t size = 0;
    if (field->type > HK_BYTES) {
        return field->values.len;
    }
    while (hk_value_next(&left, field->type, &value)) {
        size += value.text.len;
    }
    return size;
}
