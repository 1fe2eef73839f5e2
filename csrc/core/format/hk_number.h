/* hk_number.h -- reads a decimal number, correctly rounded, in any locale.
 *
 *     number   [+-] (DIGITS [. [DIGITS]] | . DIGITS) [(e|E) [+-] DIGITS]
 *
 * Nothing else is a number: no blanks, no hexadecimal digits, no "inf", no "nan". A number that is
 * too large for the type is refused; one that is too small is 0. Assumes the default rounding mode,
 * to nearest. Reentrant, no allocation, no recursion. Includes: hk_status.h. */
#ifndef HK_NUMBER_H
#define HK_NUMBER_H

#include "core/base/hk_status.h"

/* Reads the whole text. False: it is not a number, or too large; *value has not changed. */
HK_CHECK bool hk_number_read(hk_slice text, double *value);

/* The same with the precision of a float: rounded once, not to a double first. */
HK_CHECK bool hk_number_read_float(hk_slice text, float *value);

#endif
