/* hk_uuid.c -- message ids: version 4 uuids, and their text (by libuuid). */
#include "hk_uuid.h"

#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "hk_clock.h"

#if defined(__APPLE__)
#include <sys/random.h> /* getentropy lives here, not in unistd.h */
#endif

typedef struct {
    uint64_t s[4];
    unsigned generation; /* of the process that seeded it */
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
    do { /* all zeros is the one state that never leaves itself */
        if (getentropy(g->s, sizeof g->s) != 0) {
            return HK_ERR_CRYPTO;
        }
    } while ((g->s[0] | g->s[1] | g->s[2] | g->s[3]) == 0);
    g->generation = hk_fork_generation();
    g->seeded = true;
    return HK_OK;
}

hk_status
hk_uuid_make(uint8_t out[HK_UUID_SIZE])
{
    generator *g = &local;
    if (HK_UNLIKELY(!g->seeded || g->generation != hk_fork_generation())) {
        const hk_status status = seed(g);
        if (status != HK_OK) {
            return status;
        }
    }
    const uint64_t high = next(g);
    const uint64_t low = next(g);
    memcpy(out, &high, sizeof high);
    memcpy(out + sizeof high, &low, sizeof low);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40); /* version 4 (RFC 9562, 5.4) */
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80); /* its variant */
    return HK_OK;
}

hk_status
hk_uuid_parse(const char *text, size_t len, uint8_t out[HK_UUID_SIZE])
{
    static const size_t hyphens[] = {8, 13, 18, 23};
    char copy[HK_UUID_TEXT_SIZE];

    if (len == HK_UUID_TEXT_SIZE - 1) {
        memcpy(copy, text, len);
    } else if (len == 2 * HK_UUID_SIZE) {
        size_t from = 0;
        for (size_t to = 0, h = 0; to < HK_UUID_TEXT_SIZE - 1; to++) {
            if (h < sizeof hyphens / sizeof hyphens[0] && to == hyphens[h]) {
                copy[to] = '-';
                h++;
            } else {
                copy[to] = text[from++];
            }
        }
    } else {
        return HK_ERR_ARGUMENT;
    }
    copy[HK_UUID_TEXT_SIZE - 1] = '\0';
    return uuid_parse(copy, out) == 0 ? HK_OK : HK_ERR_ARGUMENT;
}

void
hk_uuid_format(const uint8_t uuid[HK_UUID_SIZE], char out[HK_UUID_TEXT_SIZE])
{
    uuid_unparse_lower(uuid, out);
}
