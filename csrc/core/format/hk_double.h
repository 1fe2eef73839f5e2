/* hk_double.h -- writes a double as the shortest decimal that reads back as the same double.
 *
 * The text is that of Python's repr(float): at least one digit after the point, an exponent below
 * 1e-4 and from 1e16 on ("0.01", "2.0", "-0.0", "1e-05", "1e+16", "5e-324"). It does not depend on
 * the locale. Assumes the default rounding mode, to nearest. Reentrant, no allocation.
 * Source: Python documentation, repr of float; IEEE 754. Includes: hk_status.h. */
#ifndef HK_DOUBLE_H
#define HK_DOUBLE_H

#include "core/base/hk_status.h"

#define HK_DOUBLE_TEXT 24u /* bytes of the longest text: "-2.2250738585072014e-308" */

/* Writes `value`, which must be finite, at out, which has room for HK_DOUBLE_TEXT bytes. Returns
 * the end of the text; there is no NUL. */
uint8_t *hk_double_put(uint8_t *out, double value);

#endif
