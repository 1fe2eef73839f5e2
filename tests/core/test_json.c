/* test_json.c -- a message as a JSON line: exact lines, times, fields of one name, limits. */
#include "core/format/hk_json.h"

#include <stdio.h>

#include "core/wire/hk_normalise.h"
#include "check.h"
#include "sample.h"

/* The line of the message in wire[0..len), as a string that the next call overwrites. */
static const char *
line_of(const hk_buffer *wire, const hk_json_origin *origin)
{
    static char line[1u << 16];
    hk_message m;
    hk_buffer spare = sample_buffer();
    hk_buffer out = sample_buffer();
    must(hk_decode(wire->data, wire->len, &m, &spare, NULL));
    CHECK_INT(hk_json_line(&m, origin, &out, NULL), HK_OK);
    CHECK(out.len < sizeof line && memchr(out.data, '\0', out.len) == NULL);
    memcpy(line, out.data, out.len);
    line[out.len] = '\0';
    hk_buffer_clear(&out);
    hk_buffer_clear(&spare);
    return line;
}

#define UUID_TEXT "00010203-0405-0607-0809-0a0b0c0d0e0f"
#define SMALLEST_HEAD                                                                            \
    "{\"time\": \"1970-01-01T00:00:00.000000001Z\", \"timestamp_ns\": 1, \"uuid\": \"" UUID_TEXT \
    "\", \"severity\": 7, \"severity_name\": \"DEBUG\", \"type\": \"\", \"logger\": \"\", "      \
    "\"hostname\": \"\", \"pid\": 0, \"env_version\": \"\", \"payload\": \"\", \"fields\": {"

static void
test_smallest_message(void)
{
    hk_buffer wire = sample_buffer();
    put_smallest(&wire);
    CHECK_TEXT(line_of(&wire, NULL), SMALLEST_HEAD "}}\n");
    hk_buffer_clear(&wire);
}

static void
test_attributes(void)
{
    hk_buffer wire = sample_buffer();
    put_hex(&wire, UUID);
    put_hex(&wire, "10");
    put_varint(&wire, UINT64_C(1772370131123456789));
    put_entry(&wire, HK_TAG_TYPE, "a\nb", 3);
    put_entry(&wire, HK_TAG_LOGGER, "ads", 3);
    put_hex(&wire, "28");
    put_varint(&wire, (uint64_t)(int64_t)-3);
    put_entry(&wire, HK_TAG_PAYLOAD, "\xff\"", 2);
    put_entry(&wire, HK_TAG_ENV_VERSION, "0.8", 3);
    put_hex(&wire, "40");
    put_varint(&wire, (uint64_t)(int64_t)INT32_MIN);
    put_entry(&wire, HK_TAG_HOSTNAME, "h\xc3\xb6st", 5);
    CHECK_TEXT(line_of(&wire, NULL),
               "{\"time\": \"2026-03-01T13:02:11.123456789Z\", "
               "\"timestamp_ns\": 1772370131123456789, \"uuid\": \"" UUID_TEXT
               "\", \"severity\": -3, \"severity_name\": \"SEVERITY -3\", \"type\": \"a\\nb\", "
               "\"logger\": \"ads\", \"hostname\": \"h\\u00f6st\", \"pid\": -2147483648, "
               "\"env_version\": \"0.8\", \"payload\": \"\\udcff\\\"\", \"fields\": {}}\n");
    hk_buffer_clear(&wire);
}

static void
test_fields(void)
{
    hk_buffer wire = sample_buffer();
    put_smallest(&wire);
    put_hex(&wire, "520e 0a0173 1000 1a026b42 22016b 2200");                 /* s: "k", "" */
    put_hex(&wire, "520b 0a0162 1001 1a00 2a02ff00");                        /* b */
    put_hex(&wire, "5215 0a0169 1002 1a00 320c 05 ffffffffffffffffff01 00"); /* i: 5, -1, 0 */
    put_hex(&wire, "5219 0a0164 1003 1a00 3a10 000000000000f87f 000000000000f0ff"); /* d */
    put_hex(&wire, "520b 0a0174 1004 1a00 42020001"); /* t: false, true */
    put_hex(&wire, "5207 0a0165 1004 1a00");          /* e: no values */
    CHECK_TEXT(
        line_of(&wire, NULL), SMALLEST_HEAD
        "\"s\": {\"value_type\": \"string\", \"representation\": \"kB\", \"values\": [\"k\", "
        "\"\"]}, "
        "\"b\": {\"value_type\": \"bytes\", \"representation\": \"\", \"values\": [\"/wA=\"]}, "
        "\"i\": {\"value_type\": \"integer\", \"representation\": \"\", \"values\": [5, -1, 0]}, "
        "\"d\": {\"value_type\": \"double\", \"representation\": \"\", "
        "\"values\": [\"NaN\", \"-Infinity\"]}, "
        "\"t\": {\"value_type\": \"bool\", \"representation\": \"\", \"values\": [false, true]}, "
        "\"e\": {\"value_type\": \"bool\", \"representation\": \"\", \"values\": []}}}\n");
    hk_buffer_clear(&wire);
}

static void
test_origin(void)
{
    hk_buffer wire = sample_buffer();
    const hk_json_origin unsigned_ = {.from = slice_of("udp 127.0.0.1:5565")};
    const hk_json_origin known = {.checked = true,
                                  .is_signed = true,
                                  .signer = slice_of("o\"ps"),
                                  .version = UINT32_MAX,
                                  .from = slice_of("")};
    put_smallest(&wire);
    CHECK_TEXT(line_of(&wire, &unsigned_), SMALLEST_HEAD
               "}, \"signature_checked\": false, \"signer\": null, "
               "\"signer_version\": null, \"from\": \"udp 127.0.0.1:5565\"}\n");
    CHECK_TEXT(line_of(&wire, &known), SMALLEST_HEAD
               "}, \"signature_checked\": true, \"signer\": \"o\\\"ps\", "
               "\"signer_version\": 4294967295, \"from\": \"\"}\n");
    hk_buffer_clear(&wire);
}

static void
check_time(int64_t timestamp, const char *expected)
{
    char line[64];
    hk_buffer wire = sample_buffer();
    put_hex(&wire, UUID);
    put_hex(&wire, "10");
    put_varint(&wire, (uint64_t)timestamp);
    (void)snprintf(line, sizeof line, "%.*s", 30, line_of(&wire, NULL) + strlen("{\"time\": \""));
    CHECK_TEXT(line, expected);
    hk_buffer_clear(&wire);
}

static void
test_times(void)
{
    check_time(0, "1970-01-01T00:00:00.000000000Z");
    check_time(-1, "1969-12-31T23:59:59.999999999Z");
    check_time(-86400 * INT64_C(1000000000), "1969-12-31T00:00:00.000000000Z");
    check_time(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    check_time(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
    check_time(INT64_C(951782399999999999), "2000-02-28T23:59:59.999999999Z");
    check_time(INT64_C(951868799999999999), "2000-02-29T23:59:59.999999999Z");
    check_time(INT64_C(951868800000000000), "2000-03-01T00:00:00.000000000Z");
    check_time(INT64_C(4107542400000000000), "2100-03-01T00:00:00.000000000Z");
    check_time(INT64_C(-2203891200000000000), "1900-03-01T00:00:00.000000000Z");
    check_time(INT64_C(1798761599000000000), "2026-12-31T23:59:59.000000000Z");
}

/* Appends a field with a name of up to 8 bytes and one INTEGER. */
static void
put_number(hk_buffer *wire, const char *name, uint8_t number)
{
    hk_buffer body = sample_buffer();
    put_entry(&body, HK_TAG_FIELD_NAME, name, strlen(name));
    put_hex(&body, "1002 1a00 3201");
    put_raw(&body, &number, 1);
    put_entry(wire, HK_TAG_FIELDS, body.data, body.len);
    hk_buffer_clear(&body);
}

/* Of two fields with one name the first is written, whether a few or many names lie in between. */
static void
check_doubled(unsigned between)
{
    char name[16];
    hk_buffer wire = sample_buffer();
    put_smallest(&wire);
    put_number(&wire, "a", 1);
    put_number(&wire, "", 2);
    for (unsigned i = 0; i < between; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        put_number(&wire, name, 3);
    }
    put_number(&wire, "late", 4);
    put_number(&wire, "a", 100);
    put_number(&wire, "", 101);
    put_number(&wire, "late", 102);
    put_number(&wire, "n0", 103);
    const char *line = line_of(&wire, NULL);
    size_t names = 0;
    for (const char *p = line; (p = strstr(p, "\"value_type\"")) != NULL; p++) {
        names++;
    }
    CHECK_SIZE(names, between + 3);
    CHECK(strstr(line,
                 "\"a\": {\"value_type\": \"integer\", \"representation\": \"\", "
                 "\"values\": [1]}, \"\": {\"value_type\": \"integer\", "
                 "\"representation\": \"\", \"values\": [2]}, \"n0\"") != NULL);
    CHECK(strstr(line, "\"values\": [4]}}}\n") != NULL);
    CHECK(strstr(line, "[10") == NULL);
    hk_buffer_clear(&wire);
}

static void
test_fields_of_one_name(void)
{
    for (unsigned between = 1; between < 40; between++) {
        check_doubled(between);
    }
}

/* Past the limit the output has its old contents. */
static void
test_limit_of_the_output(void)
{
    hk_message m;
    hk_error err;
    hk_buffer wire = sample_buffer();
    put_smallest(&wire);
    put_entry(&wire, HK_TAG_FIELDS, "\x0a\x01s\x10\x00\x1a\x00\x22\x04\xff\xff\xff\xff", 13);
    must(hk_decode_canonical(wire.data, wire.len, &m));
    const hk_json_origin origin = {.from = slice_of("\xff\xff\xff\xff")};
    const size_t whole = strlen(line_of(&wire, &origin));
    bool done = false;
    for (size_t limit = 4; !done && limit < 4096; limit++) {
        hk_buffer out;
        hk_buffer_init(&out, NULL, 0, limit);
        CHECK_INT(hk_buffer_append(&out, (const uint8_t *)"old", 3), HK_OK);
        const hk_status status = hk_json_line(&m, &origin, &out, &err);
        done = status == HK_OK;
        CHECK(status == HK_OK || (status == HK_ERR_TOO_BIG && err.status == status));
        CHECK_SIZE(out.len, done ? 3 + whole : 3);
        CHECK(memcmp(out.data, "old", 3) == 0);
        hk_buffer_clear(&out);
    }
    CHECK(done);
    hk_buffer_clear(&wire);
}

int
main(void)
{
    test_smallest_message();
    test_attributes();
    test_fields();
    test_origin();
    test_times();
    test_fields_of_one_name();
    test_limit_of_the_output();
    return check_report();
}
