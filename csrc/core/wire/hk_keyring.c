/* hk_keyring.c -- the keys that a receiver verifies signatures with. */
#include "hk_keyring.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *name; /* owned; NULL when name_len is 0 */
    size_t name_len;
    uint32_t version;
    hk_signer signers[HK_HASHES]; /* by hk_hash; mac is NULL when libcrypto refused the hash */
} entry;

struct hk_keyring {
    entry *entries; /* owned */
    size_t count;
    size_t cap;
};

hk_keyring *
hk_keyring_new(void)
{
    return calloc(1, sizeof(hk_keyring));
}

static void
entry_clear(entry *e)
{
    for (size_t i = 0; i < HK_HASHES; i++) {
        hk_signer_clear(&e->signers[i]);
    }
    free(e->name);
}

void
hk_keyring_free(hk_keyring *ring)
{
    if (ring == NULL) {
        return;
    }
    for (size_t i = 0; i < ring->count; i++) {
        entry_clear(&ring->entries[i]);
    }
    free(ring->entries);
    free(ring);
}

hk_status
hk_keyring_add(hk_keyring *ring, hk_slice name, uint32_t version, hk_slice key, hk_error *err)
{
    entry e = {.name = NULL, .name_len = name.len, .version = version};
    hk_status status = HK_ERR_NOMEM;

    if (ring->count == ring->cap) {
        const size_t cap = ring->cap == 0 ? 4 : ring->cap * 2;
        entry *entries = realloc(ring->entries, cap * sizeof *entries);
        if (entries == NULL) {
            goto done;
        }
        ring->entries = entries;
        ring->cap = cap;
    }
    if (name.len > 0) {
        e.name = malloc(name.len);
        if (e.name == NULL) {
            goto done;
        }
        memcpy(e.name, name.data, name.len);
    }
    /* A refused MD5 is no error: in FIPS mode there is none, and frames signed with it are refused.
     * MD5 comes first because libcrypto may report a lack of memory as "unsupported", which is
     * HK_ERR_CRYPTO too; SHA1 then fails as well. */
    status = hk_signer_init(&e.signers[HK_MD5], HK_MD5, key, err);
    if (status == HK_OK || status == HK_ERR_CRYPTO) {
        status = hk_signer_init(&e.signers[HK_SHA1], HK_SHA1, key, err);
    }
    if (status != HK_OK) {
        goto done;
    }
    ring->entries[ring->count++] = e;
    return HK_OK;
done:
    entry_clear(&e);
    return status == HK_ERR_NOMEM ? hk_fail(err, status, 0, "no memory for a signer's key")
                                  : status;
}

hk_status
hk_keyring_find(const hk_keyring *ring, hk_slice name, uint32_t version, uint32_t hash,
                const hk_signer **signer, hk_refusal *refusal)
{
    for (size_t i = 0; i < ring->count; i++) {
        const entry *e = &ring->entries[i];
        if (e->version != version || e->name_len != name.len ||
            (name.len > 0 && memcmp(e->name, name.data, name.len) != 0)) {
            continue;
        }
        if (hash >= HK_HASHES || e->signers[hash].mac == NULL) {
            *refusal = HK_REFUSED_UNKNOWN_HASH;
            return HK_ERR_DIGEST;
        }
        *signer = &e->signers[hash];
        return HK_OK;
    }
    *refusal = HK_REFUSED_UNKNOWN_SIGNER;
    return HK_ERR_DIGEST;
}
