/* hk_random.h -- random bits that are unique, not secret.
 *
 * A message id must be unique and a sample fair; neither is a secret (authenticity is the HMAC's).
 * So the bits come from a xoshiro256++ generator seeded with 32 bytes of the kernel's entropy:
 * 0.002 us where uuid_generate_random takes 2.2 us. One generator per thread; a forked child seeds
 * its own, or parent and child would hand out the same bits. The program's own generators are not
 * touched.
 * The only state is thread-local. Includes: hk_status.h. */
#ifndef HK_RANDOM_H
#define HK_RANDOM_H

#include "hk_status.h"

/* 128 random bits. HK_ERR_CRYPTO when the kernel gives no entropy, which can only be the first
 * call of a thread or of a forked child. */
HK_CHECK hk_status hk_random_bits(uint64_t out[2]);

/* A number from 0 to below 1, in steps of 2^-53. HK_ERR_CRYPTO as above. */
HK_CHECK hk_status hk_random_unit(double *out);

#endif
