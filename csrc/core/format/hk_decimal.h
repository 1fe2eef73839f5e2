/* hk_decimal.h -- writes integers as decimal digits. Pure functions. Includes: hk_status.h. */
#ifndef HK_DECIMAL_H
#define HK_DECIMAL_H

#include <string.h>

#include "core/base/hk_status.h"

#define HK_DECIMAL_MAX 20u /* bytes of the longest number, its sign included */

/* Writes number at out, which has room for HK_DECIMAL_MAX bytes; returns the end. */
static inline uint8_t *
hk_decimal_put(uint8_t *out, uint64_t number)
{
    static const char pairs[] =
        "0001020304050607080910111213141516171819"
        "2021222324252627282930313233343536373839"
        "4041424344454647484950515253545556575859"
        "6061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    uint8_t text[HK_DECIMAL_MAX];
    uint8_t *p = text + sizeof text;
    if (HK_LIKELY(number < 10)) {
        *out = (uint8_t)('0' + number);
        return out + 1;
    }
    for (; number >= 100; number /= 100) {
        p -= 2;
        memcpy(p, pairs + number % 100 * 2, 2);
    }
    if (number >= 10) {
        p -= 2;
        memcpy(p, pairs + number * 2, 2);
    } else {
        *--p = (uint8_t)('0' + number);
    }
    const size_t size = (size_t)(text + sizeof text - p);
    memcpy(out, p, size);
    return out + size;
}

/* The same for a number that may be negative. */
static inline uint8_t *
hk_decimal_put_signed(uint8_t *out, int64_t number)
{
    if (number < 0) {
        *out++ = '-';
        return hk_decimal_put(out, 0 - (uint64_t)number);
    }
    return hk_decimal_put(out, (uint64_t)number);
}

/* Writes the last `count` digits of number, with zeros in front. */
static inline uint8_t *
hk_decimal_put_padded(uint8_t *out, uint64_t number, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        out[i - 1] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
    return out + count;
}

#endif
