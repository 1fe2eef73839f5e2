/* hk_regex_class.c -- reads character classes of RE2, and writes them for PCRE2. */
#include "hk_regex_class.h"

#include <string.h>

#include "hk_regex_property.h"

/* Letters outside ASCII that (?i) takes for ASCII ones. */
#define LONG_S 0x17fu
#define KELVIN 0x212au

/* ---- sets of ASCII characters ---- */

/* A set of ASCII characters, by two words of 64 bits. */
typedef struct {
    uint64_t bits[2];
} ascii_set;

static void
set_add(ascii_set *set, unsigned low, unsigned high)
{
    for (unsigned i = low; i <= high; i++) {
        set->bits[i / 64] |= UINT64_C(1) << i % 64;
    }
}

static bool
set_has(const ascii_set *set, unsigned i)
{
    return (set->bits[i / 64] >> i % 64 & 1) != 0;
}

/* Ranges as pairs of characters, "09AZ", of which the text holds len bytes. */
static ascii_set
set_of(const char *pairs, size_t len)
{
    ascii_set set = {{0, 0}};
    for (size_t i = 0; i + 1 < len; i += 2) {
        set_add(&set, (uint8_t)pairs[i], (uint8_t)pairs[i + 1]);
    }
    return set;
}

/* Adds the other case of each letter. */
static void
set_fold(ascii_set *set)
{
    for (unsigned i = 'A'; i <= 'Z'; i++) {
        const unsigned lower = i + ('a' - 'A');
        if (set_has(set, i) || set_has(set, lower)) {
            set_add(set, i, i);
            set_add(set, lower, lower);
        }
    }
}

/* Writes the set, or all other code points, as ranges of a class. The complement of a set that is
 * closed under folding is so too: under (?i) PCRE2 adds nothing to it. */
static hk_status
put_set(hk_regex_cursor *c, ascii_set set, bool negated)
{
    hk_status status = HK_OK;
    bool long_s = false;
    bool kelvin = false;
    if ((c->flags & HK_REGEX_FOLD) != 0) {
        set_fold(&set);
        long_s = set_has(&set, 's');
        kelvin = set_has(&set, 'k');
    }
    for (unsigned i = 0; i < 128 && status == HK_OK; i++) {
        unsigned end = i;
        if (set_has(&set, i) == negated) {
            continue;
        }
        while (end + 1 < 128 && set_has(&set, end + 1) != negated) {
            end++;
        }
        status = hk_regex_put_range(c, i, end);
        i = end;
    }
    if (status != HK_OK) {
        return status;
    }
    if (!negated) {
        status = long_s ? hk_regex_put_rune(c, LONG_S) : HK_OK;
        return status == HK_OK && kelvin ? hk_regex_put_rune(c, KELVIN) : status;
    }
    uint32_t from = 0x80;
    if (long_s) {
        status = hk_regex_put_range(c, from, LONG_S - 1);
        from = LONG_S + 1;
    }
    if (status == HK_OK && kelvin) {
        status = hk_regex_put_range(c, from, KELVIN - 1);
        from = KELVIN + 1;
    }
    return status == HK_OK ? hk_regex_put_range(c, from, HK_REGEX_RUNE_MAX) : status;
}

typedef struct {
    const char *name;
    const char *pairs;
    size_t len; /* of pairs, as they may hold NUL */
} named_set;

#define NAMED(name, pairs)             \
    {                                  \
        name, pairs, sizeof(pairs) - 1 \
    }

/* \s has no vertical tab, [[:space:]] has it: RE2's, and Go's. */
static const named_set perl_sets[] = {NAMED("d", "09"), NAMED("s", "\t\n\f\r  "),
                                      NAMED("w", "09AZ__az")};
static const named_set posix_sets[] = {NAMED("alnum", "09AZaz"),
                                       NAMED("alpha", "AZaz"),
                                       NAMED("ascii", "\0\x7f"),
                                       NAMED("blank", "\t\t  "),
                                       NAMED("cntrl", "\0\x1f\x7f\x7f"),
                                       NAMED("digit", "09"),
                                       NAMED("graph", "!~"),
                                       NAMED("lower", "az"),
                                       NAMED("print", " ~"),
                                       NAMED("punct", "!/:@[`{~"),
                                       NAMED("space", "\t\r  "),
                                       NAMED("upper", "AZ"),
                                       NAMED("word", "09AZaz__"),
                                       NAMED("xdigit", "09AFaf")};

static const named_set *
find_set(const named_set *sets, size_t count, const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(sets[i].name) == len && memcmp(sets[i].name, name, len) == 0) {
            return &sets[i];
        }
    }
    return NULL;
}

/* What is written for a class without any code point. */
static const char nothing[] = "[^\\x{0}-\\x{10ffff}]";

/* The parts of a class that can stand by themselves; *found as in hk_regex_class_escape. */
static hk_status
put_class_escape(hk_regex_cursor *c, bool *found)
{
    const int letter = hk_regex_peek(c, 1);
    *found = false;
    if (hk_regex_peek(c, 0) != '\\' || letter < 0) {
        return HK_OK;
    }
    if (letter == 'p' || letter == 'P') {
        *found = true;
        return hk_regex_property(c);
    }
    const uint8_t lower = (uint8_t)(letter | 0x20);
    const named_set *set = find_set(perl_sets, 3, &lower, 1);
    if (set == NULL || (letter != lower && letter + 0x20 != lower)) {
        return HK_OK;
    }
    *found = true;
    c->at += 2;
    return put_set(c, set_of(set->pairs, set->len), letter != lower);
}

hk_status
hk_regex_class_escape(hk_regex_cursor *c, bool *found)
{
    const size_t start = c->out->len;
    hk_status status = hk_regex_put(c, "[");
    const size_t inner = c->out->len;
    status = status == HK_OK ? put_class_escape(c, found) : status;
    if (status == HK_OK && !*found) {
        c->out->len = start;
    } else if (status == HK_OK && c->out->len == inner) {
        c->out->len = start;
        status = hk_regex_put(c, nothing);
    } else if (status == HK_OK) {
        status = hk_regex_put(c, "]");
    }
    return status;
}

/* ---- classes in brackets ---- */

/* [:alpha:] and [:^alpha:], if such a part stands there. */
static hk_status
put_posix(hk_regex_cursor *c, bool *found)
{
    *found = false;
    if (hk_regex_peek(c, 0) != '[' || hk_regex_peek(c, 1) != ':' || c->no_posix) {
        return HK_OK;
    }
    const uint8_t *name = c->pattern.data + c->at + 2;
    const size_t left = c->pattern.len - c->at - 2;
    const uint8_t *end = memmem(name, left, ":]", 2);
    if (end == NULL) {
        c->no_posix = true;
        return HK_OK; /* RE2 then reads a bracket and a colon */
    }
    const bool negated = name < end && *name == '^';
    const named_set *set = find_set(posix_sets, sizeof posix_sets / sizeof posix_sets[0],
                                    name + negated, (size_t)(end - name) - negated);
    if (set == NULL) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, c->at, "a class such as [:alpha:]");
    }
    *found = true;
    c->at = (size_t)(end - c->pattern.data) + 2;
    return put_set(c, set_of(set->pairs, set->len), negated);
}

static hk_status
read_member(hk_regex_cursor *c, size_t open, uint32_t *rune)
{
    if (hk_regex_peek(c, 0) < 0) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, open, "a ] that closes the class");
    }
    if (hk_regex_peek(c, 0) == '\\') {
        return hk_regex_escape(c, rune);
    }
    *rune = hk_regex_rune(c);
    return HK_OK;
}

/* One character or a range. */
static hk_status
put_members(hk_regex_cursor *c, size_t open)
{
    const size_t start = c->at;
    uint32_t low = 0;
    hk_status status = read_member(c, open, &low);
    uint32_t high = low;
    if (status == HK_OK && hk_regex_peek(c, 0) == '-' && hk_regex_peek(c, 1) >= 0 &&
        hk_regex_peek(c, 1) != ']') {
        c->at++;
        status = read_member(c, open, &high);
        if (status == HK_OK && high < low) {
            return hk_regex_fail(c, HK_ERR_CORRUPT, start, "a range from low to high");
        }
    }
    return status == HK_OK ? hk_regex_put_range(c, low, high) : status;
}

hk_status
hk_regex_class(hk_regex_cursor *c)
{
    const size_t open = c->at++;
    const size_t start = c->out->len;
    const bool negated = hk_regex_peek(c, 0) == '^';
    c->at += negated;
    hk_status status = hk_regex_put(c, negated ? "[^" : "[");
    const size_t inner = c->out->len;
    for (bool first = true; status == HK_OK; first = false) {
        bool found = false;
        if (hk_regex_peek(c, 0) == ']' && !first) {
            break;
        }
        status = put_posix(c, &found);
        if (status == HK_OK && !found) {
            status = put_class_escape(c, &found);
        }
        if (status == HK_OK && !found) {
            status = put_members(c, open);
        }
    }
    if (status != HK_OK) {
        return status;
    }
    c->at++;
    if (c->out->len == inner) { /* only \P{Any} */
        c->out->len = start;
        return hk_regex_put(c, negated ? "[\\x{0}-\\x{10ffff}]" : nothing);
    }
    return hk_regex_put(c, "]");
}
