/* hk_normalise.h -- decoding any valid Message, by way of its canonical form.
 *
 * hk_decode.h decodes canonical messages and validates the others. Those that are valid are decoded
 * here by protobuf-c and encoded again by hk_encode. No state, reentrant. Includes: hk_decode.h. */
#ifndef HK_NORMALISE_H
#define HK_NORMALISE_H

#include "hk_decode.h"

/* Appends the canonical form of any valid Message to *out; hk_decode_canonical can decode it.
 * HK_ERR_CORRUPT as hk_decode_check; HK_ERR_NOMEM; HK_ERR_TOO_BIG past the limit of *out. */
HK_CHECK hk_status hk_decode_normalise(const uint8_t *data, size_t len, hk_buffer *out,
                                       hk_error *err);

/* The version of the protobuf-c that this process has loaded; a static string. */
const char *hk_normalise_library(void);

/* Decodes any valid Message. *message borrows from data if that is canonical, else from the
 * canonical form, which is appended to *spare (pass an empty buffer, and keep it as long as
 * *message). HK_ERR_CORRUPT as hk_decode_check, also past HK_FOREIGN_MAX; HK_ERR_NOMEM. */
HK_CHECK hk_status hk_decode(const uint8_t *data, size_t len, hk_message *message, hk_buffer *spare,
                             hk_error *err);

#endif
