/* test_decode.c -- which bytes are canonical, and decoding. */
#include "core/wire/hk_normalise.h"

#include <stdlib.h>

#include "agree.h"
#include "check.h"
#include "sample.h"

/* ---- hk_decode_canonical ---- */

static const struct {
    const char *hex;
    bool canonical; /* all of them are valid */
} forms[] = {
    {HEAD, true},
    {HEAD "1a00 2200 2800 3200 3a00 4000 4a00", true},
    {HEAD "2800 4a00", true},
    {HEAD "28ffffffffffffffffff01", true},
    {HEAD "28ffffffff0f", false}, /* int32 -1 in five bytes */
    {HEAD "28feffffffff01", false},
    {HEAD "288000", false},
    {HEAD "1a8000", false},
    {"1001" UUID, false},
    {HEAD "4a00 1a00", false},
    {HEAD "1a00 1a00", false},
    {HEAD "5a00", false},
    {HEAD "5206 0a00 1000 1a00", true}, /* no values */
    {HEAD "5206 0a00 1004 1a00", true},
    {HEAD "5208 0a00 1000 1a00 2200", true},
    {HEAD "5208 0a00 1000 1a00 2200 4a00", false}, /* the head behind a field */
    {HEAD "520a 0a00 1000 1a00 2200 2200", true},
    {HEAD "520a 0a00 1000 1a00 2200 2a00", false}, /* another array */
    {HEAD "5208 0a00 1000 1a00 2a00", false},
    {HEAD "5208 0a00 1001 1a00 2200", false},
    {HEAD "5208 0a00 1001 1a00 2a00", true},
    {HEAD "5209 0a00 1002 1a00 320101", true},
    {HEAD "5208 0a00 1002 1a00 3200", false}, /* an empty block */
    {HEAD "5208 0a00 1002 1a00 3001", false}, /* unpacked */
    {HEAD "520a 0a00 1002 1a00 32028000", false},
    {HEAD "520c 0a00 1002 1a00 320101 320101", false},
    {HEAD "5209 0a00 1004 1a00 420101", true},
    {HEAD "5209 0a00 1004 1a00 420102", false},
    {HEAD "520a 0a00 1004 1a00 42028001", false},
    {HEAD "5210 0a00 1003 1a00 3a08 0000000000000000", true},
    {HEAD "5208 0a00 1003 1a00 3a00", false},
    {HEAD "520f 0a00 1003 1a00 39 0000000000000000", false},
    {HEAD "5206 0a00 1005 1a00", false}, /* not a value type */
    {HEAD "5207 0a00 108000 1a00", false},
    {HEAD "5204 0a00 1000", false},
    {HEAD "5204 0a00 1a00", false},
    {HEAD "5206 1000 0a00 1a00", false},
};

static void
test_forms(void)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        hk_buffer buf = sample_buffer();
        hk_message m;
        put_hex(&buf, forms[i].hex);
        uint8_t *data = sample_exact(&buf);
        const unsigned long before = check_failed;
        CHECK_INT(hk_decode_canonical(data, buf.len, &m),
                  forms[i].canonical ? HK_OK : HK_ERR_CORRUPT);
        CHECK_INT(hk_decode_check(data, buf.len, NULL), HK_OK);
        CHECK_NONE(agree(data, buf.len));
        if (check_failed != before) {
            printf("  of %s\n", forms[i].hex);
        }
        free(data);
        hk_buffer_clear(&buf);
    }
}

static void
test_defaults_and_values(void)
{
    hk_buffer buf = sample_buffer();
    hk_message m;
    hk_field field;
    hk_value value;

    put_hex(&buf, HEAD "520e 0a0161 1002 1a0162 3204017f8001 5206 0a00 1000 1a00");
    CHECK_INT(hk_decode_canonical(buf.data, buf.len, &m), HK_OK);
    CHECK(m.uuid == buf.data + 2);
    CHECK_INT(m.timestamp, 1);
    CHECK_INT(m.severity, HK_SEVERITY_DEFAULT);
    CHECK_INT(m.pid, 0);
    CHECK_SIZE(m.type.len + m.logger.len + m.payload.len + m.env_version.len + m.hostname.len, 0);
    CHECK(m.valueless);
    CHECK(m.fields.data == buf.data + SMALLEST_SIZE);

    CHECK(hk_field_next(&m.fields, &field));
    CHECK(field.whole.data == buf.data + SMALLEST_SIZE);
    CHECK_SIZE(field.whole.len, 16);
    CHECK_BYTES(field.name.data, field.name.len, (const uint8_t *)"a", 1);
    CHECK_BYTES(field.representation.data, field.representation.len, (const uint8_t *)"b", 1);
    CHECK_INT(field.type, HK_INTEGER);
    const int64_t expected[] = {1, 127, 128};
    for (size_t i = 0; i < 3; i++) {
        CHECK(hk_value_next(&field.values, field.type, &value));
        CHECK_INT(value.integer, expected[i]);
    }
    CHECK(!hk_value_next(&field.values, field.type, &value));
    CHECK(hk_field_next(&m.fields, &field));
    CHECK(!hk_value_next(&field.values, field.type, &value));
    CHECK(!hk_field_next(&m.fields, &field));
    hk_buffer_clear(&buf);
}

/* A slice may be NULL when it is empty. */
static void
test_nothing_at_all(void)
{
    hk_slice nothing = {NULL, 0};
    hk_field field;
    hk_value value;
    hk_message m;
    hk_buffer spare = sample_buffer();

    CHECK(!hk_field_next(&nothing, &field));
    for (hk_value_type type = HK_STRING; type <= HK_BOOL; type++) {
        CHECK(!hk_value_next(&nothing, type, &value));
    }
    CHECK_INT(hk_decode_canonical(NULL, 0, &m), HK_ERR_CORRUPT);
    CHECK_INT(hk_decode_check(NULL, 0, NULL), HK_ERR_CORRUPT);
    CHECK_INT(hk_decode(NULL, 0, &m, &spare, NULL), HK_ERR_CORRUPT);
    hk_buffer_clear(&spare);
}

/* ---- many inputs ---- */

/* For every prefix of a message, both decoders must agree. */
static void
test_every_truncation(void)
{
    for (uint64_t seed = 0; seed < 12; seed++) {
        hk_buffer buf = sample_buffer();
        if (seed % 2 == 0) {
            sample_message(&buf, seed);
        } else {
            sample_foreign(&buf, seed);
        }
        const size_t whole = buf.len;
        for (buf.len = 0; buf.len < whole; buf.len++) {
            uint8_t *data = sample_exact(&buf);
            CHECK_NONE(agree(data, buf.len));
            free(data);
        }
        hk_buffer_clear(&buf);
    }
}

/* Sets each byte of a short message to each value. */
static void
test_every_byte_changed(void)
{
    static const char *const hexes[] = {
        HEAD "1a0174 2803 4a00", HEAD "520b 0a016b 1004 1a00 42020100",
        HEAD "520a 0a016b 1000 1a00 220176", HEAD "5210 0a00 1003 1a00 3a08 0000000000000000",
        HEAD "520e 0a00 1002 1a00 3001 3002 320102"};
    for (size_t i = 0; i < sizeof hexes / sizeof hexes[0]; i++) {
        hk_buffer buf = sample_buffer();
        put_hex(&buf, hexes[i]);
        for (size_t at = 0; at < buf.len; at++) {
            const uint8_t was = buf.data[at];
            for (unsigned byte = 0; byte < 256; byte++) {
                buf.data[at] = (uint8_t)byte;
                uint8_t *data = sample_exact(&buf);
                CHECK_NONE(agree(data, buf.len));
                free(data);
            }
            buf.data[at] = was;
        }
        hk_buffer_clear(&buf);
    }
}

static void
check_seed(const char *name, const uint8_t *data, size_t len, void *arg)
{
    hk_message m;
    hk_buffer out = sample_buffer();
    const bool golden = strncmp(name, "golden-", 7) == 0;
    (void)arg;

    if (!CHECK_NONE(agree(data, len))) {
        printf("  of %s\n", name);
    }
    if (golden) { /* what Google's protobuf writes is our normal form */
        CHECK_INT(hk_decode_canonical(data, len, &m), HK_OK);
        CHECK_INT(hk_decode_normalise(data, len, &out, NULL), HK_OK);
        CHECK_BYTES(out.data, out.len, data, len);
    }
    hk_buffer_clear(&out);
}

static void
test_golden_vectors(void)
{
    CHECK(for_each_file(SEEDS "/fuzz_decode", check_seed, NULL) > 50);
}

/* Canonical messages may have any length, others at most HK_FOREIGN_MAX. */
static void
test_foreign_limit(void)
{
    uint8_t *zeros = calloc(1, HK_FOREIGN_MAX);
    for (int over = 0; over < 2; over++) {
        hk_buffer buf = sample_buffer();
        hk_buffer spare = sample_buffer();
        hk_message m;
        hk_error err = {HK_OK, 0, ""};
        put_smallest(&buf);
        put_entry(&buf, HK_TAG_PAYLOAD, zeros,
                  HK_FOREIGN_MAX - SMALLEST_SIZE - 4 + (over == 1 ? 1 : 0));
        CHECK_SIZE(buf.len, HK_FOREIGN_MAX + (size_t)over);
        CHECK_INT(hk_decode(buf.data, buf.len, &m, &spare, &err), HK_OK);

        buf.data[18] = 0x78; /* the timestamp's tag is now an unknown one */
        CHECK_INT(hk_decode(buf.data, buf.len, &m, &spare, &err), HK_ERR_CORRUPT);
        CHECK_SIZE(err.offset, HK_FOREIGN_MAX);

        buf.len -= 2; /* room for a second timestamp, which is not canonical */
        put_hex(&buf, "1005");
        buf.data[SMALLEST_SIZE + 1] = (uint8_t)(buf.data[SMALLEST_SIZE + 1] - 2);
        CHECK_INT(hk_decode(buf.data, buf.len, &m, &spare, &err),
                  over == 1 ? HK_ERR_CORRUPT : HK_OK);
        hk_buffer_clear(&spare);
        hk_buffer_clear(&buf);
    }
    free(zeros);
}

int
main(void)
{
    test_forms();
    test_defaults_and_values();
    test_nothing_at_all();
    test_every_truncation();
    test_every_byte_changed();
    test_golden_vectors();
    test_foreign_limit();
    return check_report();
}
