/* hk_lines.c -- lines of a log file as frames. */
#include "hk_lines.h"

#include <string.h>

#include "core/base/hk_utf8.h"
#include "core/wire/hk_uuid.h"
#include "core/wire/hk_wire.h"

#define TAG_ROOM (1u + HK_VARINT_MAX)

static void
put_uuid(uint8_t *p, const hk_lines_place *place)
{
    const uint64_t high = place->incarnation >> 12; /* 48 bits */
    const uint64_t low = place->offset & HK_LINE_OFFSET_MAX;
    for (unsigned i = 0; i < 6; i++) {
        p[i] = (uint8_t)(high >> (40 - 8 * i));
    }
    p[6] = (uint8_t)(0x80 | (place->incarnation >> 8 & 0x0f)); /* version 8 */
    p[7] = (uint8_t)place->incarnation;
    for (unsigned i = 0; i < 8; i++) {
        p[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    p[8] |= 0x80; /* variant 10 */
}

static uint8_t *
put_slice(uint8_t *p, hk_slice bytes)
{
    hk_copy(p, bytes.data, bytes.len);
    return p + bytes.len;
}

/* Appends the frame of a line that begins at *place. */
static hk_status
put_frame(hk_buffer *out, hk_slice line, bool is_cut, const hk_lines_options *options,
          const hk_lines_place *place)
{
    const size_t len = 2 + HK_UUID_SIZE + 1 + hk_varint_size((uint64_t)options->now) +
                       options->head.len + 1 + hk_varint_size(line.len) + line.len +
                       options->tail.len + (is_cut ? options->mark.len : 0);
    const size_t before = hk_frame_cost(len, NULL);
    hk_status status = hk_buffer_room(out, before + len);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    uint8_t *message = out->data + out->len + before;
    uint8_t *p = message;
    *p++ = HK_TAG_UUID;
    *p++ = HK_UUID_SIZE;
    put_uuid(p, place);
    p += HK_UUID_SIZE;
    *p++ = HK_TAG_TIMESTAMP;
    p = hk_varint_put(p, (uint64_t)options->now);
    p = put_slice(p, options->head);
    *p++ = HK_TAG_PAYLOAD;
    p = hk_varint_put(p, line.len);
    p = put_slice(p, line);
    p = put_slice(p, options->tail);
    if (is_cut) {
        p = put_slice(p, options->mark);
    }
    uint8_t *start;
    status = hk_frame_seal(message, len, NULL, &start, NULL);
    if (HK_LIKELY(status == HK_OK)) {
        out->len = (size_t)(p - out->data);
    }
    return status;
}

/* Appends the message of a line, unless it is empty; its last `more` bytes belong to its end. */
static hk_status
put_line(hk_buffer *out, hk_slice line, size_t more, const hk_lines_options *options,
         const hk_lines_place *place, hk_lines_count *count)
{
    const size_t whole = line.len;
    const bool is_cut = line.len - more > options->longest;
    line.len = is_cut ? hk_utf8_cut(line.data, line.len, options->longest) : line.len - more;
    if (line.len == 0) {
        return HK_OK;
    }
    const hk_status status = put_frame(out, line, is_cut, options, place);
    if (HK_LIKELY(status == HK_OK)) {
        count->lines++;
        count->cut += is_cut;
        count->wrong += hk_utf8_valid(line.data, line.len) != line.len;
        count->passed += is_cut ? whole - line.len : 0;
    }
    return status;
}

/* 1 if the last byte is a carriage return that belongs, or may belong, to the end of the line. */
static size_t
ends_in_return(hk_slice line, const hk_lines_options *options)
{
    return options->delimiter == '\n' && line.len > 0 && line.data[line.len - 1] == '\r';
}

hk_status
hk_lines_read(hk_slice data, const hk_lines_options *options, hk_lines_place *place, hk_buffer *out,
              hk_lines_count *count)
{
    hk_status status = HK_OK;
    size_t at = 0;
    while (status == HK_OK && at < data.len && out->len < options->most) {
        const uint8_t *start = data.data + at;
        const size_t left = data.len - at;
        const uint8_t *end = memchr(start, options->delimiter, left);
        hk_slice line = {start, end == NULL ? left : (size_t)(end - start)};
        const size_t whole = line.len + (end != NULL);
        if (place->passing_over) {
            count->passed += line.len;
            place->passing_over = end == NULL;
        } else if (end != NULL) {
            status = put_line(out, line, ends_in_return(line, options), options, place, count);
        } else if (line.len > options->longest + ends_in_return(line, options)) {
            status = put_line(out, line, 0, options, place, count);
            place->passing_over = status == HK_OK;
        } else {
            break; /* its end has not been written yet */
        }
        if (HK_LIKELY(status == HK_OK)) {
            at += whole;
            place->offset += whole;
        }
    }
    return status;
}
