/* test_normalise.c -- the canonical form of any valid message: equal content. */
#include "core/wire/hk_normalise.h"

#include <stdlib.h>

#include "agree.h"
#include "check.h"
#include "sample.h"

#define FULL HEAD "1a00 2200 2807 3200 3a00 4000 4a00 "

static const struct {
    const char *from;
    const char *to;
} pairs[] = {
    /* missing attributes get their defaults; the last of repeated scalars counts */
    {HEAD, FULL},
    {"1005 1001 0a00 0a10 000102030405060708090a0b0c0d0e0f", FULL},
    {"2801 2807 1a0161 1a00" HEAD, FULL},
    {HEAD "288780808000", FULL},
    /* int32 is the low 32 bits of the varint, sign-extended */
    {HEAD "28ffffffff0f", HEAD "1a00 2200 28ffffffffffffffffff01 3200 3a00 4000 4a00"},
    {HEAD "4080808080f0ffffffff01 408180808010", HEAD "1a00 2200 2807 3200 3a00 4001 4a00"},
    /* unknown tags are removed, from the message and from its fields */
    {HEAD "7a0161 5209 0a016b 7a0161 220176", FULL "520a 0a016b 1000 1a00 220176"},
    {HEAD "7b0a0161 7b7c 7c 5209 0a016b 7b7c 220176 280a", ""}, /* its length is wrong */
    {HEAD "7b0a0161 7b7c 7c 520a 0a016b 7b1005 7c 220176 2805",
     HEAD "1a00 2200 2805 3200 3a00 4000 "
          "4a00 520a 0a016b 1000 1a00 220176"},
    /* a field keeps name, type, representation and the values of that type only */
    {HEAD "5206 220176 0a016b", FULL "520a 0a016b 1000 1a00 220176"},
    {HEAD "5209 220176 2a0162 0a016b", FULL "520a 0a016b 1000 1a00 220176"},
    {HEAD "5211 0a016b 1a0162 1a0163 0a0161 1001 2a0178", FULL "520b 0a0161 1001 1a0163 2a0178"},
    {HEAD "520f 0a016b 1002 3001 32020203 3004 3200", FULL "520d 0a016b 1002 1a00 320401020304"},
    {HEAD "5208 0a016b 1002 38 01", ""}, /* not valid */
    {HEAD "5207 0a016b 1004 4002", FULL "520a 0a016b 1004 1a00 420101"},
    {HEAD "520a 0a016b 1004 4203 800001", FULL "520b 0a016b 1004 1a00 42020001"},
    {HEAD "5210 0a016b 1003 39 000000000000f03f 3a00",
     FULL "5211 0a016b 1003 1a00 3a08 000000000000f03f"},
    /* a field without values is kept, without a block, so that a reader sees it */
    {HEAD "5203 0a016b", FULL "5207 0a016b 1000 1a00"},
    {HEAD "5207 0a016b 1002 3200", FULL "5207 0a016b 1002 1a00"},
    {HEAD "5208 0a016b 1001 220176", FULL "5207 0a016b 1001 1a00"},
    /* an unknown value type counts as absent, and the default is STRING */
    {HEAD "5208 0a016b 1005 220176", FULL "520a 0a016b 1000 1a00 220176"},
    {HEAD "5211 0a016b 10ffffffffffffffffff01 220176", FULL "520a 0a016b 1000 1a00 220176"},
};

static void
test_forms(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        hk_buffer from = sample_buffer();
        hk_buffer to = sample_buffer();
        hk_buffer got = sample_buffer();
        put_hex(&from, pairs[i].from);
        put_hex(&to, pairs[i].to);
        const unsigned long before = check_failed;
        CHECK_INT(hk_decode_normalise(from.data, from.len, &got, NULL),
                  to.len > 0 ? HK_OK : HK_ERR_CORRUPT);
        CHECK_BYTES(got.data, got.len, to.data, to.len);
        CHECK_NONE(agree(from.data, from.len));
        if (check_failed != before) {
            printf("  of %s\n", pairs[i].from);
        }
        hk_buffer_clear(&got);
        hk_buffer_clear(&to);
        hk_buffer_clear(&from);
    }
}

static void
test_appends(void)
{
    hk_buffer from = sample_buffer();
    hk_buffer single = sample_buffer();
    hk_buffer behind = sample_buffer();
    sample_foreign(&from, 21);
    put_hex(&behind, "aabbcc");
    CHECK_INT(hk_decode_normalise(from.data, from.len, &single, NULL), HK_OK);
    CHECK_INT(hk_decode_normalise(from.data, from.len, &behind, NULL), HK_OK);
    CHECK_BYTES(behind.data + 3, behind.len - 3, single.data, single.len);
    CHECK_BYTES(behind.data, 3, (const uint8_t *)"\xaa\xbb\xcc", 3);
    hk_buffer_clear(&behind);
    hk_buffer_clear(&single);
    hk_buffer_clear(&from);
}

static void
test_errors(void)
{
    hk_buffer from = sample_buffer();
    hk_buffer out;
    hk_error err = {HK_OK, 0, ""};

    put_hex(&from, HEAD "1aff01");
    hk_buffer_init(&out, NULL, 0, 4096);
    CHECK_INT(hk_decode_normalise(from.data, from.len, &out, &err), HK_ERR_CORRUPT);
    CHECK_SIZE(err.offset, 21);
    from.len = 0;
    put_hex(&from, "0a0101 1001");
    CHECK_INT(hk_decode_normalise(from.data, from.len, &out, &err), HK_ERR_CORRUPT);
    CHECK_SIZE(err.offset, 2);
    CHECK_SIZE(out.len, 0);
    hk_buffer_clear(&out);

    from.len = 0;
    sample_foreign(&from, 3);
    hk_buffer_init(&out, NULL, 0, 10);
    CHECK_INT(hk_decode_normalise(from.data, from.len, &out, &err), HK_ERR_TOO_BIG);
    CHECK_INT(err.status, HK_ERR_TOO_BIG);
    hk_buffer_clear(&out);
    hk_buffer_clear(&from);
}

static void
test_random_foreign_messages_agree(void)
{
    size_t canonical = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        hk_buffer buf = sample_buffer();
        hk_message m;
        sample_foreign(&buf, seed);
        CHECK_INT(hk_decode_check(buf.data, buf.len, NULL), HK_OK);
        canonical += hk_decode_canonical(buf.data, buf.len, &m) == HK_OK;
        CHECK_NONE(agree(buf.data, buf.len));
        hk_buffer_clear(&buf);
    }
    CHECK(canonical < 100); /* canonical ones would not test hk_decode_normalise */
}

/* The largest non-canonical message, filled with one kind of small entry: the arena is large enough
 * for each kind, also for the one that costs protobuf-c the most memory per byte. */
static void
test_arena_holds_every_shape(void)
{
    static const char *const units[] = {
        "7800",         "7a00",         "7d00000000",   "1000",
        "1a00",         "52020a00",     "5203 0a0161",  "5204 0a00 2200",
        "52040a007a00", "52040a003000", "52040a007800", "52060a001a002200",
        "7a0161",       "7a03616263",   "7b7c",         "7b7b7c7c",
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        for (int nested = 0; nested < 2; nested++) {
            hk_buffer unit = sample_buffer();
            hk_buffer run = sample_buffer();
            hk_buffer all = sample_buffer();
            hk_buffer out = sample_buffer();
            hk_message m;
            put_hex(&unit, units[i]);
            const bool of_field = units[i][0] == '7'; /* unknown in Message and Field: test both */
            put_smallest(&all);
            put_hex(&all, "1001"); /* not canonical, whatever follows */
            while (run.len + unit.len + all.len + 16 <= HK_FOREIGN_MAX) {
                put_raw(&run, unit.data, unit.len);
            }
            if (nested == 1 && of_field) {
                put_raw(&run, "\x0a", 2); /* with its NUL: an empty name */
                put_entry(&all, HK_TAG_FIELDS, run.data, run.len);
            } else {
                put_raw(&all, run.data, run.len);
            }
            CHECK(all.len <= HK_FOREIGN_MAX);
            if (!CHECK_INT(hk_decode(all.data, all.len, &m, &out, NULL), HK_OK)) {
                printf("  of units %s, nested %d\n", units[i], nested);
            }
            hk_buffer_clear(&out);
            hk_buffer_clear(&all);
            hk_buffer_clear(&run);
            hk_buffer_clear(&unit);
        }
    }
}

/* One field of a megabyte of values of two bytes each. */
static void
test_arena_holds_many_values(void)
{
    static const char *const values[] = {
        "2200", "2a00", "3001", "4001", "320101", "420101", "39 0000000000000000"};
    static const uint8_t types[] = {0, 1, 2, 4, 2, 4, 3};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        hk_buffer unit = sample_buffer();
        hk_buffer run = sample_buffer();
        hk_buffer all = sample_buffer();
        hk_buffer out = sample_buffer();
        hk_message m;
        hk_field field;
        hk_value value;
        put_hex(&unit, values[i]);
        put_raw(&run, "\x10", 1);
        put_raw(&run, &types[i], 1);
        size_t n = 0;
        for (; run.len + unit.len + 64 <= HK_FOREIGN_MAX; n++) {
            put_raw(&run, unit.data, unit.len);
        }
        put_hex(&run, "0a00");
        put_smallest(&all);
        put_entry(&all, HK_TAG_FIELDS, run.data, run.len);
        if (CHECK_INT(hk_decode(all.data, all.len, &m, &out, NULL), HK_OK)) {
            CHECK(hk_field_next(&m.fields, &field));
            for (; hk_value_next(&field.values, field.type, &value); n--) {
            }
            CHECK_SIZE(n, 0);
        }
        hk_buffer_clear(&out);
        hk_buffer_clear(&all);
        hk_buffer_clear(&run);
        hk_buffer_clear(&unit);
    }
}

/* A group of any size is replaced by an entry of that size: the length of the entry takes one byte
 * or three. */
static void
test_groups_of_each_size(void)
{
    for (size_t inside = 2; inside < 300; inside++) {
        hk_buffer from = sample_buffer();
        hk_buffer got = sample_buffer();
        hk_buffer to = sample_buffer();
        put_hex(&from, HEAD "7b");
        size_t left = inside;
        if (inside % 2 == 1) {
            put_hex(&from, "288502"); /* a severity, if it were outside of the group */
            left -= 3;
        }
        for (; left > 0; left -= 2) {
            put_hex(&from, "2805");
        }
        put_hex(&from, "7c 1a0161");
        put_hex(&to, HEAD "1a0161 2200 2807 3200 3a00 4000 4a00");
        CHECK_INT(hk_decode_normalise(from.data, from.len, &got, NULL), HK_OK);
        CHECK_BYTES(got.data, got.len, to.data, to.len);
        CHECK_NONE(agree(from.data, from.len));
        hk_buffer_clear(&to);
        hk_buffer_clear(&got);
        hk_buffer_clear(&from);
    }
}

/* The deepest nesting that is accepted, and one more. */
static void
test_depth_of_groups(void)
{
    for (size_t depth = HK_GROUPS_MAX; depth <= HK_GROUPS_MAX + 1; depth++) {
        hk_buffer from = sample_buffer();
        hk_buffer got = sample_buffer();
        hk_error err = {HK_OK, 0, ""};
        put_hex(&from, HEAD);
        for (size_t i = 0; i < depth; i++) {
            put_hex(&from, "7b");
        }
        for (size_t i = 0; i < depth; i++) {
            put_hex(&from, "7c");
        }
        const hk_status expected = depth == HK_GROUPS_MAX ? HK_OK : HK_ERR_CORRUPT;
        CHECK_INT(hk_decode_normalise(from.data, from.len, &got, &err), expected);
        if (expected != HK_OK) {
            CHECK_SIZE(err.offset, 20 + HK_GROUPS_MAX);
        }
        CHECK_NONE(agree(from.data, from.len));
        hk_buffer_clear(&got);
        hk_buffer_clear(&from);
    }
}

int
main(void)
{
    test_forms();
    test_appends();
    test_errors();
    test_groups_of_each_size();
    test_depth_of_groups();
    test_random_foreign_messages_agree();
    test_arena_holds_every_shape();
    test_arena_holds_many_values();
    return check_report();
}
