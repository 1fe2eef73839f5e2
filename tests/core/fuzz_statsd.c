/* fuzz_statsd.c -- fuzz target: datagrams of statsd into a small table, flushed in between.
 *
 *     byte 0     bit 0: dialect, 1: legacy names, 2: idle keys go, 3: after two flushes
 *     rest       datagrams; a byte 0xff ends one, and the table is flushed
 *
 * Checks: every value is taken in, refused or dropped, once; what the reader gives is finite; the
 * table keeps its limits; a flush is lines "key number time" of valid UTF-8 in which every number
 * is one; the last line is numStats. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/agent/hk_stats.h"
#include "core/base/hk_utf8.h"
#include "core/format/hk_number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MOST_STATS 5u
#define MOST_VALUES 7u

static void
expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* What the reader alone finds: values and what it refuses. */
static size_t
count_steps(hk_stats_dialect dialect, hk_slice datagram)
{
    hk_statsd reader;
    hk_stat stat;
    hk_statsd_step step;
    size_t count = 0;
    hk_statsd_start(&reader, dialect, datagram);
    while ((step = hk_statsd_next(&reader, &stat)) != HK_STATSD_END) {
        count++;
        if (step == HK_STATSD_STAT) {
            expect(isfinite(stat.value) && isfinite(stat.rate) && stat.rate > 0, "no number");
            expect(stat.key.len > 0 && stat.key.len <= HK_STATSD_KEY_MAX, "length of a key");
            expect(hk_utf8_valid(stat.key.data, stat.key.len) == stat.key.len, "a key's bytes");
            expect(memchr(stat.key.data, '\n', stat.key.len) == NULL, "a key of two lines");
        }
    }
    return count;
}

/* The last blank of the text. */
static size_t
last_blank(hk_slice text)
{
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != ' ') {
        at--;
    }
    expect(at > 1, "a line without a blank");
    return at - 1;
}

static void
check_lines(hk_slice text)
{
    double number;
    size_t at = 0;
    while (at < text.len) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        expect(end != NULL, "a line without an end");
        hk_slice line = {text.data + at, (size_t)(end - text.data) - at};
        at += line.len + 1;
        line.len = last_blank(line);
        const size_t key = last_blank(line);
        expect(hk_number_read((hk_slice){line.data + key + 1, line.len - key - 1}, &number),
               "a value that is no number");
        expect(at < text.len || memcmp(line.data + key - 8, "numStats", 8) == 0, "no numStats");
    }
}

static void
flush(hk_stats *stats)
{
    hk_buffer out;
    hk_stats_account account;
    hk_buffer_init(&out, NULL, 0, 1u << 24);
    expect(hk_stats_flush(stats, 1385000000, &out, NULL) == HK_OK, "a flush that fails");
    check_lines((hk_slice){out.data, out.len});
    const size_t cut = hk_stats_cut((hk_slice){out.data, out.len}, 0, HK_STATS_LINE_MAX);
    expect(cut > 0 && out.data[cut - 1] == '\n' && cut <= out.len, "cut within a line");
    hk_buffer_clear(&out);
    hk_stats_look(stats, &account);
    expect(account.stats <= MOST_STATS, "too many keys");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    hk_stats *stats;
    hk_stats_account account;
    size_t steps = 0;
    if (len == 0) {
        return 0;
    }
    const uint8_t how = data[0];
    const hk_slice name = {(const uint8_t *)"s", 1};
    const hk_stats_options options = {.dialect = how % 2 == 0 ? HK_STATS_HEKA : HK_STATS_STATSD,
                                      .interval = 10,
                                      .percents = {1, 50, 90},
                                      .percent_count = 3,
                                      .prefixes = {name, name, name, name, name, name},
                                      .legacy = (how & 2) != 0,
                                      .delete_idle = (how & 4) != 0,
                                      .idle_flushes = (how & 8) != 0 ? 2 : 0,
                                      .max_stats = MOST_STATS,
                                      .max_values = MOST_VALUES};
    expect(hk_stats_new(&options, &stats, NULL) == HK_OK, "no table");
    for (const uint8_t *p = data + 1, *end = data + len; p < end;) {
        const uint8_t *mark = memchr(p, 0xff, (size_t)(end - p));
        const hk_slice datagram = {p, (size_t)((mark == NULL ? end : mark) - p)};
        const size_t count = count_steps(options.dialect, datagram);
        const hk_stats_fed fed = hk_stats_feed(stats, datagram);
        expect(fed.values + fed.lost == count, "a value that is not counted once");
        steps += count;
        p = mark == NULL ? end : mark + 1;
        if (mark != NULL) {
            flush(stats);
        }
    }
    flush(stats);
    hk_stats_look(stats, &account);
    expect(account.values + account.bad_lines + account.bad_values + account.dropped_keys +
                   account.dropped_values ==
               steps,
           "an account that does not add up");
    hk_stats_free(stats);
    return 0;
}
