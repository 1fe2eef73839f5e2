/* test_stats_write.c -- the lines of each kind of stat in both dialects, prefixes and thresholds.
 *
 * The column of the dialect heka is that of hekad's plugins/stat_accum_input.go. */
#include "core/agent/hk_stats_write.h"

#include <float.h>
#include <stdlib.h>

#include "check.h"
#include "sample.h"

static hk_stats_options
options_of(hk_stats_dialect dialect, bool legacy)
{
    hk_stats_options options = {
        .dialect = dialect,
        .interval = 10,
        .percents = {50, 99.9},
        .percent_count = 2,
        .prefixes = {slice_of("stats"), slice_of("counters"), slice_of("timers"),
                     slice_of("gauges"), slice_of("sets"), slice_of("statsd")},
        .legacy = legacy};
    return options;
}

/* The lines of one entry with that key. */
static const char *
write_one(const hk_stats_options *options, hk_stat_kind kind, const char *key, hk_stat_value *value,
          double gauge)
{
    static char text[65536];
    hk_stats_form form;
    hk_stat_index index;
    hk_buffer out = sample_buffer();
    must(hk_stats_form_init(&form, options, NULL));
    must(hk_stat_index_init(&index));
    const hk_slice name = slice_of(key);
    hk_stat_entry *entry = hk_stat_add(&index, 1, kind, name);
    if (entry == NULL) {
        abort();
    }
    entry->gauge = gauge;
    const hk_stats_time time = hk_stats_time_of(1385000000);
    must(hk_stats_write(&form, &time, entry, value, &out));
    CHECK(out.len < sizeof text);
    memcpy(text, out.data, out.len);
    text[out.len] = '\0';
    hk_buffer_clear(&out);
    hk_stat_index_clear(&index);
    return text;
}

static void
test_counters(void)
{
    hk_stat_value whole = {.number.whole = -7};
    hk_stat_value sum = {.number.sum = 7.5};
    hk_stats_options options = options_of(HK_STATS_HEKA, false);
    CHECK_TEXT(write_one(&options, HK_STAT_COUNTER, "k;x", &whole, 0),
               "stats.counters.k;x.rate -0.700000 1385000000\n"
               "stats.counters.k;x.count -7 1385000000\n");
    options.legacy = true;
    CHECK_TEXT(write_one(&options, HK_STAT_COUNTER, "k", &whole, 0),
               "stats.k -0.700000 1385000000\nstats_counts.k -7 1385000000\n");
    options = options_of(HK_STATS_STATSD, false);
    CHECK_TEXT(write_one(&options, HK_STAT_COUNTER, "k;a=b", &sum, 0),
               "stats.counters.k.rate;a=b 0.75 1385000000\n"
               "stats.counters.k.count;a=b 7.5 1385000000\n");
    options.legacy = true;
    sum.number.sum = 20;
    CHECK_TEXT(write_one(&options, HK_STAT_COUNTER, "k", &sum, 0),
               "stats.k 2 1385000000\nstats_counts.k 20 1385000000\n");
}

static void
test_gauges_and_sets(void)
{
    hk_stat_value value = {.count = 3};
    hk_stats_options options = options_of(HK_STATS_HEKA, true);
    CHECK_TEXT(write_one(&options, HK_STAT_GAUGE, "k", &value, 0.1),
               "stats.gauges.k 0.100000 1385000000\n");
    options = options_of(HK_STATS_STATSD, false);
    CHECK_TEXT(write_one(&options, HK_STAT_GAUGE, "k", &value, 1e300),
               "stats.gauges.k 1e+300 1385000000\n");
    CHECK_TEXT(write_one(&options, HK_STAT_SET, "k", &value, 0),
               "stats.sets.k.count 3 1385000000\n");
    options.prefixes[HK_PREFIX_GLOBAL] = slice_of("");
    options.prefixes[HK_PREFIX_GAUGE] = slice_of("");
    CHECK_TEXT(write_one(&options, HK_STAT_GAUGE, "k", &value, 0), "k 0 1385000000\n");
}

static void
test_timers(void)
{
    double values[] = {4, 1, 7};
    hk_stat_value value = {.number.sum = 30, .list.values = values, .count = 3};
    hk_stat_value idle = {.count = 0};
    hk_stats_options options = options_of(HK_STATS_HEKA, false);
    CHECK_TEXT(write_one(&options, HK_STAT_TIMER, "k", &value, 0),
               "stats.timers.k.count 3 1385000000\n"
               "stats.timers.k.count_ps 0.300000 1385000000\n"
               "stats.timers.k.lower 1.000000 1385000000\n"
               "stats.timers.k.upper 7.000000 1385000000\n"
               "stats.timers.k.sum 12.000000 1385000000\n"
               "stats.timers.k.mean 4.000000 1385000000\n"
               "stats.timers.k.mean_50 1.000000 1385000000\n"
               "stats.timers.k.upper_50 1.000000 1385000000\n"
               "stats.timers.k.mean_99_9 4.000000 1385000000\n"
               "stats.timers.k.upper_99_9 7.000000 1385000000\n");
    CHECK_TEXT(write_one(&options, HK_STAT_TIMER, "k", &idle, 0),
               "stats.timers.k.count 0 1385000000\n"
               "stats.timers.k.count_ps 0.000000 1385000000\n"
               "stats.timers.k.lower 0.000000 1385000000\n"
               "stats.timers.k.upper 0.000000 1385000000\n"
               "stats.timers.k.sum 0.000000 1385000000\n"
               "stats.timers.k.mean 0.000000 1385000000\n"
               "stats.timers.k.mean_50 0.000000 1385000000\n"
               "stats.timers.k.upper_50 0.000000 1385000000\n"
               "stats.timers.k.mean_99_9 0.000000 1385000000\n"
               "stats.timers.k.upper_99_9 0.000000 1385000000\n");
    options = options_of(HK_STATS_STATSD, false);
    options.percent_count = 1;
    CHECK_TEXT(write_one(&options, HK_STAT_TIMER, "k", &value, 0),
               "stats.timers.k.count 30 1385000000\n"
               "stats.timers.k.count_ps 3 1385000000\n"
               "stats.timers.k.lower 1 1385000000\n"
               "stats.timers.k.upper 7 1385000000\n"
               "stats.timers.k.sum 12 1385000000\n"
               "stats.timers.k.mean 4 1385000000\n"
               "stats.timers.k.std 2.449489742783178 1385000000\n"
               "stats.timers.k.median 4 1385000000\n"
               "stats.timers.k.sum_squares 66 1385000000\n"
               "stats.timers.k.count_50 2 1385000000\n"
               "stats.timers.k.mean_50 2.5 1385000000\n"
               "stats.timers.k.upper_50 4 1385000000\n"
               "stats.timers.k.sum_50 5 1385000000\n"
               "stats.timers.k.sum_squares_50 17 1385000000\n");
    CHECK_TEXT(write_one(&options, HK_STAT_TIMER, "k", &idle, 0),
               "stats.timers.k.count 0 1385000000\n"
               "stats.timers.k.count_ps 0 1385000000\n");
}

/* A threshold that keeps no value: hekad divides by zero; ours says the smallest, statsd nothing.
 */
static void
test_threshold_of_nothing(void)
{
    double values[] = {4, 1};
    hk_stat_value value = {.number.sum = 2, .list.values = values, .count = 2};
    hk_stats_options options = options_of(HK_STATS_HEKA, false);
    options.percents[0] = 1;
    options.percent_count = 1;
    CHECK(strstr(write_one(&options, HK_STAT_TIMER, "k", &value, 0),
                 ".mean_1 1.000000 1385000000\nstats.timers.k.upper_1 1.000000 ") != NULL);
    options.dialect = HK_STATS_STATSD;
    CHECK(strstr(write_one(&options, HK_STAT_TIMER, "k", &value, 0), "_1 ") == NULL);
}

static void
test_num_stats(void)
{
    static const char *const expected[] = {"stats.statsd.numStats 12 -5\n",
                                           "statsd.numStats 12 -5\n"};
    for (unsigned legacy = 0; legacy < 2; legacy++) {
        hk_stats_form form;
        hk_buffer out = sample_buffer();
        const hk_stats_options options = options_of(HK_STATS_HEKA, legacy == 1);
        const hk_stats_time time = hk_stats_time_of(-5); /* a clock before 1970 */
        must(hk_stats_form_init(&form, &options, NULL));
        must(hk_stats_write_count(&form, &time, 12, &out));
        CHECK_BYTES(out.data, out.len, (const uint8_t *)expected[legacy], strlen(expected[legacy]));
        hk_buffer_clear(&out);
    }
}

static void
test_options_that_cannot_be(void)
{
    static const struct {
        double percents[2];
        double interval;
    } cases[] = {{{0, 1}, 10},   {{-1, 1}, 10}, {{101, 102}, 10}, {{90, 50}, 10},
                 {{90, 90}, 10}, {{50, 90}, 0}, {{50, 90}, -1},   {{33.33333333333333, 90}, 10}};
    static uint8_t longest[HK_STATS_PREFIX_MAX + 1];
    hk_stats_form form;
    hk_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hk_stats_options options = options_of(HK_STATS_HEKA, false);
        memcpy(options.percents, cases[i].percents, sizeof cases[i].percents);
        options.interval = cases[i].interval;
        CHECK_INT(hk_stats_form_init(&form, &options, &err), HK_ERR_ARGUMENT);
    }
    hk_stats_options options = options_of(HK_STATS_HEKA, false);
    options.prefixes[HK_PREFIX_SET] = (hk_slice){longest, sizeof longest};
    CHECK_INT(hk_stats_form_init(&form, &options, &err), HK_ERR_ARGUMENT);
    options.prefixes[HK_PREFIX_SET].len--;
    CHECK_INT(hk_stats_form_init(&form, &options, &err), HK_OK);
    options.percent_count = HK_STATS_PERCENTS_MAX + 1;
    CHECK_INT(hk_stats_form_init(&form, &options, &err), HK_ERR_ARGUMENT);
}

/* The longest line there can be, which a message is cut between. */
static void
test_longest_line(void)
{
    static char key[HK_STATSD_KEY_MAX + 1];
    static char prefix[HK_STATS_PREFIX_MAX + 1];
    double values[] = {-DBL_MAX};
    hk_stat_value value = {.number.sum = 1, .list.values = values, .count = 1};
    hk_stats_options options = options_of(HK_STATS_HEKA, false);
    memset(key, 'k', sizeof key - 1);
    memset(prefix, 'p', sizeof prefix - 1);
    options.prefixes[HK_PREFIX_GLOBAL] = options.prefixes[HK_PREFIX_TIMER] = slice_of(prefix);
    options.percents[1] = 12.3456789012;
    options.percents[0] = 1;
    const char *line = write_one(&options, HK_STAT_TIMER, key, &value, 0);
    size_t longest = 0;
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        longest = (size_t)(end - line) > longest ? (size_t)(end - line) : longest;
    }
    CHECK(longest > 1500 && longest < HK_STATS_LINE_MAX);
}

int
main(void)
{
    test_counters();
    test_gauges_and_sets();
    test_timers();
    test_threshold_of_nothing();
    test_num_stats();
    test_options_that_cannot_be();
    test_longest_line();
    return check_report();
}
