/* fuzz_otlp.c -- fuzz target: the OTLP request of any message is whole: the length of each entry
 * ends where its contents end, and a request past the limit leaves nothing behind.
 *
 * The first byte of the input limits how much the output may hold; 0: not at all. */
#include <stdio.h>
#include <stdlib.h>

#include "core/format/hk_otlp.h"
#include "core/wire/hk_normalise.h"
#include "core/wire/hk_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Whether data[0..len) are entries, and those of tag 2 on level 2, the records, are `records`. */
static bool
is_whole(const uint8_t *data, size_t len, unsigned level, size_t *records)
{
    size_t at = 0;
    while (at < len) {
        uint64_t key;
        uint64_t value = 0;
        if (hk_varint_get(data, len, &at, &key, NULL) != HK_OK) {
            return false;
        }
        const unsigned type = (unsigned)(key & 7);
        if (type == 1) {
            at += 8;
        } else if (hk_varint_get(data, len, &at, &value, NULL) != HK_OK) {
            return false;
        }
        if (at > len || (type == 2 && value > len - at)) {
            return false;
        }
        *records += level == 2 && key == 0x12;
        /* On these levels, entries of tags 1 and 2 are messages. */
        if (type == 2 && level < 2 && !is_whole(data + at, (size_t)value, level + 1, records)) {
            return false;
        }
        at += type == 2 ? (size_t)value : 0;
    }
    return at == len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    hk_buffer spare;
    hk_buffer out;
    hk_message m;
    const char *fault = NULL;
    if (len == 0) {
        return 0;
    }
    const size_t limit = data[0] == 0 ? HK_LENGTH_MAX : data[0] * 8u;
    hk_buffer_init(&spare, NULL, 0, HK_LENGTH_MAX);
    hk_buffer_init(&out, NULL, 0, limit);
    if (hk_decode(data + 1, len - 1, &m, &spare, NULL) == HK_OK) {
        hk_block_place places[2] = {{.len = (uint32_t)len, .message = m}, {.len = 1, .message = m}};
        const hk_block block = {.count = 2, .places = places};
        const hk_otlp_options options = {.now = 1};
        size_t records = 0;
        const hk_status status = hk_otlp_logs(&block, &options, &out, NULL);
        if (status == HK_OK) {
            if (!is_whole(out.data, out.len, 0, &records) || records != 2) {
                fault = "no whole request of two records";
            }
        } else if (status != HK_ERR_TOO_BIG || out.len != 0 || limit == HK_LENGTH_MAX) {
            fault = "a request that cannot be written";
        }
    }
    hk_buffer_clear(&out);
    hk_buffer_clear(&spare);
    if (fault != NULL) {
        fprintf(stderr, "%s\n", fault);
        abort();
    }
    return 0;
}
