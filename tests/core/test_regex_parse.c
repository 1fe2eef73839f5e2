/* test_regex_parse.c -- groups, flags, assertions and alternatives: what is written for PCRE2, with
 * and without callouts, and what is refused. */
#include "regexes.h"

static void
test_groups(void)
{
    check_translated("(a)(?:b)(?P<n>c)(?<m>d)", false, "(?:a)(?:b)(?:c)(?:d)");
    check_translated("(a|b|)()|", false, "(?:a|b|)(?:)|");
    check_translated("", false, "");
    check_refused("(a", HK_ERR_CORRUPT, 0, "a ) that closes");
    check_refused("(a(b)", HK_ERR_CORRUPT, 0, "a ) that closes");
    check_refused("a)", HK_ERR_CORRUPT, 1, "a ( before");
    check_refused("(?P<n>a)(?P<n>b)", HK_ERR_CORRUPT, 12, "a name that no other group has");
    check_refused("(?P<>a)", HK_ERR_CORRUPT, 0, "a name of letters");
    check_refused("(?P<n-m>a)", HK_ERR_CORRUPT, 0, "a name of letters");
    check_refused("(?P<n", HK_ERR_CORRUPT, 0, "a name of letters");
    check_translated("(?P<n>a)(?P<nn>b)(?P<N>c)", false, "(?:a)(?:b)(?:c)");
}

/* All that PCRE2 has and RE2 has not begins with (? or (*. */
static void
test_refused_groups(void)
{
    static const char *const texts[] = {
        "(?=a)", "(?!a)", "(?<=a)",   "(?<!a)", "(?>a)",   "(?|a|b)", "(?R)",   "(?1)",
        "(?+1)", "(?&n)", "(?P>n)",   "(?P=n)", "(?C)",    "(?C1)",   "(?#x)",  "(?(1)a)",
        "(?x)a", "(?J)",  "(?n)",     "(?^)",   "(?'n'a)", "(?i-)",   "(?--i)", "(?-)",
        "(?i",   "(?",    "(?i-s-m)", "(?ii:",  "(?xx)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hk_status status;
        hk_regex_report report;
        (void)translated(texts[i], false, &status, &report);
        if (!CHECK_INT(status, HK_ERR_CORRUPT)) {
            printf("  of %s\n", texts[i]);
        }
        CHECK_SIZE(report.column, 0);
    }
    check_refused("a(*ACCEPT)", HK_ERR_CORRUPT, 2, "an expression before");
    check_refused("(*UCP)a", HK_ERR_CORRUPT, 1, "an expression before");
}

static void
test_flags(void)
{
    check_translated("a(?i)b(?-i)c", false, "a(?i)b(?-i)c");
    check_translated("(?i:a)b", false, "(?:(?i)a)b");
    check_translated("(a(?i)b|c)d", false, "(?:a(?i)b|c)d");
    check_translated("(?i)(?:(?-i)a)b", false, "(?:a)(?i)b");
    check_translated(".(?s).(?s-i:.)(?-s).", false, ".(?s).(?:.)(?-s).");
    check_translated("^$(?m)^$", false, "\\A\\z^$");
    check_translated("(?ims)a(?)b", false, "(?i)ab");
    check_translated("\\A\\z\\b\\B", false, "\\A\\z\\b\\B");
}

static void
test_quotations(void)
{
    check_translated("\\Qa.b\\E.", false, "a\\x{2e}b.");
    check_translated("\\Qab\\E*", false, "ab{0,}");
    check_translated("\\Qa\\Q*", false, "a\\x{5c}Q\\x{2a}");
    check_translated("\\Qa\\", false, "a\\x{5c}");
    check_translated("\\Q", false, "");
}

static void
test_callouts(void)
{
    check_translated("a*b", true, "a{0,}(?C1)b");
    check_translated("(ab)+(c|d)e", true, "(?:ab(?C1)){1,}(?C1)(?:c|d)(?C1)e");
    check_translated("a|b*", true, "a|(?C1)b{0,}(?C1)"); /* where the run of the branch begins */
    check_translated("a{40}", true, "(?:a{16}(?C1)){2}a{8,8}(?C1)");
    check_translated("a{40,}", true, "(?:a{16}(?C1)){2}a{8,}(?C1)");
    check_translated("[ab]{40,50}?", true, "(?:[ab]{16}(?C1)){2}[ab]{8,18}?(?C1)");
    check_translated("abcdefghijklmnopqrst", true, "abcdefghijklmnop(?C1)qrst");
    check_translated("a|b|c|d|e|f|g|h|i|j", true, "a|b|c|d|e|f|g|h|(?C1)i|j");
}

static void
test_limits(void)
{
    static uint8_t deep[10000];
    uint8_t block[64];
    hk_buffer out;
    hk_regex_report report;
    memset(deep, '(', sizeof deep);
    hk_buffer_init(&out, NULL, 0, 65536);
    const hk_slice open = {deep, sizeof deep};
    CHECK_INT(hk_regex_translate(open, (hk_regex_form){true, true, NULL}, &out, &report),
              HK_ERR_TOO_BIG);
    CHECK_SIZE(report.column, HK_REGEX_DEPTH_MAX);
    CHECK(strncmp(report.expected, "at most 200 groups", 18) == 0);
    memset(deep + HK_REGEX_DEPTH_MAX, ')', HK_REGEX_DEPTH_MAX);
    const hk_slice most = {deep, 2 * HK_REGEX_DEPTH_MAX};
    CHECK_INT(hk_regex_translate(most, (hk_regex_form){true, true, NULL}, &out, &report), HK_OK);
    hk_buffer_clear(&out);

    /* The text for PCRE2 is bounded too. */
    static const char *const texts[] = {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                        "(a|b|c|d|e)",
                                        "[abcdefgh]{40}",
                                        "a*b*c*d*",
                                        "\\p{Greek}",
                                        "\\w\\W",
                                        "^$^$"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t room = 0; room < 64; room++) {
            hk_buffer_init(&out, block, room, room);
            const hk_status status = hk_regex_translate(
                text_of(texts[i]), (hk_regex_form){true, true, NULL}, &out, &report);
            CHECK(status == HK_OK || (status == HK_ERR_TOO_BIG &&
                                      strcmp(report.expected, "a smaller expression") == 0));
        }
    }
}

int
main(void)
{
    test_groups();
    test_refused_groups();
    test_flags();
    test_quotations();
    test_callouts();
    test_limits();
    return check_report();
}
