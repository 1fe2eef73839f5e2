/* hk_regex_text.h -- a pattern that is read and the text that is written from it: characters and
 * their escapes.
 *
 * Everything is written by code point (`\x{e9}`) or as an ASCII letter or digit, so that no byte of
 * a pattern reaches PCRE2 unread. Includes: hk_buffer.h. */
#ifndef HK_REGEX_TEXT_H
#define HK_REGEX_TEXT_H

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
    bool no_posix;        /* no `:]` follows: it need not be looked for again */
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

/* Appends low, or low-high. Errors as hk_regex_put. */
HK_CHECK hk_status hk_regex_put_range(hk_regex_cursor *c, uint32_t low, uint32_t high);

/* Reads the character at c->at, which is not at the end, as it stands. */
uint32_t hk_regex_rune(hk_regex_cursor *c);

/* Reads the escape of one character, from its backslash on: \n, \x7f, \x{2028}, \101, \. and
 * others. HK_ERR_CORRUPT: no such escape. */
HK_CHECK hk_status hk_regex_escape(hk_regex_cursor *c, uint32_t *rune);

#endif
