/* test_encode.c -- the encoder: exact bytes, equality with protobuf-c, limits, errors. */
#include "core/wire/hk_encode.h"

#include <stdlib.h>

#include "core/wire/hk_normalise.h"
#include "agree.h"
#include "check.h"
#include "sample.h"

static const uint8_t zeros[HK_UUID_SIZE];

static hk_head
empty_head(void)
{
    const hk_text empty = {NULL, 0, HK_TEXT_UTF8};
    return (hk_head){.uuid = zeros,
                     .type = empty,
                     .logger = empty,
                     .payload = empty,
                     .env_version = empty,
                     .hostname = empty};
}

static hk_status
open_field(hk_buffer *out, const char *name, hk_value_type type, hk_field_mark *mark)
{
    const hk_text name_text = utf8_of(name);
    const hk_text representation = utf8_of("");
    return hk_field_open(out, (hk_slice){NULL, 0}, &name_text, type, &representation,
                         HK_SURROGATES_REFUSED, mark);
}

static void
check_hex(const hk_buffer *out, const char *hex)
{
    hk_buffer expected = sample_buffer();
    put_hex(&expected, hex);
    CHECK_BYTES(out->data, out->len, expected.data, expected.len);
    hk_buffer_clear(&expected);
}

static void
test_head_bytes(void)
{
    hk_buffer out = sample_buffer();
    hk_head head = empty_head();
    CHECK_INT(hk_encode_head(&out, &head), HK_OK);
    check_hex(&out,
              "0a10 00000000000000000000000000000000 1000 1a00 2200 2800 3200 3a00 4000 4a00");

    out.len = 0;
    head.timestamp = -1;
    head.severity = -2;
    head.pid = 300;
    head.type = utf8_of("t");
    head.payload = (hk_text){"a\0b", 3, HK_TEXT_UTF8};
    head.hostname = (hk_text){"\xe9", 1, HK_TEXT_LATIN1};
    CHECK_INT(hk_encode_head(&out, &head), HK_OK);
    check_hex(&out,
              "0a10 00000000000000000000000000000000 10ffffffffffffffffff01 1a0174 2200"
              "28feffffffffffffffff01 3203610062 3a00 40ac02 4a02c3a9");
    hk_buffer_clear(&out);
}

/* A head with an encoded origin has the same bytes as one with the three attributes. */
static void
test_origin_bytes(void)
{
    static const char *const hosts[] = {"", "h", "a.host.example"};
    static const int32_t pids[] = {0, 1, 300, INT32_MAX, -1};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        for (size_t k = 0; k < sizeof pids / sizeof pids[0]; k++) {
            hk_buffer whole = sample_buffer();
            hk_buffer origin = sample_buffer();
            hk_buffer quick = sample_buffer();
            hk_head head = empty_head();
            head.type = utf8_of("t");
            head.payload = utf8_of("p");
            head.env_version = utf8_of("0.8");
            head.hostname = utf8_of(hosts[i]);
            head.pid = pids[k];
            CHECK_INT(hk_encode_head(&whole, &head), HK_OK);
            CHECK_INT(hk_encode_origin(&origin, &head), HK_OK);
            CHECK(origin.len <= HK_ORIGIN_SIZE(3 + strlen(hosts[i])));
            head.origin = (hk_slice){origin.data, origin.len};
            head.env_version = head.hostname = utf8_of("not looked at");
            CHECK_INT(hk_encode_head(&quick, &head), HK_OK);
            CHECK_BYTES(quick.data, quick.len, whole.data, whole.len);
            hk_buffer_clear(&quick);
            hk_buffer_clear(&origin);
            hk_buffer_clear(&whole);
        }
    }
}

/* One field of each type; the bytes are those of the rules in wire.md. */
static void
test_field_bytes(void)
{
    hk_buffer out = sample_buffer();
    hk_field_mark mark;
    hk_text text = utf8_of("v");
    size_t at;

    CHECK_INT(open_field(&out, "k", HK_STRING, &mark), HK_OK);
    CHECK_INT(hk_put_string(&out, &text, HK_SURROGATES_REFUSED, &at), HK_OK);
    CHECK_INT(hk_field_close(&out, &mark), HK_OK);
    check_hex(&out, "520a 0a016b 1000 1a00 220176");

    out.len = 0;
    CHECK_INT(open_field(&out, "k", HK_BYTES, &mark), HK_OK);
    CHECK_INT(hk_put_bytes(&out, (hk_slice){NULL, 0}), HK_OK);
    CHECK_INT(hk_put_bytes(&out, slice_of("\xff\xfe")), HK_OK);
    CHECK_INT(hk_field_close(&out, &mark), HK_OK);
    check_hex(&out, "520d 0a016b 1001 1a00 2a00 2a02fffe");

    out.len = 0;
    CHECK_INT(open_field(&out, "k", HK_INTEGER, &mark), HK_OK);
    CHECK_INT(hk_put_integer(&out, -1), HK_OK);
    CHECK_INT(hk_put_integer(&out, 128), HK_OK);
    CHECK_INT(hk_field_close(&out, &mark), HK_OK);
    check_hex(&out, "5215 0a016b 1002 1a00 320c ffffffffffffffffff01 8001");

    out.len = 0;
    CHECK_INT(open_field(&out, "k", HK_DOUBLE, &mark), HK_OK);
    CHECK_INT(hk_put_double(&out, -2.5), HK_OK);
    CHECK_INT(hk_field_close(&out, &mark), HK_OK);
    check_hex(&out, "5211 0a016b 1003 1a00 3a08 00000000000004c0");

    out.len = 0;
    CHECK_INT(open_field(&out, "k", HK_BOOL, &mark), HK_OK);
    CHECK_INT(hk_put_bool(&out, true), HK_OK);
    CHECK_INT(hk_put_bool(&out, false), HK_OK);
    CHECK_INT(hk_field_close(&out, &mark), HK_OK);
    check_hex(&out, "520b 0a016b 1004 1a00 42020100");
    hk_buffer_clear(&out);
}

static void
test_prefix_and_representation(void)
{
    hk_buffer out = sample_buffer();
    hk_field_mark mark;
    const hk_text name = {"\xe9", 1, HK_TEXT_LATIN1};
    const hk_text representation = utf8_of("KiB");
    CHECK_INT(hk_field_open(&out, slice_of("a."), &name, HK_BOOL, &representation,
                            HK_SURROGATES_REFUSED, &mark),
              HK_OK);
    CHECK_INT(hk_put_bool(&out, true), HK_OK);
    CHECK_INT(hk_field_close(&out, &mark), HK_OK);
    check_hex(&out, "5210 0a04612ec3a9 1004 1a034b6942 420101");
    hk_buffer_clear(&out);
}

/* Lengths of block and field near each value where their varints take one byte more. */
static void
test_lengths_grow(void)
{
    const size_t around[] = {1, 110, 130, 16370, 16390};
    for (size_t i = 0; i + 1 < sizeof around / sizeof around[0]; i++) {
        for (size_t n = around[i]; n < around[i] + 25; n++) {
            for (hk_value_type type = HK_STRING; type <= HK_BOOL; type++) {
                hk_buffer out = sample_buffer();
                hk_field_mark mark;
                hk_slice fields;
                hk_field field;
                hk_value value;
                size_t got = 0;
                bool equal = true;

                put_smallest(&out);
                must(open_field(&out, "k", type, &mark));
                for (size_t j = 0; j < n; j++) {
                    const hk_text empty = {NULL, 0, HK_TEXT_UTF8};
                    size_t at;
                    hk_status status = HK_OK;
                    switch (type) {
                        case HK_STRING:
                            status = hk_put_string(&out, &empty, HK_SURROGATES_REFUSED, &at);
                            break;
                        case HK_BYTES:
                            status = hk_put_bytes(&out, (hk_slice){NULL, 0});
                            break;
                        case HK_INTEGER:
                            status = hk_put_integer(&out, (int64_t)(j % 128));
                            break;
                        case HK_DOUBLE:
                            status = hk_put_double(&out, (double)j);
                            break;
                        case HK_BOOL:
                            status = hk_put_bool(&out, j % 3 == 0);
                            break;
                    }
                    must(status);
                }
                CHECK_INT(hk_field_close(&out, &mark), HK_OK);
                CHECK_NONE(agree(out.data, out.len));

                fields = (hk_slice){out.data + SMALLEST_SIZE, out.len - SMALLEST_SIZE};
                CHECK(hk_field_next(&fields, &field));
                for (; hk_value_next(&field.values, type, &value); got++) {
                    equal &= type != HK_INTEGER || value.integer == (int64_t)(got % 128);
                    equal &= type != HK_BOOL || value.truth == (got % 3 == 0);
                }
                CHECK(equal);
                CHECK_SIZE(got, n);
                hk_buffer_clear(&out);
            }
        }
    }
}

/* protobuf-c decodes the encoder's output with equal content, and packs it to the same bytes. */
static void
test_random_messages_agree(void)
{
    for (uint64_t seed = 0; seed < 3000; seed++) {
        hk_buffer out = sample_buffer();
        hk_message m;
        sample_message(&out, seed);
        CHECK_INT(hk_decode_canonical(out.data, out.len, &m), HK_OK);
        CHECK_NONE(agree(out.data, out.len));
        hk_buffer_clear(&out);
    }
}

static void
test_field_without_values_is_refused(void)
{
    for (hk_value_type type = HK_STRING; type <= HK_BOOL; type++) {
        hk_buffer out = sample_buffer();
        hk_field_mark mark;
        must(open_field(&out, "k", type, &mark));
        CHECK_INT(hk_field_close(&out, &mark), HK_ERR_EMPTY);
        CHECK_SIZE(mark.start, 0);
        hk_buffer_clear(&out);
    }
}

/* A lone surrogate in any text is an error that leaves the output unchanged. */
static void
test_surrogates_are_refused(void)
{
    static const uint16_t lone[] = {'a', 0xd800};
    static const uint16_t escaped[] = {'a', 0xdcff};
    const hk_text bad = {lone, 2, HK_TEXT_UCS2};
    const hk_text from_wire = {escaped, 2, HK_TEXT_UCS2};
    const hk_text good = utf8_of("x");
    hk_buffer out = sample_buffer();
    hk_field_mark mark;
    size_t at = 0;

    for (size_t i = 0; i < 5; i++) {
        hk_head head = empty_head();
        hk_text *const texts[] = {&head.type, &head.logger, &head.payload, &head.env_version,
                                  &head.hostname};
        *texts[i] = bad;
        CHECK_INT(hk_encode_head(&out, &head), HK_ERR_TEXT);
        CHECK_SIZE(out.len, 0);
        *texts[i] = from_wire;
        CHECK_INT(hk_encode_head(&out, &head), HK_OK);
        out.len = 0;
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(hk_field_open(&out, (hk_slice){NULL, 0}, i == 0 ? &bad : &good, HK_STRING,
                                i == 1 ? &bad : &good, HK_SURROGATES_ESCAPED, &mark),
                  HK_ERR_TEXT);
        CHECK_INT(hk_field_open(&out, (hk_slice){NULL, 0}, i == 0 ? &from_wire : &good, HK_STRING,
                                i == 1 ? &from_wire : &good, HK_SURROGATES_REFUSED, &mark),
                  HK_ERR_TEXT);
    }
    CHECK_INT(hk_put_string(&out, &from_wire, HK_SURROGATES_REFUSED, &at), HK_ERR_TEXT);
    CHECK_SIZE(at, 1);
    CHECK_SIZE(out.len, 0);
    CHECK_INT(hk_put_string(&out, &from_wire, HK_SURROGATES_ESCAPED, &at), HK_OK);
    check_hex(&out, "220261ff");
    hk_buffer_clear(&out);
}

/* With each limit from 0 on: HK_ERR_TOO_BIG and no byte past the limit, until the limit is enough.
 */
static void
test_every_limit(void)
{
    hk_buffer whole = sample_buffer();
    size_t failures = 0;
    sample_message(&whole, 9);
    hk_message m;
    must(hk_decode_canonical(whole.data, whole.len, &m));

    for (size_t limit = 0; limit < whole.len + 64; limit++) {
        hk_buffer out;
        hk_buffer_init(&out, NULL, 0, limit);
        const hk_status status = hk_decode_normalise(whole.data, whole.len, &out, NULL);
        CHECK(status == HK_OK || status == HK_ERR_TOO_BIG);
        CHECK(out.len <= limit && out.cap <= limit);
        if (status == HK_OK) {
            CHECK_BYTES(out.data, out.len, whole.data, whole.len);
        } else {
            failures++;
        }
        hk_buffer_clear(&out);
    }
    CHECK(failures >= whole.len);
    CHECK(failures < whole.len + 64); /* the encoder reserves little more than it needs */
    hk_buffer_clear(&whole);
}

static void
test_strings_over_the_limit(void)
{
    uint8_t *data = calloc(1, HK_LENGTH_MAX + 1);
    hk_buffer out = sample_buffer();
    hk_field_mark mark;
    const hk_text text = {data, HK_LENGTH_MAX + 1, HK_TEXT_UTF8};
    const hk_text fits = {data, HK_LENGTH_MAX, HK_TEXT_UTF8};
    hk_head head = empty_head();
    size_t at;

    head.payload = text;
    CHECK_INT(hk_encode_head(&out, &head), HK_ERR_TOO_BIG);
    CHECK_INT(hk_put_string(&out, &text, HK_SURROGATES_REFUSED, &at), HK_ERR_TOO_BIG);
    CHECK_INT(hk_put_bytes(&out, (hk_slice){data, HK_LENGTH_MAX + 1}), HK_ERR_TOO_BIG);
    CHECK_INT(hk_field_open(&out, (hk_slice){NULL, 0}, &text, HK_STRING, &head.type,
                            HK_SURROGATES_REFUSED, &mark),
              HK_ERR_TOO_BIG);
    CHECK_INT(hk_field_open(&out, (hk_slice){NULL, 0}, &head.type, HK_STRING, &text,
                            HK_SURROGATES_REFUSED, &mark),
              HK_ERR_TOO_BIG);
    CHECK_SIZE(out.len, 0);
    head.payload = fits;
    CHECK_INT(hk_encode_head(&out, &head), HK_OK);
    hk_message m;
    CHECK_INT(hk_decode_canonical(out.data, out.len, &m), HK_OK);
    CHECK_SIZE(m.payload.len, HK_LENGTH_MAX);
    hk_buffer_clear(&out);
    free(data);
}

int
main(void)
{
    test_head_bytes();
    test_origin_bytes();
    test_field_bytes();
    test_prefix_and_representation();
    test_lengths_grow();
    test_random_messages_agree();
    test_field_without_values_is_refused();
    test_surrogates_are_refused();
    test_every_limit();
    test_strings_over_the_limit();
    return check_report();
}
