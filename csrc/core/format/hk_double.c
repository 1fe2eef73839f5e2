/* hk_double.c -- writes a double as the shortest decimal that reads back as the same double.
 *
 * From 1e-5 to 1e17 the digits come from exact integer arithmetic with 128 bits; whole numbers
 * below 1e15 need none. All other values come from the C library: "%.*e", whose radix character is
 * the only part that depends on the locale and is skipped, and strtod() of a text without a radix
 * character. */
#include "hk_double.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hk_decimal.h"

#define DIGITS_ALWAYS 17   /* digits that identify every double */
#define DIGITS_UNIQUE 15   /* decimals of so many digits differ as doubles, but subnormal ones */
#define WHOLE_MAX 1e15     /* whole numbers below it have at most DIGITS_UNIQUE digits */
#define MANTISSA_BITS 52   /* without the leading one, which is not stored */
#define EXPONENT_BIAS 1075 /* of the value as an integer times a power of two */
#define FIXED_MIN (-4)     /* of decimal.point: repr writes an exponent from here down */
#define FIXED_MAX 16       /* and above this one */
#define TEXT_SIZE 40u      /* bytes for "%.16e", its radix character and NUL included */
#define SUBNORMAL_MAX 2.2250738585072014e-308

/* 0.DIGITS * 10^point; the digits do not end in a zero. */
typedef struct {
    uint64_t digits;
    int point;
} decimal;

static int
count_digits(uint64_t number)
{
    int count = 1;
    while (number >= 10) {
        number /= 10;
        count++;
    }
    return count;
}

/* The decimal for digits * 10^exponent. */
static decimal
make_decimal(uint64_t digits, int exponent)
{
    if (digits % 100000000u == 0) {
        digits /= 100000000u;
        exponent += 8;
    }
    while (digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    return (decimal){.digits = digits, .point = exponent + count_digits(digits)};
}

#if defined(__SIZEOF_INT128__)

__extension__ typedef unsigned __int128 wide;

#define TENS_MIN (-5)
#define EXACT_MIN 1e-5 /* smaller ones need a larger power of ten than fits */
#define EXACT_MAX 1e17 /* larger ones have more than 17 digits before the point */

/* The value, scaled by 10^k to 17 digits, and what reads back as the value: low to high. All three
 * are multiplied by 2^shift, with which they are integers. */
typedef struct {
    wide value;
    wide low;
    wide high;
    unsigned shift;
    bool is_even; /* the limits themselves read back as the value */
} interval;

/* Whether the integer `candidate` reads back as the value. */
static bool
holds(const interval *in, uint64_t candidate)
{
    const wide c = (wide)candidate << in->shift;
    return in->is_even ? c >= in->low && c <= in->high : c > in->low && c < in->high;
}

/* The multiple of `step` nearest to the value that reads back as the value; 0: there is none. */
static uint64_t
nearest_multiple(const interval *in, uint64_t step)
{
    const uint64_t whole = (uint64_t)(in->value >> in->shift);
    const uint64_t below = whole / step * step;
    const uint64_t above = below + step;
    const wide to_below = in->value - ((wide)below << in->shift);
    const wide to_above = ((wide)above << in->shift) - in->value;
    /* Half to even, as every correct conversion does. */
    const bool down = to_below < to_above || (to_below == to_above && below / step % 2 == 0);
    const uint64_t first = down ? below : above;
    const uint64_t second = down ? above : below;
    return holds(in, first) ? first : holds(in, second) ? second : 0;
}

/* The shortest decimal for mantissa * 2^exponent, from EXACT_MIN to EXACT_MAX. */
static decimal
find_exactly(double value, uint64_t mantissa, int exponent)
{
    static const uint64_t powers[] = {
        UINT64_C(1),         UINT64_C(10),         UINT64_C(100),         UINT64_C(1000),
        UINT64_C(10000),     UINT64_C(100000),     UINT64_C(1000000),     UINT64_C(10000000),
        UINT64_C(100000000), UINT64_C(1000000000), UINT64_C(10000000000), UINT64_C(100000000000),
    };
    static const double tens[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0,  1e1, 1e2,
                                  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9, 1e10,
                                  1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
    /* log10(2) is nearly 1233 / 4096; the value is less than twice the power of two. */
    int magnitude = ((exponent + MANTISSA_BITS) * 1233 - TENS_MIN * 4096) / 4096 + TENS_MIN;
    if (value >= tens[magnitude + 1 - TENS_MIN]) {
        magnitude++;
    }
    /* With 10^scale the value has 17 digits before the point. 10^21 * 2^53 * 4 is below 2^125. */
    const unsigned scale = (unsigned)(DIGITS_ALWAYS - 1 - magnitude);
    const unsigned half = scale / 2;
    const unsigned left = exponent > 0 ? (unsigned)exponent : 0;
    const wide unit = ((wide)powers[half] * powers[scale - half]) << left; /* the last bit's */
    const interval in = {
        .value = unit * mantissa * 4,
        /* Below a power of two the doubles lie twice as close. */
        .low = unit * mantissa * 4 - (mantissa == UINT64_C(1) << MANTISSA_BITS ? unit : unit * 2),
        .high = unit * mantissa * 4 + unit * 2,
        .shift = (exponent < 0 ? (unsigned)-exponent : 0) + 2,
        .is_even = mantissa % 2 == 0,
    };
    uint64_t digits = 0;
    for (uint64_t step = 100; digits == 0 && step > 0; step /= 10) {
        digits = nearest_multiple(&in, step); /* always found for step 1: 17 digits */
    }
    return make_decimal(digits, -(int)scale);
}

#endif

/* The `count` digits that round the positive value, from "%.*e"; *exponent: of the last digit. */
static uint64_t
round_digits(double value, int count, int *exponent)
{
    char text[TEXT_SIZE];
    const int size = snprintf(text, sizeof text, "%.*e", count - 1, value);
    assert(size > 0 && (size_t)size < sizeof text);
    (void)size;
    const char *mark = strchr(text, 'e');
    uint64_t digits = 0;
    for (const char *p = text; p < mark; p++) {
        if (*p >= '0' && *p <= '9') { /* anything else is the locale's radix character */
            digits = digits * 10 + (uint64_t)(*p - '0');
        }
    }
    *exponent = atoi(mark + 1) - (count - 1);
    return digits;
}

static bool
reads_back(uint64_t digits, int exponent, double value)
{
    char text[TEXT_SIZE];
    const int size = snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, exponent);
    assert(size > 0 && (size_t)size < sizeof text);
    (void)size;
    return strtod(text, NULL) == value;
}

/* The shortest decimal for any positive value. */
static decimal
find_by_library(double value)
{
    int exponent = 0;
    uint64_t digits = 0;
    int count = value < SUBNORMAL_MAX ? 1 : DIGITS_UNIQUE;
    for (; count < DIGITS_ALWAYS; count++) {
        digits = round_digits(value, count, &exponent);
        if (reads_back(digits, exponent, value)) {
            return make_decimal(digits, exponent);
        }
        /* Above a power of two the doubles lie twice as far from each other as below it: the
         * farther decimal may read back where the nearer one does not. */
        if (reads_back(digits + 1, exponent, value)) {
            return make_decimal(digits + 1, exponent);
        }
    }
    digits = round_digits(value, DIGITS_ALWAYS, &exponent);
    return make_decimal(digits, exponent);
}

static uint8_t *
put_zeros(uint8_t *out, int count)
{
    memset(out, '0', (size_t)count);
    return out + count;
}

/* Writes the decimal in the form of repr. */
static uint8_t *
put_decimal(uint8_t *out, decimal number)
{
    uint8_t text[HK_DECIMAL_MAX];
    const int count = (int)(hk_decimal_put(text, number.digits) - text);
    const int point = number.point;

    if (point > FIXED_MIN && point <= 0) {
        *out++ = '0';
        *out++ = '.';
        out = put_zeros(out, -point);
        memcpy(out, text, (size_t)count);
        return out + count;
    }
    if (point > 0 && point <= FIXED_MAX) {
        const int whole = count < point ? count : point;
        memcpy(out, text, (size_t)whole);
        out = put_zeros(out + whole, point - whole);
        *out++ = '.';
        if (count == whole) {
            *out++ = '0';
            return out;
        }
        memcpy(out, text + whole, (size_t)(count - whole));
        return out + count - whole;
    }
    const int exponent = point - 1;
    const unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);
    *out++ = text[0];
    if (count > 1) {
        *out++ = '.';
        memcpy(out, text + 1, (size_t)count - 1);
        out += count - 1;
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    if (size < 10) {
        *out++ = '0';
    }
    return hk_decimal_put(out, size);
}

uint8_t *
hk_double_put(uint8_t *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const unsigned field = (unsigned)(bits >> MANTISSA_BITS & 0x7ff);
    assert(field != 0x7ff); /* neither infinite nor NaN */

    if (bits >> 63 != 0) {
        *out++ = '-';
        value = -value;
    }
    if (value < WHOLE_MAX && value == (double)(uint64_t)value) {
        out = hk_decimal_put(out, (uint64_t)value);
        *out++ = '.';
        *out++ = '0';
        return out;
    }
#if defined(__SIZEOF_INT128__)
    if (value >= EXACT_MIN && value < EXACT_MAX) { /* none of these is subnormal */
        const uint64_t mantissa =
            (bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | UINT64_C(1) << MANTISSA_BITS;
        return put_decimal(out, find_exactly(value, mantissa, (int)field - EXPONENT_BIAS));
    }
#endif
    return put_decimal(out, find_by_library(value));
}
