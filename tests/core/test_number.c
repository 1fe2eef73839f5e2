/* test_number.c -- decimal numbers: what is one, correct rounding, any locale.
 *
 * The linker puts __wrap_strtod and __wrap_strtof in place of the C library's: they refuse a text
 * with a radix character, which depends on the locale. */
#include "core/format/hk_number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "core/format/hk_double.h"
#include "sample.h"

#define RANDOM 20000

double __wrap_strtod(const char *text, char **end);
double __real_strtod(const char *text, char **end);
float __wrap_strtof(const char *text, char **end);
float __real_strtof(const char *text, char **end);

double
__wrap_strtod(const char *text, char **end)
{
    CHECK(strpbrk(text, ".,") == NULL);
    return __real_strtod(text, end);
}

float
__wrap_strtof(const char *text, char **end)
{
    CHECK(strpbrk(text, ".,") == NULL);
    return __real_strtof(text, end);
}

static double
read(const char *text)
{
    double value = NAN;
    CHECK(hk_number_read(slice_of(text), &value));
    return value;
}

static void
test_what_is_no_number(void)
{
    static const char *const cases[] = {
        "",      "+",   "-",    ".",    "e5",    "1e",     "1e+",      "1 ",
        " 1",    "1,5", "0x10", "nan",  "inf",   "NaN",    "Infinity", "1.2.3",
        "1_000", "--1", "+-1",  "1e5.", "1e999", "-1e400", "1f",       "٣",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 7;
        float single = 7;
        CHECK(!hk_number_read(slice_of(cases[i]), &value));
        CHECK(!hk_number_read_float(slice_of(cases[i]), &single));
        CHECK(value == 7 && single == 7);
    }
    float single = 7;
    CHECK(!hk_number_read_float(slice_of("3.5e38"), &single)); /* a double, but no float */
    CHECK(!hk_number_read((hk_slice){(const uint8_t *)"1\0", 2}, &(double){0}));
}

static void
test_forms(void)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0},
        {"5.", 5},
        {".5", 0.5},
        {"+7", 7},
        {"-1.5E3", -1500},
        {"007", 7},
        {"1e-400", 0},
        {"1e-99999999999999999999", 0},
        {"0e99999999999999999999", 0},
        {"9007199254740993", 9007199254740992.0}, /* a tie, to even */
        {"9007199254740993.0000000000000000001", 9007199254740994.0},
        {"1e23", 1e23},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"0.000000000000000000000000000001", 1e-30},
        {"1.7976931348623157e308", DBL_MAX},
        {"4.9406564584124654e-324", 4.9406564584124654e-324},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(read(cases[i].text) == cases[i].value);
    }
    CHECK(signbit(read("-0")) != 0);
}

/* Half way between two doubles, and a digit after more zeros than any double has digits. */
static void
test_digits_past_any_buffer(void)
{
    static char text[2000];
    memset(text, '0', sizeof text - 1);
    memcpy(text, "9007199254740993.", 17);
    CHECK(read(text) == 9007199254740992.0);
    text[1990] = '1';
    CHECK(read(text) == 9007199254740994.0);
    memset(text, '1', sizeof text - 1);
    double value;
    CHECK(!hk_number_read(slice_of(text), &value));
    memcpy(text + 1990, "e-1990", 7);
    CHECK(read(text) == __real_strtod("0.11111111111111111111111111", NULL));
    memset(text, '0', 1990);
    CHECK(read(text) == 0);
}

static void
test_random_texts(void)
{
    uint64_t state = 5;
    char text[64];
    for (int i = 0; i < RANDOM; i++) {
        const uint64_t bits = sample_random(&state);
        const double any = (double)(int64_t)sample_bits(&state) / (double)(1 + bits % 100000);
        (void)snprintf(text, sizeof text, "%.*g", (int)(bits % 18), any);
        CHECK(read(text) == __real_strtod(text, NULL));
        float single;
        CHECK(hk_number_read_float(slice_of(text), &single));
        CHECK(single == __real_strtof(text, NULL));
    }
}

/* 1 + 2^-24 is half way between two floats; a little more rounds up, but as a double is the same.
 */
static void
test_floats_are_rounded_once(void)
{
    float value;
    CHECK(hk_number_read_float(slice_of("1.000000059604644775390625"), &value) && value == 1);
    CHECK(hk_number_read_float(slice_of("1.000000059604644775390625000001"), &value));
    CHECK(value == 1 + FLT_EPSILON);
    CHECK(hk_number_read_float(slice_of("-0.3"), &value) && value == -0.3f);
    CHECK(hk_number_read_float(slice_of("1e-45"), &value) && value == 1e-45f);
}

int
main(void)
{
    test_what_is_no_number();
    test_forms();
    test_digits_past_any_buffer();
    test_random_texts();
    test_floats_are_rounded_once();
    return check_report();
}
