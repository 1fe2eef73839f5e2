/* hk_sign.h -- HMAC-MD5 and HMAC-SHA1 over a Message, by libcrypto 3.0 or later.
 *
 * The keyed state is made once and never signs itself, because libcrypto changes the state that it
 * signs with: a copy does. One copy is kept at hand and used again, taken and put back atomically;
 * whoever finds it taken duplicates the keyed state. So threads may share a signer.
 * Source: Heka docs, "Stream Framing": the digest is raw, over the Message bytes alone.
 * Includes: hk_status.h. */
#ifndef HK_SIGN_H
#define HK_SIGN_H

#include "core/base/hk_status.h"

#define HK_DIGEST_MAX 20u /* bytes of a SHA1 digest; MD5 has 16 */

/* Header.hmac_hash_function. */
typedef enum { HK_MD5 = 0, HK_SHA1 = 1 } hk_hash;
#define HK_HASHES 2u

/* The copy that is at hand, or not: the one thing that signing writes, atomically. */
typedef struct hk_spare hk_spare;

typedef struct {
    void *mac;       /* owned EVP_MAC_CTX, keyed; NULL when cleared */
    hk_spare *spare; /* owned; NULL where libcrypto cannot start a used copy over */
    hk_hash hash;
    size_t digest_len; /* bytes */
} hk_signer;

/* Keys *signer. HK_ERR_CRYPTO when libcrypto refuses the hash (MD5 in FIPS mode); HK_ERR_NOMEM. */
HK_CHECK hk_status hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err);

/* Wipes and frees the key state; a cleared or zeroed signer may be cleared again. */
void hk_signer_clear(hk_signer *signer);

/* Writes signer->digest_len bytes to digest. HK_ERR_CRYPTO, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_sign(const hk_signer *signer, hk_slice message, uint8_t digest[HK_DIGEST_MAX],
                           hk_error *err);

/* HK_OK when `digest` is that of the message, HK_ERR_DIGEST when not; the time does not depend on
 * where they differ. HK_ERR_CRYPTO, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_verify(const hk_signer *signer, hk_slice message, hk_slice digest,
                             hk_error *err);

#endif
