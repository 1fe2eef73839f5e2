/* hk_regex_parse.c -- reads RE2's syntax and writes the same expression for PCRE2. */
#include "hk_regex_parse.h"

#include <stdio.h>
#include <string.h>

#include "core/base/hk_utf8.h"
#include "hk_regex_class.h"
#include "hk_regex_limits.h"
#include "hk_regex_repeat.h"

#define CALLOUT "(?C1)"

/* A group that is open, or the whole pattern. */
typedef struct {
    size_t open;            /* offset of its parenthesis */
    unsigned flags;         /* of what follows the group */
    unsigned written;       /* the flags that PCRE2 has there */
    hk_regex_cost cost;     /* of the branch that is being read */
    hk_regex_cost branches; /* of those before it */
    uint32_t repeats;       /* the largest product of repetitions within each other */
    bool branched;
} level;

typedef struct {
    hk_regex_cursor c;
    bool guarded;
    unsigned written; /* the flags that PCRE2 has here: HK_REGEX_FOLD, HK_REGEX_DOT_ALL */
    uint32_t stretch; /* characters and branches since the last callout */
    bool repeated;    /* a repetition was the last thing read */
    bool forked;      /* a branch began since the last callout */
    hk_buffer names;  /* of groups: hk_slice */
    bool captures;    /* named groups do */
    size_t depth;     /* open groups */
    level levels[HK_REGEX_DEPTH_MAX + 1];
} parser;

/* ---- writing ---- */

static hk_status
put_callout(parser *p)
{
    p->stretch = 0;
    p->forked = false;
    return p->guarded ? hk_regex_put(&p->c, CALLOUT) : HK_OK;
}

/* Sets those of `which` as RE2 has them here. */
static hk_status
put_flags(parser *p, unsigned which)
{
    static const struct {
        unsigned flag;
        const char *on;
        const char *off;
    } texts[] = {{HK_REGEX_FOLD, "(?i)", "(?-i)"}, {HK_REGEX_DOT_ALL, "(?s)", "(?-s)"}};
    for (size_t i = 0; i < 2; i++) {
        const unsigned flag = texts[i].flag;
        if ((which & flag) != 0 && ((p->written ^ p->c.flags) & flag) != 0) {
            const bool on = (p->c.flags & flag) != 0;
            const hk_status status = hk_regex_put(&p->c, on ? texts[i].on : texts[i].off);
            if (status != HK_OK) {
                return status;
            }
            p->written ^= flag;
        }
    }
    return HK_OK;
}

/* Appends what was written at out[from..from + len) once more. */
static hk_status
put_again(parser *p, size_t from, size_t len)
{
    hk_buffer *out = p->c.out;
    const hk_status status = hk_buffer_room(out, len);
    if (status == HK_ERR_TOO_BIG) {
        return hk_regex_fail(&p->c, status, p->c.at, "a smaller expression");
    }
    if (status == HK_OK) {
        memcpy(out->data + out->len, out->data + from, len);
        out->len += len;
    }
    return status;
}

static hk_status
put_times(parser *p, hk_regex_repetition times)
{
    char text[40];
    if (times.max == HK_REGEX_UNBOUNDED) {
        (void)snprintf(text, sizeof text, "{%u,}%s", times.min, times.lazy ? "?" : "");
    } else {
        (void)snprintf(text, sizeof text, "{%u,%u}%s", times.min, times.max, times.lazy ? "?" : "");
    }
    return hk_regex_put(&p->c, text);
}

/* Writes text in front of what was written at out[from..). */
static hk_status
put_before(parser *p, size_t from, const char *text)
{
    const size_t len = strlen(text);
    const hk_status status = hk_regex_put(&p->c, text);
    if (status == HK_OK) {
        uint8_t *at = p->c.out->data + from;
        memmove(at + len, at, p->c.out->len - from - len);
        hk_copy(at, text, len);
    }
    return status;
}

/* Repeats a single character, written from `from` on. With callouts, the part that has to match is
 * divided: PCRE2 would compare all of it before a callout. In a later branch a callout comes first:
 * it tells where the run begins, which may be far before the end of the branch that failed. */
static hk_status
repeat_character(parser *p, size_t from, hk_regex_repetition times)
{
    const size_t len = p->c.out->len - from;
    char text[40];
    hk_status status = HK_OK;
    if (p->guarded && p->forked) {
        status = put_before(p, from, CALLOUT);
        from += strlen(CALLOUT);
    }
    if (status == HK_OK && p->guarded && times.min > HK_REGEX_STRETCH) {
        const uint32_t rest = times.min % HK_REGEX_STRETCH;
        (void)snprintf(text, sizeof text, "{%u}" CALLOUT "){%u}", HK_REGEX_STRETCH,
                       times.min / HK_REGEX_STRETCH);
        status = put_before(p, from, "(?:");
        status = status == HK_OK ? hk_regex_put(&p->c, text) : status;
        status = status == HK_OK ? put_again(p, from + 3, len) : status;
        times.max =
            times.max == HK_REGEX_UNBOUNDED ? HK_REGEX_UNBOUNDED : times.max - times.min + rest;
        times.min = rest;
    }
    status = status == HK_OK ? put_times(p, times) : status;
    return status == HK_OK ? put_callout(p) : status;
}

/* ---- operands ---- */

/* What follows an operand: its repetition is read and written. */
static hk_status
end_operand(parser *p, size_t from)
{
    level *l = &p->levels[p->depth];
    uint32_t inner = 1;
    hk_regex_repetition times;
    hk_status status = hk_regex_read_repetition(&p->c, &inner, &times);
    if (status != HK_OK) {
        return status;
    }
    p->repeated = times.any;
    l->cost = hk_regex_cost_then(l->cost, (hk_regex_cost){1, 1}, times);
    l->repeats = inner > l->repeats ? inner : l->repeats;
    if (times.any) {
        return repeat_character(p, from, times);
    }
    return ++p->stretch >= HK_REGEX_STRETCH ? put_callout(p) : HK_OK;
}

/* ---- single characters and assertions ---- */

static hk_status
literal(parser *p, uint32_t rune)
{
    hk_status status = put_flags(p, HK_REGEX_FOLD);
    const size_t from = p->c.out->len;
    status = status == HK_OK ? hk_regex_put_rune(&p->c, rune) : status;
    return status == HK_OK ? end_operand(p, from) : status;
}

static hk_status
dot(parser *p)
{
    hk_status status = put_flags(p, HK_REGEX_DOT_ALL);
    const size_t from = p->c.out->len;
    p->c.at++;
    status = status == HK_OK ? hk_regex_put(&p->c, ".") : status;
    return status == HK_OK ? end_operand(p, from) : status;
}

/* Where a repetition follows in a group of its own: PCRE2 repeats no assertion. */
static hk_status
assertion(parser *p, size_t len, const char *text)
{
    const size_t from = p->c.out->len;
    p->c.at += len;
    const int next = hk_regex_peek(&p->c, 0);
    const bool alone = next != '*' && next != '+' && next != '?' && next != '{';
    hk_status status = alone ? HK_OK : hk_regex_put(&p->c, "(?:");
    status = status == HK_OK ? hk_regex_put(&p->c, text) : status;
    if (status == HK_OK && !alone) {
        status = hk_regex_put(&p->c, ")");
    }
    return status == HK_OK ? end_operand(p, from) : status;
}

/* \Q..\E, or to the end of the pattern. */
static hk_status
quotation(parser *p)
{
    hk_regex_cursor *c = &p->c;
    hk_status status = HK_OK;
    c->at += 2;
    while (status == HK_OK && hk_regex_peek(c, 0) >= 0) {
        if (hk_regex_peek(c, 0) == '\\' && hk_regex_peek(c, 1) == 'E') {
            c->at += 2;
            break;
        }
        const uint32_t rune = hk_regex_rune(c);
        status = put_flags(p, HK_REGEX_FOLD);
        const size_t from = c->out->len;
        status = status == HK_OK ? hk_regex_put_rune(c, rune) : status;
        if (status != HK_OK) {
            return status;
        }
        const bool last = hk_regex_peek(c, 0) == '\\' && hk_regex_peek(c, 1) == 'E';
        if (last) { /* a repetition behind \E is of the last character */
            c->at += 2;
            return end_operand(p, from);
        }
        p->repeated = false;
        level *l = &p->levels[p->depth];
        l->cost = hk_regex_cost_then(l->cost, (hk_regex_cost){1, 1},
                                     (hk_regex_repetition){.min = 1, .max = 1});
        status = ++p->stretch >= HK_REGEX_STRETCH ? put_callout(p) : HK_OK;
    }
    return status;
}

static hk_status
escape(parser *p)
{
    hk_regex_cursor *c = &p->c;
    uint32_t rune;
    bool found;
    switch (hk_regex_peek(c, 1)) {
        case 'A':
            return assertion(p, 2, "\\A");
        case 'z':
            return assertion(p, 2, "\\z");
        case 'b':
            return assertion(p, 2, "\\b");
        case 'B':
            return assertion(p, 2, "\\B");
        case 'Q':
            return quotation(p);
        default:
            break;
    }
    hk_status status = put_flags(p, HK_REGEX_FOLD);
    const size_t from = c->out->len;
    status = status == HK_OK ? hk_regex_class_escape(c, &found) : status;
    if (status == HK_OK && found) {
        return end_operand(p, from);
    }
    status = status == HK_OK ? hk_regex_escape(c, &rune) : status;
    return status == HK_OK ? literal(p, rune) : status;
}

static hk_status class(parser *p)
{
    hk_status status = put_flags(p, HK_REGEX_FOLD);
    const size_t from = p->c.out->len;
    status = status == HK_OK ? hk_regex_class(&p->c) : status;
    return status == HK_OK ? end_operand(p, from) : status;
}

/* ---- groups ---- */

static const char group_kinds[] =
    "(?:..), (?P<name>..), or (?flags) or (?flags:..) of the flags i, m, s and U";

/* The flags after (? and the : or ) behind them; *closed: it is a ). */
static hk_status
read_flags(parser *p, bool *closed)
{
    static const char letters[] = "imsU";
    static const unsigned values[] = {HK_REGEX_FOLD, HK_REGEX_LINES, HK_REGEX_DOT_ALL,
                                      HK_REGEX_UNGREEDY};
    hk_regex_cursor *c = &p->c;
    const size_t open = c->at;
    unsigned flags = c->flags;
    bool minus = false;
    bool any = false; /* a flag since the minus */
    for (c->at += 2;; c->at++) {
        const int letter = hk_regex_peek(c, 0);
        const char *known = letter > 0 ? strchr(letters, letter) : NULL;
        if (known != NULL) {
            const unsigned flag = values[known - letters];
            flags = minus ? flags & ~flag : flags | flag;
            any = true;
        } else if (letter == '-' && !minus) {
            minus = true;
            any = false;
        } else if ((letter == ':' || letter == ')') && (any || !minus)) {
            c->at++;
            c->flags = flags;
            *closed = letter == ')';
            return HK_OK;
        } else {
            return hk_regex_fail(c, HK_ERR_CORRUPT, open, group_kinds);
        }
    }
}

static bool
is_word(int c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The name that ends with >, after (?P< or (?<. */
static hk_status
read_name(parser *p, size_t skip)
{
    hk_regex_cursor *c = &p->c;
    const size_t open = c->at;
    hk_slice name = {c->pattern.data + c->at + skip, 0};
    for (c->at += skip; is_word(hk_regex_peek(c, 0)); c->at++) {
        name.len++;
    }
    if (name.len == 0 || hk_regex_peek(c, 0) != '>') {
        return hk_regex_fail(c, HK_ERR_CORRUPT, open, "a name of letters, digits and _, then >");
    }
    c->at++;
    return hk_buffer_append(&p->names, (const uint8_t *)&name, sizeof name);
}

static hk_status
open_group(parser *p)
{
    hk_regex_cursor *c = &p->c;
    const size_t open = c->at;
    const unsigned flags = c->flags;
    const size_t named = p->names.len;
    bool closed = false;
    hk_status status = HK_OK;
    if (hk_regex_peek(c, 1) != '?') {
        c->at++;
    } else if (hk_regex_peek(c, 2) == 'P' && hk_regex_peek(c, 3) == '<') {
        status = read_name(p, 4);
    } else if (hk_regex_peek(c, 2) == '<' && is_word(hk_regex_peek(c, 3))) {
        status = read_name(p, 3);
    } else {
        status = read_flags(p, &closed);
    }
    p->repeated = false;
    if (status != HK_OK || closed) {
        return status;
    }
    if (p->depth == HK_REGEX_DEPTH_MAX) {
        return hk_regex_fail(c, HK_ERR_TOO_BIG, open, "at most 200 groups within each other");
    }
    level *l = &p->levels[++p->depth];
    *l = (level){.open = open, .flags = flags, .written = p->written, .cost = {0, 1}, .repeats = 1};
    return hk_regex_put(c, p->captures && p->names.len > named ? "(" : "(?:");
}

static hk_status
branch(parser *p)
{
    level *l = &p->levels[p->depth];
    p->c.at++;
    p->repeated = false;
    l->branches =
        hk_regex_cost_either(l->branches, (hk_regex_cost){l->cost.steps + 1, l->cost.ways});
    l->cost = (hk_regex_cost){0, 1};
    l->branched = true;
    p->forked = true;
    const hk_status status = hk_regex_put(&p->c, "|");
    if (status == HK_OK && ++p->stretch >= HK_REGEX_STRETCH) {
        return put_callout(p);
    }
    return status;
}

static hk_status
close_group(parser *p)
{
    hk_regex_cursor *c = &p->c;
    if (p->depth == 0) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, c->at, "a ( before this )");
    }
    const level l = p->levels[p->depth--];
    level *outer = &p->levels[p->depth];
    uint32_t inner = l.repeats;
    hk_regex_repetition times;
    c->at++;
    c->flags = l.flags;
    p->written = l.written;
    hk_status status = hk_regex_read_repetition(&p->c, &inner, &times);
    if (status != HK_OK) {
        return status;
    }
    p->repeated = times.any;
    outer->repeats = inner > outer->repeats ? inner : outer->repeats;
    outer->cost = hk_regex_cost_then(outer->cost, hk_regex_cost_either(l.branches, l.cost), times);
    if (times.any) {
        status = put_callout(p);
    }
    status = status == HK_OK ? hk_regex_put(c, ")") : status;
    if (status == HK_OK && times.any) {
        status = put_times(p, times);
    }
    return status == HK_OK && (times.any || l.branched) ? put_callout(p) : status;
}

/* ---- the whole ---- */

static int
compare_names(const void *a, const void *b)
{
    const hk_slice *x = a;
    const hk_slice *y = b;
    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    const int order = memcmp(x->data, y->data, x->len);
    return order != 0 ? order : x->data < y->data ? -1 : 1;
}

static hk_status
check_names(parser *p)
{
    hk_slice *names = (hk_slice *)(void *)p->names.data; /* an allocation: aligned */
    const size_t count = p->names.len / sizeof *names;
    if (count > 1) {
        qsort(names, count, sizeof *names, compare_names);
    }
    for (size_t i = 1; i < count; i++) {
        if (names[i].len == names[i - 1].len &&
            memcmp(names[i].data, names[i - 1].data, names[i].len) == 0) {
            return hk_regex_fail(&p->c, HK_ERR_CORRUPT, (size_t)(names[i].data - p->c.pattern.data),
                                 "a name that no other group has");
        }
    }
    return HK_OK;
}

static hk_status
step(parser *p)
{
    hk_regex_cursor *c = &p->c;
    const bool lines = (c->flags & HK_REGEX_LINES) != 0;
    hk_regex_repetition times;
    switch (c->pattern.data[c->at]) {
        case '{':
            if (hk_regex_braces(c, &times) == 0) {
                break;
            }
            /* fall through */
        case '*':
        case '+':
        case '?':
            return hk_regex_fail(c, HK_ERR_CORRUPT, c->at,
                                 p->repeated ? "no second repetition: RE2 has no x** and no x*+"
                                             : "an expression before the repetition");
        case '(':
            return open_group(p);
        case ')':
            return close_group(p);
        case '|':
            return branch(p);
        case '[':
            return class(p);
        case '.':
            return dot(p);
        case '^':
            return assertion(p, 1, lines ? "^" : "\\A");
        case '$':
            return assertion(p, 1, lines ? "$" : "\\z");
        case '\\':
            return escape(p);
        default:
            break;
    }
    return literal(p, hk_regex_rune(c));
}

hk_status
hk_regex_translate(hk_slice pattern, hk_regex_form form, hk_buffer *out, hk_regex_report *report)
{
    parser p;
    hk_status status = HK_OK;
    p.c = (hk_regex_cursor){
        .pattern = pattern, .script_prefix = form.script_prefix, .out = out, .expected = ""};
    p.guarded = form.guarded;
    p.captures = form.names != NULL;
    p.written = 0;
    p.stretch = 0;
    p.repeated = p.forked = false;
    p.depth = 0;
    p.levels[0] = (level){.cost = {0, 1}, .repeats = 1};
    hk_buffer_init(&p.names, NULL, 0, HK_REGEX_PATTERN_MAX * sizeof(hk_slice));
    while (status == HK_OK && p.c.at < pattern.len) {
        status = step(&p);
    }
    if (status == HK_OK && p.depth > 0) {
        status =
            hk_regex_fail(&p.c, HK_ERR_CORRUPT, p.levels[p.depth].open, "a ) that closes this (");
    }
    if (status == HK_OK && form.names != NULL) { /* before they are sorted */
        status = hk_buffer_append(form.names, p.names.data, p.names.len);
    }
    status = status == HK_OK ? check_names(&p) : status;
    const level *whole = &p.levels[0];
    report->easy = hk_regex_cost_either(whole->branches, whole->cost).steps <= HK_REGEX_EASY;
    report->column = p.c.column;
    report->expected = p.c.expected;
    hk_buffer_clear(&p.names);
    return status;
}
