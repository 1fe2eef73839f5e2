/* hk_statsd.c -- reads the stats of a statsd datagram, in two dialects. */
#include "hk_statsd.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/hk_utf8.h"
#include "core/format/hk_number.h"

void
hk_statsd_start(hk_statsd *reader, hk_stats_dialect dialect, hk_slice datagram)
{
    assert(datagram.data != NULL || datagram.len == 0);
    reader->dialect = dialect;
    reader->lines = datagram;
    reader->groups = reader->values = (hk_slice){NULL, 0};
}

/* Takes the text up to the first `mark`, and the mark, off *rest. Without a mark: all of it, and
 * rest->data is NULL. */
static hk_slice
take_until(hk_slice *rest, uint8_t mark)
{
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, mark, rest->len);
    const hk_slice taken = {rest->data, at == NULL ? rest->len : (size_t)(at - rest->data)};
    if (at == NULL) {
        *rest = (hk_slice){NULL, 0};
    } else {
        *rest = (hk_slice){at + 1, rest->len - taken.len - 1};
    }
    return taken;
}

static bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static hk_slice
trim(hk_slice text, hk_stats_dialect dialect)
{
    while (text.len > 0 && is_blank(*text.data)) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (is_blank(text.data[text.len - 1]) ||
                            (dialect == HK_STATS_STATSD && text.data[text.len - 1] == '\r'))) {
        text.len--;
    }
    return text;
}

/* What statsd 0.9 does with a byte of a key: PLAIN is kept, BLANK gives '_'. */
enum { DROPPED = 0, PLAIN, BLANK, SLASH };

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = BLANK, ['\n'] = BLANK, ['\v'] = BLANK, ['\f'] = BLANK, ['\r'] = BLANK, [' '] = BLANK,
    ['/'] = SLASH, ['-'] = PLAIN, ['.'] = PLAIN, [';'] = PLAIN, ['='] = PLAIN, ['_'] = PLAIN,
    ['0'] = PLAIN, ['1'] = PLAIN, ['2'] = PLAIN, ['3'] = PLAIN, ['4'] = PLAIN, ['5'] = PLAIN,
    ['6'] = PLAIN, ['7'] = PLAIN, ['8'] = PLAIN, ['9'] = PLAIN,
    ['A'] = PLAIN, ['B'] = PLAIN, ['C'] = PLAIN, ['D'] = PLAIN, ['E'] = PLAIN, ['F'] = PLAIN,
    ['G'] = PLAIN, ['H'] = PLAIN, ['I'] = PLAIN, ['J'] = PLAIN, ['K'] = PLAIN, ['L'] = PLAIN,
    ['M'] = PLAIN, ['N'] = PLAIN, ['O'] = PLAIN, ['P'] = PLAIN, ['Q'] = PLAIN, ['R'] = PLAIN,
    ['S'] = PLAIN, ['T'] = PLAIN, ['U'] = PLAIN, ['V'] = PLAIN, ['W'] = PLAIN, ['X'] = PLAIN,
    ['Y'] = PLAIN, ['Z'] = PLAIN,
    ['a'] = PLAIN, ['b'] = PLAIN, ['c'] = PLAIN, ['d'] = PLAIN, ['e'] = PLAIN, ['f'] = PLAIN,
    ['g'] = PLAIN, ['h'] = PLAIN, ['i'] = PLAIN, ['j'] = PLAIN, ['k'] = PLAIN, ['l'] = PLAIN,
    ['m'] = PLAIN, ['n'] = PLAIN, ['o'] = PLAIN, ['p'] = PLAIN, ['q'] = PLAIN, ['r'] = PLAIN,
    ['s'] = PLAIN, ['t'] = PLAIN, ['u'] = PLAIN, ['v'] = PLAIN, ['w'] = PLAIN, ['x'] = PLAIN,
    ['y'] = PLAIN, ['z'] = PLAIN,
};
/* clang-format on */

/* Whether statsd 0.9 keeps every byte. */
static bool
is_clean(hk_slice key)
{
    unsigned others = 0;
    for (size_t i = 0; i < key.len; i++) {
        others |= classes[key.data[i]] ^ PLAIN;
    }
    return others == 0;
}

/* Writes the cleaned text at out, which has room for as many bytes; returns its length. */
static size_t
clean(hk_slice text, uint8_t *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t class = classes[text.data[i]];
        if (class == PLAIN) {
            out[len++] = text.data[i];
        } else if (class == SLASH) {
            out[len++] = '-';
        } else if (class == BLANK && (i == 0 || classes[text.data[i - 1]] != BLANK)) {
            out[len++] = '_';
        }
    }
    return len;
}

/* Writes ";name=value" at out, which has room for tag.len + TAG_MORE bytes; returns its length, 0
 * for a tag of which nothing is left. A tag without a value has the value "true": Graphite takes
 * none that is empty. */
#define TAG_MORE 6u
static const uint8_t NO_VALUE[] = {'t', 'r', 'u', 'e'};

static size_t
clean_tag(hk_slice tag, uint8_t *out)
{
    hk_slice rest = tag;
    hk_slice name = take_until(&rest, ':');
    size_t len = 1;
    out[0] = ';';
    for (unsigned part = 0; part < 2; part++) {
        const size_t start = len;
        len += clean(name, out + len);
        for (size_t i = start; i < len; i++) {
            out[i] = out[i] == ';' ? '_' : out[i]; /* it would begin another tag */
        }
        if (part == 0) {
            if (len == start) {
                return 0;
            }
            out[len++] = '=';
            name = rest;
        } else if (len == start) {
            memcpy(out + len, NO_VALUE, sizeof NO_VALUE);
            len += sizeof NO_VALUE;
        }
    }
    return len;
}

static int
compare(hk_slice a, hk_slice b)
{
    const int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Appends the tags to room[0..*len), sorted. False: too many, or too long. */
static bool
add_tags(hk_slice tags, uint8_t room[HK_STATSD_KEY_MAX], size_t *len)
{
    uint8_t text[HK_STATSD_KEY_MAX];
    hk_slice sorted[HK_STATSD_TAGS_MAX];
    size_t used = 0;
    size_t count = 0;
    while (tags.data != NULL) {
        const hk_slice tag = take_until(&tags, ',');
        if (tag.len > HK_STATSD_KEY_MAX - TAG_MORE ||
            tag.len + TAG_MORE > HK_STATSD_KEY_MAX - used || count == HK_STATSD_TAGS_MAX) {
            return false;
        }
        const size_t len_made = clean_tag(tag, text + used);
        const hk_slice made = {text + used, len_made};
        used += made.len;
        size_t at = made.len == 0 ? 0 : count++;
        for (; made.len > 0 && at > 0 && compare(made, sorted[at - 1]) < 0; at--) {
            sorted[at] = sorted[at - 1];
        }
        if (made.len > 0) {
            sorted[at] = made;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (sorted[i].len > HK_STATSD_KEY_MAX - *len) {
            return false;
        }
        memcpy(room + *len, sorted[i].data, sorted[i].len);
        *len += sorted[i].len;
    }
    return true;
}

/* The tags of a line, without "|#"; data is NULL when it has none. */
static hk_slice
find_tags(hk_slice groups)
{
    const uint8_t *end = groups.data + groups.len;
    const uint8_t *at = groups.data;
    while ((at = memchr(at, '#', (size_t)(end - at))) != NULL) {
        at++;
        if (at - groups.data >= 2 && at[-2] == '|') {
            hk_slice rest = {at, (size_t)(end - at)};
            return take_until(&rest, '|');
        }
    }
    return (hk_slice){NULL, 0};
}

/* Sets the key of the line at hand. False: it is refused. */
static bool
set_key(hk_statsd *reader, hk_slice key)
{
    reader->key = key;
    if (key.len > HK_STATSD_KEY_MAX) {
        return false;
    }
    if (reader->dialect == HK_STATS_HEKA) {
        unsigned odd = 0;
        for (size_t i = 0; i < key.len; i++) {
            odd |= (unsigned)(key.data[i] < ' ') | (unsigned)(key.data[i] >= 0x7f) << 1 |
                   (unsigned)(key.data[i] == 0x7f);
        }
        return key.len > 0 && odd % 2 == 0 &&
               (odd == 0 || hk_utf8_valid(key.data, key.len) == key.len);
    }
    const hk_slice tags = find_tags(reader->groups);
    if (tags.data == NULL && is_clean(key)) {
        return key.len > 0;
    }
    size_t len = clean(key, reader->room);
    if (len == 0 || !add_tags(tags, reader->room, &len)) {
        return false;
    }
    reader->key = (hk_slice){reader->room, len};
    return true;
}

/* The kind that the type stands for. False: for none. */
static bool
find_kind(hk_stats_dialect dialect, hk_slice type, hk_stat_kind *kind)
{
    const bool is_heka = dialect == HK_STATS_HEKA;
    if (type.len == 2 && type.data[0] == 'm' && type.data[1] == 's') {
        *kind = HK_STAT_TIMER;
        return true;
    }
    switch (type.len == 1 ? *type.data : 0) {
        case 'c':
            *kind = HK_STAT_COUNTER;
            return true;
        case 'g':
            *kind = HK_STAT_GAUGE;
            return true;
        case 'h':
        case 'm':
            *kind = is_heka ? HK_STAT_COUNTER : HK_STAT_TIMER;
            return true;
        case 'd':
            *kind = HK_STAT_TIMER;
            return !is_heka;
        case 's':
            *kind = HK_STAT_SET;
            return !is_heka;
        default:
            return false;
    }
}

static bool
read_rate(hk_stats_dialect dialect, hk_slice text, double *rate)
{
    if (dialect == HK_STATS_HEKA) {
        float number;
        const bool is_number = hk_number_read_float(text, &number);
        *rate = is_number ? (double)number : 0;
    } else if (!hk_number_read(trim(text, dialect), rate)) {
        *rate = 0;
    }
    return *rate > 0;
}

/* What follows the type in the dialect heka: the rate is behind an '@', up to the end. */
static hk_statsd_step
read_heka_rest(hk_statsd *reader, hk_slice rest)
{
    (void)take_until(&rest, '@');
    return rest.data == NULL || read_rate(HK_STATS_HEKA, rest, &reader->rate) ? HK_STATSD_STAT
                                                                              : HK_STATSD_BAD_VALUE;
}

/* Takes the sections behind the type: "@rate", "#tags" (which are in the key already), and what
 * DogStatsD adds: "c:container", "T1656581400", "e:data", "card:low". The next group of the line
 * follows a ':' behind a type or a rate. */
static hk_statsd_step
read_sections(hk_statsd *reader, hk_slice *rest)
{
    hk_statsd_step step = HK_STATSD_STAT;
    bool more = true; /* the section before ended with '|' */
    while (more && rest->data != NULL) {
        const uint8_t first = rest->len == 0 ? 0 : *rest->data;
        if (first == '@') {
            size_t n = 1;
            while (n < rest->len && rest->data[n] != '|' && rest->data[n] != ':') {
                n++;
            }
            if (!read_rate(HK_STATS_STATSD, (hk_slice){rest->data + 1, n - 1}, &reader->rate)) {
                step = HK_STATSD_BAD_VALUE;
            }
            more = n < rest->len && rest->data[n] == '|';
            *rest = n == rest->len ? (hk_slice){NULL, 0}
                                   : (hk_slice){rest->data + n + 1, rest->len - n - 1};
        } else if (first == '#' || first == 'T' || first == 'c' || first == 'e') {
            (void)take_until(rest, '|');
        } else {
            *rest = (hk_slice){NULL, 0};
            return HK_STATSD_BAD_LINE;
        }
    }
    return step;
}

/* Takes a group off the line: its values, their type and rate. HK_STATSD_STAT, or why it is bad. */
static hk_statsd_step
read_group(hk_statsd *reader)
{
    hk_slice rest = reader->groups;
    hk_slice values = take_until(&rest, '|');
    hk_statsd_step step = HK_STATSD_STAT;
    reader->groups = (hk_slice){NULL, 0};
    reader->rate = 1;
    if (rest.data == NULL) {
        return HK_STATSD_BAD_LINE;
    }
    size_t n = 0;
    const bool is_statsd = reader->dialect == HK_STATS_STATSD;
    while (n < rest.len && rest.data[n] != '|' && !(is_statsd && rest.data[n] == ':')) {
        n++;
    }
    hk_slice type = {rest.data, n};
    const uint8_t mark = n < rest.len ? rest.data[n] : 0;
    rest = n < rest.len ? (hk_slice){rest.data + n + 1, rest.len - n - 1} : (hk_slice){NULL, 0};
    type = is_statsd ? trim(type, HK_STATS_STATSD) : type;
    const bool is_known = find_kind(reader->dialect, type, &reader->kind);
    reader->is_elapsed = is_statsd && type.len == 2;
    if (mark == '|') {
        step = is_statsd ? read_sections(reader, &rest) : read_heka_rest(reader, rest);
    }
    if (is_statsd) {
        reader->groups = rest;
    }
    step = is_known ? step : HK_STATSD_BAD_LINE;
    reader->values = step == HK_STATSD_STAT ? values : (hk_slice){NULL, 0};
    return step;
}

/* Reads one value of the group. */
static hk_statsd_step
read_value(hk_statsd *reader, hk_stat *stat)
{
    const bool is_statsd = reader->dialect == HK_STATS_STATSD;
    hk_slice text = reader->values;
    if (is_statsd) {
        text = trim(take_until(&reader->values, ':'), HK_STATS_STATSD);
    } else {
        reader->values = (hk_slice){NULL, 0};
    }
    stat->key = reader->key;
    stat->kind = reader->kind;
    stat->rate = reader->rate;
    stat->value = 0;
    stat->member = text.len > 0 ? text : (hk_slice){(const uint8_t *)"0", 1};
    stat->is_relative = is_statsd && reader->kind == HK_STAT_GAUGE && text.len > 0 &&
                        (*text.data == '+' || *text.data == '-');
    if (reader->kind == HK_STAT_SET) {
        return HK_STATSD_STAT;
    }
    bool is_number;
    if (!is_statsd && reader->kind == HK_STAT_COUNTER) {
        float number = 0;
        is_number = hk_number_read_float(text, &number);
        stat->value = (double)number;
    } else {
        is_number = hk_number_read(text, &stat->value);
    }
    const bool is_refused = reader->is_elapsed && stat->value < 0;
    return is_number && !is_refused ? HK_STATSD_STAT : HK_STATSD_BAD_VALUE;
}

hk_statsd_step
hk_statsd_next(hk_statsd *reader, hk_stat *stat)
{
    for (;;) {
        if (reader->values.data != NULL) {
            return read_value(reader, stat);
        }
        if (reader->groups.data == NULL) {
            if (reader->lines.len == 0) {
                return HK_STATSD_END;
            }
            hk_slice line = trim(take_until(&reader->lines, '\n'), reader->dialect);
            if (line.len == 0) {
                continue;
            }
            reader->groups = line;
            const hk_slice key = take_until(&reader->groups, ':');
            if (reader->groups.data == NULL || !set_key(reader, key)) {
                reader->groups = (hk_slice){NULL, 0};
                return HK_STATSD_BAD_LINE;
            }
        }
        const hk_statsd_step step = read_group(reader);
        if (step != HK_STATSD_STAT) {
            return step;
        }
    }
}
