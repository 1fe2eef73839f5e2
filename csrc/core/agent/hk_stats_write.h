/* hk_stats_write.h -- writes the stats of a flush as lines "key value time".
 *
 * Reentrant; allocates only in the buffer. Includes: hk_buffer.h, hk_stat_index.h,
 * hk_stats_options.h. */
#ifndef HK_STATS_WRITE_H
#define HK_STATS_WRITE_H

#include "core/base/hk_buffer.h"
#include "hk_stat_index.h"
#include "hk_stats_options.h"

/* What is the same for all lines of a table: options and the texts before and behind keys. */
typedef struct {
    hk_stats_dialect dialect;
    bool legacy;
    double interval;
    size_t percent_count;
    double percents[HK_STATS_PERCENTS_MAX];
    hk_slice before[HK_STAT_SET + 1]; /* of each kind: "stats.counters." */
    hk_slice num_stats;               /* "stats.statsd.numStats" */
    struct {
        uint8_t text[16]; /* "_99_9" */
        size_t len;
    } suffixes[HK_STATS_PERCENTS_MAX];
    uint8_t texts[(HK_STAT_SET + 2) * (2 * HK_STATS_PREFIX_MAX + 16)];
} hk_stats_form;

/* Fills *form, which must not move afterwards. HK_ERR_ARGUMENT: a prefix or percentage that cannot
 * be. */
HK_CHECK hk_status hk_stats_form_init(hk_stats_form *form, const hk_stats_options *options,
                                      hk_error *err);

/* The end of each line of a flush: " 1385000000\n". */
typedef struct {
    uint8_t text[24];
    size_t len;
} hk_stats_time;
hk_stats_time hk_stats_time_of(int64_t seconds);

/* Appends the lines of an entry from *value, whose list of a timer is sorted in place. Errors as
 * hk_buffer. */
HK_CHECK hk_status hk_stats_write(const hk_stats_form *form, const hk_stats_time *time,
                                  const hk_stat_entry *entry, hk_stat_value *value, hk_buffer *out);

/* Appends the line of numStats. */
HK_CHECK hk_status hk_stats_write_count(const hk_stats_form *form, const hk_stats_time *time,
                                        size_t count, hk_buffer *out);

#endif
