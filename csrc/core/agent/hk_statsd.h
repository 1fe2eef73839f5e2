/* hk_statsd.h -- reads the stats of a statsd datagram, in two dialects.
 *
 *     heka     key:value|type[|@rate]                     c h m: counter, ms: timer, g: gauge
 *     statsd   key:group[:group ...][|#tag:value,...]
 *     group    value[:value ...]|type[|@rate]             c: counter, g: gauge, s: set,
 *                                                         ms h d m: timer
 *
 * Lines end with a newline or with the datagram. Blanks around a line do not count, nor does a
 * carriage return at its end in the dialect statsd. What the dialects do with a key:
 *
 *     heka     it is kept; one that is not UTF-8, or has control characters, is refused
 *     statsd   cleaned as statsd 0.9 does: blanks give one '_', '/' gives '-', all else but
 * letters, digits and _ - . ; = is left out; tags follow as ";name=value", sorted
 *
 * Refused are also a number that is none, or not finite, a rate of 0 or less, and in the dialect
 * statsd a negative number of type ms. The dialect heka reads the numbers of counters as floats, as
 * hekad does. Sources: hekad, plugins/statsd/statsd_input.go; statsd 0.9, stats.js and
 * lib/helpers.js; the DogStatsD datagram format, versions 1.0 to 1.3. No locale, no allocation, no
 * recursion; reentrant. Includes: hk_status.h. */
#ifndef HK_STATSD_H
#define HK_STATSD_H

#include "core/base/hk_status.h"

#define HK_STATSD_KEY_MAX 1024u /* bytes of a key, its tags included; ours */
#define HK_STATSD_TAGS_MAX 64u  /* tags of a line; ours */

typedef enum { HK_STATS_HEKA, HK_STATS_STATSD } hk_stats_dialect;

typedef enum { HK_STAT_COUNTER, HK_STAT_TIMER, HK_STAT_GAUGE, HK_STAT_SET } hk_stat_kind;

/* One value of a line. */
typedef struct {
    hk_slice key; /* borrowed from the datagram or from the reader, until its next call */
    hk_stat_kind kind;
    bool is_relative; /* a gauge that is added, not set */
    double value;     /* finite; of a counter in the dialect heka: a float */
    double rate;      /* above 0, finite; in the dialect heka: a float */
    hk_slice member;  /* of a set: the text that is counted once */
} hk_stat;

typedef enum {
    HK_STATSD_END,       /* nothing is left */
    HK_STATSD_STAT,      /* *stat is filled */
    HK_STATSD_BAD_LINE,  /* a line or group that has not the form above, or a bad key */
    HK_STATSD_BAD_VALUE, /* a value or rate that is refused */
} hk_statsd_step;

typedef struct {
    hk_stats_dialect dialect;
    hk_slice lines;  /* borrowed: not read yet */
    hk_slice key;    /* of the line at hand */
    hk_slice groups; /* of the line at hand, not read yet */
    hk_slice values; /* of the group at hand, not read yet; data is NULL when none is left */
    hk_stat_kind kind;
    double rate;
    bool is_elapsed;                 /* of type ms in the dialect statsd: not below 0 */
    uint8_t room[HK_STATSD_KEY_MAX]; /* a key that had to be cleaned */
} hk_statsd;

/* Begins with a datagram, which must outlive the reading; data may be NULL when its len is 0. */
void hk_statsd_start(hk_statsd *reader, hk_stats_dialect dialect, hk_slice datagram);

/* The next value, or why one is refused. After HK_STATSD_BAD_*, the reader goes on behind it. */
hk_statsd_step hk_statsd_next(hk_statsd *reader, hk_stat *stat);

#endif
