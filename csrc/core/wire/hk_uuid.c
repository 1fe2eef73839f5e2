/* hk_uuid.c -- message ids: version 4 uuids, and their text form (by libuuid). */
#include "hk_uuid.h"

#include <string.h>
#include <uuid/uuid.h>

#include "core/base/hk_random.h"

hk_status
hk_uuid_make(uint8_t out[HK_UUID_SIZE])
{
    uint64_t bits[2];
    const hk_status status = hk_random_bits(bits);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    memcpy(out, bits, sizeof bits);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40); /* version 4 (RFC 9562, 5.4) */
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80); /* variant 10 (RFC 9562, 4.1) */
    return HK_OK;
}

hk_status
hk_uuid_parse(const char *text, size_t len, uint8_t out[HK_UUID_SIZE])
{
    static const size_t hyphens[] = {8, 13, 18, 23};
    char copy[HK_UUID_TEXT_SIZE];

    if (len == HK_UUID_TEXT_SIZE - 1) {
        memcpy(copy, text, len);
    } else if (len == 2 * HK_UUID_SIZE) {
        size_t from = 0;
        for (size_t to = 0, h = 0; to < HK_UUID_TEXT_SIZE - 1; to++) {
            if (h < sizeof hyphens / sizeof hyphens[0] && to == hyphens[h]) {
                copy[to] = '-';
                h++;
            } else {
                copy[to] = text[from++];
            }
        }
    } else {
        return HK_ERR_ARGUMENT;
    }
    copy[HK_UUID_TEXT_SIZE - 1] = '\0';
    return uuid_parse(copy, out) == 0 ? HK_OK : HK_ERR_ARGUMENT;
}

void
hk_uuid_format(const uint8_t uuid[HK_UUID_SIZE], char out[HK_UUID_TEXT_SIZE])
{
    uuid_unparse_lower(uuid, out);
}
