/* hk_stats_options.h -- how a table of stats counts, and how it writes what it counted.
 *
 * Includes: hk_statsd.h. */
#ifndef HK_STATS_OPTIONS_H
#define HK_STATS_OPTIONS_H

#include "hk_statsd.h"

#define HK_STATS_PERCENTS_MAX 16u
#define HK_STATS_PREFIX_MAX 128u /* bytes */
#define HK_STATS_LINE_MAX 2048u  /* bytes of the longest line: two prefixes, key, number, time */

typedef enum {
    HK_PREFIX_GLOBAL,
    HK_PREFIX_COUNTER,
    HK_PREFIX_TIMER,
    HK_PREFIX_GAUGE,
    HK_PREFIX_SET,
    HK_PREFIX_STATSD,
    HK_PREFIX_COUNT
} hk_stats_prefix;

typedef struct {
    hk_stats_dialect dialect;
    double interval; /* seconds from flush to flush, by which counts are divided to give rates */
    double percents[HK_STATS_PERCENTS_MAX]; /* each above 0, at most 100; ascending */
    size_t percent_count;
    hk_slice prefixes[HK_PREFIX_COUNT]; /* copied; "" leaves a part out */
    bool legacy;                        /* stats.K, stats_counts.K, statsd.numStats */
    bool delete_idle;      /* keys for which nothing arrived are removed, not written */
    uint32_t idle_flushes; /* flushes after which an idle key is removed; 0: never */
    size_t max_stats;
    size_t max_values;
} hk_stats_options;

#endif
