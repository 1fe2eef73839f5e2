/* hk_match_lex.h -- the tokens of a matcher expression.
 *
 * Strings, regular expressions and field names come without quotes and escapes, in memory that the
 * caller lends. Linear, no allocation, no recursion; reentrant. Includes: hk_match_error.h,
 * hk_match_program.h. */
#ifndef HK_MATCH_LEX_H
#define HK_MATCH_LEX_H

#include "hk_match_error.h"
#include "hk_match_program.h"

#define HK_MATCH_NUMBER_MAX 128u /* bytes of a number: exact sums of powers of two need fewer */

typedef enum {
    HK_TOKEN_END,
    HK_TOKEN_WORD,   /* letters: an attribute, TRUE, FALSE, NIL, or none of these */
    HK_TOKEN_FIELD,  /* Fields[...] with its indexes */
    HK_TOKEN_STRING, /* '..' or ".." */
    HK_TOKEN_REGEX,  /* /../ */
    HK_TOKEN_NUMBER,
    HK_TOKEN_OP, /* a relation, =~ or !~ */
    HK_TOKEN_AND,
    HK_TOKEN_OR,
    HK_TOKEN_OPEN,
    HK_TOKEN_CLOSE,
} hk_token_kind;

typedef struct {
    hk_token_kind kind;
    hk_match_op op; /* of HK_TOKEN_OP */
    size_t start;   /* where it stands in the text: bytes */
    size_t end;
    hk_slice text; /* word, field name, string, pattern */
    double number;
    uint32_t field_index;
    uint32_t value_index;
} hk_token;

typedef struct {
    hk_slice text;
    size_t at;     /* bytes of text that are read */
    uint8_t *out;  /* where unescaped bytes go: at most text.len in all */
    bool extended; /* negative numbers are allowed */
} hk_lexer;

/* Takes the next token; after HK_TOKEN_END the same again.
 * HK_ERR_ARGUMENT: err->text says why the bytes at *column (an offset in bytes) are no token. */
HK_CHECK hk_status hk_match_lex(hk_lexer *lexer, hk_token *token, size_t *column,
                                hk_match_error *err);

/* The offset in lexer->text of the byte `offset` of the pattern of a HK_TOKEN_REGEX. */
size_t hk_match_regex_place(const hk_lexer *lexer, const hk_token *token, size_t offset);

#endif
