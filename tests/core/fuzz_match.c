/* fuzz_match.c -- fuzz target: compiles any bytes as an expression and evaluates it.
 *
 * The input is an expression up to the first byte 0xff, then a Message, canonical or not. Besides
 * crashes it finds: an error without its text or with a column past the end, an expression whose
 * answer differs from that of `(expression)`, from C's && of it with TRUE, and from a second run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/match/hk_match_run.h"
#include "core/wire/hk_normalise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

static bool
answer(const hk_match *match, const hk_message *message)
{
    hk_match_scratch scratch;
    const hk_slice signer = {(const uint8_t *)"ops", 3};
    if (hk_match_scratch_init(&scratch, match) != HK_OK) {
        fail("no memory");
    }
    const bool first = hk_match_run(match, message, signer, &scratch);
    if (hk_match_run(match, message, signer, &scratch) != first) {
        fail("a second run answers otherwise");
    }
    for (size_t i = 0; i < hk_match_clauses(match); i++) {
        (void)hk_match_run_clause(match, i, message, signer, &scratch);
        const hk_slice text = hk_match_clause_text(match, i);
        if (text.len == 0 || hk_match_clause_column(match, i) == 0) {
            fail("a clause without text or column");
        }
    }
    hk_match_scratch_clear(&scratch);
    return first;
}

/* Compiles before + text + after; NULL when that is no expression. */
static hk_match *
compile(const char *before, hk_slice text, const char *after, hk_match_dialect dialect)
{
    const size_t head = strlen(before);
    const size_t tail = strlen(after);
    const size_t size = head + text.len + tail;
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    hk_match *match = NULL;
    hk_match_error err = {.text = "", .column = 0};
    if (exact == NULL) {
        fail("no memory");
    }
    memcpy(exact, before, head);
    if (text.len > 0) {
        memcpy(exact + head, text.data, text.len);
    }
    memcpy(exact + head + text.len, after, tail);
    const hk_status status = hk_match_compile((hk_slice){exact, size}, dialect, &match, &err);
    free(exact);
    if (status != HK_OK && (match != NULL || err.status != status || err.text[0] == 0 ||
                            err.column == 0 || err.column > size + 1)) {
        fail("an error without its text or place");
    }
    return match;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *end = len == 0 ? NULL : memchr(data, 0xff, len);
    const size_t size = end == NULL ? len : (size_t)(end - data);
    const hk_slice text = {data, size};
    hk_match *match = compile("", text, "", HK_DIALECT_HEKA);
    hk_match *extended = compile("", text, "", HK_DIALECT_HEKA2);
    if (match != NULL && extended == NULL) {
        fail("heka2 refuses what heka accepts");
    }
    if (extended == NULL) {
        return 0;
    }
    hk_message message = {.severity = HK_SEVERITY_DEFAULT};
    hk_buffer spare;
    hk_buffer_init(&spare, NULL, 0, 1u << 24);
    if (end != NULL && hk_decode(end + 1, len - size - 1, &message, &spare, NULL) != HK_OK) {
        message = (hk_message){.severity = HK_SEVERITY_DEFAULT};
    }
    const bool expected = answer(extended, &message);
    if (match != NULL && answer(match, &message) != expected) {
        fail("the dialects answer otherwise");
    }
    /* A newline or a NUL would end it before the parenthesis; so would a deepest one. */
    hk_match *wrapped = compile("TRUE && (", text, ") || FALSE", HK_DIALECT_HEKA2);
    if (wrapped != NULL && answer(wrapped, &message) != expected) {
        fail("parentheses change the answer");
    }
    hk_match_free(wrapped);
    hk_match_free(extended);
    hk_match_free(match);
    hk_buffer_clear(&spare);
    return 0;
}
