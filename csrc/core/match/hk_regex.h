/* hk_regex.h -- regular expressions of Go's RE2 syntax, searched without anchor, in bounded time.
 *
 * The syntax is RE2's published one (hk_regex_parse.h). A pattern that is a literal, a prefix, a
 * suffix or an alternation of these is compared directly (hk_regex_literal.h); any other goes to
 * PCRE2, by its JIT compiler where the process may have executable memory, else by its interpreter,
 * under the same limits. The subject is text: each byte of it that is not UTF-8 is read as U+FFFD,
 * as Go reads it.
 * Source: https://github.com/google/re2/wiki/Syntax, Go's regexp/syntax. Includes:
 * hk_regex_limits.h, hk_status.h. */
#ifndef HK_REGEX_H
#define HK_REGEX_H

#include "core/base/hk_status.h"
#include "hk_regex_limits.h"

#define HK_REGEX_CODE_MAX (1024u * 1024u) /* bytes of a program of PCRE2 */
#define HK_REGEX_MATCH_MAX 100000u /* PCRE2's match limit: of a match that begins at one place */
#define HK_REGEX_WORK_MAX 2000000u /* steps of a whole search, each about 1 ns, */
#define HK_REGEX_WORK_EACH 32u     /* or so many for each byte of a longer subject */
#define HK_REGEX_STACK_MIN (32u * 1024u)   /* bytes of the JIT's stack at first, */
#define HK_REGEX_STACK_MAX (1024u * 1024u) /* and at most */
#define HK_REGEX_HEAP_MAX (8u * 1024u)     /* KiB of the interpreter's memory in one search */

typedef struct hk_regex hk_regex;                 /* never changes: threads may share it */
typedef struct hk_regex_scratch hk_regex_scratch; /* what a search needs: one for each thread */

typedef enum {
    HK_REGEX_NO,
    HK_REGEX_YES,
    HK_REGEX_LIMIT, /* the search reached a limit: not known */
    HK_REGEX_NOMEM,
} hk_regex_result;

/* Compiles pattern, which is UTF-8 and may hold NUL, into *out, which the caller owns.
 * HK_ERR_CORRUPT: not of the syntax. HK_ERR_TOO_BIG: over one of the limits above. In both cases
 * *column is the offset in bytes of the part at fault, at most pattern.len, and *expected a
 * constant text that says what may stand there. HK_ERR_NOMEM. The pattern is not kept. */
HK_CHECK hk_status hk_regex_compile(hk_slice pattern, hk_regex **out, size_t *column,
                                    const char **expected);

/* The same, for hk_regex_capture(). */
HK_CHECK hk_status hk_regex_compile_captures(hk_slice pattern, hk_regex **out, size_t *column,
                                             const char **expected);

/* The named groups of an expression that was compiled for captures, in their order. */
size_t hk_regex_groups(const hk_regex *regex);
hk_slice hk_regex_group_name(const hk_regex *regex, size_t i);

/* regex may be NULL. */
void hk_regex_free(hk_regex *regex);

/* NULL: no memory. The scratch serves any number of expressions, one search at a time. */
HK_CHECK hk_regex_scratch *hk_regex_scratch_new(void);

/* scratch may be NULL. */
void hk_regex_scratch_free(hk_regex_scratch *scratch);

/* Whether the expression matches any part of subject. scratch may be NULL where
 * hk_regex_is_literal() is true. */
hk_regex_result hk_regex_search(const hk_regex *regex, hk_regex_scratch *scratch, hk_slice subject);

/* The same for an expression that was compiled for captures. HK_REGEX_YES: groups[i] is what named
 * group i has matched, its data NULL if nothing; it borrows from subject or, where that is no
 * UTF-8, from scratch until the next search. */
hk_regex_result hk_regex_capture(const hk_regex *regex, hk_regex_scratch *scratch, hk_slice subject,
                                 hk_slice *groups);

/* Whether searches compare bytes and need no engine. */
bool hk_regex_is_literal(const hk_regex *regex);

#endif
