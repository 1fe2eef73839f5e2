/* fuzz_header.c -- fuzz target: decodes any bytes as a frame header and compares with protobuf-c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/hk_frame.h"
#include "gen/message.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
expect(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static bool
same(hk_slice ours, ProtobufCBinaryData theirs)
{
    return ours.len == theirs.len &&
           (ours.len == 0 || memcmp(ours.data, theirs.data, ours.len) == 0);
}

static void
compare(const hk_header *h, const Heka__Header *pb)
{
    expect(h->message_length == pb->message_length, "message_length differs");
    expect(h->hash == (uint32_t)pb->hmac_hash_function, "hmac_hash_function differs");
    expect(h->key_version == pb->hmac_key_version, "hmac_key_version differs");
    expect(same(h->signer, pb->hmac_signer), "hmac_signer differs");
    expect(h->has_hmac == (pb->has_hmac != 0) && same(h->hmac, pb->hmac), "hmac differs");
}

/* Copies each prefix into its own allocation, so that ASan detects a read past it. */
static hk_status
read_part(const uint8_t *data, size_t len, size_t total)
{
    hk_header h;
    uint8_t *part = malloc(len > 0 ? len : 1);
    if (part == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(part, data, len);
    }
    const hk_status status = hk_header_read(part, len, total, &h);
    free(part);
    return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    hk_header h;
    bool corrupt = false;
    if (len > HK_HEADER_MAX) {
        return 0;
    }
    const hk_status whole = hk_header_read(data, len, len, &h);
    expect(whole == HK_OK || whole == HK_ERR_CORRUPT, "a whole header is neither OK nor corrupt");

    Heka__Header *pb = heka__header__unpack(NULL, len, data);
    if (whole == HK_OK) {
        expect(pb != NULL, "read, but protobuf-c does not unpack it");
        compare(&h, pb);
    }
    if (pb != NULL) {
        heka__header__free_unpacked(pb, NULL);
    }
    /* Every prefix: never OK, and once one is corrupt all longer ones must be corrupt. */
    for (size_t n = 0; n < len; n++) {
        const hk_status part = read_part(data, n, len);
        expect(part == HK_ERR_TRUNCATED || part == HK_ERR_CORRUPT, "a part is read as a whole");
        expect(!corrupt || part == HK_ERR_CORRUPT, "more bytes made a corrupt header good");
        corrupt = part == HK_ERR_CORRUPT;
    }
    expect(!corrupt || whole == HK_ERR_CORRUPT, "the last byte made a corrupt header good");
    return 0;
}
