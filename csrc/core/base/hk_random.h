/* hk_random.h -- random bits that are unique, not secret.
 *
 * A message id must be unique and a sample must be unbiased; neither is secret, because the HMAC
 * provides authenticity. So the bits come from a xoshiro256++ generator that is seeded with 32
 * bytes of the kernel's entropy: 0.002 us, where uuid_generate_random takes 2.2 us. Each thread has
 * its own generator. A forked child seeds its own again; otherwise parent and child would return
 * the same bits. The program's own generators (random(), srand()) are not touched.
 * The only state is thread-local. Includes: hk_status.h. */
#ifndef HK_RANDOM_H
#define HK_RANDOM_H

#include "hk_status.h"

/* 128 random bits. HK_ERR_CRYPTO when the kernel returns no entropy, which can happen only in the
 * first call of a thread or of a forked child. */
HK_CHECK hk_status hk_random_bits(uint64_t out[2]);

/* A uniform number in [0, 1), a multiple of 2^-53. HK_ERR_CRYPTO as above. */
HK_CHECK hk_status hk_random_unit(double *out);

#endif
