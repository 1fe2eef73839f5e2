/* fuzz_lines.c -- fuzz target: the frames of any bytes are valid, and cut into any pieces the bytes
 * give the same frames as in one.
 *
 * The first byte of the input is the size of a piece, the second the longest line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/agent/hk_lines.h"
#include "core/wire/hk_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
frames_in(const hk_buffer *out)
{
    hk_reader r;
    hk_block block;
    size_t count = 0;
    hk_block_init(&block);
    hk_reader_init(&r, HK_MESSAGE_MAX, NULL, false);
    hk_reader_feed(&r, out->data, out->len);
    while (hk_reader_next_block(&r, &block, NULL) == HK_OK) {
        count += block.count;
    }
    if (r.delivered_bytes != out->len) {
        fprintf(stderr, "a frame that is not valid\n");
        abort();
    }
    hk_block_clear(&block);
    hk_reader_clear(&r);
    return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2) {
        return 0;
    }
    const size_t piece = data[0] + 1u;
    const hk_lines_options options = {
        .longest = data[1] + 4u, .most = HK_LENGTH_MAX, .now = 1, .delimiter = '\n'};
    const hk_slice text = {data + 2, len - 2};
    hk_lines_place one = {.incarnation = 1};
    hk_lines_place many = {.incarnation = 1};
    hk_lines_count count = {0};
    hk_lines_count counts = {0};
    hk_buffer out;
    hk_buffer outs;
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    hk_buffer_init(&outs, NULL, 0, HK_LENGTH_MAX);
    bool failed = hk_lines_read(text, &options, &one, &out, &count) != HK_OK;
    /* What waits for its end is read again with the next piece. */
    for (size_t end = 0; end < text.len && !failed;) {
        end = text.len - end < piece ? text.len : end + piece;
        const size_t at = (size_t)many.offset;
        failed = hk_lines_read((hk_slice){text.data + at, end - at}, &options, &many, &outs,
                               &counts) != HK_OK;
    }
    if (failed || frames_in(&out) != count.lines || one.offset > text.len) {
        fprintf(stderr, "other messages than lines\n");
        abort();
    }
    /* A line that was too long is cut as soon as that is known, at the same byte. */
    if (outs.len != out.len || (out.len > 0 && memcmp(outs.data, out.data, out.len) != 0) ||
        many.offset != one.offset || counts.passed != count.passed) {
        fprintf(stderr, "pieces give other frames\n");
        abort();
    }
    hk_buffer_clear(&out);
    hk_buffer_clear(&outs);
    return 0;
}
