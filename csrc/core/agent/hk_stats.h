/* hk_stats.h -- the table of a StatAccumInput: takes stats in, writes them out as lines.
 *
 *     feed    reads a datagram (hk_statsd.h) into the table
 *     flush   swaps: what arrived up to now is written, what arrives from now on counts for the
 * next flush; one line for each number, "stats.counters.K.rate 0.5 1385000000"
 *
 * A key stays in the table until it was idle for `idle_flushes` flushes (delete_idle: for one).
 * Bounded: `max_stats` keys; a value of a further key is dropped and counted. `max_values` values
 * of timers and members of sets between two flushes; a further one is dropped and counted. Members
 * of sets are kept as 64-bit hashes.
 * Numbers do not overflow: they stop at the largest of their type.
 *
 * Any thread may call any function but new and free. Feeding waits for a swap, which takes the time
 * of a few stores, and for the removal of idle keys, HK_STATS_BITE at a time; not for the writing.
 * Includes: hk_buffer.h, hk_stats_options.h. */
#ifndef HK_STATS_H
#define HK_STATS_H

#include "core/base/hk_buffer.h"
#include "hk_stats_options.h"

#define HK_STATS_BITE 256u /* idle keys that are removed at once: less than 0.1 ms */

typedef struct {
    uint64_t values;         /* taken in */
    uint64_t bad_lines;      /* refused: hk_statsd.h */
    uint64_t bad_values;     /* refused: hk_statsd.h */
    uint64_t dropped_keys;   /* values of keys over max_stats, or without memory */
    uint64_t dropped_values; /* of timers and sets over max_values, or without memory */
    uint64_t expired;        /* keys that were removed because they were idle */
    uint64_t stats;          /* keys in the table */
    uint64_t flushes;
} hk_stats_account;

typedef struct {
    size_t values; /* taken in */
    size_t lost;   /* refused or dropped */
} hk_stats_fed;

typedef struct hk_stats hk_stats;

/* A new table, freed by hk_stats_free. HK_ERR_ARGUMENT, HK_ERR_NOMEM, HK_ERR_CRYPTO. */
HK_CHECK hk_status hk_stats_new(const hk_stats_options *options, hk_stats **out, hk_error *err);
void hk_stats_free(hk_stats *stats); /* may be NULL */

/* Reads a datagram, or whole lines of a stream. */
hk_stats_fed hk_stats_feed(hk_stats *stats, hk_slice datagram);

/* Counts lines that the caller refused before they were fed. */
void hk_stats_refuse(hk_stats *stats, uint64_t lines);

/* Swaps, and appends the lines of what arrived before, with `seconds` as their time, to the empty
 * buffer. A second flush waits for the first. HK_ERR_NOMEM, HK_ERR_TOO_BIG: as hk_buffer; what
 * arrived before is lost. */
HK_CHECK hk_status hk_stats_flush(hk_stats *stats, int64_t seconds, hk_buffer *out, hk_error *err);

/* The end of the longest run of whole lines that begins at text.data + at and has at most `most`
 * bytes, which is HK_STATS_LINE_MAX or more. */
size_t hk_stats_cut(hk_slice text, size_t at, size_t most);

void hk_stats_look(hk_stats *stats, hk_stats_account *out);

#endif
