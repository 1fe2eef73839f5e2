/* regexes.h -- patterns and subjects from constant texts, for the tests of regular expressions. */
#ifndef REGEXES_H
#define REGEXES_H

#include <stdlib.h>
#include <string.h>

#include "core/match/hk_regex.h"
#include "core/match/hk_regex_parse.h"
#include "check.h"

/* A constant text that may hold NUL. */
#define TEXT(text) ((hk_slice){(const uint8_t *)(text), sizeof(text) - 1})

static inline hk_slice
text_of(const char *text)
{
    return (hk_slice){(const uint8_t *)text, strlen(text)};
}

/* What hk_regex_translate writes, NUL-terminated; "" after an error. The next call overwrites it.
 */
static inline const char *
translated(const char *pattern, bool guarded, hk_status *status, hk_regex_report *report)
{
    static char text[4096];
    hk_buffer out;
    hk_buffer_init(&out, (uint8_t *)text, sizeof text - 1, sizeof text - 1);
    *status =
        hk_regex_translate(text_of(pattern), (hk_regex_form){guarded, true, NULL}, &out, report);
    text[*status == HK_OK ? out.len : 0] = '\0';
    return text;
}

/* Checks what is written for PCRE2. */
static inline void
check_translated(const char *pattern, bool guarded, const char *expected)
{
    hk_status status;
    hk_regex_report report;
    if (!CHECK_TEXT(translated(pattern, guarded, &status, &report), expected)) {
        printf("  of %s, column %zu: %s\n", pattern, report.column, report.expected);
    }
}

/* Checks that a pattern is refused, where, and that the reason begins with `expected`. */
static inline void
check_refused(const char *pattern, hk_status why, size_t column, const char *expected)
{
    hk_status status;
    hk_regex_report report;
    (void)translated(pattern, false, &status, &report);
    if (!CHECK_INT(status, why) || !CHECK_SIZE(report.column, column) ||
        !CHECK(strncmp(report.expected, expected, strlen(expected)) == 0)) {
        printf("  of %s: column %zu, expected %s\n", pattern, report.column, report.expected);
    }
}

#endif
