/* hk_keyring.h -- the keys that a receiver verifies signatures with.
 *
 * A key is found by signer name and key version, as hekad looks up "<name>_<version>"; the header
 * of the frame names the hash. Only hk_keyring_add writes, so threads may share a keyring once all
 * keys are added.
 * Includes: hk_sign.h. */
#ifndef HK_KEYRING_H
#define HK_KEYRING_H

#include "hk_sign.h"

/* Why a reader refuses a frame. */
typedef enum {
    HK_REFUSED_OVERSIZE = 0,
    HK_REFUSED_UNKNOWN_SIGNER,
    HK_REFUSED_UNKNOWN_HASH, /* also MD5 where libcrypto does not offer it (FIPS mode) */
    HK_REFUSED_BAD_DIGEST,
    HK_REFUSED_UNSIGNED,
    HK_REFUSALS /* the number of reasons */
} hk_refusal;

typedef struct hk_keyring hk_keyring;

/* A new empty keyring, which the caller frees; NULL when there is no memory. */
hk_keyring *hk_keyring_new(void);

/* Wipes and frees the keys and the keyring; ring may be NULL. */
void hk_keyring_free(hk_keyring *ring);

/* Adds a copy of the key under (name, version). If two keys have the same name and version, the
 * first one is found. HK_ERR_NOMEM; HK_ERR_CRYPTO when libcrypto does not offer HMAC-SHA1. */
HK_CHECK hk_status hk_keyring_add(hk_keyring *ring, hk_slice name, uint32_t version, hk_slice key,
                                  hk_error *err);

/* Looks up a key. HK_OK: *signer, borrowed from the keyring. HK_ERR_DIGEST: *refusal says why
 * there is none. */
HK_CHECK hk_status hk_keyring_find(const hk_keyring *ring, hk_slice name, uint32_t version,
                                   uint32_t hash, const hk_signer **signer, hk_refusal *refusal);

#endif
