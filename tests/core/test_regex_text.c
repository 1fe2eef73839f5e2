/* test_regex_text.c -- characters and their escapes: what is written for PCRE2, what is refused. */
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
}

int
main(void)
{
    test_escapes();
    test_refused_escapes();
    return check_report();
}
