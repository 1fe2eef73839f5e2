/* test_stat_timer.c -- sorting, thresholds of both dialects, sums that do not overflow. */
#include "core/agent/hk_stat_timer.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "sample.h"

#define MOST 5000u

static int
compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

typedef double maker(size_t i, size_t count, uint64_t random);

static double
make_random(size_t i, size_t count, uint64_t random)
{
    (void)i;
    (void)count;
    return (double)(int64_t)random;
}

static double
make_few(size_t i, size_t count, uint64_t random)
{
    (void)i;
    (void)count;
    return (double)(random % 3);
}

static double
make_rising(size_t i, size_t count, uint64_t random)
{
    (void)count;
    (void)random;
    return (double)i;
}

static double
make_falling(size_t i, size_t count, uint64_t random)
{
    (void)random;
    return (double)(count - i);
}

/* Up to the middle and down again: the middle of three is an end in many ranges. */
static double
make_pipe(size_t i, size_t count, uint64_t random)
{
    (void)random;
    return (double)(i < count / 2 ? i : count - i);
}

static void
test_sorting(void)
{
    static double got[MOST];
    static double expected[MOST];
    static maker *const makers[] = {make_random, make_few, make_rising, make_falling, make_pipe};
    static const size_t counts[] = {0, 1, 2, 3, 24, 25, 26, 100, 1000, MOST};
    uint64_t state = 1;
    for (size_t m = 0; m < sizeof makers / sizeof makers[0]; m++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            for (size_t i = 0; i < counts[c]; i++) {
                got[i] = expected[i] = makers[m](i, counts[c], sample_random(&state));
            }
            hk_stat_sort(got, counts[c]);
            qsort(expected, counts[c], sizeof expected[0], compare);
            CHECK(memcmp(got, expected, counts[c] * sizeof got[0]) == 0);
        }
    }
}

static void
test_thresholds(void)
{
    static const struct {
        double percent;
        size_t count;
        size_t heka;
        size_t statsd;
    } cases[] = {
        {90, 0, 0, 0},  {90, 1, 1, 1},    {90, 2, 2, 2},          {90, 5, 4, 5}, /* they differ */
        {90, 10, 9, 9}, {90, 15, 13, 14}, {50, 3, 1, 2},          {100, 7, 7, 7},
        {10, 2, 0, 0},  {0.1, 1, 1, 1},   {99.9, 1000, 999, 999}, {25, 2, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_SIZE(hk_stat_kept(HK_STATS_HEKA, cases[i].percent, cases[i].count), cases[i].heka);
        CHECK_SIZE(hk_stat_kept(HK_STATS_STATSD, cases[i].percent, cases[i].count),
                   cases[i].statsd);
    }
}

static void
test_sums(void)
{
    static const double values[] = {-1, 2, 4, 7};
    hk_stat_head heads[] = {{.count = 0}, {.count = 2}, {.count = 4}};
    hk_stat_sum(values, heads, 3);
    CHECK(heads[0].upper == 0 && heads[0].sum == 0);
    CHECK(heads[1].upper == 2 && heads[1].sum == 1 && heads[1].sum_squares == 5);
    CHECK(heads[2].upper == 7 && heads[2].sum == 12 && heads[2].sum_squares == 70);
    CHECK(hk_stat_median(values, 4) == 3 && hk_stat_median(values, 3) == 2);
    CHECK(hk_stat_deviation(values, 4, 3) == sqrt(34.0 / 4));
}

static void
test_overflow_stops_at_the_largest(void)
{
    static const double values[] = {DBL_MAX, DBL_MAX};
    hk_stat_head head = {.count = 2};
    hk_stat_sum(values, &head, 1);
    CHECK(head.sum == DBL_MAX && head.sum_squares == DBL_MAX);
    CHECK(hk_stat_median(values, 2) == DBL_MAX);
    CHECK(hk_stat_deviation(values, 2, -DBL_MAX) == DBL_MAX);
    CHECK(hk_stat_finite(-INFINITY) == -DBL_MAX && hk_stat_finite(NAN) == 0);
}

int
main(void)
{
    test_sorting();
    test_thresholds();
    test_sums();
    test_overflow_stops_at_the_largest();
    return check_report();
}
