/* hk_frame.c -- writes the header of a frame around a Message, and reads headers. */
#include "hk_frame.h"

#include <assert.h>
#include <string.h>

hk_status
hk_identity_init(hk_identity *identity, hk_slice name, uint32_t version, hk_hash hash, hk_slice key,
                 hk_error *err)
{
    /* The header besides the name: message_length, hash, version and digest, each with its tag. */
    const size_t length = 1 + hk_varint_size(HK_MESSAGE_MAX);
    const size_t digest = hash == HK_SHA1 ? 20 : 16;
    const size_t fixed = length + 2 + 1 + hk_varint_size(version) + 2 + digest;
    const size_t name_room = HK_HEADER_MAX - fixed - 1;

    memset(identity, 0, sizeof *identity);
    if (name.len > name_room || hk_varint_size(name.len) + name.len > name_room) {
        return hk_fail(err, HK_ERR_TOO_BIG, 0,
                       "expected a signer name of at most %zu bytes, got %zu: a frame header holds "
                       "%u bytes in all",
                       name_room - 2, name.len, HK_HEADER_MAX);
    }
    uint8_t *p = identity->prefix;
    *p++ = HK_TAG_HEADER_HASH;
    *p++ = (uint8_t)hash;
    *p++ = HK_TAG_HEADER_SIGNER;
    p = hk_varint_put(p, name.len);
    if (name.len > 0) {
        memcpy(p, name.data, name.len);
        p += name.len;
    }
    *p++ = HK_TAG_HEADER_VERSION;
    p = hk_varint_put(p, version);
    *p++ = HK_TAG_HEADER_HMAC;
    *p++ = (uint8_t)digest;
    identity->prefix_len = (size_t)(p - identity->prefix);
    return hk_signer_init(&identity->key, hash, key, err);
}

void
hk_identity_clear(hk_identity *identity)
{
    hk_signer_clear(&identity->key);
}

static size_t
header_size(size_t message_len, const hk_identity *identity)
{
    const size_t plain = 1 + hk_varint_size(message_len);
    return identity == NULL ? plain : plain + identity->prefix_len + identity->key.digest_len;
}

size_t
hk_frame_cost(size_t message_len, const hk_identity *identity)
{
    return HK_FRAME_OVERHEAD + header_size(message_len, identity);
}

hk_status
hk_frame_seal(uint8_t *message, size_t len, const hk_identity *identity, uint8_t **start,
              hk_error *err)
{
    assert(len <= HK_MESSAGE_MAX);
    const size_t header = header_size(len, identity);
    uint8_t *p = message - HK_FRAME_OVERHEAD - header;

    *start = p;
    *p++ = HK_RS;
    *p++ = (uint8_t)header;
    *p++ = HK_TAG_HEADER_LENGTH;
    p = hk_varint_put(p, len);
    if (identity != NULL) {
        memcpy(p, identity->prefix, identity->prefix_len);
        p += identity->prefix_len;
        uint8_t digest[HK_DIGEST_MAX];
        const hk_status status = hk_sign(&identity->key, (hk_slice){message, len}, digest, err);
        if (status != HK_OK) {
            return status;
        }
        memcpy(p, digest, identity->key.digest_len);
        p += identity->key.digest_len;
    }
    *p++ = HK_US;
    assert(p == message);
    return HK_OK;
}

/* ---- reading a header ---- */

#define KEY_MAX 5u /* bytes of the longest key, and of the longest length, that protobuf allows */

/* Reads one varint of a header of `total` bytes, of which `len` have arrived. A varint that does
 * not end within `total` is corrupt, not truncated. */
static hk_status
header_varint(const uint8_t *data, size_t len, size_t total, size_t *at, uint64_t *value)
{
    const hk_status status = hk_varint_get(data, len, at, value, NULL);
    if (status == HK_ERR_TRUNCATED && len == total) {
        return HK_ERR_CORRUPT;
    }
    return status;
}

/* Stores one entry in *h and ignores unknown field numbers. HK_ERR_CORRUPT: field number 0, or a
 * known number with another wire type than its own. */
static hk_status
header_entry(hk_header *h, uint64_t number, unsigned wire, uint64_t value, hk_slice bytes)
{
    const bool is_bytes = number == 4 || number == 6;
    if (number == 0 || number > 6 || number == 2) {
        return number == 0 ? HK_ERR_CORRUPT : HK_OK; /* unknown: skipped */
    }
    if (wire != (is_bytes ? 2u : 0u)) {
        return HK_ERR_CORRUPT;
    }
    switch (number) {
        case 1:
            h->message_length = (uint32_t)value;
            break;
        case 3:
            h->hash = (uint32_t)value;
            break;
        case 4:
            h->signer = bytes;
            break;
        case 5:
            h->key_version = (uint32_t)value;
            break;
        default:
            h->hmac = bytes;
            h->has_hmac = true;
            break;
    }
    return HK_OK;
}

hk_status
hk_header_read(const uint8_t *data, size_t len, size_t total, hk_header *header)
{
    assert(len <= total);
    bool has_length = false;
    size_t at = 0;

    memset(header, 0, sizeof *header);
    while (at < len) {
        uint64_t key;
        uint64_t value = 0;
        hk_slice bytes = {NULL, 0};
        size_t start = at;
        hk_status status = header_varint(data, len, total, &at, &key);
        if (status != HK_OK) {
            return status;
        }
        if (key >> 32 != 0 || key >> 3 == 0 || at - start > KEY_MAX) {
            return HK_ERR_CORRUPT; /* field numbers are 1 to 2^29 - 1 */
        }
        const unsigned wire = (unsigned)(key & 7);
        switch (wire) {
            case 0:
                status = header_varint(data, len, total, &at, &value);
                break;
            case 2:
                start = at;
                status = header_varint(data, len, total, &at, &value);
                if (status == HK_OK && at - start > KEY_MAX) {
                    return HK_ERR_CORRUPT;
                }
                if (status == HK_OK) {
                    bytes = (hk_slice){data + at, (size_t)value};
                }
                break;
            case 1:
            case 5:
                value = wire == 1 ? 8 : 4;
                break;
            default:
                status = HK_ERR_CORRUPT;
                break;
        }
        if (status != HK_OK) {
            return status;
        }
        status = header_entry(header, key >> 3, wire, value, bytes);
        if (status != HK_OK) {
            return status;
        }
        has_length |= key >> 3 == 1;
        if (wire != 0) {
            if (value > total - at) {
                return HK_ERR_CORRUPT;
            }
            if (value > len - at) {
                return HK_ERR_TRUNCATED;
            }
            at += (size_t)value;
        }
    }
    if (len < total) {
        return HK_ERR_TRUNCATED;
    }
    return has_length ? HK_OK : HK_ERR_CORRUPT;
}
