/* hk_match_clause.h -- the state of the compiler, and the parser of one clause.
 *
 * Used by hk_match.c only. Includes: hk_match_lex.h. */
#ifndef HK_MATCH_CLAUSE_H
#define HK_MATCH_CLAUSE_H

#include "hk_match_lex.h"

#define HK_MATCH_CLAUSES_MAX 4096u /* clauses of an expression */

typedef struct {
    hk_lexer lexer;
    hk_token token; /* the next one */
    hk_match *match;
    hk_match_error *err; /* NULL: nobody wants to know */
    size_t at;           /* of the error: bytes */
    size_t counted;      /* bytes of the text before the last clause, */
    size_t column;       /* and the characters in them */
} hk_match_parser;

/* Takes the next token. Errors as hk_match_lex. */
HK_CHECK static inline hk_status
hk_match_next(hk_match_parser *p)
{
    return hk_match_lex(&p->lexer, &p->token, &p->at, p->err);
}

/* Appends the clause that begins at the token to p->match, without its jumps, and takes the token
 * after it. HK_ERR_ARGUMENT, HK_ERR_TOO_BIG, HK_ERR_NOMEM; *p->err and p->at tell why and where. */
HK_CHECK hk_status hk_match_parse_clause(hk_match_parser *p);

/* Fails at the token: "expected WHAT, got 'it'". */
HK_COLD hk_status hk_match_expected(hk_match_parser *p, const char *what);

/* HK_ERR_NOMEM, with its text. */
HK_COLD hk_status hk_match_no_memory(hk_match_parser *p);

/* How many characters begin in text[start..end). */
size_t hk_match_characters(hk_slice text, size_t start, size_t end);

#endif
