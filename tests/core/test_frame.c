/* test_frame.c -- sealing Messages and names of every length, decoding all kinds of headers. */
#include "core/wire/hk_frame.h"

#include <stdlib.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gen/message.pb-c.h"
#include "check.h"
#include "sample.h"

static bool
same(hk_slice ours, ProtobufCBinaryData theirs)
{
    return ours.len == theirs.len &&
           (ours.len == 0 || memcmp(ours.data, theirs.data, ours.len) == 0);
}

/* Whether *h equals what protobuf-c decodes from the same bytes. */
static bool
agrees(const hk_header *h, const Heka__Header *pb)
{
    const uint32_t hash = pb->has_hmac_hash_function ? (uint32_t)pb->hmac_hash_function : 0;
    return h->message_length == pb->message_length && h->hash == hash &&
           h->key_version == pb->hmac_key_version && same(h->signer, pb->hmac_signer) &&
           h->has_hmac == (pb->has_hmac != 0) && same(h->hmac, pb->hmac);
}

/* Seals a message of len bytes and decodes the frame again. Returns the header's length, or 0. */
static size_t
check_seal(size_t len, const hk_identity *identity, const char *key)
{
    uint8_t *block = malloc(HK_FRAME_ROOM + len);
    uint8_t *start = NULL;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    hk_header h;
    size_t header_len = 0;

    memset(block, 0xee, HK_FRAME_ROOM);
    for (size_t i = 0; i < len; i++) {
        block[HK_FRAME_ROOM + i] = (uint8_t)(i * 31);
    }
    uint8_t *const message = block + HK_FRAME_ROOM;
    if (CHECK_INT(hk_frame_seal(message, len, identity, &start, NULL), HK_OK)) {
        header_len = start[1];
        CHECK_SIZE((size_t)(message - start), hk_frame_cost(len, identity));
        CHECK_SIZE((size_t)(message - start), HK_FRAME_OVERHEAD + header_len);
        CHECK_INT(start[0], HK_RS);
        CHECK_INT(message[-1], HK_US);
        CHECK_INT(start[2], HK_TAG_HEADER_LENGTH); /* Hindsight reads only this entry */
        CHECK(start == block || start[-1] == 0xee);
        CHECK_INT(hk_header_read(start + 2, header_len, header_len, &h), HK_OK);
        CHECK_SIZE(h.message_length, len);
        CHECK(h.has_hmac == (identity != NULL));
        if (identity != NULL) {
            (void)HMAC(identity->key.hash == HK_SHA1 ? EVP_sha1() : EVP_md5(), key,
                       (int)strlen(key), message, len, digest, &digest_len);
            CHECK_BYTES(h.hmac.data, h.hmac.len, digest, digest_len);
            CHECK_INT(h.hash, identity->key.hash);
        }
        Heka__Header *pb = heka__header__unpack(NULL, header_len, start + 2);
        if (CHECK(pb != NULL)) {
            CHECK(agrees(&h, pb));
            uint8_t packed[HK_HEADER_MAX];
            CHECK_BYTES(packed, heka__header__pack(pb, packed), start + 2, header_len);
            heka__header__free_unpacked(pb, NULL);
        }
    }
    free(block);
    return header_len;
}

static void
test_every_length(void)
{
    const size_t lengths[] = {0, 1, 127, 128, 129, 16383, 16384, 16385, 65535, HK_MESSAGE_MAX};
    hk_identity sha1 = sample_identity("name", 0, HK_SHA1, "key");
    hk_identity md5 = sample_identity("", UINT32_MAX, HK_MD5, "");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const size_t plain = check_seal(lengths[i], NULL, NULL);
        CHECK_SIZE(plain, 1 + hk_varint_size(lengths[i]));
        CHECK_SIZE(check_seal(lengths[i], &sha1, "key"), plain + 2 + 6 + 2 + 22);
        CHECK_SIZE(check_seal(lengths[i], &md5, ""), plain + 2 + 2 + 6 + 18);
    }
    hk_identity_clear(&md5);
    hk_identity_clear(&sha1);
}

/* A name is accepted exactly when it fits into the header of the longest message. */
static void
test_every_name_length(void)
{
    static const uint32_t versions[] = {0, 127, 128, UINT32_MAX};
    char name[301];
    memset(name, 'n', sizeof name);
    for (size_t v = 0; v < sizeof versions / sizeof versions[0]; v++) {
        for (int hash = HK_MD5; hash <= HK_SHA1; hash++) {
            size_t longest = 0;
            size_t header = 0;
            for (size_t len = 0; len < sizeof name; len++) {
                hk_identity identity;
                hk_error err = {HK_OK, 0, ""};
                const hk_slice slice = {(const uint8_t *)name, len};
                const hk_status status = hk_identity_init(&identity, slice, versions[v],
                                                          (hk_hash)hash, slice_of("key"), &err);
                if (status == HK_OK) {
                    CHECK_SIZE(longest, len > 0 ? len - 1 : 0); /* no gap */
                    longest = len;
                    header = hk_frame_cost(HK_MESSAGE_MAX, &identity) - HK_FRAME_OVERHEAD;
                    CHECK(header <= HK_HEADER_MAX);
                    if (len % 50 == 0 || header > 240) {
                        CHECK_SIZE(check_seal(HK_MESSAGE_MAX, &identity, "key"), header);
                    }
                } else {
                    char text[64];
                    CHECK_INT(status, HK_ERR_TOO_BIG);
                    (void)snprintf(text, sizeof text, "at most %zu bytes, got %zu", longest, len);
                    CHECK(strstr(err.text, text) != NULL);
                }
                hk_identity_clear(&identity);
                hk_identity_clear(&identity);
            }
            CHECK_SIZE(header, HK_HEADER_MAX); /* the last byte is used */
        }
    }
    CHECK_INT(hk_identity_init(&(hk_identity){.prefix_len = 0}, (hk_slice){NULL, SIZE_MAX}, 0,
                               HK_SHA1, slice_of(""), NULL),
              HK_ERR_TOO_BIG);
}

/* ---- reading ---- */

static const struct {
    const char *hex;
    hk_status status; /* of the whole header */
} headers[] = {
    {"0805", HK_OK},
    {"0800", HK_OK},
    {"08ffffffff0f", HK_OK},
    {"08ffffffffffffffffff01", HK_OK}, /* the low 32 bits, as every protobuf reader */
    {"08050806", HK_OK},
    {"22016108052801", HK_OK},                                                /* any order */
    {"0805 1001 1a00 7d00000000 7900000000 00000000 7a0161", HK_ERR_CORRUPT}, /* 3 as bytes */
    {"0805 1001 7d00000000 7900000000 00000000 7a0161", HK_OK},               /* unknown */
    {"0805 12020800", HK_OK}, /* number 2 was removed: any wire type */
    {"0805 3200", HK_OK},
    {"88808080 00 05", HK_OK},
    {"", HK_ERR_CORRUPT},
    {"220161", HK_ERR_CORRUPT}, /* no length */
    {"08", HK_ERR_CORRUPT},
    {"0880", HK_ERR_CORRUPT},
    {"08ffffffffffffffffffff01", HK_ERR_CORRUPT},
    {"0a00", HK_ERR_CORRUPT},
    {"0d00000000", HK_ERR_CORRUPT},
    {"0805 2201", HK_ERR_CORRUPT},
    {"0805 22ffffffffffffffffff01", HK_ERR_CORRUPT},
    {"0805 2000", HK_ERR_CORRUPT},
    {"0805 2a00", HK_ERR_CORRUPT},
    {"0805 3000", HK_ERR_CORRUPT},
    {"0805 3100000000 00000000", HK_ERR_CORRUPT},
    {"0805 0000", HK_ERR_CORRUPT},
    {"0805 8000 00", HK_ERR_CORRUPT},
    {"0805 7b", HK_ERR_CORRUPT},
    {"0805 7c", HK_ERR_CORRUPT},
    {"0805 7e", HK_ERR_CORRUPT},
    {"0805 7f", HK_ERR_CORRUPT},
    {"0805 f8ffffff7f00", HK_ERR_CORRUPT}, /* a key of more than 32 bits */
    {"0805 79000000", HK_ERR_CORRUPT},
    {"0805 f88080800000", HK_OK}, /* a key of five bytes, of six; a length of five, of six */
    {"0805 f8808080800000", HK_ERR_CORRUPT},
    {"0805 22808080 8000", HK_OK},
    {"0805 22808080 808000", HK_ERR_CORRUPT},
};

/* A complete header, and each prefix: never OK, and corrupt only from the first invalid byte on. */
static void
test_headers(void)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        hk_buffer buf = sample_buffer();
        hk_header h;
        put_hex(&buf, headers[i].hex);
        const unsigned long before = check_failed;
        hk_status last = HK_ERR_TRUNCATED;
        for (size_t len = 0; len <= buf.len; len++) {
            uint8_t *data = malloc(len > 0 ? len : 1);
            if (len > 0) {
                memcpy(data, buf.data, len);
            }
            const hk_status status = hk_header_read(data, len, buf.len, &h);
            if (len < buf.len) {
                CHECK(status == HK_ERR_TRUNCATED ||
                      (status == HK_ERR_CORRUPT && headers[i].status == HK_ERR_CORRUPT));
                CHECK(last != HK_ERR_CORRUPT || status == HK_ERR_CORRUPT);
            } else {
                CHECK_INT(status, headers[i].status);
            }
            last = status;
            free(data);
        }
        Heka__Header *pb = heka__header__unpack(NULL, buf.len, buf.data);
        if (hk_header_read(buf.data, buf.len, buf.len, &h) == HK_OK) {
            CHECK(pb != NULL && agrees(&h, pb));
        }
        if (pb != NULL) {
            heka__header__free_unpacked(pb, NULL);
        }
        if (check_failed != before) {
            printf("  of %s\n", headers[i].hex);
        }
        hk_buffer_clear(&buf);
    }
}

/* All headers of up to three bytes: decoded exactly when protobuf-c decodes them, to equal content.
 */
static void
test_short_headers_exhaustively(void)
{
    size_t read = 0;
    size_t differ = 0;
    size_t prefixes = 0;
    for (size_t total = 1; total <= 3; total++) {
        for (uint32_t i = 0; i < 1u << 8 * total; i++) {
            uint8_t data[3];
            hk_header h;
            for (size_t b = 0; b < total; b++) {
                data[b] = (uint8_t)(i >> 8 * b);
            }
            const bool ok = hk_header_read(data, total, total, &h) == HK_OK;
            /* protobuf-c is slow, so it is called only when its result can differ. */
            if (!ok && data[0] != HK_TAG_HEADER_LENGTH && data[0] != 0x88) {
                continue;
            }
            Heka__Header *pb = heka__header__unpack(NULL, total, data);
            differ += ok != (pb != NULL) || (ok && !agrees(&h, pb));
            read += ok;
            if (pb != NULL) {
                heka__header__free_unpacked(pb, NULL);
            }
            for (size_t len = 0; ok && len < total; len++) {
                hk_header part;
                prefixes += hk_header_read(data, len, total, &part) != HK_ERR_TRUNCATED;
            }
        }
    }
    CHECK(read > 0);
    CHECK_SIZE(differ, 0);
    CHECK_SIZE(prefixes, 0);
}

int
main(void)
{
    test_every_length();
    test_every_name_length();
    test_headers();
    test_short_headers_exhaustively();
    return check_report();
}
