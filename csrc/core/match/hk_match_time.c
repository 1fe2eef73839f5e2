/* hk_match_time.c -- RFC 3339 times as nanoseconds since the epoch. */
#include "hk_match_time.h"

#define SECOND 1000000000 /* nanoseconds */
#define DAY 86400         /* seconds */

typedef struct {
    const uint8_t *p;
    const uint8_t *end;
} cursor;

/* Takes exactly `count` digits, as a number from least to most. */
static bool
take_number(cursor *c, unsigned count, int least, int most, int *value)
{
    int result = 0;
    if ((size_t)(c->end - c->p) < count) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        const uint8_t digit = *c->p++;
        if (digit < '0' || digit > '9') {
            return false;
        }
        result = result * 10 + (digit - '0');
    }
    *value = result;
    return result >= least && result <= most;
}

/* Takes `byte`, or the lower case of a letter. */
static bool
take_byte(cursor *c, uint8_t byte)
{
    if (c->p < c->end && (*c->p == byte || (byte >= 'A' && *c->p == (byte | 0x20)))) {
        c->p++;
        return true;
    }
    return false;
}

static int
days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that a leap day is
 * the last of its year. */
static int64_t
days_from_epoch(int year, int month, int day)
{
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t m = month > 2 ? month - 3 : month + 9;
    const int64_t of_year = (153 * m + 2) / 5 + day - 1;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t of_era = (y - era * 400) * 365 + (y - era * 400) / 4 - (y - era * 400) / 100;
    return era * 146097 + of_era + of_year - 719468;
}

static bool
take_fraction(cursor *c, int64_t *ns)
{
    int64_t unit = SECOND / 10;
    *ns = 0;
    if (!take_byte(c, '.')) {
        return true;
    }
    const uint8_t *start = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && unit > 0) {
        *ns += (*c->p++ - '0') * unit;
        unit /= 10;
    }
    return c->p > start;
}

/* Takes Z or a distance from UTC, in seconds. */
static bool
take_zone(cursor *c, int64_t *seconds)
{
    int hour;
    int minute;
    *seconds = 0;
    if (take_byte(c, 'Z')) {
        return true;
    }
    const bool west = c->p < c->end && *c->p == '-';
    if (!take_byte(c, west ? '-' : '+') || !take_number(c, 2, 0, 23, &hour) || !take_byte(c, ':') ||
        !take_number(c, 2, 0, 59, &minute)) {
        return false;
    }
    *seconds = (west ? -1 : 1) * (hour * 3600 + minute * 60);
    return true;
}

bool
hk_match_time(hk_slice text, int64_t *ns)
{
    if (text.len == 0) {
        return false;
    }
    cursor c = {text.data, text.data + text.len};
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int64_t fraction;
    int64_t zone;
    if (!take_number(&c, 4, 0, 9999, &year) || !take_byte(&c, '-') ||
        !take_number(&c, 2, 1, 12, &month) || !take_byte(&c, '-') ||
        !take_number(&c, 2, 1, days_of_month(year, month), &day) || !take_byte(&c, 'T') ||
        !take_number(&c, 2, 0, 23, &hour) || !take_byte(&c, ':') ||
        !take_number(&c, 2, 0, 59, &minute) || !take_byte(&c, ':') ||
        !take_number(&c, 2, 0, 59, &second) || !take_fraction(&c, &fraction) ||
        !take_zone(&c, &zone) || c.p != c.end) {
        return false;
    }
    int64_t seconds = days_from_epoch(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    seconds -= zone;
    /* Before the epoch: towards zero first, so that the smallest int64 is reached without an
     * overflow. */
    if (seconds < 0 && fraction > 0) {
        seconds += 1;
        fraction -= SECOND;
    }
    if (seconds > INT64_MAX / SECOND || seconds < INT64_MIN / SECOND) {
        return false;
    }
    const int64_t whole = seconds * SECOND;
    if (fraction > 0 ? whole > INT64_MAX - fraction : whole < INT64_MIN - fraction) {
        return false;
    }
    *ns = whole + fraction;
    return true;
}
