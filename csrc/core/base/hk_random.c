/* hk_random.c -- random bits that are unique, not secret. */
#include "hk_random.h"

#include <unistd.h>

#include "hk_clock.h"

#if defined(__APPLE__)
#include <sys/random.h> /* declares getentropy, which other systems declare in unistd.h */
#endif

typedef struct {
    uint64_t s[4];
    unsigned generation; /* fork generation of the process that seeded it */
    bool seeded;
} generator;

static _Thread_local generator local;

static inline uint64_t
rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

/* xoshiro256++ 1.0 by Blackman and Vigna (public domain): 256 bits of state, period 2^256 - 1. */
static inline uint64_t
next(generator *g)
{
    const uint64_t result = rotate(g->s[0] + g->s[3], 23) + g->s[0];
    const uint64_t t = g->s[1] << 17;
    g->s[2] ^= g->s[0];
    g->s[3] ^= g->s[1];
    g->s[1] ^= g->s[2];
    g->s[0] ^= g->s[3];
    g->s[2] ^= t;
    g->s[3] = rotate(g->s[3], 45);
    return result;
}

static HK_COLD hk_status
seed(generator *g)
{
    do { /* from the all-zero state xoshiro produces zeros only */
        if (getentropy(g->s, sizeof g->s) != 0) {
            return HK_ERR_CRYPTO;
        }
    } while ((g->s[0] | g->s[1] | g->s[2] | g->s[3]) == 0);
    g->generation = hk_fork_generation();
    g->seeded = true;
    return HK_OK;
}

/* This thread's generator, seeded in this process; NULL when it cannot be seeded. */
static inline generator *
ready(void)
{
    generator *g = &local;
    if (HK_UNLIKELY(!g->seeded || g->generation != hk_fork_generation()) && seed(g) != HK_OK) {
        return NULL;
    }
    return g;
}

hk_status
hk_random_bits(uint64_t out[2])
{
    generator *g = ready();
    if (HK_UNLIKELY(g == NULL)) {
        return HK_ERR_CRYPTO;
    }
    out[0] = next(g);
    out[1] = next(g);
    return HK_OK;
}

hk_status
hk_random_unit(double *out)
{
    generator *g = ready();
    if (HK_UNLIKELY(g == NULL)) {
        return HK_ERR_CRYPTO;
    }
    *out = (double)(next(g) >> 11) * 0x1p-53; /* 53 bits: the precision of a double */
    return HK_OK;
}
