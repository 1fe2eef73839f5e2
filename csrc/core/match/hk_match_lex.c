/* hk_match_lex.c -- the tokens of a matcher expression. */
#include "hk_match_lex.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static bool
is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Whether hekad's numbers run over it. */
static bool
in_number(uint8_t c)
{
    return is_digit(c) || c == '.' || c == 'e' || c == '+' || c == '-';
}

/* The byte at text[at]; NUL at the end, where a newline ends the expression too. */
static uint8_t
byte_at(const hk_lexer *lexer, size_t at)
{
    const uint8_t byte = at < lexer->text.len ? lexer->text.data[at] : 0;
    return byte == '\n' ? 0 : byte;
}

static hk_status
lex_word(hk_lexer *lexer, hk_token *token)
{
    size_t end = token->start;
    while (is_letter(byte_at(lexer, end))) {
        end++;
    }
    token->kind = HK_TOKEN_WORD;
    token->text = (hk_slice){lexer->text.data + token->start, end - token->start};
    lexer->at = end;
    return HK_OK;
}

/* Takes "[digits]" of an index. A number over 32 bits becomes the largest: no message has so many
 * fields or values. */
static hk_status
lex_index(hk_lexer *lexer, uint32_t *index, size_t *column, hk_match_error *err)
{
    size_t at = lexer->at + 1; /* past the bracket */
    uint64_t value = 0;
    *column = at;
    if (!is_digit(byte_at(lexer, at))) {
        return hk_match_fail(err, HK_ERR_ARGUMENT, "expected the digits of an index after '['");
    }
    while (is_digit(byte_at(lexer, at))) {
        value = value * 10 + (uint64_t)(byte_at(lexer, at) - '0');
        value = value > UINT32_MAX ? UINT32_MAX : value;
        at++;
    }
    if (byte_at(lexer, at) != ']') {
        *column = at;
        return hk_match_fail(err, HK_ERR_ARGUMENT, "expected ']' after the digits of an index");
    }
    *index = (uint32_t)value;
    lexer->at = at + 1;
    return HK_OK;
}

/* Takes the brackets after `Fields`. */
static hk_status
lex_field(hk_lexer *lexer, hk_token *token, size_t *column, hk_match_error *err)
{
    size_t at = lexer->at;
    *column = at;
    if (byte_at(lexer, at) != '[') {
        return hk_match_fail(err, HK_ERR_ARGUMENT, "expected '[' and a name after Fields");
    }
    const size_t start = ++at;
    while (byte_at(lexer, at) != ']' && byte_at(lexer, at) != 0) {
        at++;
    }
    *column = at == start ? at : start - 1;
    if (at == start || byte_at(lexer, at) == 0) {
        return hk_match_fail(err, HK_ERR_ARGUMENT,
                             at == start ? "expected the name of a field after '['"
                                         : "expected ']' after the name of a field, got the end");
    }
    token->kind = HK_TOKEN_FIELD;
    token->text = (hk_slice){lexer->text.data + start, at - start};
    token->field_index = token->value_index = 0;
    lexer->at = at + 1;
    hk_status status = HK_OK;
    if (byte_at(lexer, lexer->at) == '[') {
        status = lex_index(lexer, &token->field_index, column, err);
        if (status == HK_OK && byte_at(lexer, lexer->at) == '[') {
            status = lex_index(lexer, &token->value_index, column, err);
        }
    }
    return status;
}

/* Takes a string or a regular expression up to its closing quote. A backslash and the quote stand
 * for the quote. Any other pair of a backslash and a byte is kept as it is; it is read as a pair,
 * so that in '\\' the second backslash does not escape the quote. */
static hk_status
lex_quoted(hk_lexer *lexer, hk_token *token, size_t *column, hk_match_error *err)
{
    const uint8_t quote = lexer->text.data[token->start];
    uint8_t *out = lexer->out;
    size_t at = token->start + 1;
    uint8_t byte;
    while ((byte = byte_at(lexer, at)) != quote && byte != 0) {
        const uint8_t next = byte == '\\' ? byte_at(lexer, at + 1) : 0;
        if (next == 0) {
            *out++ = byte;
            at++;
        } else {
            if (next != quote) {
                *out++ = byte;
            }
            *out++ = next;
            at += 2;
        }
    }
    if (byte == 0) {
        *column = token->start;
        return hk_match_fail(err, HK_ERR_ARGUMENT, "the %s has no closing %c",
                             quote == '/' ? "regular expression" : "string", quote);
    }
    token->kind = quote == '/' ? HK_TOKEN_REGEX : HK_TOKEN_STRING;
    token->text = (hk_slice){lexer->out, (size_t)(out - lexer->out)};
    lexer->out = out;
    lexer->at = at + 1;
    return HK_OK;
}

size_t
hk_match_regex_place(const hk_lexer *lexer, const hk_token *token, size_t offset)
{
    size_t at = token->start + 1;
    size_t made = 0; /* bytes of the pattern that text[start + 1..at) gives */
    while (made < offset && at + 1 < token->end) {
        const bool pair = byte_at(lexer, at) == '\\';
        const bool shorter = pair && byte_at(lexer, at + 1) == '/';
        const size_t step = shorter || (pair && offset - made > 1) ? 2 : 1;
        made += shorter ? 1 : step;
        at += step;
    }
    return at;
}

/* strtod by the rules of the C locale, whatever locale the process has. */
static hk_status
read_number(const char *digits, size_t len, double *value)
{
    char *end = NULL;
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) {
        return HK_ERR_NOMEM;
    }
    *value = strtod_l(digits, &end, c);
    freelocale(c);
    /* Infinity: the digits are out of range, as they have no other way to write it. */
    const bool fine = end == digits + len && *value - *value == 0;
    return fine ? HK_OK : HK_ERR_ARGUMENT;
}

static hk_status
lex_number(hk_lexer *lexer, hk_token *token, size_t *column, hk_match_error *err)
{
    char digits[HK_MATCH_NUMBER_MAX + 1];
    char seen[HK_MATCH_SEEN];
    size_t end = token->start + 1; /* the first may be a minus */
    while (in_number(byte_at(lexer, end))) {
        end++;
    }
    const size_t len = end - token->start;
    hk_status status = HK_ERR_ARGUMENT;
    if (len <= HK_MATCH_NUMBER_MAX) {
        memcpy(digits, lexer->text.data + token->start, len);
        digits[len] = 0;
        status = read_number(digits, len, &token->number);
    }
    if (status == HK_ERR_NOMEM) {
        return hk_match_fail(err, status, "out of memory");
    }
    if (status != HK_OK) {
        *column = token->start;
        hk_match_seen(lexer->text, token->start, end, seen);
        return hk_match_fail(err, status, "expected a number, got %s", seen);
    }
    token->kind = HK_TOKEN_NUMBER;
    lexer->at = end;
    return HK_OK;
}

static hk_status
take(hk_lexer *lexer, hk_token *token, hk_token_kind kind, hk_match_op op, size_t len)
{
    token->kind = kind;
    token->op = op;
    lexer->at += len;
    return HK_OK;
}

static hk_status
lex_symbol(hk_lexer *lexer, hk_token *token, size_t *column, hk_match_error *err)
{
    const uint8_t first = byte_at(lexer, lexer->at);
    const uint8_t second = byte_at(lexer, lexer->at + 1);
    char seen[HK_MATCH_SEEN];
    switch (first) {
        case '(':
            return take(lexer, token, HK_TOKEN_OPEN, HK_OP_EQ, 1);
        case ')':
            return take(lexer, token, HK_TOKEN_CLOSE, HK_OP_EQ, 1);
        case '<':
            return second == '=' ? take(lexer, token, HK_TOKEN_OP, HK_OP_LE, 2)
                                 : take(lexer, token, HK_TOKEN_OP, HK_OP_LT, 1);
        case '>':
            return second == '=' ? take(lexer, token, HK_TOKEN_OP, HK_OP_GE, 2)
                                 : take(lexer, token, HK_TOKEN_OP, HK_OP_GT, 1);
        case '=':
        case '!':
            if (second == '=') {
                return take(lexer, token, HK_TOKEN_OP, first == '=' ? HK_OP_EQ : HK_OP_NE, 2);
            }
            if (second == '~') {
                return take(lexer, token, HK_TOKEN_OP, first == '=' ? HK_OP_RE : HK_OP_NRE, 2);
            }
            break;
        case '&':
        case '|':
            if (second == first) {
                return take(lexer, token, first == '&' ? HK_TOKEN_AND : HK_TOKEN_OR, HK_OP_EQ, 2);
            }
            break;
        default:
            break;
    }
    *column = lexer->at;
    size_t end = lexer->at + 1; /* with the rest of a character of UTF-8 */
    while (first >= 0x80 && (byte_at(lexer, end) & 0xc0) == 0x80) {
        end++;
    }
    hk_match_seen(lexer->text, lexer->at, end, seen);
    switch (first) {
        case '=':
            return hk_match_fail(err, HK_ERR_ARGUMENT, "'=' is no operator; did you mean '=='?");
        case '!':
            return hk_match_fail(err, HK_ERR_ARGUMENT, "expected != or !~, got '!'");
        case '&':
        case '|':
            return hk_match_fail(err, HK_ERR_ARGUMENT, "%s is no operator; did you mean '%c%c'?",
                                 seen, first, first);
        case '-':
            return hk_match_fail(err, HK_ERR_ARGUMENT, "%s",
                                 lexer->extended ? "expected digits after '-'"
                                                 : "negative numbers are of the dialect heka2");
        default:
            return hk_match_fail(err, HK_ERR_ARGUMENT, "%s begins no part of an expression", seen);
    }
}

/* Past the end only blanks, newlines and NULs may follow: hekad ignores whatever follows, which
 * hides a second line of the expression. */
static hk_status
lex_end(hk_lexer *lexer, hk_token *token, size_t *column, hk_match_error *err)
{
    for (size_t i = lexer->at; i < lexer->text.len; i++) {
        const uint8_t byte = lexer->text.data[i];
        if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r' && byte != 0) {
            *column = i;
            return hk_match_fail(err, HK_ERR_ARGUMENT,
                                 "expected nothing after %s, which ends the "
                                 "expression",
                                 lexer->text.data[lexer->at] == 0 ? "a NUL" : "a newline");
        }
    }
    token->kind = HK_TOKEN_END;
    return HK_OK;
}

hk_status
hk_match_lex(hk_lexer *lexer, hk_token *token, size_t *column, hk_match_error *err)
{
    static const char fields[] = "Fields";
    while (byte_at(lexer, lexer->at) == ' ' || byte_at(lexer, lexer->at) == '\t') {
        lexer->at++;
    }
    const uint8_t first = byte_at(lexer, lexer->at);
    const uint8_t second = byte_at(lexer, lexer->at + 1);
    hk_status status;
    token->start = lexer->at;
    if (first == 0) {
        status = lex_end(lexer, token, column, err);
    } else if (is_letter(first)) {
        status = lex_word(lexer, token);
        if (token->text.len == sizeof fields - 1 &&
            memcmp(token->text.data, fields, sizeof fields - 1) == 0) {
            status = lex_field(lexer, token, column, err);
        }
    } else if (is_digit(first) || first == '.' ||
               (lexer->extended && first == '-' && (is_digit(second) || second == '.'))) {
        status = lex_number(lexer, token, column, err);
    } else if (first == '\'' || first == '"' || first == '/') {
        status = lex_quoted(lexer, token, column, err);
    } else {
        status = lex_symbol(lexer, token, column, err);
    }
    token->end = lexer->at;
    return status;
}
