/* test_keyring.c -- which key is found, and the reason when none is. */
#include "core/wire/hk_keyring.h"

#include "check.h"
#include "sample.h"

hk_status __real_hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err);
hk_status __wrap_hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err);

static bool refused[HK_HASHES]; /* the hashes that hk_signer_init refuses now */

hk_status
__wrap_hk_signer_init(hk_signer *signer, hk_hash hash, hk_slice key, hk_error *err)
{
    if (refused[hash]) {
        signer->mac = NULL;
        return hk_fail(err, HK_ERR_CRYPTO, 0, "refused");
    }
    return __real_hk_signer_init(signer, hash, key, err);
}

/* Whether the ring's key for (name, version, hash) is `key`. */
static bool
finds(const hk_keyring *ring, const char *name, uint32_t version, hk_hash hash, const char *key)
{
    const hk_signer *found = NULL;
    hk_refusal why = HK_REFUSALS;
    hk_signer expected;
    uint8_t digest[HK_DIGEST_MAX];

    if (hk_keyring_find(ring, slice_of(name), version, hash, &found, &why) != HK_OK ||
        found->hash != hash) {
        return false;
    }
    must(hk_signer_init(&expected, hash, slice_of(key), NULL));
    must(hk_sign(&expected, slice_of("m"), digest, NULL));
    const bool same =
        hk_verify(found, slice_of("m"), (hk_slice){digest, expected.digest_len}, NULL) == HK_OK;
    hk_signer_clear(&expected);
    return same;
}

static int
refusal(const hk_keyring *ring, const char *name, uint32_t version, uint32_t hash)
{
    const hk_signer *found = NULL;
    hk_refusal why = HK_REFUSALS;
    const hk_status status = hk_keyring_find(ring, slice_of(name), version, hash, &found, &why);
    CHECK_INT(status, HK_ERR_DIGEST);
    CHECK(found == NULL);
    return (int)why;
}

static void
test_name_version_and_hash(void)
{
    hk_keyring *ring = hk_keyring_new();
    CHECK_INT(refusal(ring, "a", 0, HK_SHA1), HK_REFUSED_UNKNOWN_SIGNER);
    CHECK_INT(refusal(ring, "", 0, 9), HK_REFUSED_UNKNOWN_SIGNER);

    CHECK_INT(hk_keyring_add(ring, slice_of("a"), 1, slice_of("a-one"), NULL), HK_OK);
    CHECK_INT(hk_keyring_add(ring, slice_of("a"), 2, slice_of("a-two"), NULL), HK_OK);
    CHECK_INT(hk_keyring_add(ring, slice_of("ab"), 1, slice_of("ab-one"), NULL), HK_OK);
    CHECK_INT(hk_keyring_add(ring, slice_of(""), 0, slice_of(""), NULL), HK_OK);
    for (int hash = HK_MD5; hash <= HK_SHA1; hash++) {
        CHECK(finds(ring, "a", 1, (hk_hash)hash, "a-one"));
        CHECK(finds(ring, "a", 2, (hk_hash)hash, "a-two"));
        CHECK(finds(ring, "ab", 1, (hk_hash)hash, "ab-one"));
        CHECK(finds(ring, "", 0, (hk_hash)hash, ""));
        CHECK_INT(refusal(ring, "a", 0, (uint32_t)hash), HK_REFUSED_UNKNOWN_SIGNER);
        CHECK_INT(refusal(ring, "b", 1, (uint32_t)hash), HK_REFUSED_UNKNOWN_SIGNER);
        CHECK_INT(refusal(ring, "", 1, (uint32_t)hash), HK_REFUSED_UNKNOWN_SIGNER);
    }
    CHECK_INT(refusal(ring, "a", 1, 2), HK_REFUSED_UNKNOWN_HASH);
    CHECK_INT(refusal(ring, "a", 1, UINT32_MAX), HK_REFUSED_UNKNOWN_HASH);
    CHECK_INT(refusal(ring, "a", 9, 2), HK_REFUSED_UNKNOWN_SIGNER);
    hk_keyring_free(ring);
}

static void
test_the_first_of_two_is_found(void)
{
    hk_keyring *ring = hk_keyring_new();
    CHECK_INT(hk_keyring_add(ring, slice_of("a"), 1, slice_of("first"), NULL), HK_OK);
    CHECK_INT(hk_keyring_add(ring, slice_of("a"), 1, slice_of("second"), NULL), HK_OK);
    CHECK(finds(ring, "a", 1, HK_SHA1, "first"));
    hk_keyring_free(ring);
}

static void
test_many_keys_and_copies(void)
{
    hk_keyring *ring = hk_keyring_new();
    char name[] = "name";
    char key[] = "key-a";
    for (uint32_t i = 0; i < 20; i++) {
        key[4] = (char)('a' + i);
        CHECK_INT(hk_keyring_add(ring, slice_of(name), i, slice_of(key), NULL), HK_OK);
    }
    memset(name, 'x', 4); /* the keyring has a copy */
    for (uint32_t i = 0; i < 20; i++) {
        key[4] = (char)('a' + i);
        CHECK(finds(ring, "name", i, HK_SHA1, key));
    }
    hk_keyring_free(ring);
    hk_keyring_free(NULL);
}

/* FIPS mode: a key is added without MD5, but not without SHA1. */
static void
test_refused_hashes(void)
{
    hk_keyring *ring = hk_keyring_new();
    hk_error err = {HK_OK, 0, ""};
    refused[HK_MD5] = true;
    CHECK_INT(hk_keyring_add(ring, slice_of("a"), 1, slice_of("key"), &err), HK_OK);
    refused[HK_SHA1] = true;
    CHECK_INT(hk_keyring_add(ring, slice_of("b"), 1, slice_of("key"), &err), HK_ERR_CRYPTO);
    CHECK_INT(err.status, HK_ERR_CRYPTO);
    refused[HK_MD5] = refused[HK_SHA1] = false;
    CHECK(finds(ring, "a", 1, HK_SHA1, "key"));
    CHECK_INT(refusal(ring, "a", 1, HK_MD5), HK_REFUSED_UNKNOWN_HASH);
    CHECK_INT(refusal(ring, "b", 1, HK_SHA1), HK_REFUSED_UNKNOWN_SIGNER);
    hk_keyring_free(ring);
}

int
main(void)
{
    test_refused_hashes();
    test_name_version_and_hash();
    test_the_first_of_two_is_found();
    test_many_keys_and_copies();
    return check_report();
}
