/* hk_regex_class.h -- reads character classes of RE2, and writes them for PCRE2, as ranges.
 *
 * Two things differ by PCRE2's version or flags: scripts are `\p{sc:..}` from 10.40 on, and `(?i)`
 * makes `\w` hold U+017F and U+212A. Includes: hk_regex_text.h. */
#ifndef HK_REGEX_CLASS_H
#define HK_REGEX_CLASS_H

#include "hk_regex_text.h"

/* Reads \d \D \s \S \w \W \pN \p{Greek} \PN and writes a class. *found: whether one stands there;
 * if not, nothing was read. HK_ERR_CORRUPT: no such property. */
HK_CHECK hk_status hk_regex_class_escape(hk_regex_cursor *c, bool *found);

/* Reads [..] from its bracket on, and writes a class. */
HK_CHECK hk_status hk_regex_class(hk_regex_cursor *c);

#endif
