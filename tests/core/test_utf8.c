/* test_utf8.c -- every code point against iconv, and where text may be cut. */
#include "core/base/hk_utf8.h"

#include <iconv.h>
#include <stdlib.h>

#include "check.h"

#define LAST_CODE_POINT 0x10ffffu

/* Length of the well-formed sequence at the start of data[0..len), 0 when there is none. The
 * ranges of the second byte are those of the Unicode Standard, table 3-7. */
static size_t
sequence_at(const uint8_t *data, size_t len)
{
    const uint8_t b = data[0];
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t n;

    if (b < 0x80) {
        return 1;
    }
    if (b >= 0xc2 && b <= 0xdf) {
        n = 2;
    } else if (b >= 0xe0 && b <= 0xef) {
        n = 3;
        low = b == 0xe0 ? 0xa0 : low;
        high = b == 0xed ? 0x9f : high;
    } else if (b >= 0xf0 && b <= 0xf4) {
        n = 4;
        low = b == 0xf0 ? 0x90 : low;
        high = b == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (len < n || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

/* Length of the longest prefix that is well-formed UTF-8: no surrogates, no overlong forms. */
static size_t
valid_prefix(const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const size_t n = sequence_at(data + at, len - at);
        if (n == 0) {
            break;
        }
        at += n;
    }
    return at;
}

static size_t
measured(const hk_text *text, hk_surrogates mode)
{
    size_t size = 0;
    size_t at = 0;
    CHECK_INT(hk_utf8_measure(text, mode, &size, &at), HK_OK);
    return size;
}

/* Compares with iconv: all code points except surrogates, in one text of each kind. */
static void
test_every_code_point(void)
{
    static const struct {
        hk_text_kind kind;
        uint32_t last;
        const char *name;
    } kinds[] = {{HK_TEXT_LATIN1, 0xff, "LATIN1"},
                 {HK_TEXT_UCS2, 0xffff, "UTF-16LE"},
                 {HK_TEXT_UCS4, LAST_CODE_POINT, "UTF-32LE"}};
    const size_t most = 4u * (LAST_CODE_POINT + 1);

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        uint8_t *units = malloc(most);
        uint8_t *expected = malloc(most);
        size_t n = 0;
        for (uint32_t c = 0; c <= kinds[k].last; c++) {
            if (c >= 0xd800 && c <= 0xdfff) {
                continue;
            }
            for (unsigned b = 0; b < (unsigned)kinds[k].kind; b++) {
                units[n++] = (uint8_t)(c >> 8 * b);
            }
        }
        char *in = (char *)units;
        char *out = (char *)expected;
        size_t in_left = n;
        size_t out_left = most;
        iconv_t converter = iconv_open("UTF-8", kinds[k].name);
        CHECK_SIZE(iconv(converter, &in, &in_left, &out, &out_left), 0);
        (void)iconv_close(converter);

        const hk_text text = {units, n / (size_t)kinds[k].kind, kinds[k].kind};
        const size_t size = measured(&text, HK_SURROGATES_REFUSED);
        uint8_t *got = malloc(size); /* the exact size, so that ASan detects one byte more */
        CHECK_SIZE((size_t)(hk_utf8_write(&text, got) - got), size);
        CHECK_BYTES(got, size, expected, most - out_left);
        CHECK_SIZE(valid_prefix(got, size), size);
        free(got);
        free(expected);
        free(units);
    }
}

static void
test_surrogates(void)
{
    for (uint32_t c = 0xd800; c <= 0xdfff; c++) {
        const uint16_t two[] = {'a', (uint16_t)c, 'b'};
        const uint32_t four[] = {'a', c, 'b'};
        const hk_text texts[] = {{two, 3, HK_TEXT_UCS2}, {four, 3, HK_TEXT_UCS4}};
        const bool escape = c >= 0xdc80 && c <= 0xdcff;
        for (size_t i = 0; i < 2; i++) {
            size_t size = 0;
            size_t at = 99;
            CHECK_INT(hk_utf8_measure(&texts[i], HK_SURROGATES_REFUSED, &size, &at), HK_ERR_TEXT);
            CHECK_SIZE(at, 1);
            CHECK_INT(hk_utf8_measure(&texts[i], HK_SURROGATES_ESCAPED, &size, &at),
                      escape ? HK_OK : HK_ERR_TEXT);
            if (escape) {
                const uint8_t expected[] = {'a', (uint8_t)(c & 0xff), 'b'};
                uint8_t got[3];
                CHECK_SIZE(size, 3);
                CHECK_BYTES(got, (size_t)(hk_utf8_write(&texts[i], got) - got), expected, 3);
            }
        }
    }
}

/* One character by the definition of UTF-8, or the byte that it escapes. */
static size_t
encode_one(uint32_t c, uint8_t *out)
{
    static const uint32_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c < 0x80 || (c >= 0xdc80 && c <= 0xdcff)) {
        out[0] = (uint8_t)c;
        return 1;
    }
    for (size_t i = size; i-- > 1; c >>= 6) {
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    }
    out[0] = (uint8_t)(first[size] | c);
    return size;
}

/* Texts of every length up to 40 whose characters have random lengths, with buffers of the exact
 * size on both sides, so that ASan detects a byte too many. */
static void
test_mixed_texts(void)
{
    static const uint32_t bases[] = {'a',    0x80,   0x400,  0x7ff,  0x800,
                                     0x4e00, 0xffff, 0xdc80, 0x1f4e6};
    unsigned random = 1;
    for (unsigned round = 0; round < 40000; round++) {
        const size_t n = round % 41;
        const hk_text_kind kind = round % 3 == 0   ? HK_TEXT_LATIN1
                                  : round % 3 == 1 ? HK_TEXT_UCS2
                                                   : HK_TEXT_UCS4;
        const size_t choice = kind == HK_TEXT_LATIN1 ? 2 : kind == HK_TEXT_UCS2 ? 8 : 9;
        uint8_t *units = malloc(n * (size_t)kind);
        uint8_t expected[4 * 41];
        size_t size = 0;
        for (size_t i = 0; i < n; i++) {
            random = random * 1103515245u + 12345u;
            /* Some rounds use few kinds, so that the loops for groups of one kind run too. */
            const size_t one = (random >> 16) % (round % 5 == 0 ? choice : round % 5);
            const uint32_t c = bases[one < choice ? one : choice - 1] + (random >> 24) % 2;
            const uint32_t fits = kind == HK_TEXT_UCS2 && c > 0xffff ? 0xffff : c;
            memcpy(units + i * (size_t)kind, &fits,
                   (size_t)kind); /* little-endian, as the suite is */
            size += encode_one(fits, expected + size);
        }
        const hk_text text = {units, n, kind};
        CHECK_SIZE(measured(&text, HK_SURROGATES_ESCAPED), size);
        uint8_t *got = malloc(size);
        CHECK_BYTES(got, (size_t)(hk_utf8_write(&text, got) - got), expected, size);
        free(got);
        free(units);
    }
}

static void
test_bytes_are_written_as_they_are(void)
{
    const uint8_t raw[] = {'a', 0, 0xff, 0xc3, 0x80};
    const hk_text text = {raw, sizeof raw, HK_TEXT_UTF8};
    const hk_text empty = {NULL, 0, HK_TEXT_UTF8};
    uint8_t got[sizeof raw];

    CHECK_SIZE(measured(&text, HK_SURROGATES_REFUSED), sizeof raw);
    CHECK_BYTES(got, (size_t)(hk_utf8_write(&text, got) - got), raw, sizeof raw);
    CHECK_SIZE(measured(&empty, HK_SURROGATES_REFUSED), 0);
    CHECK_SIZE((size_t)(hk_utf8_write(&empty, got) - got), 0);
}

static void
test_is_ascii(void)
{
    uint8_t data[40];
    memset(data, 0x7f, sizeof data);
    for (size_t from = 0; from < 9; from++) {
        for (size_t len = 0; from + len <= sizeof data; len++) {
            CHECK(hk_utf8_is_ascii(data + from, len));
            for (size_t i = 0; i < len; i++) {
                data[from + i] = 0x80;
                CHECK(!hk_utf8_is_ascii(data + from, len));
                data[from + i] = 0x7f;
            }
        }
    }
    data[0] = 0x80; /* outside of the checked range */
    CHECK(hk_utf8_is_ascii(data + 1, sizeof data - 1));
}

/* In well-formed text, hk_utf8_cut returns the largest end of a character that is at most max. */
static void
test_cut_keeps_characters_whole(void)
{
    const uint8_t text[] = "a\xc3\xa9z\xe2\x82\xac\xf0\x9f\x98\x80\xf0\x9f\x98\x81x\xc2\x80";
    const size_t len = sizeof text - 1;
    for (size_t max = 0; max <= len + 3; max++) {
        size_t expected = max < len ? max : len;
        while (valid_prefix(text, expected) != expected) {
            expected--;
        }
        CHECK_SIZE(hk_utf8_cut(text, len, max), expected);
    }
}

/* For any bytes, it returns at most max, and at least max - 3. */
static void
test_cut_of_any_bytes(void)
{
    static const uint8_t bytes[] = {'a', 0x80, 0xc3, 0xe2, 0xf0};
    for (unsigned i = 0; i < 3125; i++) {
        uint8_t data[5];
        for (unsigned j = 0, rest = i; j < 5; j++, rest /= 5) {
            data[j] = bytes[rest % 5];
        }
        for (size_t max = 0; max <= 6; max++) {
            const size_t n = hk_utf8_cut(data, 5, max);
            const size_t most = max < 5 ? max : 5;
            CHECK(n <= most && most - n <= 3);
        }
    }
}

/* hk_utf8_valid and hk_utf8_repair against the definition above, on every two bytes within text and
 * on longer sequences, whole and cut. */
static void
test_validity(void)
{
    static const char *const longer[] = {"\xe2\x82\xac",
                                         "\xe0\x9f\xbf",
                                         "\xed\xa0\x80",
                                         "\xf0\x9f\x98\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xef\xbf\xbd",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xe2\x82\xe2\x82\xac",
                                         "12345678\x80",
                                         "1234567\xc3\xa9"
                                         "9012345678\xff"};
    uint8_t out[3 * 64];
    for (unsigned n = 0; n < 65536; n++) {
        const uint8_t text[] = {'a', (uint8_t)(n >> 8), (uint8_t)n, 'b'};
        if (hk_utf8_valid(text, sizeof text) != valid_prefix(text, sizeof text)) {
            CHECK_SIZE(hk_utf8_valid(text, sizeof text), valid_prefix(text, sizeof text));
        }
    }
    for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++) {
        for (size_t len = 0; len <= strlen(longer[i]); len++) {
            const uint8_t *text = (const uint8_t *)longer[i];
            uint8_t expected[3 * 64];
            size_t n = 0;
            CHECK_SIZE(hk_utf8_valid(text, len), valid_prefix(text, len));
            for (size_t at = 0; at < len;) {
                const size_t good = sequence_at(text + at, len - at);
                memcpy(expected + n, good > 0 ? text + at : (const uint8_t *)"\xef\xbf\xbd",
                       good > 0 ? good : 3);
                n += good > 0 ? good : 3;
                at += good > 0 ? good : 1;
            }
            CHECK_BYTES(out, hk_utf8_repair(text, len, out), expected, n);
        }
    }
}

int
main(void)
{
    test_every_code_point();
    test_surrogates();
    test_mixed_texts();
    test_bytes_are_written_as_they_are();
    test_is_ascii();
    test_cut_keeps_characters_whole();
    test_cut_of_any_bytes();
    test_validity();
    return check_report();
}
