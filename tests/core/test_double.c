/* test_double.c -- doubles as decimals: the form of Python's repr, the shortest digits, any locale.
 *
 * The linker puts __wrap_snprintf and __wrap_strtod in place of the C library's: they behave as in
 * a locale whose radix character is a comma. */
#include "core/format/hk_double.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "sample.h"

#define RANDOM 20000 /* values of each kind */

int __wrap_snprintf(char *out, size_t size, const char *format, ...) HK_PRINTF(3, 4);
double __wrap_strtod(const char *text, char **end);
double __real_strtod(const char *text, char **end);

static unsigned long by_library; /* calls of the two */

int
__wrap_snprintf(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(out, size, format, args);
    va_end(args);
    by_library++;
    for (char *p = out; size > 0 && *p != '\0'; p++) {
        *p = *p == '.' ? ',' : *p;
    }
    return len;
}

double
__wrap_strtod(const char *text, char **end)
{
    by_library++;
    CHECK(strchr(text, '.') == NULL && strchr(text, ',') == NULL);
    return __real_strtod(text, end);
}

static const char *
text_of(double value)
{
    static char text[HK_DOUBLE_TEXT + 1];
    uint8_t exact[HK_DOUBLE_TEXT + 1]; /* one more, to find a text that is too long */
    exact[HK_DOUBLE_TEXT] = 0xa5;
    const uint8_t *end = hk_double_put(exact, value);
    CHECK(exact[HK_DOUBLE_TEXT] == 0xa5);
    memcpy(text, exact, (size_t)(end - exact));
    text[end - exact] = '\0';
    return text;
}

static void
test_form(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-2.5, "-2.5"},
        {0.01, "0.01"},
        {0.1, "0.1"},
        {1e-4, "0.0001"},
        {1e-5, "1e-05"},
        {1.5e-5, "1.5e-05"},
        {9.999e-5, "9.999e-05"},
        {1e-10, "1e-10"},
        {1.25e-100, "1.25e-100"},
        {123456.0, "123456.0"},
        {999999999999999.0, "999999999999999.0"},
        {1e15, "1000000000000000.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.8014398509481984e16, "1.8014398509481984e+16"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5.684341886080802e-14, "5.684341886080802e-14"}, /* 2^-44: not what %.16g writes */
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {-2.2250738585072014e-308, "-2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_TEXT(text_of(cases[i].value), cases[i].text);
    }
    CHECK(by_library > 0);
}

/* Significant digits of a text. */
static int
digits_of(const char *text)
{
    int count = 0;
    int zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9') {
            zeros = *text == '0' ? zeros + 1 : 0;
            count += count > 0 || *text != '0';
        }
    }
    return count > zeros ? count - zeros : 1;
}

/* The text reads back as the value, and no shorter decimal that rounds the value does. */
static void
check_shortest(double value)
{
    char shorter[40];
    const char *text = text_of(value);
    const int digits = digits_of(text);
    CHECK(__real_strtod(text, NULL) == value);
    if (digits > 1) {
        FILE *out = fmemopen(shorter, sizeof shorter, "w"); /* not the replaced snprintf */
        CHECK(out != NULL && fprintf(out, "%.*e", digits - 2, value) > 0);
        (void)fclose(out);
        if (!CHECK(__real_strtod(shorter, NULL) != value)) {
            printf("  %s is longer than %s\n", text, shorter);
        }
    }
}

static void
test_random_values_are_shortest(void)
{
    uint64_t state = 12;
    for (int i = 0; i < RANDOM / 10; i++) {
        const uint64_t bits = sample_random(&state);
        double any;
        memcpy(&any, &bits, sizeof any);
        if (isfinite(any)) {
            check_shortest(any);
        }
        check_shortest(ldexp((double)(sample_random(&state) >> 11), -(int)(bits % 1126)));
    }
    for (int i = 0; i < RANDOM; i++) { /* where no call of the library is needed */
        check_shortest(ldexp((double)(sample_random(&state) >> 11), 3 - i % 72));
    }
}

/* The double that follows a positive one, or comes before it. */
static double
neighbour(double value, int step)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits += (uint64_t)(int64_t)step;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Neighbours of the powers of two and of ten, where the distance of the doubles and the number of
 * digits change. */
static void
test_edges_are_shortest(void)
{
    for (int exponent = -1074; exponent < 1024; exponent++) {
        const double power = ldexp(1, exponent);
        check_shortest(power);
        check_shortest(neighbour(power, 1));
        if (power > 5e-324) {
            check_shortest(neighbour(power, -1));
        }
    }
    for (int exponent = -5; exponent < 18; exponent++) {
        char text[16];
        (void)snprintf(text, sizeof text, "1e%d", exponent);
        const double power = __real_strtod(text, NULL);
        for (int step = -8; step <= 8; step++) {
            check_shortest(neighbour(power, step));
        }
    }
}

int
main(void)
{
    test_form();
    test_random_values_are_shortest();
    test_edges_are_shortest();
    return check_report();
}
