/* test_csv.c -- a message as a CSV record: columns, quoting, escapes, fields, limits. */
#include "core/format/hk_csv.h"

#include <stdio.h>

#include "core/wire/hk_normalise.h"
#include "check.h"
#include "sample.h"

#define COLUMNS_MAX 12

/* Reads the names, which commas separate, and writes the record of the message in *wire. */
static const char *
record_of(const hk_buffer *wire, const char *names, const char *signer)
{
    static char line[4096];
    hk_csv_column columns[COLUMNS_MAX];
    hk_message m;
    hk_buffer spare = sample_buffer();
    hk_buffer out = sample_buffer();
    size_t count = 0;
    for (const char *name = names; name != NULL && count < COLUMNS_MAX;) {
        const char *end = strchr(name, ',');
        const size_t len = end == NULL ? strlen(name) : (size_t)(end - name);
        columns[count++] = hk_csv_column_of((hk_slice){(const uint8_t *)name, len});
        name = end == NULL ? NULL : end + 1;
    }
    must(hk_decode(wire->data, wire->len, &m, &spare, NULL));
    CHECK_INT(hk_csv_line(&m, slice_of(signer), columns, count, &out, NULL), HK_OK);
    CHECK(out.len < sizeof line && memchr(out.data, '\0', out.len) == NULL);
    memcpy(line, out.data, out.len);
    line[out.len] = '\0';
    hk_buffer_clear(&out);
    hk_buffer_clear(&spare);
    return line;
}

static void
test_attributes(void)
{
    hk_buffer wire = sample_buffer();
    put_hex(&wire, UUID);
    put_hex(&wire, "10");
    put_varint(&wire, UINT64_C(1772370131123456789));
    put_entry(&wire, HK_TAG_TYPE, "t", 1);
    put_hex(&wire, "28");
    put_varint(&wire, 4);
    put_entry(&wire, HK_TAG_ENV_VERSION, "0.8", 3);
    put_hex(&wire, "40");
    put_varint(&wire, (uint64_t)(int64_t)INT32_MIN);
    put_entry(&wire, HK_TAG_HOSTNAME, "h\xc3\xb6st", 5);
    CHECK_TEXT(record_of(&wire, "time,timestamp_ns,severity,severity_name,type,logger", ""),
               "2026-03-01T13:02:11.123456789Z,1772370131123456789,4,WARNING,t,\r\n");
    CHECK_TEXT(record_of(&wire, "hostname,pid,env_version,payload,signer", "ops"),
               "h\xc3\xb6st,-2147483648,0.8,,ops\r\n");
    CHECK_TEXT(record_of(&wire, "uuid", ""), "00010203-0405-0607-0809-0a0b0c0d0e0f\r\n");
    CHECK_TEXT(record_of(&wire, "payload", ""), "\"\"\r\n");
    CHECK_TEXT(record_of(&wire, "payload,logger", ""), ",\r\n");
    hk_buffer_clear(&wire);
}

static void
check_payload(const char *text, size_t len, const char *expected)
{
    hk_buffer wire = sample_buffer();
    char record[256];
    put_hex(&wire, UUID);
    put_hex(&wire, "10 01");
    put_entry(&wire, HK_TAG_PAYLOAD, text, len);
    (void)snprintf(record, sizeof record, "%s\r\n", expected);
    CHECK_TEXT(record_of(&wire, "payload", ""), record);
    hk_buffer_clear(&wire);
}

static void
test_texts(void)
{
    check_payload("a b;c'\td", 8, "a b;c'\td");
    check_payload("a,b", 3, "\"a,b\"");
    check_payload("\"", 1, "\"\"\"\"");
    check_payload("a\r\nb\"c", 6, "\"a\r\nb\"\"c\"");
    check_payload("a\0\x1b[m\x7f", 6, "a\\x00\\x1b[m\\x7f");
    check_payload("\xc2\x9b\xc2\xa0\xe2\x82\xac", 7, "\\u009b\xc2\xa0\xe2\x82\xac");
    check_payload("a\xff,\xc2", 4, "\"a\\xff,\\xc2\"");
    check_payload("\xf0\x9f\x98\x80\xed\xa0\x80", 7, "\xf0\x9f\x98\x80\\xed\\xa0\\x80");
}

static void
test_fields(void)
{
    hk_buffer wire = sample_buffer();
    put_smallest(&wire);
    put_hex(&wire, "520c 0a0173 1000 1a00 2203612c62");                   /* s: "a,b" */
    put_hex(&wire, "5209 0a0173 1000 1a00 2200");                         /* s again: "" */
    put_hex(&wire, "520c 0a0470617274 1000 1a00 2200");                   /* part: "" */
    put_hex(&wire, "520b 0a0162 1001 1a00 2a02ff00");                     /* b */
    put_hex(&wire, "5214 0a0169 1002 1a00 320b ffffffffffffffffff01 00"); /* i: -1, 0 */
    put_hex(&wire, "5211 0a0164 1003 1a00 3a08 000000000000f83f");        /* d: 1.5 */
    put_hex(&wire, "520a 0a0174 1004 1a00 420101");                       /* t: true */
    put_hex(&wire, "5207 0a0165 1004 1a00");                              /* e: no values */
    put_hex(&wire, "520f 0a0474797065 1000 1a00 2200 2201 22");           /* type: "", "\"" */
    CHECK_TEXT(record_of(&wire, "s,part,b,d,t,e,none", ""), "\"a,b\",\"\",\"/wA=\",1.5,true,,\r\n");
    CHECK_TEXT(record_of(&wire, "i,type,Fields[type],Fields[d]", ""),
               "\"[-1, 0]\",,\"[\"\"\"\", \"\"\\\"\"\"\"]\",1.5\r\n");
    hk_buffer_clear(&wire);
}

static void
test_limit_of_the_output(void)
{
    hk_buffer wire = sample_buffer();
    hk_message m;
    const hk_csv_column columns[] = {hk_csv_column_of(slice_of("uuid")),
                                     hk_csv_column_of(slice_of("i")),
                                     hk_csv_column_of(slice_of("payload"))};
    bool done = false;
    put_smallest(&wire);
    put_hex(&wire, "5214 0a0169 1002 1a00 320b ffffffffffffffffff01 00");
    must(hk_decode_canonical(wire.data, wire.len, &m));
    for (size_t limit = 3; limit < 1000 && !done; limit++) {
        hk_buffer out;
        hk_buffer_init(&out, NULL, 0, limit);
        must(hk_buffer_append(&out, (const uint8_t *)"old", 3));
        const hk_status status = hk_csv_line(&m, slice_of(""), columns, 3, &out, NULL);
        done = status == HK_OK;
        CHECK(done || status == HK_ERR_TOO_BIG);
        CHECK_SIZE(out.len, done ? 3 + 36 + 1 + 9 + 1 + 2 : 3);
        CHECK(memcmp(out.data, "old", 3) == 0);
        hk_buffer_clear(&out);
    }
    CHECK(done);
    hk_buffer_clear(&wire);
}

int
main(void)
{
    test_attributes();
    test_texts();
    test_fields();
    test_limit_of_the_output();
    return check_report();
}
