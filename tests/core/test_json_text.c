/* test_json_text.c -- JSON strings: each escape, broken UTF-8, base64, growth of the output. */
#include "core/format/hk_json_text.h"

#include <stdio.h>

#include "check.h"
#include "sample.h"

/* What is written for `text`; the input is an allocation of exactly its length. */
static void
check_string(hk_slice text, const char *expected)
{
    hk_buffer in = sample_buffer();
    hk_buffer out = sample_buffer();
    put_raw(&in, text.data, text.len);
    uint8_t *exact = sample_exact(&in);
    CHECK_INT(hk_json_put_string(&out, (hk_slice){exact, text.len}), HK_OK);
    CHECK_BYTES(out.data, out.len, (const uint8_t *)expected, strlen(expected));
    CHECK(out.cap - out.len >= HK_JSON_TAIL);
    free(exact);
    hk_buffer_clear(&out);
    hk_buffer_clear(&in);
}

#define STRING(text, expected) \
    check_string((hk_slice){(const uint8_t *)(text), sizeof(text) - 1}, expected)

static void
test_escapes(void)
{
    STRING("", "\"\"");
    STRING("plain text, longer than eight bytes ~", "\"plain text, longer than eight bytes ~\"");
    STRING("\"\\\b\f\n\r\t/", "\"\\\"\\\\\\b\\f\\n\\r\\t/\"");
    STRING("a\0b\x1f\x7f", "\"a\\u0000b\\u001f\\u007f\"");
    STRING("\xc2\x80\xc3\xbc\xdf\xbf", "\"\\u0080\\u00fc\\u07ff\"");
    STRING("\xe0\xa0\x80\xe2\x82\xac\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
           "\"\\u0800\\u20ac\\ud7ff\\ue000\\uffff\"");
    STRING("\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
           "\"\\ud800\\udc00\\ud83d\\ude00\\udbff\\udfff\"");
}

static void
test_bytes_that_are_not_utf8(void)
{
    STRING("\x80", "\"\\udc80\"");
    STRING("a\xff z", "\"a\\udcff z\"");
    STRING("\xc0\x80\xc1\xbf", "\"\\udcc0\\udc80\\udcc1\\udcbf\""); /* overlong */
    STRING("\xe0\x9f\xbf", "\"\\udce0\\udc9f\\udcbf\"");            /* overlong */
    STRING("\xed\xa0\x80\xed\xbf\xbf",
           "\"\\udced\\udca0\\udc80\\udced\\udcbf\\udcbf\"");       /* surrogates */
    STRING("\xf0\x8f\xbf\xbf", "\"\\udcf0\\udc8f\\udcbf\\udcbf\""); /* overlong */
    STRING("\xf4\x90\x80\x80", "\"\\udcf4\\udc90\\udc80\\udc80\""); /* too large */
    STRING("\xf5\x80\x80\x80", "\"\\udcf5\\udc80\\udc80\\udc80\"");
    STRING("\xe2\x82", "\"\\udce2\\udc82\""); /* cut off */
    STRING("\xf0\x9f\x98", "\"\\udcf0\\udc9f\\udc98\"");
    STRING("\xc3", "\"\\udcc3\"");
    STRING("\xe2\x82\x41", "\"\\udce2\\udc82A\""); /* the next character is whole */
    STRING("\xf0\x9f\xc3\xbc", "\"\\udcf0\\udc9f\\u00fc\"");
}

/* Each byte at each place of a word: only those that stand for themselves are copied. */
static void
test_each_byte_at_each_place(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 16; place++) {
            uint8_t text[17];
            char expected[64];
            memset(text, 'x', sizeof text);
            text[place] = (uint8_t)byte;
            const bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
            static const char *const letters = "btn_fr"; /* 8, 9, 10, -, 12, 13 */
            char middle[8];
            if (plain) {
                (void)snprintf(middle, sizeof middle, "%c", (int)byte);
            } else if (byte == '"' || byte == '\\') {
                (void)snprintf(middle, sizeof middle, "\\%c", (int)byte);
            } else if (byte >= 8 && byte <= 13 && byte != 11) {
                (void)snprintf(middle, sizeof middle, "\\%c", letters[byte - 8]);
            } else {
                (void)snprintf(middle, sizeof middle, "\\u%04x", byte < 128 ? byte : 0xdc00 + byte);
            }
            (void)snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)place,
                           "xxxxxxxxxxxxxxxxx", middle, (int)(16 - place), "xxxxxxxxxxxxxxxxx");
            check_string((hk_slice){text, sizeof text}, expected);
        }
    }
}

static void
check_base64(const char *bytes, size_t len, const char *expected)
{
    hk_buffer out = sample_buffer();
    CHECK_INT(hk_json_put_base64(&out, (hk_slice){(const uint8_t *)bytes, len}), HK_OK);
    CHECK_BYTES(out.data, out.len, (const uint8_t *)expected, strlen(expected));
    CHECK(out.cap - out.len >= HK_JSON_TAIL);
    hk_buffer_clear(&out);
}

static void
test_base64(void)
{
    /* RFC 4648, 10 */
    static const char *const expected[] = {
        "\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"Zm9vYg==\"", "\"Zm9vYmE=\"", "\"Zm9vYmFy\""};
    for (size_t n = 0; n < 7; n++) {
        check_base64("foobar", n, expected[n]);
    }
    check_base64("\xfb\xff\xbf\0", 4, "\"+/+/AA==\"");
}

/* The longest expansion, six bytes for one, from buffers of every small size. */
static void
test_output_grows_and_has_a_limit(void)
{
    uint8_t text[300];
    memset(text, 0xff, sizeof text);
    for (size_t lent = 0; lent < 200; lent += 7) {
        uint8_t block[200];
        hk_buffer out;
        hk_buffer_init(&out, block, lent, 1u << 20);
        CHECK_INT(hk_json_put_string(&out, (hk_slice){text, sizeof text}), HK_OK);
        CHECK_SIZE(out.len, 2 + 6 * sizeof text);
        hk_buffer_clear(&out);
    }
    for (size_t limit = 0; limit < 2 + 6 * sizeof text; limit += 50) {
        hk_buffer out;
        hk_buffer_init(&out, NULL, 0, limit);
        CHECK_INT(hk_json_put_string(&out, (hk_slice){text, sizeof text}), HK_ERR_TOO_BIG);
        if (limit < 4 * sizeof text / 3) {
            CHECK_INT(hk_json_put_base64(&out, (hk_slice){text, sizeof text}), HK_ERR_TOO_BIG);
        }
        hk_buffer_clear(&out);
    }
}

int
main(void)
{
    test_escapes();
    test_bytes_that_are_not_utf8();
    test_each_byte_at_each_place();
    test_base64();
    test_output_grows_and_has_a_limit();
    return check_report();
}
