/* hk_regex_literal.h -- expressions that are literals, prefixes, suffixes or alternations of these,
 * and how they are found without an engine.
 *
 *     login     ^ads\.     served$     ^ads_served$     GET|POST     ^/(?:img|css)/     a|^b|c$
 *
 * Bytes are compared: a subject that is not UTF-8 needs no repair, as the bytes of a character are
 * found nowhere else. Includes: hk_status.h. */
#ifndef HK_REGEX_LITERAL_H
#define HK_REGEX_LITERAL_H

#include "core/base/hk_status.h"

#define HK_REGEX_LITERALS_MAX 64u    /* texts of one expression */
#define HK_REGEX_LITERALS_SIZE 8192u /* bytes of all of them */

typedef struct hk_regex_literals hk_regex_literals; /* never changes */

/* *out: what the pattern, which is of RE2's syntax, compares with; NULL: it needs an engine.
 * HK_ERR_NOMEM. */
HK_CHECK hk_status hk_regex_literals_read(hk_slice pattern, hk_regex_literals **out);

/* literals may be NULL. */
void hk_regex_literals_free(hk_regex_literals *literals);

bool hk_regex_literals_search(const hk_regex_literals *literals, hk_slice subject);

#endif
