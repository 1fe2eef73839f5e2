/* test_regex_repeat.c -- repetitions: what is read, what is refused, and what an expression costs.
 */
#include "regexes.h"

static void
test_repetitions(void)
{
    check_translated("a*b+c?d*?e+?f??", false, "a{0,}b{1,}c{0,1}d{0,}?e{1,}?f{0,1}?");
    check_translated("a{2}b{3,}c{0,5}d{7}?", false, "a{2,2}b{3,}c{0,5}d{7,7}?");
    check_translated("(?U)a*b*?", false, "a{0,}?b{0,}");
    check_translated("a{1000}", false, "a{1000,1000}");
    check_translated("(?:a{10}b){100}", false, "(?:a{10,10}b){100,100}");
    check_translated("(?:a{900}){0}", false, "(?:a{900,900}){0,0}");
    check_translated("^*\\b?", false, "(?:\\A){0,}(?:\\b){0,1}");
}

static void
test_braces_that_stand_for_themselves(void)
{
    static const char *const texts[] = {"a{",     "a{,2}", "a{x}",    "a{2",   "a{2,",
                                        "a{2,x}", "a{01}", "a{1,02}", "a{ 2}", "a{-1}",
                                        "{",      "{,5}",  "a{}"};
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hk_regex *regex = NULL;
        size_t column;
        const char *expected;
        CHECK_INT(hk_regex_compile(text_of(texts[i]), &regex, &column, &expected), HK_OK);
        CHECK_INT(hk_regex_search(regex, scratch, text_of(texts[i])), HK_REGEX_YES);
        CHECK_INT(hk_regex_search(regex, scratch, text_of("aa")), HK_REGEX_NO);
        hk_regex_free(regex);
    }
    hk_regex_scratch_free(scratch);
}

static void
test_refused(void)
{
    check_refused("a{1001}", HK_ERR_TOO_BIG, 1, "at most 1000 repetitions");
    check_refused("a{2,1001}", HK_ERR_TOO_BIG, 1, "at most 1000 repetitions");
    check_refused("a{1001,}", HK_ERR_TOO_BIG, 1, "at most 1000 repetitions");
    check_refused("a{99999999999999999999}", HK_ERR_TOO_BIG, 1, "at most 1000 repetitions");
    check_refused("a{3,2}", HK_ERR_CORRUPT, 1, "{n,m} with n not above m");
    check_refused("(?:a{2}){501}", HK_ERR_TOO_BIG, 8, "repetitions within each other");
    check_refused("(?:(?:(?:a{11}){10}){10})", HK_ERR_TOO_BIG, 20, "repetitions within each other");
    check_refused("*a", HK_ERR_CORRUPT, 0, "an expression before");
    check_refused("a|*", HK_ERR_CORRUPT, 2, "an expression before");
    check_refused("(+a)", HK_ERR_CORRUPT, 1, "an expression before");
    check_refused("a{2}{3}", HK_ERR_CORRUPT, 4, "no second repetition");
    check_refused("{2}", HK_ERR_CORRUPT, 0, "an expression before");
    check_refused("a**", HK_ERR_CORRUPT, 2, "no second repetition");
    check_refused("a*+", HK_ERR_CORRUPT, 2, "no second repetition");
    check_refused("a???", HK_ERR_CORRUPT, 3, "no second repetition");
    check_refused("a(?i)*", HK_ERR_CORRUPT, 5, "an expression before");
    check_refused("a\\Q\\E*", HK_ERR_CORRUPT, 5, "an expression before");
}

static bool
is_easy(const char *pattern)
{
    hk_status status;
    hk_regex_report report;
    (void)translated(pattern, false, &status, &report);
    CHECK_INT(status, HK_OK);
    return report.easy;
}

static void
test_costs(void)
{
    CHECK(is_easy("status=5\\d\\d"));
    CHECK(is_easy("^(GET|POST|PUT) /api/v\\d/"));
    CHECK(is_easy("a{64}"));
    CHECK(is_easy("(?:ab?){3}c?"));
    CHECK(!is_easy("a{65}"));
    CHECK(!is_easy("a*"));
    CHECK(!is_easy("a+"));
    CHECK(!is_easy("(?:a?){12}a{12}"));
    CHECK(!is_easy("(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)b"));
}

int
main(void)
{
    test_repetitions();
    test_braces_that_stand_for_themselves();
    test_refused();
    test_costs();
    return check_report();
}
