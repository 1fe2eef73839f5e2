/* fuzz_carbon.c -- fuzz target: every line that is written for carbon has three parts, is short
 * enough, and lies whole in one piece.
 *
 * The first two bytes of the input are the most lines and bytes of a piece. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format/hk_carbon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
lines_in(hk_slice piece)
{
    size_t lines = 0;
    while (piece.len > 0) {
        const uint8_t *end = memchr(piece.data, '\n', piece.len);
        const size_t len = end == NULL ? 0 : (size_t)(end - piece.data);
        size_t blanks = 0;
        for (size_t i = 0; i < len; i++) {
            blanks += piece.data[i] == ' ';
        }
        if (end == NULL || blanks != 2 || len + 1 > HK_CARBON_LINE_MAX) {
            fprintf(stderr, "a line that carbon does not take\n");
            abort();
        }
        lines++;
        piece = (hk_slice){end + 1, piece.len - len - 1};
    }
    return lines;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2) {
        return 0;
    }
    const hk_carbon_options options = {.most_lines = data[0], .most_bytes = data[1] * 4u};
    hk_carbon carbon;
    size_t lines = 0;
    hk_carbon_init(&carbon);
    if (hk_carbon_add(&carbon, (hk_slice){data + 2, len - 2}, &options) != HK_OK) {
        abort();
    }
    for (size_t i = 0; i < hk_carbon_pieces(&carbon); i++) {
        const hk_slice piece = hk_carbon_piece(&carbon, i);
        const size_t in_piece = lines_in(piece);
        const bool is_over =
            (options.most_lines > 0 && in_piece > options.most_lines) ||
            (options.most_bytes > 0 && piece.len > options.most_bytes && in_piece > 1);
        if (in_piece == 0 || is_over) {
            fprintf(stderr, "a piece that is empty or too large\n");
            abort();
        }
        lines += in_piece;
    }
    if (lines != carbon.count.lines) {
        fprintf(stderr, "another number of lines than was counted\n");
        abort();
    }
    hk_carbon_clear(&carbon);
    return 0;
}
