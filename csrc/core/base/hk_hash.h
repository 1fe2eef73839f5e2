/* hk_hash.h -- a hash with a secret seed: SipHash-1-3.
 *
 * For tables whose keys come from a network: who does not know the seed cannot make keys that
 * collide. Not for anything that is stored or sent. Reentrant, no allocation.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", with 1 and 3 rounds as in
 * CPython 3.11 and Rust. Includes: hk_status.h. */
#ifndef HK_HASH_H
#define HK_HASH_H

#include "hk_status.h"

typedef struct {
    uint64_t key[2];
} hk_hash_seed;

/* Reads a new seed from the kernel; the generator of hk_random.h would not do: its numbers show in
 * message ids. HK_ERR_CRYPTO when the kernel returns none. */
HK_CHECK hk_status hk_hash_seed_new(hk_hash_seed *out);

/* The hash of data[0..len); data may be NULL when len is 0. */
uint64_t hk_hash_of(const hk_hash_seed *seed, const uint8_t *data, size_t len);

#endif
