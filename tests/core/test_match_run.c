/* test_match_run.c -- long names, indexes, searches that reach a limit or find no memory.
 *
 * The linker puts __wrap_hk_regex_search in the place of hk_regex_search. */
#include "core/match/hk_match_run.h"

#include <stdlib.h>

#include "check.h"
#include "sample.h"

hk_regex_result __wrap_hk_regex_search(const hk_regex *regex, hk_regex_scratch *scratch,
                                       hk_slice subject);
hk_regex_result __real_hk_regex_search(const hk_regex *regex, hk_regex_scratch *scratch,
                                       hk_slice subject);

static hk_regex_result forced = HK_REGEX_YES; /* other than YES: the result of each search */

hk_regex_result
__wrap_hk_regex_search(const hk_regex *regex, hk_regex_scratch *scratch, hk_slice subject)
{
    const hk_regex_result real = __real_hk_regex_search(regex, scratch, subject);
    return forced == HK_REGEX_YES ? real : forced;
}

typedef struct {
    hk_match *match;
    hk_match_scratch scratch;
} matcher;

static matcher
make(const char *text)
{
    matcher m = {.match = NULL};
    hk_match_error err = {.text = ""};
    if (hk_match_compile(slice_of(text), HK_DIALECT_HEKA2, &m.match, &err) != HK_OK) {
        printf("%s: %s\n", text, err.text);
        exit(1);
    }
    must(hk_match_scratch_init(&m.scratch, m.match));
    return m;
}

static void
discard(matcher *m)
{
    hk_match_scratch_clear(&m->scratch);
    hk_match_scratch_clear(&m->scratch);
    hk_match_free(m->match);
}

static bool
answer(const char *text, const hk_message *message)
{
    matcher m = make(text);
    const bool result = hk_match_run(m.match, message, slice_of(""), &m.scratch);
    discard(&m);
    return result;
}

/* Appends the field {name: value}, a STRING. */
static void
put_field(hk_buffer *out, const char *name, size_t name_len, const char *value)
{
    hk_buffer body = sample_buffer();
    put_entry(&body, HK_TAG_FIELD_NAME, name, name_len);
    put_hex(&body, "1000 1a00");
    put_entry(&body, HK_TAG_FIELD_STRING, value, strlen(value));
    put_entry(out, HK_TAG_FIELDS, body.data, body.len);
    hk_buffer_clear(&body);
}

static void
decode(const hk_buffer *bytes, hk_message *message)
{
    must(hk_decode_canonical(bytes->data, bytes->len, message));
}

/* Names around the 127 bytes at which a length takes a second byte, and fields that are longer than
 * their names, between which others stand. */
static void
test_names_of_every_length(void)
{
    char name[301];
    char text[400];
    char other[301];
    char value[301];
    memset(name, 'n', sizeof name);
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    memcpy(other, name, sizeof other);
    for (size_t len = 1; len <= 300; len++) {
        hk_buffer bytes = sample_buffer();
        hk_message message;
        put_smallest(&bytes);
        other[len - 1] = 'x';
        put_field(&bytes, other, len, "wrong");
        other[len - 1] = 'n';
        put_field(&bytes, name, len + 1 <= 300 ? len + 1 : 1, value);
        put_field(&bytes, name, len, "first");
        put_field(&bytes, name, len, value);
        put_field(&bytes, name, len, "third");
        uint8_t *exact = sample_exact(&bytes);
        must(hk_decode_canonical(exact, bytes.len, &message));
        (void)snprintf(text, sizeof text,
                       "Fields[%.*s] == 'first' && Fields[%.*s][2] == 'third' && "
                       "Fields[%.*s][3] == NIL",
                       (int)len < 80 ? (int)len : 80, name, (int)len < 80 ? (int)len : 80, name,
                       (int)len < 80 ? (int)len : 80, name);
        if (len <= 80) {
            CHECK(answer(text, &message));
        }
        (void)snprintf(text, sizeof text, "Fields[%.*s] == 'first'", (int)len, name);
        CHECK(answer(text, &message));
        free(exact);
        hk_buffer_clear(&bytes);
    }
}

static void
test_texts_of_every_length(void)
{
    char text[200];
    char word[41];
    memset(word, 'w', sizeof word);
    for (size_t len = 0; len <= 40; len++) {
        hk_message message = {.uuid = NULL, .type = {(const uint8_t *)word, len}};
        (void)snprintf(text, sizeof text, "Type == '%.*s'", (int)len, word);
        CHECK(answer(text, &message));
        for (size_t wrong = 0; wrong < len; wrong++) {
            word[wrong] = 'x';
            CHECK(!answer(text, &message));
            word[wrong] = 'w';
        }
    }
}

static void
test_message_without_uuid(void)
{
    const hk_message message = {.uuid = NULL, .severity = HK_SEVERITY_DEFAULT};
    CHECK(answer("Uuid == '' && Uuid =~ /^$/ && Severity == 7 && Fields[a] == NIL", &message));
}

/* A limit makes the clause false for =~ and for !~, and is counted for that clause. */
static void
test_limits_are_counted(void)
{
    const hk_message message = {.type = slice_of("abcd"), .payload = slice_of("x")};
    matcher m = make("Type =~ /a.c/ || Type !~ /a.*z/ || Payload =~ /[x-z]+/");
    CHECK(hk_match_run(m.match, &message, slice_of(""), &m.scratch));
    forced = HK_REGEX_LIMIT;
    CHECK(!hk_match_run(m.match, &message, slice_of(""), &m.scratch));
    CHECK(!hk_match_run_clause(m.match, 1, &message, slice_of(""), &m.scratch));
    forced = HK_REGEX_YES;
    CHECK(hk_match_run_clause(m.match, 1, &message, slice_of(""), &m.scratch));
    CHECK_SIZE(m.scratch.limits[0], 1);
    CHECK_SIZE(m.scratch.limits[1], 2);
    CHECK_SIZE(m.scratch.limits[2], 1);
    CHECK(!m.scratch.failed);
    discard(&m);
}

static void
test_no_memory_is_told(void)
{
    const hk_message message = {.type = slice_of("abcd")};
    matcher m = make("Type =~ /a.c/");
    forced = HK_REGEX_NOMEM;
    CHECK(!hk_match_run(m.match, &message, slice_of(""), &m.scratch));
    forced = HK_REGEX_YES;
    CHECK(m.scratch.failed);
    CHECK_SIZE(m.scratch.limits[0], 0);
    discard(&m);
}

/* What needs no engine allocates nothing. */
static void
test_scratch_without_regex(void)
{
    matcher m = make("Type == 'a' || Type =~ /^abc/ || Fields[x] =~ /b/");
    const hk_message message = {.type = slice_of("abcd")};
    CHECK(m.scratch.regex == NULL && m.scratch.limits == NULL);
    CHECK(hk_match_run(m.match, &message, slice_of(""), &m.scratch));
    discard(&m);
}

/* Clauses by themselves, whatever the short circuit. */
static void
test_each_clause(void)
{
    hk_message message;
    hk_buffer bytes = sample_buffer();
    put_smallest(&bytes);
    put_field(&bytes, "a", 1, "b");
    decode(&bytes, &message);
    matcher m = make("TRUE || Fields[a] == 'b' || Type == 'x' || Signer == 'ops'");
    const hk_slice signer = slice_of("ops");
    static const bool expected[] = {true, true, false, true};
    for (size_t i = 0; i < hk_match_clauses(m.match); i++) {
        CHECK_INT(hk_match_run_clause(m.match, i, &message, signer, &m.scratch), expected[i]);
    }
    discard(&m);
    hk_buffer_clear(&bytes);
}

int
main(void)
{
    test_names_of_every_length();
    test_texts_of_every_length();
    test_message_without_uuid();
    test_limits_are_counted();
    test_no_memory_is_told();
    test_scratch_without_regex();
    test_each_clause();
    return check_report();
}
