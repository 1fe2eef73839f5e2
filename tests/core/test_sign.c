/* test_sign.c -- HMAC against RFC 2202 and libcrypto's one-shot call; refused digests and hashes.
 */
#include "core/wire/hk_sign.h"

#include <pthread.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "check.h"
#include "sample.h"

static const struct {
    hk_hash hash;
    const char *key;
    const char *data;
    const char *digest;
} rfc2202[] = {
    {HK_MD5, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "9294727a3638bb1c13f48ef8158bfc9d"},
    {HK_MD5, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "750c783e6ab0b503eaa86e310a5db738"},
    {HK_SHA1, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b617318655057264e28bc0b6fb378c8ef146be00"},
    {HK_SHA1, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
};

static void
test_rfc_2202(void)
{
    for (size_t i = 0; i < sizeof rfc2202 / sizeof rfc2202[0]; i++) {
        hk_buffer key = sample_buffer();
        hk_buffer data = sample_buffer();
        hk_buffer expected = sample_buffer();
        hk_signer signer;
        uint8_t digest[HK_DIGEST_MAX];
        put_hex(&key, rfc2202[i].key);
        put_hex(&data, rfc2202[i].data);
        put_hex(&expected, rfc2202[i].digest);
        CHECK_INT(hk_signer_init(&signer, rfc2202[i].hash, (hk_slice){key.data, key.len}, NULL),
                  HK_OK);
        CHECK_INT(hk_sign(&signer, (hk_slice){data.data, data.len}, digest, NULL), HK_OK);
        CHECK_BYTES(digest, signer.digest_len, expected.data, expected.len);
        hk_signer_clear(&signer);
        hk_buffer_clear(&expected);
        hk_buffer_clear(&data);
        hk_buffer_clear(&key);
    }
}

/* Keys and messages of many lengths, the empty ones and the block size among them; each signer
 * signs twice, because libcrypto changes the state that it signs with. */
static void
test_against_the_one_shot_call(void)
{
    uint8_t block[300];
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (uint8_t)sample_random(&state);
    }
    for (int hash = HK_MD5; hash <= HK_SHA1; hash++) {
        for (size_t key_len = 0; key_len < 140; key_len++) {
            hk_signer signer;
            const hk_slice key = {key_len > 0 ? block : NULL, key_len};
            CHECK_INT(hk_signer_init(&signer, (hk_hash)hash, key, NULL), HK_OK);
            for (size_t i = 0; i < 4; i++) {
                const size_t len = i == 0 ? 0 : (key_len * 37 + i * 101) % sizeof block;
                uint8_t expected[EVP_MAX_MD_SIZE];
                unsigned expected_len = 0;
                uint8_t digest[HK_DIGEST_MAX];
                (void)HMAC(hash == HK_SHA1 ? EVP_sha1() : EVP_md5(), block, (int)key_len, block,
                           len, expected, &expected_len);
                const hk_slice message = {len > 0 ? block : NULL, len};
                CHECK_INT(hk_sign(&signer, message, digest, NULL), HK_OK);
                CHECK_BYTES(digest, signer.digest_len, expected, expected_len);
                CHECK_INT(hk_verify(&signer, message, (hk_slice){expected, expected_len}, NULL),
                          HK_OK);
                hk_spare *spare = signer.spare; /* also without one, as with libcrypto 3.0.0 */
                signer.spare = NULL;
                CHECK_INT(hk_verify(&signer, message, (hk_slice){expected, expected_len}, NULL),
                          HK_OK);
                signer.spare = spare;
            }
            hk_signer_clear(&signer);
        }
    }
}

/* A changed bit, another length, another message, another key, the other hash. */
static void
test_verify_refuses(void)
{
    for (int hash = HK_MD5; hash <= HK_SHA1; hash++) {
        hk_signer signer;
        hk_signer other;
        uint8_t digest[HK_DIGEST_MAX + 1] = {0};
        hk_error err = {HK_OK, 0, ""};
        const hk_slice message = slice_of("message");
        must(hk_signer_init(&signer, (hk_hash)hash, slice_of("key"), NULL));
        must(hk_signer_init(&other, (hk_hash)hash, slice_of("kez"), NULL));
        must(hk_sign(&signer, message, digest, NULL));
        const size_t len = signer.digest_len;

        for (size_t bit = 0; bit < 8 * len; bit++) {
            digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK_INT(hk_verify(&signer, message, (hk_slice){digest, len}, &err), HK_ERR_DIGEST);
            CHECK_INT(err.status, HK_ERR_DIGEST);
            digest[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t n = 0; n <= len + 1 && n <= sizeof digest; n++) {
            CHECK_INT(hk_verify(&signer, message, (hk_slice){n > 0 ? digest : NULL, n}, NULL),
                      n == len ? HK_OK : HK_ERR_DIGEST);
        }
        CHECK_INT(hk_verify(&signer, slice_of("messagf"), (hk_slice){digest, len}, NULL),
                  HK_ERR_DIGEST);
        CHECK_INT(hk_verify(&other, message, (hk_slice){digest, len}, NULL), HK_ERR_DIGEST);
        hk_signer_clear(&other);
        hk_signer_clear(&signer);
        hk_signer_clear(&signer);
    }
}

/* An application's TLS code reads the same error queue, so our errors must not stay in it. */
static void
test_error_queue_is_left_alone(void)
{
    hk_signer signer;
    uint8_t digest[HK_DIGEST_MAX];
    ERR_clear_error();
    must(hk_signer_init(&signer, HK_SHA1, slice_of("key"), NULL));
    must(hk_sign(&signer, slice_of("m"), digest, NULL));
    CHECK_INT(hk_verify(&signer, slice_of("m"), slice_of("no"), NULL), HK_ERR_DIGEST);
    hk_signer_clear(&signer);
    CHECK_SIZE(ERR_peek_error(), 0);
}

/* Simulates FIPS mode: the properties ask for a provider that does not exist. */
static void
test_refused_hash(void)
{
    for (int hash = HK_MD5; hash <= HK_SHA1; hash++) {
        hk_signer signer;
        hk_error err = {HK_OK, 0, ""};
        ERR_clear_error();
        CHECK_INT(EVP_set_default_properties(NULL, "fips=yes"), 1);
        CHECK_INT(hk_signer_init(&signer, (hk_hash)hash, slice_of("key"), &err), HK_ERR_CRYPTO);
        CHECK_INT(EVP_set_default_properties(NULL, ""), 1);
        CHECK(signer.mac == NULL);
        CHECK(strstr(err.text, "HMAC") != NULL);
        CHECK_SIZE(ERR_peek_error(), 0);
        hk_signer_clear(&signer);
        CHECK_INT(hk_signer_init(&signer, (hk_hash)hash, slice_of("key"), &err), HK_OK);
        hk_signer_clear(&signer);
    }
}

/* ---- threads ---- */

static hk_signer shared;
static uint8_t expected_digest[HK_DIGEST_MAX];

static void *
sign_often(void *arg)
{
    uint8_t digest[HK_DIGEST_MAX];
    bool ok = true;
    for (int i = 0; i < 3000; i++) {
        ok &= hk_sign(&shared, slice_of("message"), digest, NULL) == HK_OK &&
              memcmp(digest, expected_digest, shared.digest_len) == 0;
    }
    return ok ? arg : NULL;
}

static void
test_threads_share_a_signer(void)
{
    pthread_t threads[4];
    int mark = 0;
    must(hk_signer_init(&shared, HK_SHA1, slice_of("key"), NULL));
    must(hk_sign(&shared, slice_of("message"), expected_digest, NULL));
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, sign_often, &mark), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        CHECK(result == &mark);
    }
    hk_signer_clear(&shared);
}

int
main(void)
{
    test_rfc_2202();
    test_against_the_one_shot_call();
    test_verify_refuses();
    test_error_queue_is_left_alone();
    test_refused_hash();
    test_threads_share_a_signer();
    return check_report();
}
