/* test_lines.c -- lines of a log file as frames: ends, uuids, lines that are too long, limits. */
#include "core/agent/hk_lines.h"

#include <string.h>

#include "core/wire/hk_reader.h"
#include "check.h"
#include "sample.h"

#define LONGEST 20u
#define MARK "\x52\x09\x0a\x01m\x10\x04\x1a\x00\x42\x00"

static hk_lines_options
options_of(uint8_t delimiter, size_t most)
{
    return (hk_lines_options){.mark = {(const uint8_t *)MARK, sizeof MARK - 1},
                              .longest = LONGEST,
                              .most = most,
                              .now = 1,
                              .delimiter = delimiter};
}

/* The payloads of the frames in *out, each with | behind it, or ! when its line was cut. */
static const char *
payloads_of(const hk_buffer *out)
{
    static char text[4096];
    hk_reader r;
    hk_block block;
    size_t at = 0;
    hk_block_init(&block);
    hk_reader_init(&r, HK_MESSAGE_MAX, NULL, false);
    hk_reader_feed(&r, out->data, out->len);
    while (hk_reader_next_block(&r, &block, NULL) == HK_OK) {
        for (size_t i = 0; i < block.count; i++) {
            const hk_message *m = hk_block_message(&block, i);
            CHECK(at + m->payload.len + 2 < sizeof text);
            memcpy(text + at, m->payload.data, m->payload.len);
            at += m->payload.len;
            text[at++] = m->fields.len > 0 ? '!' : '|';
        }
    }
    CHECK_SIZE(r.delivered_bytes, out->len); /* every frame is valid */
    text[at] = '\0';
    hk_block_clear(&block);
    hk_reader_clear(&r);
    return text;
}

/* Reads text at *place; what is read of it is in *used. */
static const char *
read_text(const char *text, const hk_lines_options *options, hk_lines_place *place,
          hk_lines_count *count, size_t *used)
{
    hk_buffer out = sample_buffer();
    hk_buffer exact = sample_buffer();
    const uint64_t before = place->offset;
    put_raw(&exact, text, strlen(text));
    uint8_t *data = sample_exact(&exact);
    CHECK_INT(hk_lines_read((hk_slice){data, exact.len}, options, place, &out, count), HK_OK);
    *used = (size_t)(place->offset - before);
    const char *found = payloads_of(&out);
    free(data);
    hk_buffer_clear(&exact);
    hk_buffer_clear(&out);
    return found;
}

static void
test_ends(void)
{
    const hk_lines_options options = options_of('\n', 1 << 20);
    const hk_lines_options nul = options_of('\0', 1 << 20);
    hk_lines_place place = {.incarnation = 1};
    hk_lines_count count = {0};
    size_t used;
    CHECK_TEXT(read_text("one\r\n\n\r\ntwo\nthr", &options, &place, &count, &used), "one|two|");
    CHECK_SIZE(used, 12);
    CHECK_TEXT(read_text("three\n", &options, &place, &count, &used), "three|");
    CHECK_SIZE(count.lines, 3);
    CHECK_TEXT(read_text("a\n\r", &nul, &place, &count, &used), "");
    CHECK_SIZE(used, 0);
}

static void
test_too_long(void)
{
    const hk_lines_options options = options_of('\n', 1 << 20);
    hk_lines_place place = {.incarnation = 1};
    hk_lines_count count = {0};
    size_t used;
    const char *whole = "1234567890123456789\xc3\xa4 and more\nnext\n";
    CHECK_TEXT(read_text(whole, &options, &place, &count, &used), "1234567890123456789!next|");
    CHECK_SIZE(count.cut, 1);
    CHECK_SIZE(count.passed, strlen("\xc3\xa4 and more"));
    CHECK_TEXT(read_text("12345678901234567890", &options, &place, &count, &used), "");
    CHECK_SIZE(used, 0); /* it may end here */
    CHECK_TEXT(read_text("12345678901234567890+", &options, &place, &count, &used),
               "12345678901234567890!");
    CHECK(place.passing_over && used == 21);
    CHECK_TEXT(read_text("still", &options, &place, &count, &used), "");
    CHECK(place.passing_over && used == 5);
    CHECK_TEXT(read_text("\nend\n", &options, &place, &count, &used), "end|");
    CHECK(!place.passing_over && used == 5);
    CHECK_SIZE(count.wrong, 0);
    CHECK_TEXT(read_text("\xff\n", &options, &place, &count, &used), "\xff|");
    CHECK_SIZE(count.wrong, 1);
}

/* A uuid has all bits of incarnation and offset, and those of RFC 9562. */
static void
test_uuids(void)
{
    const hk_lines_options options = options_of('\n', 1 << 20);
    hk_lines_place place = {.incarnation = UINT64_C(0x123456789abcdef),
                            .offset = UINT64_C(0x23456789abcdef01)};
    hk_lines_count count = {0};
    hk_buffer out = sample_buffer();
    hk_buffer wanted = sample_buffer();
    const hk_slice text = slice_of("a\nb\n");
    CHECK_INT(hk_lines_read(text, &options, &place, &out, &count), HK_OK);
    put_hex(&wanted, "1e02 0817 1f 0a10 123456789abc8def a3456789abcdef01 1001 320161");
    put_hex(&wanted, "1e02 0817 1f 0a10 123456789abc8def a3456789abcdef03 1001 320162");
    CHECK_BYTES(out.data, out.len, wanted.data, wanted.len);
    hk_buffer_clear(&wanted);
    hk_buffer_clear(&out);
}

/* Reading ends when there are `most` bytes of frames, and goes on at the place. */
static void
test_limits(void)
{
    const hk_lines_options options = options_of('\n', 1);
    hk_lines_place place = {.incarnation = 1};
    hk_lines_count count = {0};
    size_t used;
    CHECK_TEXT(read_text("a\nb\n", &options, &place, &count, &used), "a|");
    CHECK_SIZE(used, 2);
    CHECK_TEXT(read_text("b\n", &options, &place, &count, &used), "b|");

    const hk_lines_options many = options_of('\n', 1 << 20);
    hk_buffer small;
    hk_buffer_init(&small, NULL, 0, 40);
    place.offset = 0;
    CHECK_INT(hk_lines_read(slice_of("a\nb\n"), &many, &place, &small, &count), HK_ERR_TOO_BIG);
    CHECK_SIZE(place.offset, 2); /* the first line was done */
    CHECK_TEXT(payloads_of(&small), "a|");
    hk_buffer_clear(&small);
}

int
main(void)
{
    test_ends();
    test_too_long();
    test_uuids();
    test_limits();
    return check_report();
}
