/* hk_sign.c -- HMAC by libcrypto's EVP_MAC. */
#include "hk_sign.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define PROBE_SIZE 64 /* bytes; any small allocation tells whether there is memory */

/* HK_ERR_NOMEM for what EVP says, if anything, when an allocation below it failed (seen with 3.0 by
 * failing each in turn); a refusal says something else, "unsupported" for a hash. */
static hk_status
reason(void)
{
    switch (ERR_GET_REASON(ERR_peek_last_error())) {
        case 0:
        case ERR_R_MALLOC_FAILURE:
        case EVP_R_INITIALIZATION_ERROR:
        case EVP_R_NOT_ABLE_TO_COPY_CTX:
            return HK_ERR_NOMEM;
        default:
            break;
    }
    /* With nothing left at all it cannot even note that, and says "unsupported" too. */
    void *probe = OPENSSL_malloc(PROBE_SIZE);
    const hk_status status = probe == NULL ? HK_ERR_NOMEM : HK_ERR_CRYPTO;
    OPENSSL_free(probe);
    return status;
}

struct hk_spare {
    _Atomic(EVP_MAC_CTX *) ctx; /* owned; NULL while somebody signs with it */
};

/* Makes room for a spare copy, unless this libcrypto does not start a used one over when it is
 * initialised without a key: 3.0.0 to 3.0.2 go on where they were. Without one, each signature
 * duplicates. */
static hk_spare *
spare_new(const EVP_MAC_CTX *mac)
{
    static const uint8_t text[] = "once, and once more";
    uint8_t digests[2][HK_DIGEST_MAX] = {{0}, {1}};
    size_t len;
    hk_spare *spare = NULL;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(mac);

    bool same = ctx != NULL;
    for (size_t i = 0; i < 2 && same; i++) {
        same = EVP_MAC_update(ctx, text, sizeof text) == 1 &&
               EVP_MAC_final(ctx, digests[i], &len, HK_DIGEST_MAX) == 1 &&
               EVP_MAC_init(ctx, NULL, 0, NULL) == 1;
    }
    if (same && memcmp(digests[0], digests[1], len) == 0) {
        spare = malloc(sizeof *spare);
    }
    if (spare == NULL) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    atomic_init(&spare->ctx, ctx);
    return spare;
}

static void
spare_free(hk_spare *spare)
{
    if (spare != NULL) {
        EVP_MAC_CTX_free(atomic_load(&spare->ctx));
        free(spare);
    }
}

/* A copy that this caller alone has; NULL without memory. */
static EVP_MAC_CTX *
take(const hk_signer *signer)
{
    EVP_MAC_CTX *ctx = NULL;
    if (signer->spare != NULL) {
        ctx = atomic_exchange(&signer->spare->ctx, NULL);
    }
    return ctx != NULL ? ctx : EVP_MAC_CTX_dup(signer->mac);
}

/* Keeps a used copy for the next signature, where that is possible. */
static void
put_back(const hk_signer *signer, EVP_MAC_CTX *ctx)
{
    if (signer->spare != NULL && EVP_MAC_init(ctx, NULL, 0, NULL) == 1) {
        ctx = atomic_exchange(&signer->spare->ctx, ctx);
    }
    EVP_MAC_CTX_free(ctx);
}

hk_status
hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err)
{
    /* OSSL_PARAM takes char *; the names are read only. */
    char name[8];
    static const uint8_t empty = 0; /* a NULL key would mean "keep the last one" */
    EVP_MAC *mac = NULL;
    EVP_MAC_CTX *ctx = NULL;
    hk_status status = HK_OK;

    signer->mac = NULL;
    signer->spare = NULL;
    signer->hash = hash;
    signer->digest_len = hash == HK_SHA1 ? 20 : 16;
    memcpy(name, hash == HK_SHA1 ? "SHA1" : "MD5", hash == HK_SHA1 ? 5 : 4);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_END};

    /* The queue of errors is the application's too: its TLS code would take ours for its own. (Not
     * around a signature, which only a lack of memory can spoil: a mark costs a twentieth of it.)
     */
    (void)ERR_set_mark();
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    if (ctx == NULL) {
        status = hk_fail(err, reason(), 0, "libcrypto offers no HMAC");
        goto done;
    }
    if (EVP_MAC_init(ctx, key.len > 0 ? key.data : &empty, key.len, params) != 1) {
        status =
            hk_fail(err, reason(), 0, "libcrypto refuses HMAC-%s (FIPS mode allows no MD5)", name);
        goto done;
    }
    signer->mac = ctx;
    signer->spare = spare_new(ctx);
    ctx = NULL;
done:
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac); /* the context keeps its own reference */
    (void)ERR_pop_to_mark();
    return status;
}

void
hk_signer_clear(hk_signer *signer)
{
    spare_free(signer->spare);
    EVP_MAC_CTX_free(signer->mac); /* wipes the key */
    signer->mac = NULL;
    signer->spare = NULL;
}

hk_status
hk_sign(const hk_signer *signer, hk_slice message, uint8_t digest[HK_DIGEST_MAX], hk_error *err)
{
    assert(signer->mac != NULL);
    size_t len = 0;
    hk_status status = HK_OK;
    EVP_MAC_CTX *ctx = take(signer);

    if (ctx == NULL) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory to sign %zu bytes", message.len);
    }
    if (EVP_MAC_update(ctx, message.data, message.len) != 1 ||
        EVP_MAC_final(ctx, digest, &len, HK_DIGEST_MAX) != 1 || len != signer->digest_len) {
        status = hk_fail(err, reason(), 0, "libcrypto cannot sign %zu bytes", message.len);
    }
    put_back(signer, ctx);
    return status;
}

hk_status
hk_verify(const hk_signer *signer, hk_slice message, hk_slice digest, hk_error *err)
{
    uint8_t expected[HK_DIGEST_MAX];
    const hk_status status = hk_sign(signer, message, expected, err);

    if (status != HK_OK) {
        return status;
    }
    if (digest.len != signer->digest_len) {
        return hk_fail(err, HK_ERR_DIGEST, 0, "expected a digest of %zu bytes, got %zu",
                       signer->digest_len, digest.len);
    }
    if (CRYPTO_memcmp(expected, digest.data, digest.len) != 0) {
        return hk_fail(err, HK_ERR_DIGEST, 0, "the digest is not that of these %zu bytes",
                       message.len);
    }
    return HK_OK;
}
