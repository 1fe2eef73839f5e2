/* test_stats.c -- the table: sums of both dialects, idle keys, limits, threads beside a flush. */
#include "core/agent/hk_stats.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "sample.h"

static hk_stats_options
options_of(hk_stats_dialect dialect)
{
    hk_stats_options options = {
        .dialect = dialect,
        .interval = 10,
        .percents = {90},
        .percent_count = 1,
        .prefixes = {slice_of("stats"), slice_of("counters"), slice_of("timers"),
                     slice_of("gauges"), slice_of("sets"), slice_of("statsd")},
        .max_stats = 1000,
        .max_values = 1000};
    return options;
}

static hk_stats *
table_of(const hk_stats_options *options)
{
    hk_stats *stats = NULL;
    must(hk_stats_new(options, &stats, NULL));
    return stats;
}

static void
feed(hk_stats *stats, const char *lines)
{
    (void)hk_stats_feed(stats, slice_of(lines));
}

static const char *
flush(hk_stats *stats)
{
    static char text[65536];
    hk_buffer out = sample_buffer();
    must(hk_stats_flush(stats, 7, &out, NULL));
    CHECK(out.len < sizeof text);
    memcpy(text, out.data, out.len);
    text[out.len] = '\0';
    hk_buffer_clear(&out);
    return text;
}

static bool
has(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    return at != NULL && (at == text || at[-1] == '\n');
}

/* hekad: int(float32(v) * (1 / float32(rate))) for each line. */
static void
test_heka_counters(void)
{
    static const struct {
        const char *lines;
        const char *count;
    } cases[] = {
        {"k:9|c|@0.3", "30"}, /* dividing gives 29 */
        {"k:0.9|c\nk:0.9|c", "0"},
        {"k:-1.9|c", "-1"},
        {"k:16777217|c", "16777216"},
        {"k:1|c|@0.1\nk:1|c|@0.1", "20"},
        {"k:1|m\nk:1|h\nk:1|c", "3"},
        {"k:1e30|c\nk:1|c", "9223372036854775807"},
        {"k:-1e30|c\nk:-1|c", "-9223372036854775808"},
        {"k:1e38|c|@1e-20", "9223372036854775807"},
        {"k:0|c|@1e-40", "0"},
    };
    const hk_stats_options options = options_of(HK_STATS_HEKA);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[64];
        hk_stats *stats = table_of(&options);
        feed(stats, cases[i].lines);
        (void)snprintf(line, sizeof line, "stats.counters.k.count %s 7\n", cases[i].count);
        CHECK(has(flush(stats), line));
        hk_stats_free(stats);
    }
}

static void
test_statsd_counters_and_timers(void)
{
    const hk_stats_options options = options_of(HK_STATS_STATSD);
    hk_stats *stats = table_of(&options);
    feed(stats,
         "k:9|c|@0.3\nk:0.5|c\nt:4|ms|@0.1\nt:5|ms\nt:6|d\nu:a|s\nu:b|s\nu:a|s\n"
         "m:1e308|c\nm:1e308|c\n");
    const char *text = flush(stats);
    CHECK(has(text, "stats.counters.k.count 30.5 7\n"));
    CHECK(has(text, "stats.counters.k.rate 3.05 7\n"));
    CHECK(has(text, "stats.counters.m.count 1.7976931348623157e+308 7\n"));
    CHECK(has(text, "stats.timers.t.count 12 7\n"));
    CHECK(has(text, "stats.timers.t.upper 6 7\n"));
    CHECK(has(text, "stats.sets.u.count 2 7\n"));
    CHECK(has(text, "stats.statsd.numStats 4 7\n"));
    hk_stats_free(stats);
}

/* hekad and statsd, delete_idle_stats off: counters 0, gauges repeat, timers and sets empty. */
static void
test_idle_stats_stay(void)
{
    const hk_stats_options options = options_of(HK_STATS_STATSD);
    hk_stats *stats = table_of(&options);
    feed(stats, "k:9|c\ng:5|g\nt:4|ms\nu:a|s");
    (void)flush(stats);
    CHECK_TEXT(flush(stats),
               "stats.counters.k.rate 0 7\nstats.counters.k.count 0 7\nstats.gauges.g 5 7\n"
               "stats.timers.t.count 0 7\nstats.timers.t.count_ps 0 7\nstats.sets.u.count 0 7\n"
               "stats.statsd.numStats 4 7\n");
    feed(stats, "u:a|s\nt:8|ms");
    const char *text = flush(stats);
    CHECK(has(text, "stats.sets.u.count 1 7\n") && has(text, "stats.timers.t.sum 8 7\n"));
    hk_stats_free(stats);
}

static void
test_relative_gauges(void)
{
    hk_stats_options options = options_of(HK_STATS_STATSD);
    hk_stats *stats = table_of(&options);
    feed(stats, "a:+3|g\nb:5|g\nb:-2|g\nc:+1|g\nc:9|g");
    const char *text = flush(stats);
    CHECK(has(text, "stats.gauges.a 3 7\nstats.gauges.b 3 7\nstats.gauges.c 9 7\n"));
    feed(stats, "a:+4|g\nb:-5|g");
    text = flush(stats);
    CHECK(has(text, "stats.gauges.a 7 7\nstats.gauges.b -2 7\nstats.gauges.c 9 7\n"));
    hk_stats_free(stats);
    options.delete_idle = true; /* the value before is forgotten */
    stats = table_of(&options);
    feed(stats, "a:5|g");
    (void)flush(stats);
    feed(stats, "a:+4|g");
    CHECK(has(flush(stats), "stats.gauges.a 4 7\n"));
    hk_stats_free(stats);
    options = options_of(HK_STATS_HEKA); /* set, with a sign too */
    stats = table_of(&options);
    feed(stats, "a:5|g\na:-2|g");
    CHECK(has(flush(stats), "stats.gauges.a -2.000000 7\n"));
    hk_stats_free(stats);
}

static void
test_idle_stats_go(void)
{
    hk_stats_options options = options_of(HK_STATS_HEKA);
    hk_stats_account account;
    options.delete_idle = true;
    hk_stats *stats = table_of(&options);
    feed(stats, "a:1|c\nb:1|g");
    (void)flush(stats);
    feed(stats, "a:1|c");
    CHECK_TEXT(flush(stats),
               "stats.counters.a.rate 0.100000 7\nstats.counters.a.count 1 7\n"
               "stats.statsd.numStats 1 7\n");
    hk_stats_look(stats, &account);
    CHECK(account.stats == 1 && account.expired == 1 && account.flushes == 2);
    hk_stats_free(stats);

    options.delete_idle = false;
    options.idle_flushes = 2;
    stats = table_of(&options);
    feed(stats, "a:1|c\nb:1|c");
    (void)flush(stats);
    CHECK(has(flush(stats), "stats.counters.a.count 0 7\n"));
    feed(stats, "b:2|c");
    CHECK_TEXT(flush(stats),
               "stats.counters.b.rate 0.200000 7\nstats.counters.b.count 2 7\n"
               "stats.statsd.numStats 1 7\n");
    hk_stats_free(stats);
}

static void
test_limits(void)
{
    hk_stats_options options = options_of(HK_STATS_STATSD);
    hk_stats_account account;
    options.max_stats = 2;
    options.max_values = 3;
    hk_stats *stats = table_of(&options);
    hk_stats_fed fed = hk_stats_feed(stats, slice_of("a:1|ms:2|ms\nb:x|s\nb:x|s\nb:y|s\na:3|ms\n"
                                                     "c:1|c\nb:1|c\nnothing\na:x|ms\na:4|ms|@0"));
    CHECK(fed.values == 4 && fed.lost == 7);
    hk_stats_refuse(stats, 2);
    hk_stats_look(stats, &account);
    CHECK(account.values == 4 && account.bad_lines == 3 && account.bad_values == 2);
    CHECK(account.dropped_keys == 2 && account.dropped_values == 2 && account.stats == 2);
    const char *text = flush(stats);
    CHECK(has(text, "stats.timers.a.count 2 7\n") && has(text, "stats.sets.b.count 1 7\n"));
    feed(stats, "a:3|ms"); /* values count from flush to flush */
    CHECK(has(flush(stats), "stats.timers.a.sum 3 7\n"));
    hk_stats_free(stats);
}

/* Many values and members, so that lists grow; the flush after next has lists that were kept. */
static void
test_long_lists(void)
{
    hk_stats_options options = options_of(HK_STATS_STATSD);
    options.max_values = 100000;
    hk_stats *stats = table_of(&options);
    for (unsigned turn = 0; turn < 4; turn++) {
        const unsigned count = turn == 2 ? 3 : 5000;
        char line[64];
        for (unsigned i = 1; i <= count; i++) {
            (void)snprintf(line, sizeof line, "t:%u|ms\nu:%u|s\nu:%u|s", i, i, i / 2 + 1);
            feed(stats, line);
        }
        const char *text = flush(stats);
        (void)snprintf(line, sizeof line, "stats.timers.t.sum %u 7\n", count * (count + 1) / 2);
        CHECK(has(text, line));
        (void)snprintf(line, sizeof line, "stats.sets.u.count %u 7\n", count);
        CHECK(has(text, line));
    }
    hk_stats_free(stats);
}

static void
test_cutting(void)
{
    static uint8_t text[3 * HK_STATS_LINE_MAX];
    memset(text, 'x', sizeof text);
    for (size_t i = 99; i < sizeof text; i += 100) {
        text[i] = '\n';
    }
    const hk_slice lines = {text, sizeof text / 100 * 100};
    const size_t first = hk_stats_cut(lines, 0, HK_STATS_LINE_MAX);
    CHECK_SIZE(first, HK_STATS_LINE_MAX / 100 * 100);
    CHECK_SIZE(hk_stats_cut(lines, 4100, HK_STATS_LINE_MAX), lines.len);
    CHECK_SIZE(hk_stats_cut(lines, first, 2100), first + 2100);
    CHECK_SIZE(hk_stats_cut(lines, lines.len, HK_STATS_LINE_MAX), lines.len);
}

typedef struct {
    hk_stats *stats;
    atomic_bool done;
    unsigned lines;
} feeder;

static void *
run_feeder(void *arg)
{
    feeder *self = arg;
    for (unsigned i = 0; i < self->lines; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "k.%u:1|c\nall:1|c\nt.%u:1|ms", i % 97, i % 31);
        feed(self->stats, line);
    }
    atomic_store(&self->done, true);
    return NULL;
}

/* Two threads feed while another flushes, idle keys going: every value is in exactly one flush. */
static void
test_nothing_is_lost_between_flushes(void)
{
    hk_stats_options options = options_of(HK_STATS_HEKA);
    options.delete_idle = true;
    options.max_values = 1000000;
    hk_stats *stats = table_of(&options);
    feeder feeders[2] = {{.stats = stats, .lines = 4000}, {.stats = stats, .lines = 4000}};
    pthread_t threads[2];
    unsigned long total = 0;
    unsigned long timed = 0;
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, run_feeder, &feeders[i]), 0);
    }
    for (bool last = false; !last;) {
        last = atomic_load(&feeders[0].done) && atomic_load(&feeders[1].done);
        for (const char *at = flush(stats); *at != '\0'; at = strchr(at, '\n') + 1) {
            if (strncmp(at, "stats.counters.all.count ", 25) == 0) {
                total += strtoul(at + 25, NULL, 10);
            } else if (strncmp(at, "stats.timers.t.", 15) == 0 &&
                       strncmp(strchr(at + 15, '.'), ".count ", 7) == 0) {
                timed += strtoul(strchr(at, ' '), NULL, 10);
            }
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    CHECK_SIZE(total, 8000);
    CHECK_SIZE(timed, 8000);
    hk_stats_free(stats);
}

int
main(void)
{
    test_heka_counters();
    test_statsd_counters_and_timers();
    test_idle_stats_stay();
    test_relative_gauges();
    test_idle_stats_go();
    test_limits();
    test_long_lists();
    test_cutting();
    test_nothing_is_lost_between_flushes();
    hk_stats_free(NULL);
    return check_report();
}
