/* fuzz_regex.c -- fuzz target: compiles any bytes as an expression and searches the rest.
 *
 *     byte 0     length of the pattern, up to 255
 *     then       the pattern
 *     rest       the subject
 *
 * Checks: an error has a column within the pattern and says what was expected; a search ends with
 * an answer or at a limit; it is the same in the plain program and in the guarded one, which a
 * subject that is longer by blanks needs; a literal is found as the engine finds it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/match/hk_regex.h"

#define LONG 600u /* bytes: longer than what the plain program serves */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* The expression in a group that no literal has: the engine answers. */
static hk_regex *
by_engine(hk_slice pattern)
{
    uint8_t text[300] = "(?:";
    hk_regex *regex;
    size_t column;
    const char *expected;
    memcpy(text + 3, pattern.data, pattern.len);
    memcpy(text + 3 + pattern.len, "){1}", 4);
    expect(hk_regex_compile((hk_slice){text, pattern.len + 7}, &regex, &column, &expected) == HK_OK,
           "a literal in a group does not compile");
    return regex;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static hk_regex_scratch *scratch;
    hk_regex *regex = NULL;
    size_t column = SIZE_MAX;
    const char *expected = NULL;
    uint8_t padded[LONG + 4096];
    if (len == 0 || len > 4096) {
        return 0;
    }
    const size_t n = data[0] < len - 1 ? data[0] : len - 1;
    const hk_slice pattern = {data + 1, n};
    const hk_slice subject = {data + 1 + n, len - 1 - n};
    scratch = scratch != NULL ? scratch : hk_regex_scratch_new();
    expect(scratch != NULL, "no scratch");

    const hk_status status = hk_regex_compile(pattern, &regex, &column, &expected);
    if (status != HK_OK) {
        expect(regex == NULL, "an error, and an expression");
        expect(status == HK_ERR_CORRUPT || status == HK_ERR_TOO_BIG, "another status");
        expect(column <= n && expected != NULL && *expected != '\0', "no place or no reason");
        return 0;
    }
    const hk_regex_result result = hk_regex_search(regex, scratch, subject);
    expect(result == HK_REGEX_NO || result == HK_REGEX_YES || result == HK_REGEX_LIMIT,
           "a search without an answer");
    if (hk_regex_is_literal(regex)) {
        hk_regex *engine = by_engine(pattern);
        expect(hk_regex_search(engine, scratch, subject) == result, "the engine answers otherwise");
        hk_regex_free(engine);
    }
    /* With newlines in front and behind, (?m) and no \b differ least: a match stays a match unless
     * the pattern has an anchor, so only those without are compared. */
    if (result == HK_REGEX_YES && memchr(pattern.data, '^', n) == NULL &&
        memchr(pattern.data, '$', n) == NULL && memchr(pattern.data, '\\', n) == NULL) {
        memset(padded, '\n', sizeof padded);
        if (subject.len > 0) {
            memcpy(padded + LONG / 2, subject.data, subject.len);
        }
        const hk_regex_result longer =
            hk_regex_search(regex, scratch, (hk_slice){padded, LONG + subject.len});
        expect(longer == HK_REGEX_YES || longer == HK_REGEX_LIMIT, "the guard changes the answer");
    }
    hk_regex_free(regex);
    return 0;
}
