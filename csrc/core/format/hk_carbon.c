/* hk_carbon.c -- lines for carbon: checked, and cut into pieces to be sent. */
#include "hk_carbon.h"

#include <string.h>

#include "core/base/hk_utf8.h"
#include "hk_number.h"

#define TIME_DIGITS 10u /* of UINT32_MAX */

void
hk_carbon_init(hk_carbon *carbon)
{
    *carbon = (hk_carbon){.start = 0};
    hk_buffer_init(&carbon->out, NULL, 0, SIZE_MAX);
    hk_buffer_init(&carbon->ends, NULL, 0, SIZE_MAX);
}

void
hk_carbon_clear(hk_carbon *carbon)
{
    hk_buffer_clear(&carbon->out);
    hk_buffer_clear(&carbon->ends);
}

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next part, without blanks, off the front of *line; empty at the end. */
static hk_slice
take_part(hk_slice *line)
{
    size_t at = 0;
    while (at < line->len && is_blank(line->data[at])) {
        at++;
    }
    const size_t start = at;
    while (at < line->len && !is_blank(line->data[at])) {
        at++;
    }
    const hk_slice part = {line->data + start, at - start};
    *line = (hk_slice){line->data + at, line->len - at};
    return part;
}

/* Whether part is a whole number of seconds that carbon keeps. */
static bool
is_time(hk_slice part)
{
    uint64_t value = 0;
    if (part.len == 0 || part.len > TIME_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] < '0' || part.data[i] > '9') {
            return false;
        }
        value = 10 * value + (uint64_t)(part.data[i] - '0');
    }
    return value <= UINT32_MAX;
}

/* Bytes of the blank of Unicode, or of the end of a line, that begins at p; 0: there is none.
 * Carbon splits lines at all of them. */
static size_t
unicode_blank(const uint8_t *p, size_t len)
{
    if (len >= 2 && p[0] == 0xc2 && (p[1] == 0x85 || p[1] == 0xa0)) {
        return 2;
    }
    if (len < 3) {
        return 0;
    }
    const bool is_blank_of_e2 =
        p[0] == 0xe2 &&
        ((p[1] == 0x80 && (p[2] <= 0x8a || p[2] == 0xa8 || p[2] == 0xa9 || p[2] == 0xaf)) ||
         (p[1] == 0x81 && p[2] == 0x9f));
    const bool is_other = (p[0] == 0xe1 && p[1] == 0x9a && p[2] == 0x80) ||
                          (p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80);
    return is_blank_of_e2 || is_other ? 3 : 0;
}

static bool
is_text(hk_slice part)
{
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] < 0x20 || part.data[i] == 0x7f ||
            unicode_blank(part.data + i, part.len - i) > 0) {
            return false;
        }
    }
    return hk_utf8_valid(part.data, part.len) == part.len;
}

/* Whether carbon can make files of the key: its parts, between dots, are directories, the last one
 * a file with ".wsp" behind it. A key with tags is a file named by a hash. */
static bool
is_path(hk_slice key)
{
    size_t part = 0;
    if (memchr(key.data, ';', key.len) != NULL) {
        return true;
    }
    for (size_t i = 0; i < key.len; i++) {
        part = key.data[i] == '.' || key.data[i] == '/' ? 0 : part + 1;
        if (part > HK_CARBON_PART_MAX) {
            return false;
        }
    }
    return key.len <= HK_CARBON_KEY_MAX;
}

static uint8_t *
put(uint8_t *p, hk_slice part, uint8_t end)
{
    hk_copy(p, part.data, part.len);
    p[part.len] = end;
    return p + part.len + 1;
}

/* Begins another piece, unless a line of `size` bytes belongs to the last one. */
static hk_status
begin_piece(hk_carbon *carbon, size_t size, const hk_carbon_options *options)
{
    const bool has_lines = options->most_lines > 0 && carbon->in_last >= options->most_lines;
    const bool has_bytes =
        options->most_bytes > 0 && carbon->out.len - carbon->start + size > options->most_bytes;
    if (carbon->in_last == 0 || !(has_lines || has_bytes)) {
        return HK_OK;
    }
    const size_t end = carbon->out.len;
    const hk_status status = hk_buffer_append(&carbon->ends, (const uint8_t *)&end, sizeof end);
    if (status == HK_OK) {
        carbon->start = end;
        carbon->in_last = 0;
    }
    return status;
}

static hk_status
add_line(hk_carbon *carbon, hk_slice line, const hk_carbon_options *options)
{
    const hk_slice key = take_part(&line);
    const hk_slice value = take_part(&line);
    const hk_slice time = take_part(&line);
    double number;
    if (key.len == 0) {
        return HK_OK; /* an empty line */
    }
    const size_t size = key.len + options->tags.len + value.len + time.len + 3;
    if (size > HK_CARBON_LINE_MAX || (options->tags.len == 0 && !is_path(key))) {
        carbon->count.too_long++;
        return HK_OK;
    }
    if (!is_time(time) || take_part(&line).len > 0 || !hk_number_read(value, &number)) {
        carbon->count.malformed++;
        return HK_OK;
    }
    if (!is_text(key)) {
        carbon->count.not_text++;
        return HK_OK;
    }
    hk_status status = begin_piece(carbon, size, options);
    if (status == HK_OK) {
        status = hk_buffer_room(&carbon->out, size);
    }
    if (status == HK_OK) {
        uint8_t *p = carbon->out.data + carbon->out.len;
        hk_copy(p, key.data, key.len);
        p = put(p + key.len, options->tags, ' ');
        p = put(p, value, ' ');
        (void)put(p, time, '\n');
        carbon->out.len += size;
        carbon->in_last++;
        carbon->count.lines++;
    }
    return status;
}

hk_status
hk_carbon_add(hk_carbon *carbon, hk_slice payload, const hk_carbon_options *options)
{
    hk_status status = HK_OK;
    while (status == HK_OK && payload.len > 0) {
        const uint8_t *end = memchr(payload.data, '\n', payload.len);
        const size_t len = end == NULL ? payload.len : (size_t)(end - payload.data);
        status = add_line(carbon, (hk_slice){payload.data, len}, options);
        const size_t whole = len + (end != NULL);
        payload = (hk_slice){payload.data + whole, payload.len - whole};
    }
    return status;
}

size_t
hk_carbon_pieces(const hk_carbon *carbon)
{
    return carbon->ends.len / sizeof(size_t) + (carbon->in_last > 0);
}

hk_slice
hk_carbon_piece(const hk_carbon *carbon, size_t i)
{
    size_t start = 0;
    size_t end = carbon->out.len;
    if (i > 0) {
        memcpy(&start, carbon->ends.data + (i - 1) * sizeof start, sizeof start);
    }
    if (i < carbon->ends.len / sizeof end) {
        memcpy(&end, carbon->ends.data + i * sizeof end, sizeof end);
    }
    return (hk_slice){carbon->out.data + start, end - start};
}
