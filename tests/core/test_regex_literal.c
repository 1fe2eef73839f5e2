/* test_regex_literal.c -- expressions that need no engine, and those that do. */
#include "core/match/hk_regex_literal.h"

#include "regexes.h"

static hk_regex_literals *
literals_of(hk_slice pattern)
{
    hk_regex_literals *literals = NULL;
    CHECK_INT(hk_regex_literals_read(pattern, &literals), HK_OK);
    return literals;
}

/* yes and no: subjects, each NUL-terminated, up to an empty one; NULL: none. */
static void
check_finds(const char *pattern, const char *yes, const char *no)
{
    hk_regex_literals *literals = literals_of(text_of(pattern));
    const char *lists[] = {no, yes};
    if (!CHECK(literals != NULL)) {
        printf("  %s needs an engine\n", pattern);
        return;
    }
    for (int expected = 0; expected < 2; expected++) {
        for (const char *s = lists[expected]; *s != '\0'; s += strlen(s) + 1) {
            if (!CHECK_INT(hk_regex_literals_search(literals, text_of(s)), expected)) {
                printf("  %s in %s\n", pattern, s);
            }
        }
    }
    hk_regex_literals_free(literals);
}

static void
test_forms(void)
{
    check_finds("login", "login\0a login b\0", "logi\0LOGIN\0x\0");
    check_finds("^ads\\.", "ads.x\0ads.\0", "xads.\0ads\0adsx\0");
    check_finds("served$", "ads_served\0served\0", "served x\0served\n\0");
    check_finds("^ads$", "ads\0", "ads \0 ads\0ads\n\0a\0");
    check_finds("GET|^POST|PUT$", "a GET b\0POST b\0x PUT\0", "a POST\0PUT x\0");
    check_finds("^/(?:img|css|)/", "/img/x\0/css/\0//\0", "/js/\0x/img/\0");
    check_finds("(a|bc)d$", "ad\0xbcd\0", "a\0bd\0adx\0");
    check_finds("x(?P<n>a|b)y|z", "xay\0xby\0.z\0", "xy\0xcy\0");
    check_finds("\\Aab\\z", "ab\0", "ab\n\0");
    check_finds("a\\tb\\.\\\\", "a\tb.\\\0", "atb.\\\0");
    check_finds("", "x\0", "");
    check_finds("a|", "x\0a\0", "");
    check_finds("()", "x\0", "");
    check_finds("\xc3\xa9", "caf\xc3\xa9\0\xc3\xc3\xa9\xff\0", "\xc3\0\xa9\0\xc3\xaa\0");
}

static void
test_nul_and_empty(void)
{
    const hk_slice nothing = {NULL, 0};
    hk_regex_literals *literals = literals_of(TEXT("a\0b"));
    CHECK(literals != NULL && hk_regex_literals_search(literals, TEXT("xa\0by")));
    CHECK(literals != NULL && !hk_regex_literals_search(literals, TEXT("xab")));
    CHECK(literals != NULL && !hk_regex_literals_search(literals, nothing));
    hk_regex_literals_free(literals);
    literals = literals_of(TEXT("^$"));
    CHECK(literals != NULL && hk_regex_literals_search(literals, nothing));
    CHECK(literals != NULL && !hk_regex_literals_search(literals, TEXT("\n")));
    hk_regex_literals_free(literals);
    literals = literals_of(nothing);
    CHECK(literals != NULL && hk_regex_literals_search(literals, nothing));
    hk_regex_literals_free(literals);
}

static void
test_others_need_an_engine(void)
{
    static const char *const texts[] = {
        "a.",      "a*",     "a+",   "ab?", "[a]", "a{2}",         "(?i)a",  "(?i:a)",
        "a(b(c))", "(a)(b)", "(^a)", "a^",  "$a",  "\\d",          "\\bfoo", "\\x41",
        "\\Qa\\E", "(a|b)+", "\\pL", "^^a", "a$$", "\xef\xbf\xbd", "\\101",  "(a)*"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!CHECK(literals_of(text_of(texts[i])) == NULL)) {
            printf("  %s\n", texts[i]);
        }
    }
}

static void
test_limits(void)
{
    static char text[3 * HK_REGEX_LITERALS_SIZE];
    for (size_t n = 0; n <= HK_REGEX_LITERALS_MAX; n++) { /* n + 1 texts */
        memset(text, 'a', sizeof text);
        for (size_t i = 0; i < n; i++) {
            text[2 * i + 1] = '|';
        }
        hk_regex_literals *literals = literals_of((hk_slice){(const uint8_t *)text, 2 * n + 1});
        CHECK((literals != NULL) == (n < HK_REGEX_LITERALS_MAX));
        hk_regex_literals_free(literals);
    }
    memset(text, 'a', sizeof text);
    for (size_t len = HK_REGEX_LITERALS_SIZE - 1; len <= HK_REGEX_LITERALS_SIZE + 1; len++) {
        hk_regex_literals *literals = literals_of((hk_slice){(const uint8_t *)text, len});
        CHECK((literals != NULL) == (len <= HK_REGEX_LITERALS_SIZE));
        hk_regex_literals_free(literals);
    }
}

int
main(void)
{
    test_forms();
    test_nul_and_empty();
    test_others_need_an_engine();
    test_limits();
    return check_report();
}
