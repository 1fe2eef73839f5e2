/* test_carbon.c -- lines for carbon: what is refused, blanks, tags, pieces. */
#include "core/format/hk_carbon.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "sample.h"

/* The pieces of payload, each in brackets. */
static const char *
pieces_of(hk_slice payload, const hk_carbon_options *options, hk_carbon_count *count)
{
    static char text[40000];
    hk_carbon carbon;
    size_t at = 0;
    hk_carbon_init(&carbon);
    CHECK_INT(hk_carbon_add(&carbon, payload, options), HK_OK);
    for (size_t i = 0; i < hk_carbon_pieces(&carbon); i++) {
        const hk_slice piece = hk_carbon_piece(&carbon, i);
        CHECK(at + piece.len + 3 < sizeof text);
        text[at++] = '[';
        memcpy(text + at, piece.data, piece.len);
        at += piece.len;
        text[at++] = ']';
    }
    text[at] = '\0';
    *count = carbon.count;
    hk_carbon_clear(&carbon);
    return text;
}

static void
test_lines(void)
{
    const hk_carbon_options options = {.most_lines = 0};
    hk_carbon_count count;
    CHECK_TEXT(pieces_of(slice_of("a 1 2\n\n  b.c\t-1.5e3  4294967295\r\n\xc3\xa4 .5 0"), &options,
                         &count),
               "[a 1 2\nb.c -1.5e3 4294967295\n\xc3\xa4 .5 0\n]");
    CHECK_SIZE(count.lines, 3);
    static const char *const wrong[] = {
        "a",         "a 1",    "a 1 2 3", "a b 2",          "a nan 2",         "a inf 2",
        "a 1e999 2", "a 1 -2", "a 1 2.5", "a 1 4294967296", "a 1 12345678901", "a 0x1 2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_TEXT(pieces_of(slice_of(wrong[i]), &options, &count), "");
        CHECK_SIZE(count.malformed, 1);
    }
    CHECK_TEXT(pieces_of(slice_of("a\xff 1 2\na\x01 1 2\nb 1 2"), &options, &count), "[b 1 2\n]");
    CHECK_SIZE(count.not_text, 2);
    static const char *const blanks[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "a%sb 1 2", blanks[i]);
        CHECK_TEXT(pieces_of(slice_of(line), &options, &count), "");
        CHECK_SIZE(count.not_text, 1);
    }
    CHECK_TEXT(pieces_of(slice_of("\xe2\x82\xac 1 2"), &options, &count), "[\xe2\x82\xac 1 2\n]");
}

static void
test_too_long(void)
{
    const hk_carbon_options options = {.tags = slice_of(";a=b")};
    hk_carbon_count count;
    hk_buffer text = sample_buffer();
    for (size_t i = 0; i < HK_CARBON_LINE_MAX - 9; i++) {
        put_raw(&text, "k", 1);
    }
    put_raw(&text, " 1 2\n", 5); /* with the tags, one byte less than the limit */
    const hk_slice fits = {text.data, text.len};
    CHECK_SIZE(strlen(pieces_of(fits, &options, &count)), HK_CARBON_LINE_MAX + 2);
    CHECK_SIZE(count.lines, 1);
    put_raw(&text, "k 1 2", 5);
    text.data[text.len - 6] = 'k'; /* instead of the newline */
    CHECK_TEXT(pieces_of((hk_slice){text.data, text.len - 3}, &options, &count), "");
    CHECK_SIZE(count.malformed + count.too_long, 1);
    hk_buffer_clear(&text);
}

/* A part of a key is the name of a file or a directory, unless the key has tags. */
static void
test_long_keys(void)
{
    const hk_carbon_options plain = {.most_lines = 0};
    const hk_carbon_options tagged = {.tags = slice_of(";a=b")};
    char key[5000];
    hk_carbon_count count;
    memset(key, 'k', sizeof key);
    for (size_t len = 251; len <= 252; len++) {
        hk_buffer line = sample_buffer();
        put_raw(&line, "a.", 2);
        put_raw(&line, key, len);
        put_raw(&line, " 1 2", 4);
        (void)pieces_of((hk_slice){line.data, line.len}, &plain, &count);
        CHECK_SIZE(count.lines, len == 251);
        CHECK_SIZE(count.too_long, len == 252);
        (void)pieces_of((hk_slice){line.data, line.len}, &tagged, &count);
        CHECK_SIZE(count.lines, 1);
        hk_buffer_clear(&line);
    }
    for (size_t i = 100; i < sizeof key; i += 100) {
        key[i] = '.';
    }
    memcpy(key + 4900, " 1 2", 4);
    (void)pieces_of((hk_slice){(uint8_t *)key, 4904}, &plain, &count);
    CHECK_SIZE(count.too_long, 1);
}

static void
test_pieces(void)
{
    const hk_slice payload = slice_of("a 1 2\nb 1 2\nc 1 2\nlong.key 1 2\nd 1 2\n");
    hk_carbon_count count;
    hk_carbon_options options = {.most_lines = 2};
    CHECK_TEXT(pieces_of(payload, &options, &count),
               "[a 1 2\nb 1 2\n][c 1 2\nlong.key 1 2\n][d 1 2\n]");
    options = (hk_carbon_options){.most_bytes = 12};
    CHECK_TEXT(pieces_of(payload, &options, &count),
               "[a 1 2\nb 1 2\n][c 1 2\n][long.key 1 2\n][d 1 2\n]");
    options = (hk_carbon_options){.most_bytes = 1, .tags = slice_of(";t=v")};
    CHECK_TEXT(pieces_of(slice_of("a 1 2\nb 1 2"), &options, &count), "[a;t=v 1 2\n][b;t=v 1 2\n]");
}

int
main(void)
{
    test_lines();
    test_too_long();
    test_long_keys();
    test_pieces();
    return check_report();
}
