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

#define PROBE_SIZE 64 /* bytes; any small allocation shows whether there is memory */

/* Maps libcrypto's last error to a status. The reasons listed are those that EVP reports, or no
 * reason at all, when one of its allocations failed (found with 3.0 by failing each allocation in
 * turn). A refused hash has another reason, "unsupported". */
static hk_status
last_error_status(void)
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
    /* Without any memory libcrypto cannot record the reason, and reports "unsupported" as well. */
    void *probe = OPENSSL_malloc(PROBE_SIZE);
    const hk_status status = probe == NULL ? HK_ERR_NOMEM : HK_ERR_CRYPTO;
    OPENSSL_free(probe);
    return status;
}

/* The same for a call that began with an empty queue: since 3.2 libcrypto records an allocation
 * that failed first, and what became of it after that, "unsupported" for example. */
static hk_status
init_error_status(bool was_empty)
{
    if (was_empty && ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE) {
        return HK_ERR_NOMEM;
    }
    return last_error_status();
}

struct hk_spare {
    _Atomic(EVP_MAC_CTX *) ctx; /* owned; NULL while a thread signs with it */
};

/* Creates the reusable duplicate. NULL when libcrypto cannot reuse one, or without memory; every
 * signature then duplicates the keyed context. EVP_MAC_init without a key should reset a used
 * context, but 3.0.0 to 3.0.2 continue the old digest: signing twice shows it. */
static hk_spare *
spare_new(const EVP_MAC_CTX *mac)
{
    static const uint8_t text[] = "signed twice";
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

/* A context that no other thread uses; the caller owns it. NULL without memory. */
static EVP_MAC_CTX *
acquire_ctx(const hk_signer *signer)
{
    EVP_MAC_CTX *ctx = NULL;
    if (signer->spare != NULL) {
        ctx = atomic_exchange(&signer->spare->ctx, NULL);
    }
    return ctx != NULL ? ctx : EVP_MAC_CTX_dup(signer->mac);
}

/* Takes ownership of ctx: resets it and keeps it for the next signature, or frees it. The exchange
 * returns the context that another thread put back meanwhile, if any, which is freed instead. */
static void
release_ctx(const hk_signer *signer, EVP_MAC_CTX *ctx)
{
    if (signer->spare != NULL && EVP_MAC_init(ctx, NULL, 0, NULL) == 1) {
        ctx = atomic_exchange(&signer->spare->ctx, ctx);
    }
    EVP_MAC_CTX_free(ctx);
}

hk_status
hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err)
{
    char name[8];                   /* OSSL_PARAM takes a char *, though it only reads it */
    static const uint8_t empty = 0; /* a NULL key would mean "keep the last one" */
    EVP_MAC *mac = NULL;
    EVP_MAC_CTX *ctx = NULL;
    hk_status status = HK_OK;

    signer->mac = NULL;
    signer->spare = NULL;
    signer->hash = hash;
    signer->digest_len = hash == HK_SHA1 ? 20 : 16;
    memcpy(name, hash == HK_SHA1 ? "SHA1" : "MD5", hash == HK_SHA1 ? 5 : 4);
    bool fresh; /* the error queue was empty: the oldest error in it is ours */
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_END};

    /* The thread's error queue is shared with the application, whose TLS code would take our errors
     * for its own; so they are removed again. Not in hk_sign: only a lack of memory can fail there,
     * and a mark costs 5 % of a signature. */
    fresh = ERR_peek_error() == 0;
    (void)ERR_set_mark();
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL) {
        status = hk_fail(err, init_error_status(fresh), 0,
                         "libcrypto has no HMAC; load a provider that has it");
        goto done;
    }
    ctx = EVP_MAC_CTX_new(mac);
    if (ctx == NULL) {
        status = hk_fail(err, HK_ERR_NOMEM, 0, "no memory for HMAC");
        goto done;
    }
    if (EVP_MAC_init(ctx, key.len > 0 ? key.data : &empty, key.len, params) != 1) {
        status = hk_fail(err, init_error_status(fresh), 0,
                         "libcrypto refuses HMAC-%s (FIPS mode allows no MD5)", name);
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
    EVP_MAC_CTX *ctx = acquire_ctx(signer);

    if (ctx == NULL) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory to sign %zu bytes", message.len);
    }
    if (EVP_MAC_update(ctx, message.data, message.len) != 1 ||
        EVP_MAC_final(ctx, digest, &len, HK_DIGEST_MAX) != 1 || len != signer->digest_len) {
        status =
            hk_fail(err, last_error_status(), 0, "libcrypto cannot sign %zu bytes", message.len);
    }
    release_ctx(signer, ctx);
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
        return hk_fail(err, HK_ERR_DIGEST, 0,
                       "the digest does not match these %zu bytes and this key", message.len);
    }
    return HK_OK;
}

const char *
hk_sign_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
