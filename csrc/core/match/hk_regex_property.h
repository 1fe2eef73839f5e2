/* hk_regex_property.h -- categories and scripts of Unicode in RE2's syntax, for PCRE2.
 *
 * Includes: hk_regex_text.h. */
#ifndef HK_REGEX_PROPERTY_H
#define HK_REGEX_PROPERTY_H

#include "hk_regex_text.h"

/* Reads \pN \p{Greek} \PN \p{^Greek}, from the backslash on, and writes it as a part of a class.
 * HK_ERR_CORRUPT: no such property, or one under (?i). */
HK_CHECK hk_status hk_regex_property(hk_regex_cursor *c);

#endif
