/* bench_regex.c -- what a search costs, in ns: a payload of 98 bytes, and hostile text of 64 KiB.
 *
 * The best of several repeats, as noise only adds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/match/hk_regex.h"

#define LONG 65536u /* bytes */

static const char payload[] =
    "Nov 30 12:00:01 host app[123]: user=alice action=login status=200 latency=12.5ms path=/index "
    "x";
static const char *const usual[] = {
    "status=500",        "^Nov",           "status=5\\d\\d",      "^\\w+ \\d+",
    "(?i)LOGIN",         "(?i)error",      "\\w+@\\w+",           "latency=\\d{3,}",
    "path=/\\S+\\.html", "[a-z]+[0-9]{4}", "user=\\w+ .*status=5"};
static const char *const hostile[] = {"(a|aa)+[0-9]",   "(a*)*[0-9]",   ".*.*.*[0-9]",
                                      "a{0,1000}[0-9]", "(?i)(a|A)*$b", "(a?){30}a{30}[0-9]"};

static double
seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
measure(const char *pattern, hk_regex_scratch *scratch, hk_slice subject, int number)
{
    static const char *const words[] = {"no", "yes", "limit", "no memory"};
    hk_regex *regex;
    size_t column;
    const char *expected;
    hk_regex_result result = HK_REGEX_NO;
    double best = 1e9;
    const hk_slice text = {(const uint8_t *)pattern, strlen(pattern)};
    if (hk_regex_compile(text, &regex, &column, &expected) != HK_OK) {
        printf("%s: expected %s\n", pattern, expected);
        exit(1);
    }
    for (int repeat = 0; repeat < 7; repeat++) {
        const double start = seconds();
        for (int i = 0; i < number; i++) {
            result = hk_regex_search(regex, scratch, subject);
        }
        const double taken = (seconds() - start) / number;
        best = taken < best ? taken : best;
    }
    printf("%-24s%-10s%12.1f ns  %s\n", pattern, words[result], best * 1e9,
           hk_regex_is_literal(regex) ? "compares" : "");
    hk_regex_free(regex);
}

int
main(void)
{
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    uint8_t *text = malloc(LONG);
    if (scratch == NULL || text == NULL) {
        return 1;
    }
    printf("a payload of %zu bytes\n", sizeof payload - 1);
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        measure(usual[i], scratch, (hk_slice){(const uint8_t *)payload, sizeof payload - 1}, 50000);
    }
    printf("64 KiB of one letter\n");
    memset(text, 'a', LONG);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        measure(hostile[i], scratch, (hk_slice){text, LONG}, 1);
    }
    free(text);
    hk_regex_scratch_free(scratch);
    return 0;
}
