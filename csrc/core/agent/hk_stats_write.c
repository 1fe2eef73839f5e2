/* hk_stats_write.c -- writes the stats of a flush as lines "key value time". */
#include "hk_stats_write.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/format/hk_decimal.h"
#include "core/format/hk_double.h"
#include "core/format/hk_fixed.h"
#include "hk_stat_timer.h"

#define NUMBER_MAX HK_FIXED_TEXT /* the longest of all numbers */
#define SUFFIX_MAX 32u           /* bytes of ".sum_squares_99_9" */
#define TIMER_LINES 10u          /* without those of the thresholds */
#define PERCENT_LINES 5u

static const hk_slice nothing = {NULL, 0};

/* A literal as a slice. */
#define TEXT(literal) ((hk_slice){(const uint8_t *)(literal), sizeof(literal) - 1})

static uint8_t *
put(uint8_t *p, hk_slice text)
{
    if (text.len > 0) {
        memcpy(p, text.data, text.len);
    }
    return p + text.len;
}

/* Writes a floating-point number in the form of the dialect. */
static uint8_t *
put_number(const hk_stats_form *form, uint8_t *p, double value)
{
    value = hk_stat_finite(value);
    if (form->dialect == HK_STATS_HEKA) {
        return hk_fixed_put(p, value);
    }
    uint8_t *end = hk_double_put(p, value);
    return end[-1] == '0' && end[-2] == '.' ? end - 2 : end;
}

/* Joins "first.second." with the empty parts left out, and what follows. */
static hk_slice
join(uint8_t **room, hk_slice first, hk_slice second, hk_slice last)
{
    uint8_t *p = *room;
    if (first.len > 0) {
        p = put(put(p, first), TEXT("."));
    }
    if (second.len > 0) {
        p = put(put(p, second), TEXT("."));
    }
    p = put(p, last);
    const hk_slice joined = {*room, (size_t)(p - *room)};
    *room = p;
    return joined;
}

static hk_status
add_percent(hk_stats_form *form, double percent, hk_error *err)
{
    uint8_t text[HK_DOUBLE_TEXT];
    const size_t i = form->percent_count;
    const bool follows = i == 0 || percent > form->percents[i - 1];
    if (!(percent > 0 && percent <= 100) || !follows) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0,
                       "percentages must be above 0, at most 100, ascending");
    }
    size_t len = (size_t)(hk_double_put(text, percent) - text);
    len -= text[len - 1] == '0' && text[len - 2] == '.' ? 2 : 0;
    if (len >= sizeof form->suffixes[i].text) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0, "a percentage has more than 13 digits");
    }
    form->percents[i] = percent;
    form->suffixes[i].text[0] = '_';
    for (size_t n = 0; n < len; n++) {
        form->suffixes[i].text[n + 1] = text[n] == '.' ? '_' : text[n];
    }
    form->suffixes[i].len = len + 1;
    form->percent_count++;
    return HK_OK;
}

hk_status
hk_stats_form_init(hk_stats_form *form, const hk_stats_options *options, hk_error *err)
{
    const hk_slice *prefix = options->prefixes;
    uint8_t *room = form->texts;
    form->dialect = options->dialect;
    form->legacy = options->legacy;
    form->interval = options->interval;
    form->percent_count = 0;
    if (!(isfinite(options->interval) && options->interval > 0)) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0, "the interval must be above 0 seconds");
    }
    if (options->percent_count > HK_STATS_PERCENTS_MAX) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0, "at most %u percentages", HK_STATS_PERCENTS_MAX);
    }
    for (unsigned i = 0; i < HK_PREFIX_COUNT; i++) {
        if (prefix[i].len > HK_STATS_PREFIX_MAX) {
            return hk_fail(err, HK_ERR_ARGUMENT, 0, "a prefix has at most %u bytes, got %zu",
                           HK_STATS_PREFIX_MAX, prefix[i].len);
        }
    }
    for (size_t i = 0; i < options->percent_count; i++) {
        const hk_status status = add_percent(form, options->percents[i], err);
        if (status != HK_OK) {
            return status;
        }
    }
    const hk_slice global = prefix[HK_PREFIX_GLOBAL];
    form->before[HK_STAT_COUNTER] =
        join(&room, global, form->legacy ? nothing : prefix[HK_PREFIX_COUNTER], nothing);
    form->before[HK_STAT_TIMER] = join(&room, global, prefix[HK_PREFIX_TIMER], nothing);
    form->before[HK_STAT_GAUGE] = join(&room, global, prefix[HK_PREFIX_GAUGE], nothing);
    form->before[HK_STAT_SET] = join(&room, global, prefix[HK_PREFIX_SET], nothing);
    form->num_stats =
        join(&room, form->legacy ? nothing : global, prefix[HK_PREFIX_STATSD], TEXT("numStats"));
    return HK_OK;
}

hk_stats_time
hk_stats_time_of(int64_t seconds)
{
    hk_stats_time time;
    time.text[0] = ' ';
    uint8_t *end = hk_decimal_put_signed(time.text + 1, seconds);
    *end++ = '\n';
    time.len = (size_t)(end - time.text);
    return time;
}

/* Where the lines of an entry go, and what they have in common. */
typedef struct {
    const hk_stats_form *form;
    const hk_stats_time *time;
    hk_slice before;
    hk_slice name; /* the key without tags */
    hk_slice tags; /* ";a=b", which end the name of each line */
    uint8_t *p;
} lines;

/* Writes "stats.timers.K.upper_90;a=b "; `suffix` begins with its own '.', or is empty. */
static void
begin(lines *to, hk_slice suffix, hk_slice more)
{
    uint8_t *p = put(to->p, to->before);
    p = put(p, to->name);
    p = put(p, suffix);
    p = put(p, more);
    p = put(p, to->tags);
    *p++ = ' ';
    to->p = p;
}

static void
end_line(lines *to, uint8_t *p)
{
    to->p = put(p, (hk_slice){to->time->text, to->time->len});
}

static void
line_of(lines *to, hk_slice suffix, hk_slice more, double value)
{
    begin(to, suffix, more);
    end_line(to, put_number(to->form, to->p, value));
}

static void
line_of_whole(lines *to, hk_slice suffix, hk_slice more, int64_t value)
{
    begin(to, suffix, more);
    end_line(to, hk_decimal_put_signed(to->p, value));
}

static void
write_counter(lines *to, const hk_stat_value *value)
{
    const bool is_heka = to->form->dialect == HK_STATS_HEKA;
    const double count = is_heka ? (double)value->number.whole : value->number.sum;
    const bool legacy = to->form->legacy;
    line_of(to, legacy ? nothing : TEXT(".rate"), nothing, count / to->form->interval);
    if (legacy) {
        to->before = TEXT("stats_counts.");
    }
    const hk_slice suffix = legacy ? nothing : TEXT(".count");
    if (is_heka) {
        line_of_whole(to, suffix, nothing, value->number.whole);
    } else {
        line_of(to, suffix, nothing, count);
    }
}

/* The lines of one threshold. */
static void
write_head(lines *to, size_t i, const hk_stat_head *head, double lowest)
{
    const bool is_statsd = to->form->dialect == HK_STATS_STATSD;
    const hk_slice percent = {to->form->suffixes[i].text, to->form->suffixes[i].len};
    if (head->count == 0) { /* as statsd: no lines; hekad divides by zero: ours, the smallest */
        if (!is_statsd) {
            line_of(to, TEXT(".mean"), percent, lowest);
            line_of(to, TEXT(".upper"), percent, lowest);
        }
        return;
    }
    if (is_statsd) {
        line_of_whole(to, TEXT(".count"), percent, (int64_t)head->count);
    }
    line_of(to, TEXT(".mean"), percent, head->sum / (double)head->count);
    line_of(to, TEXT(".upper"), percent, head->upper);
    if (is_statsd) {
        line_of(to, TEXT(".sum"), percent, head->sum);
        line_of(to, TEXT(".sum_squares"), percent, head->sum_squares);
    }
}

/* A timer without values: hekad writes zeros, statsd only the counts. */
static void
write_idle_timer(lines *to)
{
    static const char *const names[] = {".lower", ".upper", ".sum", ".mean"};
    line_of_whole(to, TEXT(".count"), nothing, 0);
    line_of(to, TEXT(".count_ps"), nothing, 0);
    if (to->form->dialect == HK_STATS_STATSD) {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        line_of(to, (hk_slice){(const uint8_t *)names[i], strlen(names[i])}, nothing, 0);
    }
    for (size_t i = 0; i < to->form->percent_count; i++) {
        const hk_stat_head empty = {0};
        write_head(to, i, &empty, 0);
    }
}

static void
write_timer(lines *to, hk_stat_value *value)
{
    const hk_stats_form *form = to->form;
    const bool is_statsd = form->dialect == HK_STATS_STATSD;
    double *values = value->list.values;
    const size_t count = value->count;
    hk_stat_head heads[HK_STATS_PERCENTS_MAX + 1];
    if (count == 0) {
        write_idle_timer(to);
        return;
    }
    hk_stat_sort(values, count);
    for (size_t i = 0; i < form->percent_count; i++) {
        heads[i].count = hk_stat_kept(form->dialect, form->percents[i], count);
    }
    hk_stat_head *all = &heads[form->percent_count];
    all->count = count;
    hk_stat_sum(values, heads, form->percent_count + 1);
    const double mean = all->sum / (double)count;

    if (is_statsd) {
        line_of(to, TEXT(".count"), nothing, value->number.sum);
        line_of(to, TEXT(".count_ps"), nothing, value->number.sum / form->interval);
    } else {
        line_of_whole(to, TEXT(".count"), nothing, (int64_t)count);
        line_of(to, TEXT(".count_ps"), nothing, (double)count / form->interval);
    }
    line_of(to, TEXT(".lower"), nothing, values[0]);
    line_of(to, TEXT(".upper"), nothing, all->upper);
    line_of(to, TEXT(".sum"), nothing, all->sum);
    line_of(to, TEXT(".mean"), nothing, mean);
    if (is_statsd) {
        line_of(to, TEXT(".std"), nothing, hk_stat_deviation(values, count, mean));
        line_of(to, TEXT(".median"), nothing, hk_stat_median(values, count));
        line_of(to, TEXT(".sum_squares"), nothing, all->sum_squares);
    }
    for (size_t i = 0; i < form->percent_count; i++) {
        write_head(to, i, &heads[i], values[0]);
    }
}

hk_status
hk_stats_write(const hk_stats_form *form, const hk_stats_time *time, const hk_stat_entry *entry,
               hk_stat_value *value, hk_buffer *out)
{
    const hk_stat_kind kind = (hk_stat_kind)entry->kind;
    const uint8_t *tags =
        form->dialect == HK_STATS_STATSD ? memchr(entry->key, ';', entry->key_len) : NULL;
    const size_t name_len = tags == NULL ? entry->key_len : (size_t)(tags - entry->key);
    lines to = {.form = form,
                .time = time,
                .before = form->before[kind],
                .name = {entry->key, name_len},
                .tags = {tags, entry->key_len - name_len}};
    const size_t count =
        kind == HK_STAT_TIMER ? TIMER_LINES + PERCENT_LINES * form->percent_count : 2;
    const size_t line = sizeof "stats_counts." + to.before.len + entry->key_len + SUFFIX_MAX +
                        NUMBER_MAX + time->len;
    const hk_status status = hk_buffer_room(out, count * line);
    if (status != HK_OK) {
        return status;
    }
    to.p = out->data + out->len;
    switch (kind) {
        case HK_STAT_COUNTER:
            write_counter(&to, value);
            break;
        case HK_STAT_TIMER:
            write_timer(&to, value);
            break;
        case HK_STAT_GAUGE:
            line_of(&to, nothing, nothing, entry->gauge);
            break;
        case HK_STAT_SET:
            line_of_whole(&to, TEXT(".count"), nothing, (int64_t)value->count);
            break;
    }
    out->len = (size_t)(to.p - out->data);
    assert(out->len <= out->cap);
    return HK_OK;
}

hk_status
hk_stats_write_count(const hk_stats_form *form, const hk_stats_time *time, size_t count,
                     hk_buffer *out)
{
    const hk_status status =
        hk_buffer_room(out, form->num_stats.len + 1 + HK_DECIMAL_MAX + time->len);
    if (status != HK_OK) {
        return status;
    }
    lines to = {.form = form, .time = time, .before = form->num_stats, .p = out->data + out->len};
    line_of_whole(&to, nothing, nothing, (int64_t)count);
    out->len = (size_t)(to.p - out->data);
    return HK_OK;
}
