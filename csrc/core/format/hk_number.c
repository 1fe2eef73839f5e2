/* hk_number.c -- reads a decimal number, correctly rounded, in any locale.
 *
 * A number of at most 2^53 as an integer, times or by an exact power of ten, needs one operation,
 * which rounds correctly. All others go to strtod() as a text of digits and an exponent: without a
 * radix character it does not depend on the locale. */
#include "hk_number.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hk_decimal.h"

#define DIGITS_FAST 19 /* decimal digits that fit into 64 bits */
#define MANTISSA_MAX (1ull << 53)
#define TENS_MAX 22          /* 10^22 is the largest power of ten that is a double */
#define EXPONENT_MAX 100000  /* of the text; larger ones give the same number: 0 or too large */
#define DIGITS_KEPT 800u     /* no double needs more than 767 to tell it from its neighbours */
#define FLOAT_BITS_CUT 29    /* of a double's mantissa that a float does not have */
#define FLOAT_SMALL 0x1p-125 /* below, floats have still fewer bits */

/* The number is 0.DIGITS or DIGITS times 10^exponent; its digits lie in `text` around a point. */
typedef struct {
    bool is_negative;
    hk_slice whole;    /* digits before the point, without zeros in front */
    hk_slice fraction; /* digits behind it */
    int64_t exponent;  /* of the last digit of the fraction */
} parts;

static bool
is_digit(uint8_t c)
{
    return (unsigned)c - '0' < 10;
}

static const uint8_t *
skip_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_digit(*p)) {
        p++;
    }
    return p;
}

/* Reads "e-5" at p, if it is there. NULL: no digit follows the e. */
static const uint8_t *
read_exponent(const uint8_t *p, const uint8_t *end, int64_t *exponent)
{
    bool is_negative = false;
    *exponent = 0;
    if (p == end || (*p | 0x20) != 'e') {
        return p;
    }
    p++;
    if (p < end && (*p == '+' || *p == '-')) {
        is_negative = *p++ == '-';
    }
    if (p == end || !is_digit(*p)) {
        return NULL;
    }
    for (; p < end && is_digit(*p); p++) {
        *exponent = *exponent * 10 + (*p - '0');
        *exponent = *exponent > EXPONENT_MAX ? EXPONENT_MAX : *exponent;
    }
    *exponent = is_negative ? -*exponent : *exponent;
    return p;
}

/* Splits the text. False: it is no number. */
static bool
split(hk_slice text, parts *out)
{
    const uint8_t *p = text.data;
    const uint8_t *end = p + text.len;
    int64_t exponent;
    if (text.len == 0) {
        return false;
    }
    out->is_negative = *p == '-';
    p += *p == '-' || *p == '+' ? 1 : 0;
    const uint8_t *start = p;
    p = skip_digits(p, end);
    out->whole = (hk_slice){start, (size_t)(p - start)};
    out->fraction = (hk_slice){p, 0};
    if (p < end && *p == '.') {
        start = ++p;
        p = skip_digits(p, end);
        out->fraction = (hk_slice){start, (size_t)(p - start)};
    }
    if (out->whole.len == 0 && out->fraction.len == 0) {
        return false;
    }
    p = read_exponent(p, end, &exponent);
    if (p != end) { /* also NULL */
        return false;
    }
    while (out->whole.len > 0 && *out->whole.data == '0') {
        out->whole.data++;
        out->whole.len--;
    }
    out->exponent = exponent - (int64_t)out->fraction.len;
    return true;
}

/* Whether the number is exact as one operation on doubles, of which it is then the result. */
static bool
read_fast(const parts *in, double *value)
{
    static const double tens[TENS_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    if (in->whole.len > DIGITS_FAST || in->fraction.len > DIGITS_FAST - in->whole.len ||
        in->exponent > TENS_MAX || in->exponent < -TENS_MAX) {
        return false;
    }
    for (size_t i = 0; i < in->whole.len; i++) {
        digits = digits * 10 + (uint64_t)(in->whole.data[i] - '0');
    }
    for (size_t i = 0; i < in->fraction.len; i++) {
        digits = digits * 10 + (uint64_t)(in->fraction.data[i] - '0');
    }
    if (digits > MANTISSA_MAX) {
        return false;
    }
    *value = in->exponent < 0 ? (double)digits / tens[-in->exponent]
                              : (double)digits * tens[in->exponent];
    return true;
}

#define TEXT_SIZE (DIGITS_KEPT + 2u + 1u + HK_DECIMAL_MAX + 1u)

/* Appends digits to out[0..*count), at most DIGITS_KEPT; returns how many were left out, and sets
 * *more when one of these is not zero. Zeros in front of the first digit are not written. */
static size_t
keep_digits(hk_slice digits, char *out, size_t *count, bool *more)
{
    size_t left = 0;
    for (size_t i = 0; i < digits.len; i++) {
        const char digit = (char)digits.data[i];
        if (*count == DIGITS_KEPT) {
            left++;
            *more = *more || digit != '0';
        } else if (*count > 0 || digit != '0') {
            out[(*count)++] = digit;
        }
    }
    return left;
}

/* Writes the digits and the exponent for strtod(), and a NUL. */
static void
write_plain(const parts *in, char text[TEXT_SIZE])
{
    size_t count = 0;
    bool more = false;
    int64_t exponent = in->exponent;
    exponent += (int64_t)keep_digits(in->whole, text, &count, &more);
    exponent += (int64_t)keep_digits(in->fraction, text, &count, &more);
    if (count == 0) {
        text[count++] = '0';
    }
    if (more) { /* a little above the digits that were kept, wherever the rest lies */
        text[count++] = '1';
        exponent--;
    }
    text[count++] = 'e';
    *hk_decimal_put_signed((uint8_t *)text + count, exponent) = '\0';
}

static bool
read_parts(const parts *in, double *value)
{
    char text[TEXT_SIZE];
    if (!read_fast(in, value)) {
        write_plain(in, text);
        *value = strtod(text, NULL);
    }
    return isfinite(*value) != 0;
}

bool
hk_number_read(hk_slice text, double *value)
{
    parts in;
    double found;
    if (!split(text, &in) || !read_parts(&in, &found)) {
        return false;
    }
    *value = in.is_negative ? -found : found;
    return true;
}

/* Whether rounding the double, itself rounded, to a float may differ from rounding the number. */
static bool
may_round_twice(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint64_t cut = bits & ((1ull << FLOAT_BITS_CUT) - 1);
    return cut == 1ull << (FLOAT_BITS_CUT - 1) || (value != 0 && value < FLOAT_SMALL);
}

bool
hk_number_read_float(hk_slice text, float *value)
{
    parts in;
    double found;
    char plain[TEXT_SIZE];
    if (!split(text, &in) || !read_parts(&in, &found)) {
        return false;
    }
    float rounded = (float)found;
    if (may_round_twice(found)) {
        write_plain(&in, plain);
        rounded = strtof(plain, NULL);
    }
    if (!isfinite(rounded)) {
        return false;
    }
    *value = in.is_negative ? -rounded : rounded;
    return true;
}
