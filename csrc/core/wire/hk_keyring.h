/* hk_keyring.h -- the keys that a receiver verifies signatures with.
 *
 * A key is found by signer name and key version, as hekad looks up "<name>_<version>"; the frame
 * names the hash. Written only by hk_keyring_add, so a filled ring may be shared by threads.
 * Includes: hk_sign.h. */
#ifndef HK_KEYRING_H
#define HK_KEYRING_H

#include "hk_sign.h"

/* Why a frame is refused. */
typedef enum {
    HK_REFUSED_OVERSIZE = 0,
    HK_REFUSED_UNKNOWN_SIGNER,
    HK_REFUSED_UNKNOWN_HASH, /* also MD5 where libcrypto refuses it */
    HK_REFUSED_BAD_DIGEST,
    HK_REFUSED_UNSIGNED,
    HK_REFUSALS /* their number */
} hk_refusal;

typedef struct hk_keyring hk_keyring;

/* An empty ring; NULL without memory. */
hk_keyring *hk_keyring_new(void);

/* Wipes and frees the keys; ring may be NULL. */
void hk_keyring_free(hk_keyring *ring);

/* Adds a key under (name, version); both are copied. A second key of the same name and version is
 * never found. HK_ERR_NOMEM; HK_ERR_CRYPTO when libcrypto offers not even HMAC-SHA1. */
HK_CHECK hk_status hk_keyring_add(hk_keyring *ring, hk_slice name, uint32_t version, hk_slice key,
                                  hk_error *err);

/* HK_OK and the signer, or HK_ERR_DIGEST and the reason in *refusal. */
HK_CHECK hk_status hk_keyring_find(const hk_keyring *ring, hk_slice name, uint32_t version,
                                   uint32_t hash, const hk_signer **signer, hk_refusal *refusal);

#endif
