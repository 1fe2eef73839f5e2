/* test_match_lex.c -- tokens without quotes and escapes, places in patterns, numbers. */
#include "core/match/hk_match_lex.h"

#include <locale.h>

#include "check.h"
#include "sample.h"

static uint8_t lent[1000];

/* The first token of a text. */
static hk_token
first_token(const char *text, hk_lexer *lexer)
{
    hk_token token;
    hk_match_error err = {.text = ""};
    size_t column = 0;
    *lexer = (hk_lexer){.text = slice_of(text), .out = lent};
    if (hk_match_lex(lexer, &token, &column, &err) != HK_OK) {
        CHECK_TEXT(err.text, "");
    }
    return token;
}

static void
check_text_of(const char *text, hk_token_kind kind, const char *expected)
{
    hk_lexer lexer;
    const hk_token token = first_token(text, &lexer);
    CHECK_INT(token.kind, kind);
    CHECK_BYTES(token.text.data, token.text.len, (const uint8_t *)expected, strlen(expected));
    CHECK_SIZE(token.end, strlen(text));
}

static void
test_escapes(void)
{
    check_text_of("''", HK_TOKEN_STRING, "");
    check_text_of("\"it's\"", HK_TOKEN_STRING, "it's");
    check_text_of("'it\\'s'", HK_TOKEN_STRING, "it's");
    check_text_of("'a\\\"b'", HK_TOKEN_STRING, "a\\\"b");
    check_text_of("'a\\nb'", HK_TOKEN_STRING, "a\\nb");
    check_text_of("'a\\\\'", HK_TOKEN_STRING, "a\\\\");
    check_text_of("'\\\\\\''", HK_TOKEN_STRING, "\\\\'");
    check_text_of("/a\\/b\\d/", HK_TOKEN_REGEX, "a/b\\d");
    check_text_of("/\\\\/", HK_TOKEN_REGEX, "\\\\");
    check_text_of("Fields[a \\' /b]", HK_TOKEN_FIELD, "a \\' /b");
    check_text_of("Fields[a][12][345]", HK_TOKEN_FIELD, "a");
    check_text_of("Fieldset", HK_TOKEN_WORD, "Fieldset");
}

static void
test_indexes(void)
{
    hk_lexer lexer;
    hk_token token = first_token("Fields[a][12][345]", &lexer);
    CHECK_INT(token.field_index, 12);
    CHECK_INT(token.value_index, 345);
    token = first_token("Fields[a][4294967295][99999999999999999999999]", &lexer);
    CHECK_SIZE(token.field_index, UINT32_MAX);
    CHECK_SIZE(token.value_index, UINT32_MAX);
    token = first_token("Fields[a]", &lexer);
    CHECK_INT(token.field_index + token.value_index, 0);
}

/* The place of each byte of the pattern /x\/\\y\//. */
static void
test_places_in_a_pattern(void)
{
    const char *text = "/x\\/\\\\y\\/z/";
    static const size_t places[] = {1, 2, 4, 5, 6, 7, 9, 10};
    hk_lexer lexer;
    const hk_token token = first_token(text, &lexer);
    CHECK_BYTES(token.text.data, token.text.len, (const uint8_t *)"x/\\\\y/z", 7);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CHECK_SIZE(hk_match_regex_place(&lexer, &token, i), places[i]);
    }
    CHECK_SIZE(hk_match_regex_place(&lexer, &token, 1000), 10);
}

/* A process in a locale with a decimal comma reads the same numbers. */
static void
test_numbers_in_any_locale(void)
{
    static const char *names[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        hk_lexer lexer;
        (void)setlocale(LC_ALL, names[i]); /* NULL where it is not installed */
        CHECK(first_token("1.5", &lexer).number == 1.5);
        CHECK(first_token("1.7976931348623157e+308", &lexer).number > 1e308);
        CHECK(first_token("4.9e-324", &lexer).number > 0);
    }
    (void)setlocale(LC_ALL, "C");
}

int
main(void)
{
    test_escapes();
    test_indexes();
    test_places_in_a_pattern();
    test_numbers_in_any_locale();
    return check_report();
}
