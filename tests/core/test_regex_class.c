/* test_regex_class.c -- classes: what is written for PCRE2, what is refused. */
#include "regexes.h"

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
    check_translated("[[:a][[:d]", false, "[\\x{5b}\\x{3a}a][\\x{5b}\\x{3a}d]");
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
    check_refused("[\\b]", HK_ERR_CORRUPT, 1, "an escape of RE2");
}

int
main(void)
{
    test_sets();
    test_brackets();
    return check_report();
}
