/* hk_regex_repeat.c -- reads repetitions of RE2, and adds up what an expression costs at one place
 * of the subject. */
#include "hk_regex_repeat.h"

#include "hk_regex_limits.h"

/* ---- reading ---- */

/* A decimal number; false: none that RE2 reads, which has no leading zeros. Above 1,000 it is not
 * exact. */
static bool
read_number(const hk_regex_cursor *c, size_t *ahead, uint32_t *number)
{
    const size_t start = *ahead;
    *number = 0;
    for (int digit; (digit = hk_regex_peek(c, *ahead)) >= '0' && digit <= '9'; ++*ahead) {
        *number = *number > HK_REGEX_REPEAT_MAX ? *number : *number * 10 + (uint32_t)digit - '0';
    }
    return *ahead > start && !(hk_regex_peek(c, start) == '0' && *ahead > start + 1);
}

size_t
hk_regex_braces(const hk_regex_cursor *c, hk_regex_repetition *times)
{
    size_t ahead = 1;
    *times = (hk_regex_repetition){.any = true};
    if (hk_regex_peek(c, 0) != '{' || !read_number(c, &ahead, &times->min)) {
        return 0;
    }
    times->max = times->min;
    if (hk_regex_peek(c, ahead) == ',') {
        ahead++;
        if (hk_regex_peek(c, ahead) == '}') {
            times->max = HK_REGEX_UNBOUNDED;
        } else if (!read_number(c, &ahead, &times->max)) {
            return 0;
        }
    }
    return hk_regex_peek(c, ahead) == '}' ? ahead + 1 : 0;
}

hk_status
hk_regex_read_repetition(hk_regex_cursor *c, uint32_t *inner, hk_regex_repetition *times)
{
    const size_t start = c->at;
    const int sign = hk_regex_peek(c, 0);
    size_t len = 1;
    if (sign == '{') {
        len = hk_regex_braces(c, times);
    } else {
        *times = (hk_regex_repetition){
            .any = true, .min = sign == '+', .max = sign == '?' ? 1 : HK_REGEX_UNBOUNDED};
    }
    if ((sign != '*' && sign != '+' && sign != '?' && sign != '{') || len == 0) {
        *times = (hk_regex_repetition){.any = false, .min = 1, .max = 1};
        return HK_OK;
    }
    const uint32_t most = times->max == HK_REGEX_UNBOUNDED ? times->min : times->max;
    if (times->min > HK_REGEX_REPEAT_MAX || most > HK_REGEX_REPEAT_MAX) {
        return hk_regex_fail(c, HK_ERR_TOO_BIG, start, "at most 1000 repetitions");
    }
    if (most < times->min) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, "{n,m} with n not above m");
    }
    if (sign == '{' && most >= 2) {
        *inner *= most; /* both at most 1,000 */
        if (*inner > HK_REGEX_REPEAT_MAX) {
            return hk_regex_fail(c, HK_ERR_TOO_BIG, start,
                                 "repetitions within each other of at most 1000 together");
        }
    }
    c->at += len;
    times->lazy = (c->flags & HK_REGEX_UNGREEDY) != 0;
    if (hk_regex_peek(c, 0) == '?') {
        times->lazy = !times->lazy;
        c->at++;
    }
    return HK_OK;
}

/* ---- costs ---- */

static uint32_t
capped(uint64_t cost)
{
    return cost > HK_REGEX_EASY ? HK_REGEX_EASY + 1 : (uint32_t)cost;
}

hk_regex_cost
hk_regex_cost_either(hk_regex_cost a, hk_regex_cost b)
{
    return (hk_regex_cost){capped((uint64_t)a.steps + b.steps), capped((uint64_t)a.ways + b.ways)};
}

/* x{n,m}: each further x begins in all ways that the one before it ended, and may be the last. */
static hk_regex_cost
repeated(hk_regex_cost once, hk_regex_repetition times)
{
    uint64_t steps = 0;
    uint64_t ways = 1;
    uint64_t ends = times.min == 0 ? 1 : 0;
    if (times.max == HK_REGEX_UNBOUNDED) {
        return (hk_regex_cost){HK_REGEX_EASY + 1, HK_REGEX_EASY + 1};
    }
    for (uint32_t i = 1; i <= times.max && steps <= HK_REGEX_EASY && ends <= HK_REGEX_EASY; i++) {
        steps += ways * once.steps;
        ways = capped(ways * once.ways);
        ends += i >= times.min ? ways : 0;
    }
    return (hk_regex_cost){capped(steps), capped(ends > 0 ? ends : HK_REGEX_EASY + 1)};
}

hk_regex_cost
hk_regex_cost_then(hk_regex_cost before, hk_regex_cost operand, hk_regex_repetition times)
{
    const hk_regex_cost all = times.any ? repeated(operand, times) : operand;
    return (hk_regex_cost){capped(before.steps + (uint64_t)before.ways * all.steps),
                           capped((uint64_t)before.ways * all.ways)};
}
