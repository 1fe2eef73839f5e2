/* test_decode.c -- which bytes are canonical, which are valid, the offsets of errors, decoding. */
#include "core/wire/hk_normalise.h"

#include <stdlib.h>

#include "agree.h"
#include "check.h"
#include "sample.h"

#define UUID "0a10 000102030405060708090a0b0c0d0e0f "
#define HEAD UUID "1001 "

/* Copies the bytes into an allocation of their length, so that ASan detects a read past the end. */
static uint8_t *
exact(const hk_buffer *buf)
{
    uint8_t *data = malloc(buf->len > 0 ? buf->len : 1);
    if (buf->len > 0) {
        memcpy(data, buf->data, buf->len);
    }
    return data;
}

/* ---- hk_decode_check ---- */

typedef struct {
    const char *hex;
    long long offset; /* of the error; -1: valid */
    const char *text; /* part of the error text */
} verdict;

static const verdict verdicts[] = {
    {HEAD, -1, ""},
    {"1001" UUID, -1, ""},
    {HEAD "1002 1003", -1, ""},
    {"0a00" HEAD, -1, ""},                                             /* the last uuid counts */
    {HEAD "7a00 fd0100000000 f9010000000000000000 f80180 01", -1, ""}, /* unknown tags */
    {HEAD "9a8080800000", -1, ""},                                     /* number 3, long form */
    {HEAD "52020a00", -1, ""},
    {HEAD "5206 0a00 3001 3002", -1, ""},          /* unpacked */
    {HEAD "520a 0a00 3201013a00 32 0102", -1, ""}, /* split, and an empty block */
    {HEAD "520b 0a00 39 0000000000000000", -1, ""},
    {HEAD "5208 0a00 7a 0401020304", -1, ""}, /* unknown in a field */
    {"", 0, "no uuid"},
    {"1001", 2, "no uuid"},
    {UUID, 18, "no timestamp"},
    {"0a0f 000102030405060708090a0b0c0d0e 1001", 2, "expected a uuid of 16 bytes, got 15"},
    {HEAD "0a01ff", 22, "expected a uuid of 16 bytes, got 1"},
    {HEAD "0a", 21, "inside a length"},
    {HEAD "8a", 20, "inside a field key"},
    {HEAD "00", 20, "expected a field key"},
    {HEAD "0700", 20, "expected a field key"},
    {HEAD "8000 00", 20, "expected a field key"},      /* number 0 in a long form */
    {HEAD "808080801000", 20, "expected a field key"}, /* a key of 33 bits */
    {HEAD "80808080800100", 20, "expected a field key"},
    {HEAD "10", 21, "inside a varint"},
    {HEAD "10ffffffffffffffffffff01", 21, "expected a varint of at most 10 bytes"},
    {HEAD "7d000000", 21, "inside a fixed-size number"},
    {HEAD "7900000000000000", 21, "inside a fixed-size number"},
    {HEAD "1a0161 62", 24, "inside a length"},
    {HEAD "1a8080808080 00", 21, "expected a length of at most 5 bytes"},
    {HEAD "1a05 61", 21, "field 3 claims 5 bytes, 1 are left"},
    {HEAD "1affffffff0f", 21, "claims 4294967295 bytes"},
    {HEAD "7b7c", -1, ""}, /* unknown groups */
    {HEAD "7b 0801 7a0161 79 0000000000000000 7d 00000000 7c", -1, ""},
    {HEAD "7b 8301 7b 7c 8401 7c", -1, ""},
    {HEAD "7bfc8080 8000", -1, ""}, /* its end in a long form */
    {HEAD "5206 0a00 7b 1000 7c", -1, ""},
    {HEAD "7b", 20, "inside a group"},
    {HEAD "7b0801", 20, "inside a group"},
    {HEAD "7b7b7c", 20, "inside a group"},
    {HEAD "7b7a057c", 22, "field 15 claims 5 bytes, 1 are left"},
    {HEAD "7b08", 22, "inside a varint"},
    {HEAD "7b7e7c", 21, "wire type 6"},
    {HEAD "7c", 20, "group 15 ends, but has not begun"},
    {HEAD "7b8401", 21, "expected the end of group 15, got that of group 16"},
    {HEAD "7b83017c", 23, "expected the end of group 16, got that of group 15"},
    {HEAD "7b7c7c", 22, "group 15 ends, but has not begun"},
    {HEAD "5205 0a00 7b1000 7c", 24, "inside a group"}, /* its end is outside of the field */
    {HEAD "0b0c", 20, "expected uuid as length-delimited, got group"},
    {HEAD "5204 0a00 0b0c", 24, "expected Field.name as length-delimited, got group"},
    {HEAD "7e", 20, "wire type 6"},
    {HEAD "7f", 20, "wire type 7"},
    {HEAD "0801", 20, "expected uuid as length-delimited"},
    {HEAD "1100000000 00000000", 20, "expected timestamp as varint"},
    {HEAD "1801", 20, "expected type as length-delimited"},
    {HEAD "2a00", 20, "expected severity as varint"},
    {HEAD "4200", 20, "expected pid as varint"},
    {HEAD "4d00000000", 20, "expected hostname as length-delimited"},
    {HEAD "5000", 20, "expected fields as length-delimited"},
    {HEAD "5200", 22, "expected a name in a field of 0 bytes"},
    {HEAD "5202 1000", 22, "expected a name in a field of 2 bytes"},
    {HEAD "5203 0a00 22", 25, "inside a length"},
    {HEAD "5204 0a00 0800", 24, "expected Field.name as length-delimited"},
    {HEAD "5204 0a00 1200", 24, "expected Field.value_type as varint"},
    {HEAD "5204 0a00 1800", 24, "expected Field.representation as length-delimited"},
    {HEAD "5204 0a00 2000", 24, "expected Field.value_string as length-delimited"},
    {HEAD "5204 0a00 2800", 24, "expected Field.value_bytes as length-delimited"},
    {HEAD "5207 0a00 3500000000", 24, "expected Field.value_integer as varint"},
    {HEAD "5204 0a00 3800", 24, "expected Field.value_double as 64-bit"},
    {HEAD "5207 0a00 4500000000", 24, "expected Field.value_bool as varint"},
    {HEAD "5206 0a00 3202 0180", 27, "a varint inside a packed block of 2 bytes"},
    {HEAD "5206 0a00 4202 0180", 27, "a varint inside a packed block of 2 bytes"},
    {HEAD "5207 0a00 3a03 000000", 26, "8 bytes for each double, got a block of 3"},
};

static void
test_faults_and_their_offsets(void)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        const verdict *v = &verdicts[i];
        hk_buffer buf = sample_buffer();
        hk_error err = {HK_OK, 0, ""};
        put_hex(&buf, v->hex);
        uint8_t *data = exact(&buf);
        const unsigned long before = check_failed;

        CHECK_INT(hk_decode_check(data, buf.len, &err), v->offset < 0 ? HK_OK : HK_ERR_CORRUPT);
        CHECK_INT(hk_decode_check(data, buf.len, NULL), v->offset < 0 ? HK_OK : HK_ERR_CORRUPT);
        if (v->offset >= 0) {
            CHECK_SIZE(err.offset, v->offset);
            CHECK(strstr(err.text, v->text) != NULL);
        }
        CHECK_NONE(agree(data, buf.len));
        if (check_failed != before) {
            printf("  of %s: \"%s\"\n", v->hex, err.text);
        }
        free(data);
        hk_buffer_clear(&buf);
    }
}

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
        uint8_t *data = exact(&buf);
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
            uint8_t *data = exact(&buf);
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
                uint8_t *data = exact(&buf);
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
    test_faults_and_their_offsets();
    test_forms();
    test_defaults_and_values();
    test_nothing_at_all();
    test_every_truncation();
    test_every_byte_changed();
    test_golden_vectors();
    test_foreign_limit();
    return check_report();
}
