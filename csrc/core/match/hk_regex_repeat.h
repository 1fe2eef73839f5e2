/* hk_regex_repeat.h -- reads repetitions of RE2, x* x+ x? x{n} x{n,} x{n,m}, and adds up what an
 * expression costs at one place of the subject.
 *
 * Includes: hk_regex_text.h. */
#ifndef HK_REGEX_REPEAT_H
#define HK_REGEX_REPEAT_H

#include "hk_regex_text.h"

#define HK_REGEX_UNBOUNDED UINT32_MAX /* the upper bound of x* */
#define HK_REGEX_EASY 64u             /* steps at one place that need no guard */

/* How often an operand is repeated. */
typedef struct {
    bool any; /* else it stands for itself */
    bool lazy;
    uint32_t min;
    uint32_t max; /* or HK_REGEX_UNBOUNDED */
} hk_regex_repetition;

/* What the search does at most where a match may begin. Both stop at HK_REGEX_EASY + 1. */
typedef struct {
    uint32_t steps;
    uint32_t ways; /* states in which what follows can begin */
} hk_regex_cost;

/* The length of {n}, {n,} or {n,m} at the place read; 0: RE2 reads a brace that stands for itself.
 */
size_t hk_regex_braces(const hk_regex_cursor *c, hk_regex_repetition *times);

/* Reads the repetition at the place read, if one stands there. *inner is the largest product of
 * repetitions within the operand, and becomes that of the whole.
 * HK_ERR_TOO_BIG: over HK_REGEX_REPEAT_MAX. HK_ERR_CORRUPT: {n,m} with n above m. */
HK_CHECK hk_status hk_regex_read_repetition(hk_regex_cursor *c, uint32_t *inner,
                                            hk_regex_repetition *times);

/* The sum of two alternatives. */
hk_regex_cost hk_regex_cost_either(hk_regex_cost a, hk_regex_cost b);

/* Adds an operand to what comes before it. */
hk_regex_cost hk_regex_cost_then(hk_regex_cost before, hk_regex_cost operand,
                                 hk_regex_repetition times);

#endif
