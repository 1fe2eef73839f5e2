/* test_validate.c -- which bytes are a Message, and the offset and text of what is wrong. */
#include "core/wire/hk_decode.h"

#include <stdlib.h>
#include <string.h>

#include "agree.h"
#include "check.h"
#include "sample.h"

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
        uint8_t *data = sample_exact(&buf);
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

/* protobuf-c refuses groups: each is overwritten by an unknown entry of its size. */
static void
test_groups_are_covered(void)
{
    hk_buffer buf = sample_buffer();
    put_hex(&buf, HEAD "7b 8301 7b 7c 8401 7c 1a0161 5206 0a00 7b 1000 7c");
    const size_t size = buf.len;
    CHECK(hk_decode_cover_groups(buf.data, buf.len));
    CHECK_INT(hk_decode_check(buf.data, buf.len, NULL), HK_OK);
    CHECK(!hk_decode_cover_groups(buf.data, buf.len));
    CHECK_SIZE(buf.len, size);
    hk_buffer_clear(&buf);
}

/* One more than the deepest that is read. */
static void
test_depth_of_groups(void)
{
    for (unsigned depth = HK_GROUPS_MAX; depth <= HK_GROUPS_MAX + 1; depth++) {
        hk_buffer buf = sample_buffer();
        put_hex(&buf, HEAD);
        for (unsigned i = 0; i < 2 * depth; i++) {
            put_raw(&buf, i < depth ? "\x7b" : "\x7c", 1);
        }
        CHECK_INT(hk_decode_check(buf.data, buf.len, NULL),
                  depth <= HK_GROUPS_MAX ? HK_OK : HK_ERR_CORRUPT);
        hk_buffer_clear(&buf);
    }
}

int
main(void)
{
    test_faults_and_their_offsets();
    test_groups_are_covered();
    test_depth_of_groups();
    return check_report();
}
