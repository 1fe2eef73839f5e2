/* hk_match_error.h -- why a text is no matcher expression, and where.
 *
 * No allocation, no state; reentrant. Includes: hk_status.h. */
#ifndef HK_MATCH_ERROR_H
#define HK_MATCH_ERROR_H

#include "core/base/hk_status.h"

typedef struct {
    hk_status status;
    size_t column;            /* of the part at fault, in characters, from 1 */
    char text[HK_ERROR_TEXT]; /* what was expected, what came; without the column */
} hk_match_error;

/* Fills err->status and err->text; returns the status. err may be NULL. */
HK_COLD hk_status hk_match_fail(hk_match_error *err, hk_status status, const char *fmt, ...)
    HK_PRINTF(3, 4);

/* Writes text[start..end) for an error, in quotes: control characters and bytes over 0x7e as \xNN,
 * a long one cut off. "the end" where there is nothing. */
#define HK_MATCH_SEEN 40u /* bytes, the final NUL included */
void hk_match_seen(hk_slice text, size_t start, size_t end, char out[HK_MATCH_SEEN]);

#endif
