/* hk_stats.c -- the table of a StatAccumInput: takes stats in, writes them out as lines. */
#include "hk_stats.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hk_stat_index.h"
#include "hk_stat_timer.h"
#include "hk_stats_write.h"

#define LIST_FIRST 8u /* values or slots of a new list */
#define LIST_KEPT 64u /* a list of so many is kept for the next flush but one */
#define TEXT_FIRST 4096u
#define BATCH 32u /* values whose entries are fetched together */

struct hk_stats {
    hk_stats_form form;
    bool delete_idle;
    uint32_t idle_flushes;
    size_t max_stats;
    size_t max_values;

    pthread_mutex_t lock; /* for all that follows up to flush_lock */
    hk_stat_index index;
    unsigned live;      /* which value of an entry takes what arrives: 0 or 1 */
    size_t live_values; /* in the lists of live values */
    hk_stats_account account;

    /* One flush at a time. A flush reads, without `lock`: keys and `next` of the entries up to the
     * last one at the swap; their values that are not live; `idle`, `gauge` and `doomed`, which
     * nobody else uses. Entries are removed by the flush alone. */
    pthread_mutex_t flush_lock;
};

hk_status
hk_stats_new(const hk_stats_options *options, hk_stats **out, hk_error *err)
{
    hk_stats *stats = calloc(1, sizeof *stats);
    if (stats == NULL) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a table of stats");
    }
    hk_status status = hk_stats_form_init(&stats->form, options, err);
    if (status == HK_OK && (status = hk_stat_index_init(&stats->index)) != HK_OK) {
        status = hk_fail(err, status, 0, "the kernel returned no random bytes");
    }
    if (status != HK_OK) {
        free(stats);
        return status;
    }
    stats->delete_idle = options->delete_idle;
    stats->idle_flushes = options->idle_flushes;
    stats->max_stats = options->max_stats;
    stats->max_values = options->max_values;
    (void)pthread_mutex_init(&stats->lock, NULL);
    (void)pthread_mutex_init(&stats->flush_lock, NULL);
    *out = stats;
    return HK_OK;
}

void
hk_stats_free(hk_stats *stats)
{
    if (stats == NULL) {
        return;
    }
    hk_stat_index_clear(&stats->index);
    (void)pthread_mutex_destroy(&stats->lock);
    (void)pthread_mutex_destroy(&stats->flush_lock);
    free(stats);
}

/* What a line adds to a counter in the dialect heka: a product of floats, cut to a whole number. */
static int64_t
increment_of(const hk_stat *stat)
{
    const float product = (float)stat->value * (1.0f / (float)stat->rate);
    return product >= 0x1p63f    ? INT64_MAX
           : product <= -0x1p63f ? INT64_MIN
           : product != product  ? 0 /* 0 at a rate whose inverse is infinite */
                                 : (int64_t)product;
}

static int64_t
add_whole(int64_t a, int64_t b)
{
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) {
        return b > 0 ? INT64_MAX : INT64_MIN;
    }
    return a + b;
}

static bool
add_value(hk_stat_value *value, double number)
{
    if (value->count == value->room) {
        const size_t room = value->room == 0 ? LIST_FIRST : 2 * (size_t)value->room;
        double *values =
            room > UINT32_MAX ? NULL : realloc(value->list.values, room * sizeof *values);
        if (values == NULL) {
            return false;
        }
        value->list.values = values;
        value->room = (uint32_t)room;
    }
    value->list.values[value->count++] = number;
    return true;
}

static void
put_member(uint64_t *members, uint32_t room, uint64_t hash)
{
    size_t i = hash & (room - 1);
    while (members[i] != 0) {
        i = (i + 1) & (room - 1);
    }
    members[i] = hash;
}

static bool
has_member(const hk_stat_value *value, uint64_t hash)
{
    if (value->room == 0) {
        return false;
    }
    size_t i = hash & (value->room - 1);
    while (value->list.members[i] != 0 && value->list.members[i] != hash) {
        i = (i + 1) & (value->room - 1);
    }
    return value->list.members[i] != 0;
}

static bool
add_member(hk_stat_value *value, uint64_t hash)
{
    if ((size_t)value->count * 2 >= value->room) {
        const size_t room = value->room == 0 ? LIST_FIRST : 2 * (size_t)value->room;
        uint64_t *members = room > UINT32_MAX ? NULL : calloc(room, sizeof *members);
        if (members == NULL) {
            return false;
        }
        for (size_t i = 0; i < value->room; i++) {
            if (value->list.members[i] != 0) {
                put_member(members, (uint32_t)room, value->list.members[i]);
            }
        }
        free(value->list.members);
        value->list.members = members;
        value->room = (uint32_t)room;
    }
    put_member(value->list.members, value->room, hash);
    value->count++;
    return true;
}

/* Adds to the list of a timer or set. False: the value was dropped. */
static bool
apply_list(hk_stats *stats, hk_stat_value *value, const hk_stat *stat)
{
    bool added;
    uint64_t hash = 0;
    if (stat->kind == HK_STAT_SET) {
        hash = hk_hash_of(&stats->index.seed, stat->member.data, stat->member.len);
        hash = hash == 0 ? 1 : hash;
        if (has_member(value, hash)) {
            return true;
        }
    }
    if (stats->live_values >= stats->max_values) {
        return false;
    }
    if (stat->kind == HK_STAT_SET) {
        added = add_member(value, hash);
    } else {
        added = add_value(value, stat->value);
    }
    stats->live_values += added ? 1 : 0;
    return added;
}

/* Adds one value to its entry. False: it was dropped and counted. */
static bool
apply(hk_stats *stats, const hk_stat *stat, uint64_t hash)
{
    hk_stat_entry *entry = hk_stat_find(&stats->index, hash, stat->kind, stat->key);
    if (entry == NULL) {
        entry = stats->index.count >= stats->max_stats
                    ? NULL
                    : hk_stat_add(&stats->index, hash, stat->kind, stat->key);
        if (entry == NULL) {
            stats->account.dropped_keys++;
            return false;
        }
    }
    hk_stat_value *value = &entry->value[stats->live];
    switch (stat->kind) {
        case HK_STAT_COUNTER:
            if (stats->form.dialect == HK_STATS_HEKA) {
                value->number.whole = add_whole(value->number.whole, increment_of(stat));
            } else {
                value->number.sum =
                    hk_stat_finite(value->number.sum + hk_stat_finite(stat->value / stat->rate));
            }
            break;
        case HK_STAT_GAUGE:
            value->is_absolute = value->is_absolute || !stat->is_relative;
            value->number.sum =
                stat->is_relative ? hk_stat_finite(value->number.sum + stat->value) : stat->value;
            break;
        case HK_STAT_TIMER:
        case HK_STAT_SET:
            if (!apply_list(stats, value, stat)) {
                stats->account.dropped_values++;
                return false;
            }
            if (stat->kind == HK_STAT_TIMER) {
                value->number.sum =
                    hk_stat_finite(value->number.sum + hk_stat_finite(1 / stat->rate));
            }
            break;
    }
    value->is_touched = true;
    return true;
}

/* Values that were read and wait for their entries. */
typedef struct {
    hk_stat stats[BATCH];
    uint64_t hashes[BATCH];
    size_t count;
} batch;

/* Adds the values of the batch, in order, and empties it; returns how many were taken in. */
static size_t
apply_all(hk_stats *stats, batch *waiting)
{
    size_t taken = 0;
    for (size_t i = 0; i < waiting->count; i++) {
        hk_stat_fetch_entry(&stats->index, waiting->hashes[i]);
    }
    for (size_t i = 0; i < waiting->count; i++) {
        taken += apply(stats, &waiting->stats[i], waiting->hashes[i]) ? 1 : 0;
    }
    waiting->count = 0;
    return taken;
}

hk_stats_fed
hk_stats_feed(hk_stats *stats, hk_slice datagram)
{
    hk_statsd reader;
    batch waiting;
    hk_statsd_step step;
    size_t seen = 0;
    hk_stats_fed fed = {0, 0};
    waiting.count = 0;
    hk_statsd_start(&reader, stats->form.dialect, datagram);
    (void)pthread_mutex_lock(&stats->lock);
    while ((step = hk_statsd_next(&reader, &waiting.stats[waiting.count])) != HK_STATSD_END) {
        seen++;
        if (step != HK_STATSD_STAT) {
            stats->account.bad_lines += step == HK_STATSD_BAD_LINE ? 1 : 0;
            stats->account.bad_values += step == HK_STATSD_BAD_VALUE ? 1 : 0;
            continue;
        }
        const hk_stat *stat = &waiting.stats[waiting.count];
        const uint64_t hash = hk_stat_hash(&stats->index, stat->kind, stat->key);
        hk_stat_fetch_slot(&stats->index, hash);
        waiting.hashes[waiting.count++] = hash;
        /* A key that the reader holds is lost with its next call. */
        if (waiting.count == BATCH || stat->key.data == reader.room) {
            fed.values += apply_all(stats, &waiting);
        }
    }
    fed.values += apply_all(stats, &waiting);
    fed.lost = seen - fed.values;
    stats->account.values += fed.values;
    (void)pthread_mutex_unlock(&stats->lock);
    return fed;
}

void
hk_stats_refuse(hk_stats *stats, uint64_t lines)
{
    (void)pthread_mutex_lock(&stats->lock);
    stats->account.bad_lines += lines;
    (void)pthread_mutex_unlock(&stats->lock);
}

/* Empties a value that was written; keeps its list unless it is much larger than it has to be. */
static void
reset(hk_stat_entry *entry, hk_stat_value *value)
{
    const bool keeps =
        value->is_touched && (value->room <= LIST_KEPT || (size_t)value->count * 4 >= value->room);
    hk_stat_value empty = {.count = 0};
    if (entry->kind == HK_STAT_SET) {
        if (keeps && value->room > 0) {
            memset(value->list.members, 0, value->room * sizeof *value->list.members);
            empty.list.members = value->list.members;
            empty.room = value->room;
        } else {
            free(value->list.members);
        }
    } else if (entry->kind == HK_STAT_TIMER) {
        if (keeps) {
            empty.list.values = value->list.values;
            empty.room = value->room;
        } else {
            free(value->list.values);
        }
    }
    *value = empty;
}

/* The value of a gauge after what arrived. hekad and statsd forget it with delete_idle. */
static void
settle_gauge(const hk_stats *stats, hk_stat_entry *entry, const hk_stat_value *value)
{
    if (!value->is_touched) {
        return;
    }
    const double before = value->is_absolute || stats->delete_idle ? 0 : entry->gauge;
    entry->gauge = hk_stat_finite(before + value->number.sum);
}

/* Removes the doomed entries for which nothing has arrived meanwhile. */
static void
remove_doomed(hk_stats *stats, hk_stat_entry *doomed)
{
    while (doomed != NULL) {
        hk_stat_entry *removed = NULL;
        (void)pthread_mutex_lock(&stats->lock);
        for (unsigned i = 0; i < HK_STATS_BITE && doomed != NULL; i++) {
            hk_stat_entry *next = doomed->doomed;
            if (!doomed->value[stats->live].is_touched) {
                hk_stat_remove(&stats->index, doomed);
                doomed->doomed = removed;
                removed = doomed;
                stats->account.expired++;
            }
            doomed = next;
        }
        (void)pthread_mutex_unlock(&stats->lock);
        while (removed != NULL) {
            hk_stat_entry *next = removed->doomed;
            hk_stat_free(removed);
            removed = next;
        }
    }
}

hk_status
hk_stats_flush(hk_stats *stats, int64_t seconds, hk_buffer *out, hk_error *err)
{
    const hk_stats_time time = hk_stats_time_of(seconds);
    hk_status status = hk_buffer_room(out, TEXT_FIRST);
    hk_stat_entry *doomed = NULL;
    size_t written = 0;
    (void)pthread_mutex_lock(&stats->flush_lock);
    (void)pthread_mutex_lock(&stats->lock);
    const unsigned old = stats->live;
    hk_stat_entry *entry = stats->index.first;
    const hk_stat_entry *last = stats->index.last;
    stats->live = 1 - old;
    stats->live_values = 0;
    stats->account.flushes++;
    (void)pthread_mutex_unlock(&stats->lock);

    /* Nobody changes `next` of an entry but of the last one, and nobody else removes one. */
    for (; entry != NULL; entry = entry == last ? NULL : entry->next) {
        hk_stat_value *value = &entry->value[old];
        entry->idle = value->is_touched ? 0 : entry->idle + 1;
        const bool is_idle =
            entry->idle > 0 &&
            (stats->delete_idle || (stats->idle_flushes > 0 && entry->idle >= stats->idle_flushes));
        if (is_idle) {
            entry->doomed = doomed;
            doomed = entry;
        } else if (status == HK_OK) {
            settle_gauge(stats, entry, value);
            status = hk_stats_write(&stats->form, &time, entry, value, out);
            written++;
        }
        reset(entry, value);
    }
    if (status == HK_OK) {
        status = hk_stats_write_count(&stats->form, &time, written, out);
    }
    remove_doomed(stats, doomed);
    (void)pthread_mutex_unlock(&stats->flush_lock);
    return status == HK_OK ? HK_OK : hk_fail(err, status, out->len, "no memory for the lines");
}

size_t
hk_stats_cut(hk_slice text, size_t at, size_t most)
{
    assert(at <= text.len && most >= HK_STATS_LINE_MAX);
    size_t end = text.len;
    if (end - at > most) {
        end = at + most;
        while (text.data[end - 1] != '\n') {
            end--;
        }
    }
    return end;
}

void
hk_stats_look(hk_stats *stats, hk_stats_account *out)
{
    (void)pthread_mutex_lock(&stats->lock);
    *out = stats->account;
    out->stats = stats->index.count;
    (void)pthread_mutex_unlock(&stats->lock);
}
