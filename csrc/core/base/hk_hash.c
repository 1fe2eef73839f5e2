/* hk_hash.c -- a hash with a secret seed: SipHash-1-3. */
#include "hk_hash.h"

#include <string.h>
#include <sys/random.h>

hk_status
hk_hash_seed_new(hk_hash_seed *out)
{
    /* At most 256 bytes: getrandom is not interrupted and returns all of them. */
    return getrandom(out->key, sizeof out->key, 0) == (ssize_t)sizeof out->key ? HK_OK
                                                                               : HK_ERR_CRYPTO;
}

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline uint64_t
little_endian(const uint8_t *data)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++) { /* compilers make one load of it */
        word |= (uint64_t)data[i] << (8 * i);
    }
    return word;
}

uint64_t
hk_hash_of(const hk_hash_seed *seed, const uint8_t *data, size_t len)
{
    uint64_t v[4] = {
        seed->key[0] ^ UINT64_C(0x736f6d6570736575), seed->key[1] ^ UINT64_C(0x646f72616e646f6d),
        seed->key[0] ^ UINT64_C(0x6c7967656e657261), seed->key[1] ^ UINT64_C(0x7465646279746573)};
    size_t left = len;
    for (; left >= 8; left -= 8, data += 8) {
        const uint64_t word = little_endian(data);
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)len << 56;
    for (unsigned i = 0; i < left; i++) {
        last |= (uint64_t)data[i] << (8 * i);
    }
    v[3] ^= last;
    mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    mix(v);
    mix(v);
    mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
