/* hk_regex_parse.h -- reads RE2's syntax and writes the same expression for PCRE2.
 *
 * By an allow-list: what is not of RE2's published syntax is refused, with its column. What PCRE2
 * reads otherwise is written in another form. Groups capture nothing, unless the form has a list of
 * names: those with a name then do, numbered in their order.
 * The written text is for PCRE2_MULTILINE with PCRE2_ALT_CIRCUMFLEX, without PCRE2_UCP.
 *
 * Guarded text has a callout, `(?C1)`, after each repetition and each group of alternatives, and
 * after at most HK_REGEX_STRETCH characters or branches. Between two callouts PCRE2 does at most
 * that many steps and one run through the subject: so its work can be counted.
 * No recursion. Includes: hk_buffer.h. */
#ifndef HK_REGEX_PARSE_H
#define HK_REGEX_PARSE_H

#include "core/base/hk_buffer.h"

#define HK_REGEX_STRETCH 16u /* characters and branches between two callouts */

typedef struct {
    bool guarded;       /* write callouts */
    bool script_prefix; /* write \p{sc:Greek}, which PCRE2 has since 10.40 */
    hk_buffer *names;   /* gets an hk_slice of the pattern for each named group, or is NULL */
} hk_regex_form;

typedef struct {
    bool easy;     /* so few steps at each place (hk_regex_repeat.h) that it needs no guard */
    size_t column; /* after an error: offset in the pattern */
    const char *expected; /* after an error: a constant */
} hk_regex_report;

/* Appends pattern, in UTF-8, to out in PCRE2's syntax. HK_ERR_CORRUPT: not of the syntax.
 * HK_ERR_TOO_BIG: a limit of hk_regex_limits.h, or that of out. HK_ERR_NOMEM. */
HK_CHECK hk_status hk_regex_translate(hk_slice pattern, hk_regex_form form, hk_buffer *out,
                                      hk_regex_report *report);

#endif
