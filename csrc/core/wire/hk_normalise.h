/* hk_normalise.h -- any valid Message: both decoding tiers, and the canonical form of the second.
 *
 * hk_decode.h reads canonical messages and judges the others; what it judges valid is read by
 * protobuf-c here and written anew by hk_encode. No state, reentrant. Includes: hk_decode.h. */
#ifndef HK_NORMALISE_H
#define HK_NORMALISE_H

#include "hk_decode.h"

/* Appends the canonical form of any valid Message to *out (hk_decode_canonical reads it).
 * HK_ERR_CORRUPT as hk_decode_check; HK_ERR_NOMEM; HK_ERR_TOO_BIG past the limit of *out. */
HK_CHECK hk_status hk_decode_normalise(const uint8_t *data, size_t len, hk_buffer *out,
                                       hk_error *err);

/* Both tiers: *message describes data itself, or what was appended to the empty *spare.
 * HK_ERR_CORRUPT, as hk_decode_check or past HK_FOREIGN_MAX; HK_ERR_NOMEM. */
HK_CHECK hk_status hk_decode(const uint8_t *data, size_t len, hk_message *message, hk_buffer *spare,
                             hk_error *err);

#endif
