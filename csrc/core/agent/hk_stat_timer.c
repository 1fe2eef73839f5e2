/* hk_stat_timer.c -- the numbers of a timer: sorted values, their sums, thresholds. */
#include "hk_stat_timer.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#define SMALL 24u /* values that are sorted by insertion */
#define STACK_MAX \
    64u /* ranges that wait: the larger half waits, so each is half of the one before */

static void
sort_small(double *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const double value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static void
sift_down(double *values, size_t at, size_t count)
{
    const double value = values[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && values[child + 1] > values[child] ? 1 : 0;
        if (values[child] <= value) {
            break;
        }
        values[at] = values[child];
        at = child;
    }
    values[at] = value;
}

static void
sort_heap(double *values, size_t count)
{
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(values, i - 1, count);
    }
    for (size_t end = count; end > 1; end--) {
        const double largest = values[0];
        values[0] = values[end - 1];
        sift_down(values, 0, end - 1);
        values[end - 1] = largest;
    }
}

static double
middle_of(double a, double b, double c)
{
    const double low = a < b ? a : b;
    const double high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Moves the values below the pivot (or not above it, with `equal`) to the front; returns their
 * number. Without a branch that depends on the values, which a processor could not predict. */
static size_t
partition(double *values, size_t count, double pivot, bool equal)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = values[i];
        values[i] = values[kept];
        values[kept] = value;
        kept += equal ? value <= pivot : value < pivot;
    }
    return kept;
}

typedef struct {
    double *values;
    size_t count;
    unsigned turns; /* partitions left before heap sort takes over */
} range;

void
hk_stat_sort(double *values, size_t count)
{
    range waiting[STACK_MAX];
    size_t depth = 0;
    range at = {values, count, 8};
    for (size_t n = count; n > 1; n /= 2) {
        at.turns += 2;
    }
    for (;;) {
        while (at.count > SMALL && at.turns > 0) {
            const double pivot =
                middle_of(at.values[0], at.values[at.count / 2], at.values[at.count - 1]);
            size_t low = partition(at.values, at.count, pivot, false);
            at.turns--;
            if (low == 0) { /* the pivot is the smallest: all that equal it are in place */
                low = partition(at.values, at.count, pivot, true);
                at.values += low;
                at.count -= low;
                continue;
            }
            range other = {at.values + low, at.count - low, at.turns};
            at.count = low;
            if (other.count < at.count) {
                const range larger = at;
                at = other;
                other = larger;
            }
            assert(depth < STACK_MAX);
            waiting[depth++] = other;
        }
        if (at.count > SMALL) {
            sort_heap(at.values, at.count);
        } else {
            sort_small(at.values, at.count);
        }
        if (depth == 0) {
            return;
        }
        at = waiting[--depth];
    }
}

size_t
hk_stat_kept(hk_stats_dialect dialect, double percent, size_t count)
{
    assert(percent > 0 && percent <= 100);
    const double n = (double)count;
    if (count < 2) {
        return count;
    }
    const double kept = dialect == HK_STATS_HEKA
                            ? n - floor((100 - percent) / 100 * n + 0.5)
                            : floor(percent / 100 * n + 0.5); /* JavaScript's Math.round */
    return kept <= 0 ? 0 : kept >= n ? count : (size_t)kept;
}

double
hk_stat_finite(double value)
{
    return isfinite(value) ? value : isnan(value) ? 0 : value > 0 ? DBL_MAX : -DBL_MAX;
}

void
hk_stat_sum(const double *values, hk_stat_head *heads, size_t head_count)
{
    double sum = 0;
    double squares = 0;
    size_t at = 0;
    for (size_t i = 0; i < head_count; i++) {
        assert(heads[i].count >= at);
        for (; at < heads[i].count; at++) {
            sum += values[at];
            squares += values[at] * values[at];
        }
        heads[i].upper = at == 0 ? 0 : values[at - 1];
        heads[i].sum = hk_stat_finite(sum);
        heads[i].sum_squares = hk_stat_finite(squares);
    }
}

double
hk_stat_deviation(const double *values, size_t count, double mean)
{
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    return hk_stat_finite(sqrt(squares / (double)count));
}

double
hk_stat_median(const double *values, size_t count)
{
    const size_t middle = count / 2;
    return hk_stat_finite(count % 2 == 1 ? values[middle]
                                         : (values[middle - 1] + values[middle]) / 2);
}
