/* hk_regex_class.h -- reads characters, escapes and character classes of RE2, and writes them for
 * PCRE2.
 *
 * Everything is written by code point (`\x{e9}`) or as an ASCII letter or digit, and classes as
 * ranges, so that no byte of a pattern reaches PCRE2 unread. Two things differ by PCRE2's version
 * or flags: scripts are `\p{sc:..}` from 10.40 on, and `(?i)` makes `\w` hold U+017F and U+212A.
 * Includes: hk_buffer.h. */
#ifndef HK_REGEX_CLASS_H
#define HK_REGEX_CLASS_H

#include "core/base/hk_buffer.h"

#define HK_REGEX_RUNE_MAX 0x10ffffu /* the last code point */

/* Flags of RE2, as (?imsU) sets them. */
#define HK_REGEX_FOLD 1u     /* i: letters match in either case */
#define HK_REGEX_LINES 2u    /* m: ^ and $ match at lines too */
#define HK_REGEX_DOT_ALL 4u  /* s: . matches a newline */
#define HK_REGEX_UNGREEDY 8u /* U: x* is x*?, x*? is x* */

/* A pattern that is being read, and the text that is written from it. */
typedef struct {
    hk_slice pattern;     /* borrowed; UTF-8 */
    size_t at;            /* bytes read */
    unsigned flags;       /* HK_REGEX_FOLD and others */
    bool script_prefix;   /* scripts are written as \p{sc:..} */
    hk_buffer *out;       /* borrowed */
    const char *expected; /* after an error: what was expected, a constant */
    size_t column;        /* after an error: offset of the part at fault */
} hk_regex_cursor;

/* Fills in the error and returns status. */
HK_COLD hk_status hk_regex_fail(hk_regex_cursor *c, hk_status status, size_t column,
                                const char *expected);

/* The byte `ahead` bytes further on, -1 past the end. */
static inline int
hk_regex_peek(const hk_regex_cursor *c, size_t ahead)
{
    return ahead < c->pattern.len - c->at ? c->pattern.data[c->at + ahead] : -1;
}

/* Appends a constant text. HK_ERR_NOMEM, HK_ERR_TOO_BIG (with an error filled in). */
HK_CHECK hk_status hk_regex_put(hk_regex_cursor *c, const char *text);

/* Appends one code point, as PCRE2 reads it within a class and outside. Errors as hk_regex_put. */
HK_CHECK hk_status hk_regex_put_rune(hk_regex_cursor *c, uint32_t rune);

/* Reads the character at c->at, which is not at the end, as it stands. */
uint32_t hk_regex_rune(hk_regex_cursor *c);

/* Reads the escape of one character, from its backslash on: \n, \x7f, \x{2028}, \101, \. and
 * others. HK_ERR_CORRUPT: no such escape. */
HK_CHECK hk_status hk_regex_escape(hk_regex_cursor *c, uint32_t *rune);

/* Reads \d \D \s \S \w \W \pN \p{Greek} \PN and writes a class. *found: whether one stands there;
 * if not, nothing was read. HK_ERR_CORRUPT: no such property. */
HK_CHECK hk_status hk_regex_class_escape(hk_regex_cursor *c, bool *found);

/* Reads [..] from its bracket on, and writes a class. */
HK_CHECK hk_status hk_regex_class(hk_regex_cursor *c);

#endif
