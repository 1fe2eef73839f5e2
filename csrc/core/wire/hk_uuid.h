/* hk_uuid.h -- message ids: version 4 uuids, and their text form.
 *
 * The 122 random bits come from hk_random: unique, not secret.
 * No state of its own. Includes: hk_status.h. */
#ifndef HK_UUID_H
#define HK_UUID_H

#include "core/base/hk_status.h"

#define HK_UUID_SIZE 16u      /* bytes */
#define HK_UUID_TEXT_SIZE 37u /* bytes: 36 characters and a NUL */

/* Fills out with a new version 4 uuid. HK_ERR_CRYPTO as hk_random_bits. */
HK_CHECK hk_status hk_uuid_make(uint8_t out[HK_UUID_SIZE]);

/* Reads 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx' (either case), or the same 32 digits without
 * hyphens. HK_ERR_ARGUMENT for anything else. */
HK_CHECK hk_status hk_uuid_parse(const char *text, size_t len, uint8_t out[HK_UUID_SIZE]);

/* Writes the lower-case text, NUL-terminated. */
void hk_uuid_format(const uint8_t uuid[HK_UUID_SIZE], char out[HK_UUID_TEXT_SIZE]);

#endif
