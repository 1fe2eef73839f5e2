/* test_fixed.c -- doubles with six decimals, as printf writes them. */
#include "core/format/hk_fixed.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "check.h"
#include "sample.h"

#define RANDOM 50000

static void
check(double value)
{
    char expected[HK_FIXED_TEXT + 1];
    uint8_t text[HK_FIXED_TEXT + 1];
    text[HK_FIXED_TEXT] = 0xa5;
    const int len = snprintf(expected, sizeof expected, "%f", value);
    const uint8_t *end = hk_fixed_put(text, value);
    CHECK(text[HK_FIXED_TEXT] == 0xa5);
    CHECK_BYTES(text, (size_t)(end - text), (const uint8_t *)expected, (size_t)len);
}

int
main(void)
{
    static const double cases[] = {
        0.0,       -0.0,      1,         -2.5,    0.1,      0.0000005,  0.0000015,
        0.0000025, 0.9999995, 2.9999999, 5e-324,  1e-7,     0x1p53,     0x1p53 + 2,
        1e22,      DBL_MAX,   -DBL_MAX,  0x1p-20, 0x1.8p-7, 1e15 + 0.5, 4503599627370495.5,
        0x1p-74,   0x1p-1022};
    uint64_t state = 3;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(cases[i]);
    }
    for (int i = 0; i < RANDOM; i++) {
        const uint64_t bits = sample_random(&state);
        check(ldexp((double)(bits >> 11), (int)(bits % 120) - 110));
        check((double)(int64_t)(bits % 2000001) / 64000000); /* many ties */
    }
    return check_report();
}
