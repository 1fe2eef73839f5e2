/* hk_sign.h -- HMAC-MD5 and HMAC-SHA1 over a Message, by libcrypto 3.0 or later.
 *
 * libcrypto modifies the EVP_MAC_CTX that it signs with, so the keyed context only serves as a
 * template: each signature works on a duplicate. One duplicate is kept for reuse and exchanged
 * atomically; a thread that finds it in use makes another. So threads may share a signer.
 * Source: Heka docs, "Stream Framing": the digest is raw, over the Message bytes only.
 * Includes: hk_status.h. */
#ifndef HK_SIGN_H
#define HK_SIGN_H

#include "core/base/hk_status.h"

#define HK_DIGEST_MAX 20u /* bytes of a SHA1 digest; MD5 has 16 */

/* Header.hmac_hash_function. */
typedef enum { HK_MD5 = 0, HK_SHA1 = 1 } hk_hash;
#define HK_HASHES 2u

/* Holds the reusable duplicate, or NULL while it is in use. Signing writes nothing else, and writes
 * it atomically. */
typedef struct hk_spare hk_spare;

typedef struct {
    void *mac;       /* owned EVP_MAC_CTX, keyed; NULL when cleared */
    hk_spare *spare; /* owned; NULL where libcrypto cannot reuse a context (3.0.0 to 3.0.2) */
    hk_hash hash;
    size_t digest_len; /* bytes */
} hk_signer;

/* Initialises *signer with a copy of the key. HK_ERR_CRYPTO when libcrypto refuses the hash (MD5 in
 * FIPS mode); HK_ERR_NOMEM. */
HK_CHECK hk_status hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err);

/* Wipes and frees the key. A signer that is cleared already, or all zeros, may be cleared. */
void hk_signer_clear(hk_signer *signer);

/* The name and version of the libcrypto that this process has loaded; a static string. */
const char *hk_sign_library(void);

/* Writes signer->digest_len bytes to digest. HK_ERR_CRYPTO, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_sign(const hk_signer *signer, hk_slice message, uint8_t digest[HK_DIGEST_MAX],
                           hk_error *err);

/* HK_OK when `digest` is the digest of the message, else HK_ERR_DIGEST. The comparison takes
 * constant time. HK_ERR_CRYPTO, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_verify(const hk_signer *signer, hk_slice message, hk_slice digest,
                             hk_error *err);

#endif
