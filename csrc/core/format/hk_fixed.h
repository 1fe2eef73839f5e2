/* hk_fixed.h -- writes a double with six decimals, correctly rounded, in any locale.
 *
 * The text is that of "%f" of C and Go ("0.100000", "-2.000000", "1e22" as 23 digits and decimals).
 * Assumes the default rounding mode, to nearest. Reentrant, no allocation. Includes: hk_status.h.
 */
#ifndef HK_FIXED_H
#define HK_FIXED_H

#include "core/base/hk_status.h"

#define HK_FIXED_TEXT 317u /* bytes of the longest text, that of -DBL_MAX: sign, 309 digits, 7 */

/* Writes `value`, which must be finite, at out, which has room for HK_FIXED_TEXT bytes. Returns
 * the end of the text; there is no NUL. */
uint8_t *hk_fixed_put(uint8_t *out, double value);

#endif
