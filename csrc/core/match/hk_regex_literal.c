/* hk_regex_literal.c -- expressions that are literals, prefixes, suffixes or alternations of these,
 * and how they are found without an engine. */
#include "hk_regex_literal.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    size_t at; /* in the text */
    size_t len;
    bool front; /* at the beginning of the subject */
    bool back;  /* at its end */
} literal;

struct hk_regex_literals {
    size_t count;
    size_t len; /* of text */
    literal items[HK_REGEX_LITERALS_MAX];
    uint8_t text[]; /* HK_REGEX_LITERALS_SIZE bytes while it is read */
};

typedef struct {
    hk_slice pattern;
    size_t at;
    hk_regex_literals *out;
} reader;

static int
peek(const reader *r, size_t ahead)
{
    return ahead < r->pattern.len - r->at ? r->pattern.data[r->at + ahead] : -1;
}

static bool
put(reader *r, const uint8_t *data, size_t len)
{
    if (len > HK_REGEX_LITERALS_SIZE - r->out->len) {
        return false;
    }
    if (len > 0) {
        memcpy(r->out->text + r->out->len, data, len);
    }
    r->out->len += len;
    return true;
}

/* The bytes that stand for themselves from r->at on, appended to the text. False: something else
 * than a literal comes before the next ^ $ | ( or ). */
static bool
put_run(reader *r)
{
    static const char names[] = "afnrtv";
    static const char values[] = "\a\f\n\r\t\v";
    for (;;) {
        const int c = peek(r, 0);
        uint8_t byte = (uint8_t)c;
        if (c < 0 || (c != 0 && strchr("^$|()", c) != NULL)) {
            return true;
        }
        if (c != 0 && strchr("*+?.[{", c) != NULL) {
            return false;
        }
        if (c == '\\') {
            const int next = peek(r, 1);
            const char *name = next > 0 ? strchr(names, next) : NULL;
            const bool letter = next < 0 || (next >= '0' && next <= '9') ||
                                ((next | 0x20) >= 'a' && (next | 0x20) <= 'z');
            if (letter && name == NULL) {
                return next == 'z' || next == 'A'; /* anchors, which the caller reads */
            }
            byte = name != NULL ? (uint8_t)values[name - names] : (uint8_t)next;
            r->at++;
        }
        r->at++;
        if (!put(r, &byte, 1)) {
            return false;
        }
    }
}

/* An anchor of the subject, if it stands there. */
static bool
take_anchor(reader *r, int sign, int letter)
{
    const size_t len = peek(r, 0) == sign ? 1 : peek(r, 0) == '\\' && peek(r, 1) == letter ? 2 : 0;
    r->at += len;
    return len > 0;
}

/* ( (?: (?P<name> or (?<name>, if one stands there. */
static bool
take_open(reader *r)
{
    if (peek(r, 0) != '(') {
        return false;
    }
    if (peek(r, 1) != '?') {
        r->at++;
        return true;
    }
    if (peek(r, 2) == ':') {
        r->at += 3;
        return true;
    }
    if (peek(r, 2) != 'P' && peek(r, 2) != '<') {
        return false;
    }
    while (peek(r, 0) != '>') { /* it is there: the pattern is valid */
        r->at++;
    }
    r->at++;
    return true;
}

static literal *
add(reader *r, size_t at)
{
    if (r->out->count == HK_REGEX_LITERALS_MAX) {
        return NULL;
    }
    literal *item = &r->out->items[r->out->count++];
    *item = (literal){.at = at, .len = r->out->len - at, .front = false, .back = false};
    return item;
}

/* The alternatives of a group, up to its end; head, text[from..from + len), goes before each. */
static bool
read_group(reader *r, size_t from, size_t len)
{
    for (;;) {
        const size_t at = r->out->len;
        if (!put(r, r->out->text + from, len) || !put_run(r) || add(r, at) == NULL) {
            return false;
        }
        const int c = peek(r, 0);
        r->at++;
        if (c == ')') {
            return true;
        }
        if (c != '|') {
            return false;
        }
    }
}

/* Appends text[from..from + len) to each literal from `index` on. */
static bool
add_tail(reader *r, size_t index, size_t from, size_t len)
{
    for (size_t i = index; i < r->out->count && len > 0; i++) {
        literal *item = &r->out->items[i];
        const size_t at = r->out->len;
        if (!put(r, r->out->text + item->at, item->len) || !put(r, r->out->text + from, len)) {
            return false;
        }
        item->at = at;
        item->len += len;
    }
    return true;
}

/* ^? text (group text)? $?, which ends at a | or with the pattern. */
static bool
read_branch(reader *r)
{
    const size_t index = r->out->count;
    const size_t start = r->out->len;
    const bool front = take_anchor(r, '^', 'A');
    if (!put_run(r)) {
        return false;
    }
    if (!take_open(r)) {
        if (add(r, start) == NULL) {
            return false;
        }
    } else {
        if (!read_group(r, start, r->out->len - start)) {
            return false;
        }
        const size_t tail = r->out->len;
        if (!put_run(r) || !add_tail(r, index, tail, r->out->len - tail)) {
            return false;
        }
    }
    const bool back = take_anchor(r, '$', 'z');
    for (size_t i = index; i < r->out->count; i++) {
        r->out->items[i].front = front;
        r->out->items[i].back = back;
    }
    return peek(r, 0) < 0 || peek(r, 0) == '|';
}

static bool
read_all(reader *r)
{
    for (;;) {
        if (!read_branch(r)) {
            return false;
        }
        if (peek(r, 0) < 0) {
            break;
        }
        r->at++;
    }
    /* U+FFFD also matches a wrong byte, which is not the same bytes. */
    return memmem(r->out->text, r->out->len, "\xef\xbf\xbd", 3) == NULL;
}

hk_status
hk_regex_literals_read(hk_slice pattern, hk_regex_literals **out)
{
    reader r = {.pattern = pattern};
    *out = NULL;
    r.out = malloc(sizeof *r.out + HK_REGEX_LITERALS_SIZE);
    if (r.out == NULL) {
        return HK_ERR_NOMEM;
    }
    r.out->count = r.out->len = 0;
    if (!read_all(&r)) {
        free(r.out);
        return HK_OK;
    }
    *out = realloc(r.out, sizeof *r.out + r.out->len); /* smaller */
    if (*out == NULL) {
        *out = r.out;
    }
    return HK_OK;
}

void
hk_regex_literals_free(hk_regex_literals *literals)
{
    free(literals);
}

static bool
matches(const literal *item, const uint8_t *text, hk_slice subject)
{
    if (item->len > subject.len) {
        return false;
    }
    if (item->len == 0) {
        return !(item->front && item->back) || subject.len == 0;
    }
    if (item->front && item->back && item->len != subject.len) {
        return false;
    }
    if (item->front) {
        return memcmp(subject.data, text, item->len) == 0;
    }
    if (item->back) {
        return memcmp(subject.data + (subject.len - item->len), text, item->len) == 0;
    }
    return memmem(subject.data, subject.len, text, item->len) != NULL;
}

bool
hk_regex_literals_search(const hk_regex_literals *literals, hk_slice subject)
{
    for (size_t i = 0; i < literals->count; i++) {
        const literal *item = &literals->items[i];
        if (matches(item, literals->text + item->at, subject)) {
            return true;
        }
    }
    return false;
}
