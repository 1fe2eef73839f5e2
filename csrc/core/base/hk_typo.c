/* hk_typo.c -- whether one name is a typing error of another. */
#include "hk_typo.h"

static inline uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static inline unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool
begins(hk_slice given, hk_slice known)
{
    if (given.len < HK_TYPO_PREFIX || given.len > known.len) {
        return false;
    }
    for (size_t i = 0; i < given.len; i++) {
        if (lower(given.data[i]) != lower(known.data[i])) {
            return false;
        }
    }
    return true;
}

/* Optimal string alignment: Levenshtein's distance, in which a swap of neighbours is one edit. */
static unsigned
distance(hk_slice a, hk_slice b)
{
    /* Three rows of the table, for the last two letters of `a` and the current one. */
    unsigned rows[3][HK_TYPO_NAME_MAX + 1];
    for (size_t j = 0; j <= b.len; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const uint8_t x = lower(a.data[i - 1]);
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            const uint8_t y = lower(b.data[j - 1]);
            row[j] = least(above[j - 1] + (x != y), 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && lower(a.data[i - 2]) == y) {
                row[j] = least(row[j], rows[(i + 1) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a.len % 3][b.len];
}

unsigned
hk_typo_edits(hk_slice given, hk_slice known)
{
    if (given.len == 0 || given.len > HK_TYPO_NAME_MAX || known.len > HK_TYPO_NAME_MAX) {
        return HK_TYPO_NONE;
    }
    const unsigned most = (unsigned)(given.len > known.len ? given.len : known.len) * 2u / 5u;
    const unsigned edits = distance(given, known);
    if (edits <= most) {
        return edits;
    }
    return begins(given, known) ? most : HK_TYPO_NONE;
}
