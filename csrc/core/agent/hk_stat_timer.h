/* hk_stat_timer.h -- the numbers of a timer: sorted values, their sums, thresholds.
 *
 * Sums are taken over the sorted values from the smallest up, as statsd and hekad do, so the
 * results are bit for bit theirs. A sum that is too large for a double is the largest double.
 * Reentrant, no allocation, no recursion. Includes: hk_statsd.h. */
#ifndef HK_STAT_TIMER_H
#define HK_STAT_TIMER_H

#include "hk_statsd.h"

/* Sorts finite values. In place; n log n steps at most, whatever the values are. */
void hk_stat_sort(double *values, size_t count);

/* The smallest `count` of the values. */
typedef struct {
    size_t count;
    double upper; /* the largest of them */
    double sum;
    double sum_squares;
} hk_stat_head;

/* How many of `count` values the threshold of `percent` (above 0, at most 100) keeps; it may be 0.
 * Of a single value, 1. */
size_t hk_stat_kept(hk_stats_dialect dialect, double percent, size_t count);

/* The sums of the first heads[i].count of the sorted values, for each i; the counts do not fall. */
void hk_stat_sum(const double *values, hk_stat_head *heads, size_t head_count);

/* Square root of the mean square of the values' distances from their mean. */
double hk_stat_deviation(const double *values, size_t count, double mean);

/* The middle of the sorted values. */
double hk_stat_median(const double *values, size_t count);

/* The value, or the largest double of its sign where it is infinite; 0 for NaN. */
double hk_stat_finite(double value);

#endif
