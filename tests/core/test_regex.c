/* test_regex.c -- searches with the JIT and with the interpreter: RE2's answers, bytes that are not
 * UTF-8, limits, hostile expressions, threads. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <time.h>

#include "regexes.h"

/* The linker puts these functions in PCRE2's place (WRAP_test_regex). `no_jit` tells whether there
 * is a JIT: a process may have no executable memory, and a build of PCRE2 no JIT. */
int __real_pcre2_jit_compile_8(void *code, uint32_t options);
int __wrap_pcre2_jit_compile_8(void *code, uint32_t options);
int __real_pcre2_config_8(uint32_t what, void *where);
int __wrap_pcre2_config_8(uint32_t what, void *where);

enum { JIT, JIT_REFUSED, JIT_NOT_BUILT };
static int no_jit;

int
__wrap_pcre2_jit_compile_8(void *code, uint32_t options)
{
    return no_jit == JIT           ? __real_pcre2_jit_compile_8(code, options)
           : no_jit == JIT_REFUSED ? PCRE2_ERROR_NOMEMORY
                                   : PCRE2_ERROR_JIT_BADOPTION;
}

int
__wrap_pcre2_config_8(uint32_t what, void *where)
{
    const int rc = __real_pcre2_config_8(what, where);
    if (what == PCRE2_CONFIG_JIT && no_jit == JIT_NOT_BUILT) {
        *(uint32_t *)where = 0;
    }
    return rc;
}

static hk_regex *
compiled(hk_slice pattern)
{
    hk_regex *regex = NULL;
    size_t column;
    const char *expected;
    const hk_status status = hk_regex_compile(pattern, &regex, &column, &expected);
    if (!CHECK_INT(status, HK_OK)) {
        printf("  %.*s: column %zu, expected %s\n", (int)pattern.len, (const char *)pattern.data,
               column, expected);
    }
    return regex;
}

typedef struct {
    const char *pattern;
    hk_slice subject;
    bool found;
} answer;

#define YES(pattern, subject)                                            \
    {                                                                    \
        pattern, {(const uint8_t *)(subject), sizeof(subject) - 1}, true \
    }
#define NO(pattern, subject)                                              \
    {                                                                     \
        pattern, {(const uint8_t *)(subject), sizeof(subject) - 1}, false \
    }

/* Each as Go's regexp and google-re2 answer. */
static const answer answers[] = {
    /* $ is the end of the text, not a place before a newline; with (?m) the end of each line. */
    NO("[a]$", "a\n"),
    YES("[a]$", "a"),
    YES("(?m)[a]$", "a\nb"),
    NO("(?m)[a]$", "ab"),
    NO("[a]\\z", "a\n"),
    YES("(?m)^[b]", "a\nb"),
    NO("^[b]", "a\nb"),
    YES("(?m)a\n^$", "a\n"),
    YES("(?m)^$", "a\n"),
    NO("(?m)\\A[b]", "a\nb"),
    /* \s has no vertical tab, [[:space:]] and \v have it. \v is that one character. */
    NO("\\s", "\v"),
    YES("\\S", "\v"),
    YES("[[:space:]]", "\v"),
    YES("[x\\v]", "\v"),
    NO("[x\\v]", "\n\f\r"),
    YES("\\s", "\f"),
    NO("\\s", "\xc2\xa0"),
    NO("[\\s]", "\xc2\x85"),
    /* braces without a number are characters */
    YES("xx*{,2}", "xx{,2}"),
    NO("xx*{,2}", "xx"),
    YES("[x]{2,}", "xx"),
    NO("[x]{2,}", "x"),
    /* . and (?s); newline is LF only */
    NO("a.b", "a\nb"),
    YES("(?s)a.b", "a\nb"),
    YES("a.b", "a\rb"),
    NO("(?s-s)a.b", "a\nb"),
    YES("(?s:a.)b", "a\nb"),
    NO("(?s:a.)b.", "a\nb\n"),
    YES("a[^x]b", "a\nb"),
    /* (?U) swaps; what is found is the same */
    YES("(?U)a+b", "aab"),
    YES("(?U)a+?$", "aa"),
    /* classes are ASCII */
    NO("\\d", "\xd9\xa3"),
    NO("\\w", "\xc3\xa9"),
    YES("\\W", "\xc3\xa9"),
    YES("[^\\w]", "\xc3\xa9"),
    YES("[[:word:]]", "_"),
    NO("[[:alpha:]]", "1_\xc3\xa9"),
    YES("[[:^alpha:]]", "\xc3\xa9"),
    YES("^[[:punct:]]+$", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    NO("[[:punct:]]", "aZ0 \x7f"),
    YES("^[[:cntrl:]]$", "\x7f"),
    YES("[[:cntrl:]]", "\0"),
    NO("[[:graph:]]", " \t"),
    YES("^[[:print:]]$", " "),
    YES("^[[:xdigit:]]+$", "09afAF"),
    NO("[[:xdigit:]]", "gG"),
    YES("\\bx\\b", "\xc3\xa9x\xc3\xa9"),
    NO("\\Bx", "\xc3\xa9x"),
    YES("a\\B", "ab"),
    /* characters, not bytes */
    YES("^.$", "\xf0\x9f\x98\x80"),
    YES("^[\\x{10FFFF}]$", "\xf4\x8f\xbf\xbf"),
    YES("^[\xc3\xa9-\xc3\xbf]$", "\xc3\xaa"),
    NO("^..$", "\xc3\xa9"),
    YES("a[^b]c",
        "a\xc3\xa9"
        "c"),
    /* properties */
    YES("^\\pN$", "\xe2\x85\xa3"),
    YES("\\p{Greek}", "\xce\xb1"),
    NO("\\p{Greek}", "a"),
    YES("\\p{^Greek}", "a"),
    YES("\\P{Greek}", "a"),
    NO("\\pC", "\xcd\xb8"),
    YES("\\PC", "\xcd\xb8"),
    YES("[\\pZ]", "\xe2\x80\xa8"),
    NO("\\p{Common}", "\xc3\xa9"),
    /* (?i) by simple folding: K and its sign, s and its long form, sigma's three */
    YES("(?i)login", "LoGin"),
    YES("(?i)[k]", "\xe2\x84\xaa"),
    YES("(?i)S", "\xc5\xbf"),
    YES("(?i)\xcf\x83", "\xcf\x82"),
    NO("(?i)i", "\xc4\xb1\xc4\xb0"),
    YES("(?i)\\w", "\xc5\xbf"),
    NO("(?i)\\W", "\xc5\xbf"),
    NO("(?i)[\\W]", "\xe2\x84\xaa"),
    YES("(?i)[^a]", "b"),
    NO("(?i)[^a]", "A"),
    YES("a(?i)b|c", "xC"),
    NO("(?:(?i)a)b", "AB"),
    NO("(?i)ss", "\xc3\x9f"),
    YES("(?i)[[:upper:]]", "q"),
    YES("(?i)\\Qa.B\\E[c]", "A.bC"),
    /* quotations, escapes */
    YES("\\Q[a]*\\E+$", "[a]**"),
    YES("\\x41\\101\\x{41}[\\x41]", "AAAA"),
    YES("[\\0]", "\0"),
    YES("a\\/b[c]", "a/bc"),
    /* empty alternatives and repetitions of what may be empty */
    YES("[x]|", ""),
    YES("^(|a)+$", "aaa"),
    YES("^(a*)*$", ""),
    YES("^(a|b*)*c$", "abbac"),
    YES("^(?:)*x*$", "x"),
    YES("(^)*[a]", "a"),
    YES("(\\b|a){2}c", "ac"),
    NO("^(a?){3}$", "aaaa"),
    YES("^(a{0}b|c){2}$", "bc"),
    YES("^[a]{0,1000}$", "aaa"),
    NO("[^\\x{0}-\\x{10FFFF}]", "a"),
    /* bytes that belong to no character are U+FFFD each, as Go reads them */
    YES("^.$", "\xff"),
    YES("^[\\x{FFFD}]{2}$", "\xe2\x82"),
    YES("^a\xef\xbf\xbd"
        "b$",
        "a\x80"
        "b"),
    YES("\xef\xbf\xbd", "\xc0"),
    NO("^.{3}$",
       "\xe2\x82\xac\xff\xfe"
       "x"),
    YES("^.{3}$", "\xe2\x82\xac\xff\xfe"),
    YES("^\\D\\S\\W$", "\xff\xc3\xa9\xed"),
    YES("^[^x]{3}$", "\xed\xa0\x80"),
    NO("\\pL", "\xff"),
    YES("\\p{So}", "\xff"),
    /* an escape before a character of several bytes */
    YES("^a\\D\xe2\x82\xac", "a-\xe2\x82\xac"),
    YES("\\S\xe2\x82\xac", "-\xe2\x82\xac"),
    YES("\\W\xc3\xa9$", "-\xc3\xa9"),
};

static void
test_answers(void)
{
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const answer *a = &answers[i];
        hk_regex *regex = compiled(text_of(a->pattern));
        const int expected = a->found ? HK_REGEX_YES : HK_REGEX_NO;
        if (!CHECK_INT(hk_regex_search(regex, scratch, a->subject), expected)) {
            printf("  %s in subject %zu\n", a->pattern, i);
        }
        /* Far into a long subject, which the guarded program reads: the same for an expression
         * without anchors. */
        if (strpbrk(a->pattern, "^$") == NULL && strstr(a->pattern, "\\z") == NULL && a->found &&
            strstr(a->pattern, "\\A") == NULL && strstr(a->pattern, "\\b") == NULL) {
            static uint8_t text[2000];
            memset(text, ' ', sizeof text);
            memcpy(text + 1500, a->subject.data, a->subject.len);
            CHECK_INT(hk_regex_search(regex, scratch, (hk_slice){text, sizeof text}), HK_REGEX_YES);
        }
        hk_regex_free(regex);
    }
    hk_regex_scratch_free(scratch);
}

static void
test_refusals(void)
{
    static uint8_t large[1u << 20];
    hk_regex *regex = NULL;
    size_t column;
    const char *expected;
    memset(large, 'a', sizeof large);
    CHECK_INT(hk_regex_compile((hk_slice){large, sizeof large}, &regex, &column, &expected),
              HK_ERR_TOO_BIG);
    CHECK_SIZE(column, HK_REGEX_PATTERN_MAX);
    CHECK(regex == NULL);
    const hk_slice longest = {large, HK_REGEX_PATTERN_MAX};
    CHECK_INT(hk_regex_compile(longest, &regex, &column, &expected), HK_OK);
    CHECK(!hk_regex_is_literal(regex)); /* more than HK_REGEX_LITERALS_SIZE */
    hk_regex_free(regex);
    CHECK_INT(hk_regex_compile(TEXT("ab\xff"), &regex, &column, &expected), HK_ERR_CORRUPT);
    CHECK_SIZE(column, 2);
    CHECK_TEXT(expected, "UTF-8");
    CHECK_INT(hk_regex_compile(TEXT("ab(?=c)"), &regex, &column, &expected), HK_ERR_CORRUPT);
    CHECK_SIZE(column, 2);
    /* PCRE2's program would be larger than its 64 KiB. */
    CHECK_INT(hk_regex_compile(TEXT("(?:[a\\x{100}][b\\x{101}][c\\x{102}]\\w\\W){1000}"), &regex,
                               &column, &expected),
              HK_ERR_TOO_BIG);
    CHECK(strstr(expected, "PCRE2") != NULL);
    CHECK(regex == NULL);
    hk_regex_free(NULL);
    hk_regex_scratch_free(NULL);
}

static void
test_literals_need_no_scratch(void)
{
    hk_regex *regex = compiled(TEXT("^(GET|POST) /"));
    CHECK(hk_regex_is_literal(regex));
    CHECK_INT(hk_regex_search(regex, NULL, TEXT("GET /x")), HK_REGEX_YES);
    CHECK_INT(hk_regex_search(regex, NULL, TEXT("PUT /x")), HK_REGEX_NO);
    hk_regex_free(regex);
    regex = compiled(TEXT("^(?i:get)"));
    CHECK(!hk_regex_is_literal(regex));
    hk_regex_free(regex);
}

/* ---- hostile expressions ---- */

#define LONG 65536u /* bytes */

static const char *const parts[] = {"(a|aa)+",    "(a*)*",         "(a+)+",         "(?:a|a)*",
                                    "a*a*a*",     ".*.*.*",        "(.*)(.*)*",     "(\\w+\\s?)*",
                                    "([a-z]+)*",  "(a?){30}a{30}", "a{0,1000}",     "(a|b|ab)*",
                                    ".*?.*?",     "[^b]*[^c]*",    "(?:a?a?a?a?)*", "a{500}",
                                    "(?i)(a|A)*", "\\pL*\\pL*",    "(a|.a)*",       "(?:x*a*)*"};
static const char *const ends[] = {"[0-9]", "$b", "!", "\\d\\d", "[^\\n -z]"};

static double
seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* 200 pairs: each part and end over two subjects of 64 KiB, on which nothing matches. `most`: the
 * longest search, in seconds, the best of three each. */
static void
test_hostile(double *most)
{
    static uint8_t subjects[2][LONG];
    char worst[80] = "";
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    size_t limits = 0;
    memset(subjects[0], 'a', LONG);
    for (size_t i = 0; i < LONG; i++) {
        subjects[1][i] = (uint8_t) "a ab aaa hello a\n"[i % 17];
    }
    *most = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t j = 0; j < sizeof ends / sizeof ends[0]; j++) {
            char pattern[64];
            (void)snprintf(pattern, sizeof pattern, "%s%s", parts[i], ends[j]);
            hk_regex *regex = compiled(text_of(pattern));
            for (size_t k = 0; k < 2; k++) {
                const hk_slice subject = {subjects[k], LONG};
                double best = 1e9;
                hk_regex_result result = HK_REGEX_NOMEM;
                for (int repeat = 0; repeat < 3; repeat++) {
                    const double start = seconds();
                    result = hk_regex_search(regex, scratch, subject);
                    const double taken = seconds() - start;
                    best = taken < best ? taken : best;
                }
                CHECK(result == HK_REGEX_NO || result == HK_REGEX_LIMIT);
                limits += result == HK_REGEX_LIMIT;
                /* A short subject: the plain program's limit, then the guarded one. */
                const hk_regex_result part =
                    hk_regex_search(regex, scratch, (hk_slice){subject.data, 200});
                CHECK(part == HK_REGEX_NO || part == HK_REGEX_LIMIT);
                if (best > *most) {
                    *most = best;
                    (void)snprintf(worst, sizeof worst, "%s, subject %zu", pattern, k);
                }
            }
            hk_regex_free(regex);
        }
    }
    CHECK(limits > 20);
    printf("\n  hostile: %zu of 200 at a limit, the longest %.2f ms: %s\n", limits, *most * 1e3,
           worst);
    hk_regex_scratch_free(scratch);
}

/* After a limit the same scratch answers other searches, and a limit is the same each time. */
static void
test_limits_leave_no_trace(void)
{
    static uint8_t text[3000];
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    hk_regex *hostile = compiled(TEXT("(a|aa)+[0-9]"));
    hk_regex *good = compiled(TEXT("a+b"));
    memset(text, 'a', sizeof text);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(hk_regex_search(hostile, scratch, (hk_slice){text, sizeof text}), HK_REGEX_LIMIT);
        CHECK_INT(hk_regex_search(hostile, scratch, (hk_slice){text, 100}), HK_REGEX_LIMIT);
        CHECK_INT(hk_regex_search(good, scratch, TEXT("xaab")), HK_REGEX_YES);
        CHECK_INT(hk_regex_search(hostile, scratch, TEXT("aaa1")), HK_REGEX_YES);
    }
    hk_regex_free(hostile);
    hk_regex_free(good);
    hk_regex_scratch_free(scratch);
}

/* Usual expressions reach no limit over 64 KiB of words, and a longer subject has more steps. */
static void
test_usual_expressions_reach_no_limit(void)
{
    static const char *const usual[] = {
        "\\w+@\\w+\\.com",          "user=\\w+ .*status=5", "[a-z]+\\d{4}",   "^\\w+ \\d+",
        "(?i)error|fail(ed|ure)?:", "\\d+\\.\\d+ms",        "\\bfoo\\w*\\b:", "\"[^\"]*\"",
        "(\\w+)\\s+(\\d+)"};
    const size_t len = 8 * LONG;
    uint8_t *text = malloc(len);
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    for (size_t i = 0; i < len; i++) {
        text[i] =
            (uint8_t) "the user logged in at host alpha with method GET from office.\n"[i % 62];
    }
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        hk_regex *regex = compiled(text_of(usual[i]));
        if (!CHECK_INT(hk_regex_search(regex, scratch, (hk_slice){text, LONG}), HK_REGEX_NO) ||
            !CHECK_INT(hk_regex_search(regex, scratch, (hk_slice){text, len}), HK_REGEX_NO)) {
            printf("  %s\n", usual[i]);
        }
        hk_regex_free(regex);
    }
    free(text);
    hk_regex_scratch_free(scratch);
}

/* ---- threads ---- */

typedef struct {
    const hk_regex *const *regexes;
    size_t count;
    size_t wrong;
} work;

static void *
search_many(void *arg)
{
    work *w = arg;
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    for (size_t i = 0; i < 300; i++) {
        const hk_regex *regex = w->regexes[i % w->count];
        w->wrong += hk_regex_search(regex, scratch, TEXT("id=17 \xff GET")) != HK_REGEX_YES;
        w->wrong += hk_regex_search(regex, scratch, TEXT("nothing")) != HK_REGEX_NO;
    }
    hk_regex_scratch_free(scratch);
    return NULL;
}

static void
test_threads(void)
{
    hk_regex *regexes[] = {compiled(TEXT("id=\\d+")), compiled(TEXT("GET|POST")),
                           compiled(TEXT("(?s)i.*T$")), compiled(TEXT("\\x{FFFD}"))};
    pthread_t threads[4];
    work works[4];
    for (size_t i = 0; i < 4; i++) {
        works[i] = (work){(const hk_regex *const *)regexes, 4, 0};
        CHECK_INT(pthread_create(&threads[i], NULL, search_many, &works[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        CHECK_SIZE(works[i].wrong, 0);
    }
    for (size_t i = 0; i < 4; i++) {
        hk_regex_free(regexes[i]);
    }
}

/* What the named groups match, each in brackets; - for a group that has matched nothing. */
static const char *
groups_of(const char *pattern, hk_slice subject)
{
    static char text[256];
    hk_regex *regex;
    hk_slice groups[4];
    size_t column;
    const char *expected;
    size_t at = 0;
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    CHECK_INT(hk_regex_compile_captures(text_of(pattern), &regex, &column, &expected), HK_OK);
    text[0] = '\0';
    if (hk_regex_capture(regex, scratch, subject, groups) == HK_REGEX_YES) {
        for (size_t i = 0; i < hk_regex_groups(regex); i++) {
            const hk_slice group = groups[i].data == NULL ? text_of("-") : groups[i];
            const hk_slice name = hk_regex_group_name(regex, i);
            at +=
                (size_t)snprintf(text + at, sizeof text - at, "%.*s[%.*s]", (int)name.len,
                                 (const char *)name.data, (int)group.len, (const char *)group.data);
        }
    }
    hk_regex_scratch_free(scratch);
    hk_regex_free(regex);
    return text;
}

static void
test_captures(void)
{
    CHECK_TEXT(groups_of("(a)(?P<b>b+)(?:c)(?P<d>d)?", text_of("xabbcc")), "b[bb]d[-]");
    CHECK_TEXT(groups_of("(?P<z>.)(?<a>.*)$", text_of("\xff\xc3\xa4")),
               "z[\xef\xbf\xbd]a[\xc3\xa4]");
    CHECK_TEXT(groups_of("^(?P<all>abc)$", text_of("abc")), "all[abc]");
    CHECK_TEXT(groups_of("(?P<n>)x", text_of("x")), "n[]");
    CHECK_TEXT(groups_of("(?P<n>a)", text_of("b")), "");
    CHECK_TEXT(groups_of("((?P<n>a|ab)(c|bcd))(?P<m>d*)", text_of("abcd")), "n[a]m[]");
}

int
main(void)
{
    double most = 0;
    for (int way = JIT; way <= JIT_NOT_BUILT; way++) {
        no_jit = way;
        test_answers();
        test_captures();
        test_limits_leave_no_trace();
        test_threads();
        if (way == JIT_NOT_BUILT) {
            break; /* the interpreter once more */
        }
        test_refusals();
        test_literals_need_no_scratch();
        test_usual_expressions_reach_no_limit();
        test_hostile(&most);
        /* 3 ms with the JIT, 15 ms without; a busy machine and ThreadSanitizer take longer. Without
         * the count of work it is minutes. */
        CHECK(most < 0.3);
    }
    return check_report();
}
