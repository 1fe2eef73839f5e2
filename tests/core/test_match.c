/* test_match.c -- the table of tests/wire/vectors/matcher.txt; limits of expressions; clauses. */
#include "core/match/hk_match.h"

#include <stdlib.h>

#include "core/match/hk_match_clause.h"
#include "core/match/hk_match_run.h"
#include "core/wire/hk_normalise.h"
#include "check.h"
#include "sample.h"

#define COLUMNS 5
#define MESSAGES 8

typedef struct {
    char name[16];
    hk_buffer bytes;
    hk_buffer spare;
    hk_message decoded;
} named_message;

static named_message messages[MESSAGES];
static size_t message_count;
static unsigned outcomes[3]; /* true, false, error */

static void
add_message(const char *name, const char *hex)
{
    named_message *m = &messages[message_count++];
    (void)snprintf(m->name, sizeof m->name, "%s", name);
    m->bytes = sample_buffer();
    m->spare = sample_buffer();
    put_hex(&m->bytes, hex);
    must(hk_decode(m->bytes.data, m->bytes.len, &m->decoded, &m->spare, NULL));
}

static const hk_message *
find_message(const char *name, size_t len)
{
    for (size_t i = 0; i < message_count; i++) {
        if (strlen(messages[i].name) == len && memcmp(messages[i].name, name, len) == 0) {
            return &messages[i].decoded;
        }
    }
    printf("no message %s\n", name);
    exit(1);
}

/* Replaces each %NN by its byte, in place; returns the length. */
static size_t
unescape(char *text)
{
    char *out = text;
    for (char *in = text; *in != 0; in++) {
        if (*in == '%') {
            const char digits[] = {in[1], in[2], 0};
            *out++ = (char)strtoul(digits, NULL, 16);
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = 0;
    return (size_t)(out - text);
}

static hk_match_dialect
dialect_of(const char *name)
{
    return strcmp(name, "heka2") == 0 ? HK_DIALECT_HEKA2 : HK_DIALECT_HEKA;
}

/* Compiles from memory of exactly the text's size, so that ASan detects a read past the end. */
static hk_status
compile(const char *text, size_t len, hk_match_dialect dialect, hk_match **out, hk_match_error *err)
{
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, text, len);
    const hk_status status = hk_match_compile((hk_slice){exact, len}, dialect, out, err);
    free(exact);
    return status;
}

static void
check_answer(char **column)
{
    const char *at = strchr(column[2], '@');
    const size_t name_len = at == NULL ? strlen(column[2]) : (size_t)(at - column[2]);
    const hk_message *message = find_message(column[2], name_len);
    const bool expected = strcmp(column[1], "true") == 0;
    const size_t len = unescape(column[3]);
    hk_match *match = NULL;
    hk_match_error err = {.text = ""};
    hk_match_scratch scratch;
    if (compile(column[3], len, dialect_of(column[0]), &match, &err) != HK_OK) {
        CHECK_TEXT(err.text, "");
        printf("  column %zu of %s\n", err.column, column[3]);
        return;
    }
    must(hk_match_scratch_init(&scratch, match));
    const bool got = hk_match_run(match, message, slice_of(at == NULL ? "" : at + 1), &scratch);
    if (!CHECK_INT(got, expected)) {
        printf("  %s on %s\n", column[3], column[2]);
    }
    CHECK(!scratch.failed);
    outcomes[expected ? 0 : 1]++;
    hk_match_scratch_clear(&scratch);
    hk_match_free(match);
}

static void
check_error(char **column)
{
    hk_match *match = NULL;
    hk_match_error err = {.text = ""};
    const size_t len = unescape(column[3]);
    const hk_status status = compile(column[3], len, dialect_of(column[0]), &match, &err);
    CHECK(match == NULL && (status == HK_ERR_ARGUMENT || status == HK_ERR_TOO_BIG));
    CHECK_INT(err.status, status);
    const bool column_fits = CHECK_SIZE(err.column, strtoul(column[2], NULL, 10));
    if (!CHECK(strstr(err.text, column[4]) != NULL) || !column_fits) {
        printf("  %s\n  got column %zu: %s\n", column[3], err.column, err.text);
    }
    outcomes[2]++;
    hk_match_free(match);
}

static void
check_line(char *line)
{
    char *column[COLUMNS];
    size_t count = 0;
    if (line[0] == '#' || line[0] == 0) {
        return;
    }
    if (strncmp(line, "message ", 8) == 0) {
        char *hex = strchr(line + 8, ' ');
        *hex = 0;
        add_message(line + 8, hex + 1);
        return;
    }
    for (char *rest = line; rest != NULL && count < COLUMNS; count++) {
        column[count] = rest;
        rest = strchr(rest, '\t');
        if (rest != NULL) {
            *rest++ = 0;
        }
    }
    if (count == 5 && strcmp(column[1], "error") == 0) {
        check_error(column);
    } else if (CHECK_SIZE(count, 4)) {
        check_answer(column);
    }
}

static void
check_table(const char *name, const uint8_t *data, size_t len, void *arg)
{
    (void)arg;
    if (strcmp(name, "matcher.txt") != 0) {
        return;
    }
    char *text = malloc(len + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, data, len);
    text[len] = 0;
    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end++ = 0;
        }
        check_line(line);
        line = end;
    }
    free(text);
}

static void
test_table(void)
{
    CHECK(for_each_file(VECTORS, check_table, NULL) > 0);
    printf("\n  %u true, %u false, %u malformed\n", outcomes[0], outcomes[1], outcomes[2]);
    CHECK(outcomes[0] > 100 && outcomes[1] > 60 && outcomes[2] > 80);
}

/* An expression of `count` parts, each followed by the separator but the last. */
static hk_buffer
repeated(const char *part, const char *separator, size_t count)
{
    hk_buffer text = sample_buffer();
    for (size_t i = 0; i < count; i++) {
        put_raw(&text, part, strlen(part));
        if (i + 1 < count) {
            put_raw(&text, separator, strlen(separator));
        }
    }
    return text;
}

static hk_status
compile_buffer(const hk_buffer *text, hk_match_error *err)
{
    hk_match *match = NULL;
    const hk_status status =
        compile((const char *)text->data, text->len, HK_DIALECT_HEKA, &match, err);
    hk_match_free(match);
    return status;
}

static void
test_limits(void)
{
    hk_match_error err;
    hk_buffer text = repeated("TRUE", "&&", HK_MATCH_CLAUSES_MAX);
    CHECK_INT(compile_buffer(&text, NULL), HK_OK);
    hk_buffer_clear(&text);

    text = repeated("TRUE", "&&", HK_MATCH_CLAUSES_MAX + 1);
    CHECK_INT(compile_buffer(&text, &err), HK_ERR_TOO_BIG);
    CHECK_SIZE(err.column, HK_MATCH_CLAUSES_MAX * 6 + 1);
    CHECK_TEXT(err.text, "expected at most 4096 clauses");
    hk_buffer_clear(&text);

    text = repeated(" ", "", HK_MATCH_TEXT_MAX - 4);
    put_raw(&text, "TRUE", 4);
    CHECK_INT(compile_buffer(&text, NULL), HK_OK);
    put_raw(&text, " ", 1);
    CHECK_INT(compile_buffer(&text, &err), HK_ERR_TOO_BIG);
    CHECK_TEXT(err.text, "expected at most 65536 bytes, got 65537");
    hk_buffer_clear(&text);

    text = repeated("(", "", HK_MATCH_DEPTH_MAX);
    put_raw(&text, "TRUE", 4);
    for (size_t i = 0; i < HK_MATCH_DEPTH_MAX; i++) {
        put_raw(&text, ")", 1);
    }
    CHECK_INT(compile_buffer(&text, NULL), HK_OK);
    hk_buffer_clear(&text);

    text = repeated("(", "", 10000);
    CHECK_INT(compile_buffer(&text, &err), HK_ERR_TOO_BIG);
    CHECK_SIZE(err.column, HK_MATCH_DEPTH_MAX + 1);
    hk_buffer_clear(&text);
}

/* The deepest stacks: in each parenthesis an || and an && wait for their right side. */
static void
test_deepest_stacks(void)
{
    hk_match *match = NULL;
    hk_match_scratch scratch;
    hk_message message = {.uuid = NULL};
    hk_buffer text = repeated("FALSE || TRUE && (", "", HK_MATCH_DEPTH_MAX);
    put_raw(&text, "FALSE || TRUE && TRUE", 21);
    for (size_t i = 0; i < HK_MATCH_DEPTH_MAX; i++) {
        put_raw(&text, ")", 1);
    }
    must(compile((const char *)text.data, text.len, HK_DIALECT_HEKA, &match, NULL));
    must(hk_match_scratch_init(&scratch, match));
    CHECK_SIZE(hk_match_clauses(match), 2 * HK_MATCH_DEPTH_MAX + 3);
    CHECK(hk_match_run(match, &message, slice_of(""), &scratch));
    hk_match_free(match);
    hk_buffer_clear(&text);
}

/* Every && and || of four constants, with and without parentheses, against C's own. */
static void
test_short_forms(void)
{
    static const hk_message message;
    for (unsigned bits = 0; bits < 128; bits++) {
        const bool a = bits & 1, b = bits & 2, c = bits & 4, d = bits & 8;
        const bool x = bits & 16, y = bits & 32, z = bits & 64; /* true: && */
        const char *names[] = {"FALSE", "TRUE"};
        const char *ops[] = {"||", "&&"};
        char text[100];
        hk_match *match = NULL;
        hk_match_scratch scratch;
        (void)snprintf(text, sizeof text, "%s %s %s %s (%s %s %s)", names[a], ops[x], names[b],
                       ops[y], names[c], ops[z], names[d]);
        const bool inner = z ? c && d : c || d;
        const bool expected = x && y ? a && b && inner
                              : x    ? (a && b) || inner
                              : y    ? a || (b && inner)
                                     : a || b || inner;
        must(compile(text, strlen(text), HK_DIALECT_HEKA, &match, NULL));
        must(hk_match_scratch_init(&scratch, match));
        if (!CHECK_INT(hk_match_run(match, &message, slice_of(""), &scratch), expected)) {
            printf("  %s\n", text);
        }
        hk_match_free(match);
    }
}

static void
check_slice(hk_slice got, const char *expected)
{
    CHECK_BYTES(got.data, got.len, (const uint8_t *)expected, strlen(expected));
}

static void
test_clauses_are_told(void)
{
    const char *text =
        " (Type == 'h\xc3\xa9' || Payload =~ /a.b/)&&Fields[x][1] != NIL && "
        "Logger =~ /^ads/ && Signer!='' && Timestamp>1 && Severity<1 && Pid>1 ";
    hk_match *match = NULL;
    must(compile(text, strlen(text), HK_DIALECT_HEKA2, &match, NULL));
    CHECK_SIZE(hk_match_clauses(match), 8);
    check_slice(hk_match_clause_text(match, 0), "Type == 'h\xc3\xa9'");
    check_slice(hk_match_clause_text(match, 1), "Payload =~ /a.b/");
    check_slice(hk_match_clause_text(match, 2), "Fields[x][1] != NIL");
    CHECK_SIZE(hk_match_clause_column(match, 0), 3);
    CHECK_SIZE(hk_match_clause_column(match, 1), 19);
    CHECK_SIZE(hk_match_clause_column(match, 2), 38);
    CHECK(!hk_match_clause_needs_regex(match, 0) && hk_match_clause_needs_regex(match, 1));
    CHECK(!hk_match_clause_needs_regex(match, 2) && !hk_match_clause_needs_regex(match, 3));
    CHECK(hk_match_needs_regex(match));
    CHECK_INT(hk_match_reads(match), HK_READS_TYPE | HK_READS_PAYLOAD | HK_READS_FIELDS |
                                         HK_READS_LOGGER | HK_READS_SIGNER | HK_READS_TIMESTAMP |
                                         HK_READS_SEVERITY | HK_READS_PID);
    hk_match_free(match);

    must(compile("TRUE", 4, HK_DIALECT_HEKA, &match, NULL));
    CHECK(hk_match_reads(match) == 0 && !hk_match_needs_regex(match));
    hk_match_free(match);
    hk_match_free(NULL);
}

int
main(void)
{
    test_table();
    test_limits();
    test_deepest_stacks();
    test_short_forms();
    test_clauses_are_told();
    for (size_t i = 0; i < message_count; i++) {
        hk_buffer_clear(&messages[i].bytes);
        hk_buffer_clear(&messages[i].spare);
    }
    return check_report();
}
