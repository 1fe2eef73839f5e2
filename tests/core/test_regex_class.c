/* test_regex_class.c -- escapes and classes: what is written for PCRE2, what is refused. */
#include "regexes.h"

static void
test_escapes(void)
{
    check_translated("\\a\\f\\n\\r\\t\\v", false, "\\x{7}\\x{c}\\x{a}\\x{d}\\x{9}\\x{b}");
    check_translated("\\x7F\\x{1F600}\\x{41}", false, "\\x{7f}\\x{1f600}A");
    check_translated("\\0\\07\\123\\0777", false, "\\x{0}\\x{7}S\\x{3f}7");
    check_translated("\\.\\_\\ \\/\\]\\-", false, "\\x{2e}\\x{5f}\\x{20}\\x{2f}\\x{5d}\\x{2d}");
    check_translated("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", false, "\\x{e9}\\x{20ac}\\x{1f600}");
}

static void
test_refused_escapes(void)
{
    static const char any[] = "an escape of RE2";
    static const char *const letters[] = {"\\C", "\\K",        "\\R", "\\X", "\\Z", "\\G", "\\h",
                                          "\\H", "\\N",        "\\e", "\\E", "\\g", "\\k", "\\u",
                                          "\\c", "\\\xc3\xa9", "\\o", "\\V", "\\y", "\\i"};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        check_refused(letters[i], HK_ERR_CORRUPT, 0, any);
    }
    check_refused("a\\1", HK_ERR_CORRUPT, 1, "no back-reference");
    check_refused("(a)\\8", HK_ERR_CORRUPT, 3, "no back-reference");
    check_refused("ab\\", HK_ERR_CORRUPT, 2, "a character after");
    check_refused("\\x", HK_ERR_CORRUPT, 0, "\\x7F or");
    check_refused("\\x4", HK_ERR_CORRUPT, 0, "\\x7F or");
    check_refused("\\x{}", HK_ERR_CORRUPT, 0, "\\x7F or");
    check_refused("\\x{41", HK_ERR_CORRUPT, 0, "\\x7F or");
    check_refused("\\x{110000}", HK_ERR_CORRUPT, 0, "a code point of at most");
    check_refused("\\x{fffffffffffffffff}", HK_ERR_CORRUPT, 0, "a code point of at most");
    check_refused("\\x{d800}", HK_ERR_CORRUPT, 0, "a code point that is no surrogate");
    check_refused("[\\b]", HK_ERR_CORRUPT, 1, any);
}

static void
test_sets(void)
{
    check_translated("\\d\\w\\s", false,
                     "[0-9][0-9A-Z\\x{5f}a-z][\\x{9}-\\x{a}\\x{c}-\\x{d}\\x{20}]");
    check_translated("\\D", false, "[\\x{0}-\\x{2f}\\x{3a}-\\x{7f}\\x{80}-\\x{10ffff}]");
    check_translated("[[:space:]]", false, "[\\x{9}-\\x{d}\\x{20}]");
    check_translated("[[:word:][:^ascii:]]", false, "[0-9A-Z\\x{5f}a-z\\x{80}-\\x{10ffff}]");
    check_translated("[^\\dx]", false, "[^0-9x]");
    /* The letters that (?i) takes for s and k are in \w, and in no part of \W. */
    check_translated("(?i)\\w", false, "(?i)[0-9A-Z\\x{5f}a-z\\x{17f}\\x{212a}]");
    check_translated("(?i)[[:^lower:]]", false,
                     "(?i)[\\x{0}-\\x{40}\\x{5b}-\\x{60}\\x{7b}-\\x{7f}\\x{80}-\\x{17e}"
                     "\\x{180}-\\x{2129}\\x{212b}-\\x{10ffff}]");
    check_refused("[[:alpha]x:]]", HK_ERR_CORRUPT, 1, "a class such as");
    check_refused("[[:alpha2:]]", HK_ERR_CORRUPT, 1, "a class such as");
    check_refused("[[:^:]]", HK_ERR_CORRUPT, 1, "a class such as");
    check_translated("[[:a]", false, "[\\x{5b}\\x{3a}a]"); /* nothing closes it: characters */
}

static void
test_brackets(void)
{
    check_translated("[]a][^]a]", false, "[\\x{5d}a][^\\x{5d}a]");
    check_translated("[a-][-a][--/]", false, "[a\\x{2d}][\\x{2d}a][\\x{2d}-\\x{2f}]");
    check_translated("[\\d-z]", false, "[0-9\\x{2d}z]");
    check_translated("[a^$.*(){}|]", false,
                     "[a\\x{5e}\\x{24}\\x{2e}\\x{2a}\\x{28}\\x{29}\\x{7b}\\x{7d}\\x{7c}]");
    check_translated("[\\n-\\x{10FFFF}]", false, "[\\x{a}-\\x{10ffff}]");
    check_refused("[a", HK_ERR_CORRUPT, 0, "a ] that closes");
    check_refused("x[", HK_ERR_CORRUPT, 1, "a ] that closes");
    check_refused("[]", HK_ERR_CORRUPT, 0, "a ] that closes");
    check_refused("[a-", HK_ERR_CORRUPT, 0, "a ] that closes");
    check_refused("[b-a]", HK_ERR_CORRUPT, 1, "a range from low to high");
    check_refused("[a-\\d]", HK_ERR_CORRUPT, 3, "an escape of RE2");
}

static void
test_properties(void)
{
    hk_status status;
    hk_regex_report report;
    hk_buffer out;
    uint8_t block[64];
    check_translated("\\pN\\p{Nd}\\PL\\p{^Lu}\\P{^Lu}", false,
                     "[\\p{N}][\\p{Nd}][\\P{L}][\\P{Lu}][\\p{Lu}]");
    check_translated("[\\p{Greek}\\P{Han}]", false, "[\\p{sc:Greek}\\P{sc:Han}]");
    check_translated("\\pC\\PC", false, "[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}][\\P{C}\\p{Cn}]");
    check_translated("\\p{Any}\\P{Any}[^\\P{Any}]", false,
                     "[\\x{0}-\\x{10ffff}][^\\x{0}-\\x{10ffff}][\\x{0}-\\x{10ffff}]");
    hk_buffer_init(&out, block, sizeof block, sizeof block);
    status =
        hk_regex_translate(text_of("\\p{Greek}"), (hk_regex_form){false, false}, &out, &report);
    CHECK_INT(status, HK_OK);
    CHECK_BYTES(out.data, out.len, (const uint8_t *)"[\\p{Greek}]", 11);
    static const char *const unknown[] = {
        "\\p",    "\\pX",     "\\p{", "\\p{}",    "\\p{Cn}",       "\\p{L&}",       "\\p{greek}",
        "\\p{Lu", "\\p{L u}", "\\pl", "\\p{Xan}", "\\p{sc:Greek}", "\\p{Greek Han}"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        check_refused(unknown[i], HK_ERR_CORRUPT, 0, "a category such as");
    }
    check_refused("\\p{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
                  HK_ERR_CORRUPT, 0, "a category such as");
    check_refused("(?i)\\pL", HK_ERR_CORRUPT, 4, "no property of Unicode under (?i)");
}

int
main(void)
{
    test_escapes();
    test_refused_escapes();
    test_sets();
    test_brackets();
    test_properties();
    return check_report();
}
