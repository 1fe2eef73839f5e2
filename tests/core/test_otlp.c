/* test_otlp.c -- messages as an OTLP request: bytes of one, lengths that need more room, limits.
 *
 * What each part means is compared with OpenTelemetry's own classes in tests/wire. */
#include "core/format/hk_otlp.h"

#include <string.h>

#include "core/wire/hk_normalise.h"
#include "check.h"
#include "sample.h"

/* The request of the message in *wire, `times` times. */
static void
request_of(const hk_buffer *wire, size_t times, hk_slice resource, hk_buffer *out)
{
    hk_block_place places[3];
    hk_buffer spare = sample_buffer();
    const hk_otlp_options options = {.resource = resource, .now = 1};
    const hk_block block = {.count = times, .places = places};
    for (size_t i = 0; i < times; i++) {
        places[i] = (hk_block_place){.len = (uint32_t)wire->len};
        must(hk_decode(wire->data, wire->len, &places[i].message, &spare, NULL));
    }
    CHECK_INT(hk_otlp_logs(&block, &options, out, NULL), HK_OK);
    hk_buffer_clear(&spare);
}

static void
test_smallest(void)
{
    hk_buffer wire = sample_buffer();
    hk_buffer out = sample_buffer();
    hk_buffer wanted = sample_buffer();
    put_smallest(&wire);
    request_of(&wire, 1, slice_of(""), &out);
    put_hex(&wanted, "0a55 0a00 1251 124f"); /* logs; resource; scope logs; record */
    put_hex(&wanted, "09 0100000000000000 59 0100000000000000 1005 1a05 4445425547");
    put_hex(&wanted, "3238 0a0e"); /* attribute log.record.uid */
    put_raw(&wanted, "log.record.uid", 14);
    put_hex(&wanted, "1226 0a24");
    put_raw(&wanted, "00010203-0405-0607-0809-0a0b0c0d0e0f", 36);
    wanted.data[1] = (uint8_t)(wanted.len - 2);
    wanted.data[5] = (uint8_t)(wanted.len - 6);
    wanted.data[7] = (uint8_t)(wanted.len - 8);
    CHECK_BYTES(out.data, out.len, wanted.data, wanted.len);
    hk_buffer_clear(&wanted);
    hk_buffer_clear(&out);
    hk_buffer_clear(&wire);
}

/* Contents whose length takes more or fewer bytes than was likely are moved, and stay whole. */
static void
test_lengths(void)
{
    hk_buffer wire = sample_buffer();
    hk_buffer once = sample_buffer();
    hk_buffer thrice = sample_buffer();
    uint8_t text[300];
    memset(text, 0xff, sizeof text); /* no UTF-8: each byte becomes three */
    put_smallest(&wire);
    put_entry(&wire, HK_TAG_PAYLOAD, text, sizeof text);
    request_of(&wire, 1, slice_of(""), &once);
    request_of(&wire, 3, slice_of(""), &thrice);
    CHECK(once.len > 3 * sizeof text && thrice.len < 3 * once.len);
    CHECK(memmem(once.data, once.len, "\xef\xbf\xbd\xef\xbf\xbd", 6) != NULL);
    hk_buffer_clear(&thrice);
    hk_buffer_clear(&once);
    hk_buffer_clear(&wire);
}

static void
test_limit_of_the_output(void)
{
    hk_buffer wire = sample_buffer();
    hk_buffer spare = sample_buffer();
    hk_buffer out;
    hk_block_place place = {.len = SMALLEST_SIZE};
    const hk_block block = {.count = 1, .places = &place};
    const hk_otlp_options options = {.now = 1};
    put_smallest(&wire);
    must(hk_decode(wire.data, wire.len, &place.message, &spare, NULL));
    for (size_t limit = 0; limit < 100; limit++) {
        hk_buffer_init(&out, NULL, 0, limit);
        const hk_status status = hk_otlp_logs(&block, &options, &out, NULL);
        CHECK(status == HK_OK || (status == HK_ERR_TOO_BIG && out.len == 0));
        hk_buffer_clear(&out);
    }
    hk_buffer_clear(&spare);
    hk_buffer_clear(&wire);
}

int
main(void)
{
    test_smallest();
    test_lengths();
    test_limit_of_the_output();
    return check_report();
}
