/* hk_fixed.c -- writes a double with six decimals, correctly rounded, in any locale. */
#include "hk_fixed.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "hk_decimal.h"

#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1075 /* of the value as an integer times a power of two */
#define MILLION UINT64_C(1000000)
#define DECIMALS 6u

/* mantissa * 10^6 / 2^shift, rounded half to even. The mantissa has 53 bits, and the value is below
 * 1: shift is 53 to 1074. */
static uint64_t
round_millionths(uint64_t mantissa, unsigned shift)
{
    /* The product, below 2^73, is high * 2^32 + low: no integer of 128 bits is needed. */
    const uint64_t low = (mantissa & UINT32_MAX) * MILLION;
    const uint64_t high = (mantissa >> 32) * MILLION + (low >> 32);
    const unsigned cut = shift - 32;
    assert(shift > MANTISSA_BITS);
    if (cut > 62) {
        return 0; /* the value is below 2^-41 */
    }
    const uint64_t quotient = high >> cut;
    const uint64_t rest = high & ((UINT64_C(1) << cut) - 1);
    const uint64_t half = UINT64_C(1) << (cut - 1);
    const bool is_tie = rest == half && (low & UINT32_MAX) == 0;
    return quotient + (rest >= half && (!is_tie || quotient % 2 == 1) ? 1 : 0);
}

uint8_t *
hk_fixed_put(uint8_t *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    assert((bits >> MANTISSA_BITS & 0x7ff) != 0x7ff); /* neither infinite nor NaN */
    if (bits >> 63 != 0) {
        *out++ = '-';
        value = -value;
    }
    if (value >= 0x1p53) { /* a whole number */
        char text[HK_FIXED_TEXT];
        const int size = snprintf(text, sizeof text, "%.0f", value);
        assert(size > 0 && (size_t)size < sizeof text);
        memcpy(out, text, (size_t)size);
        memcpy(out + size, ".000000", 1 + DECIMALS);
        return out + (size_t)size + 1 + DECIMALS;
    }
    uint64_t whole = (uint64_t)value;
    uint64_t millionths = 0;
    if (value != (double)whole) {
        /* The fraction is exact; its own mantissa has at most 53 bits. */
        double fraction = value - (double)whole;
        memcpy(&bits, &fraction, sizeof bits);
        const int exponent = (int)(bits >> MANTISSA_BITS & 0x7ff);
        /* A subnormal number is taken for a larger one, which rounds to 0 all the same. */
        const uint64_t mantissa =
            (bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | UINT64_C(1) << MANTISSA_BITS;
        millionths = round_millionths(mantissa, (unsigned)(EXPONENT_BIAS - exponent));
        if (millionths == MILLION) {
            millionths = 0;
            whole++;
        }
    }
    out = hk_decimal_put(out, whole);
    *out++ = '.';
    return hk_decimal_put_padded(out, millionths, DECIMALS);
}
