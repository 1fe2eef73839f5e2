/* hk_match.c -- the compiler of matcher expressions: tokens to clauses and their jumps.
 *
 * Operands and operators are kept on two stacks (Dijkstra's shunting yard). An operand is a piece
 * of the program: its first clause, and the jumps of its clauses that have no target yet. `a && b`
 * sends the open true jumps of a to b, `a || b` the open false ones. */
#include "hk_match.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hk_utf8.h"
#include "hk_match_clause.h"
#include "hk_match_program.h"

/* Open jumps: a list through the jumps themselves, whose ends are known so that two lists can be
 * joined at once. A jump is 2 * clause, + 1 for if_true. */
typedef struct {
    uint32_t first;
    uint32_t last; /* holds NONE */
} jumps;
#define NONE UINT32_MAX

typedef struct {
    uint32_t first; /* clause */
    jumps if_true;
    jumps if_false;
} piece;

/* Between two open parentheses at most `a || b &&` waits: two operators, two operands. */
#define STACK_MAX (3u * HK_MATCH_DEPTH_MAX + 3u)

typedef struct {
    hk_match_parser in;
    size_t operators;
    size_t pieces;
    size_t depth; /* open parentheses */
    hk_token_kind operator[STACK_MAX];
    piece operand[STACK_MAX];
    size_t opened[HK_MATCH_DEPTH_MAX]; /* where each open parenthesis stands */
} parser;

/* ---- the program ---- */

static uint32_t *
jump_at(const parser *p, uint32_t jump)
{
    hk_match_clause *clause = &p->in.match->clauses[jump / 2];
    return jump % 2 == 1 ? &clause->if_true : &clause->if_false;
}

static void
resolve(const parser *p, jumps list, uint32_t target)
{
    while (list.first != NONE) {
        uint32_t *jump = jump_at(p, list.first);
        list.first = *jump;
        *jump = target;
    }
}

static jumps
join(const parser *p, jumps a, jumps b)
{
    *jump_at(p, a.last) = b.first;
    return (jumps){a.first, b.last};
}

static void
push_clause(parser *p)
{
    const uint32_t index = (uint32_t)p->in.match->count - 1;
    hk_match_clause *clause = &p->in.match->clauses[index];
    clause->if_true = clause->if_false = NONE;
    p->operand[p->pieces++] = (piece){
        .first = index,
        .if_true = {2 * index + 1, 2 * index + 1},
        .if_false = {2 * index, 2 * index},
    };
}

/* Applies the operator on top to the two operands on top. */
static void
reduce(parser *p)
{
    const piece right = p->operand[--p->pieces];
    piece *left = &p->operand[p->pieces - 1];
    if (p->operator[--p->operators] == HK_TOKEN_AND) {
        resolve(p, left->if_true, right.first);
        left->if_true = right.if_true;
        left->if_false = join(p, left->if_false, right.if_false);
    } else {
        resolve(p, left->if_false, right.first);
        left->if_false = right.if_false;
        left->if_true = join(p, left->if_true, right.if_true);
    }
}

/* Applies the waiting operators that bind at least as strongly as `kind` (the others: all), down to
 * an open parenthesis. */
static void
reduce_before(parser *p, hk_token_kind kind)
{
    while (p->operators > 0) {
        const hk_token_kind top = p->operator[p->operators - 1];
        if (top == HK_TOKEN_OPEN || (kind == HK_TOKEN_AND && top == HK_TOKEN_OR)) {
            return;
        }
        reduce(p);
    }
}

static HK_CHECK hk_status
open_parenthesis(parser *p)
{
    if (p->depth == HK_MATCH_DEPTH_MAX) {
        p->in.at = p->in.token.start;
        return hk_match_fail(p->in.err, HK_ERR_TOO_BIG,
                             "expected at most %u parentheses within each other",
                             HK_MATCH_DEPTH_MAX);
    }
    p->opened[p->depth++] = p->in.token.start;
    p->operator[p->operators++] = HK_TOKEN_OPEN;
    return hk_match_next(&p->in);
}

/* After an operand: takes closing parentheses, and the operator that follows. *done: the end. */
static HK_CHECK hk_status
parse_operator(parser *p, bool *done)
{
    hk_status status = HK_OK;
    while (p->in.token.kind == HK_TOKEN_CLOSE && p->depth > 0 && status == HK_OK) {
        reduce_before(p, HK_TOKEN_CLOSE);
        p->operators--; /* the open parenthesis */
        p->depth--;
        status = hk_match_next(&p->in);
    }
    if (status != HK_OK) {
        return status;
    }
    const hk_token_kind kind = p->in.token.kind;
    if (kind == HK_TOKEN_END && p->depth > 0) {
        p->in.at = p->opened[p->depth - 1];
        return hk_match_fail(p->in.err, HK_ERR_ARGUMENT, "the '(' has no closing ')'");
    }
    if (kind == HK_TOKEN_CLOSE) {
        p->in.at = p->in.token.start;
        return hk_match_fail(p->in.err, HK_ERR_ARGUMENT, "the ')' closes no '('");
    }
    if (kind != HK_TOKEN_END && kind != HK_TOKEN_AND && kind != HK_TOKEN_OR) {
        return hk_match_expected(&p->in, p->depth > 0 ? "&&, || or ')'" : "&&, || or the end");
    }
    reduce_before(p, kind);
    if (kind == HK_TOKEN_END) {
        *done = true;
        return HK_OK;
    }
    p->operator[p->operators++] = kind;
    return hk_match_next(&p->in);
}

static HK_CHECK hk_status
parse(parser *p)
{
    bool done = false;
    hk_status status = hk_match_next(&p->in);
    while (status == HK_OK && !done) {
        if (p->in.token.kind == HK_TOKEN_OPEN) {
            status = open_parenthesis(p);
            continue;
        }
        status = hk_match_parse_clause(&p->in);
        if (status == HK_OK) {
            push_clause(p);
            status = parse_operator(p, &done);
        }
    }
    if (status == HK_OK) {
        resolve(p, p->operand[0].if_true, HK_MATCH_TRUE);
        resolve(p, p->operand[0].if_false, HK_MATCH_FALSE);
    }
    return status;
}

/* ---- the whole ---- */

static HK_CHECK hk_status
prepare(parser *p, hk_slice text)
{
    if (text.len > HK_MATCH_TEXT_MAX) {
        p->in.at = HK_MATCH_TEXT_MAX;
        return hk_match_fail(p->in.err, HK_ERR_TOO_BIG, "expected at most %u bytes, got %zu",
                             HK_MATCH_TEXT_MAX, text.len);
    }
    const size_t valid = hk_utf8_valid(text.data, text.len);
    if (valid < text.len) {
        p->in.at = valid;
        return hk_match_fail(p->in.err, HK_ERR_ARGUMENT, "expected UTF-8, got the byte 0x%02x",
                             text.data[valid]);
    }
    /* What is unescaped is never longer than the text; malloc(0) may return NULL. */
    p->in.match->bytes = malloc(2 * text.len + 1);
    if (p->in.match->bytes == NULL) {
        return hk_match_no_memory(&p->in);
    }
    if (text.len > 0) {
        memcpy(p->in.match->bytes, text.data, text.len);
    }
    p->in.lexer.text = (hk_slice){p->in.match->bytes, text.len};
    p->in.lexer.out = p->in.match->bytes + text.len;
    return HK_OK;
}

hk_status
hk_match_compile(hk_slice text, hk_match_dialect dialect, hk_match **out, hk_match_error *err)
{
    hk_status status = HK_ERR_NOMEM;
    parser *p = calloc(1, sizeof *p); /* 25 KiB: too much for the stack of a small thread */
    hk_match *match = calloc(1, sizeof *match);
    *out = NULL;
    if (p == NULL || match == NULL) {
        (void)hk_match_fail(err, HK_ERR_NOMEM, "out of memory");
        goto done;
    }
    p->in.match = match;
    p->in.err = err;
    p->in.lexer.extended = dialect == HK_DIALECT_HEKA2;
    status = prepare(p, text);
    if (status == HK_OK) {
        status = parse(p);
    }
    if (status != HK_OK) {
        if (err != NULL) {
            err->column = hk_match_characters(text, 0, p->in.at) + 1;
        }
        goto done;
    }
    *out = match;
    match = NULL;
done:
    hk_match_free(match);
    free(p);
    return status;
}

void
hk_match_free(hk_match *match)
{
    if (match == NULL) {
        return;
    }
    for (size_t i = 0; i < match->count; i++) {
        if (match->clauses[i].operand == HK_OPERAND_REGEX) {
            hk_regex_free(match->clauses[i].with.regex);
        }
    }
    free(match->clauses);
    free(match->bytes);
    free(match);
}

unsigned
hk_match_reads(const hk_match *match)
{
    return match->reads;
}

bool
hk_match_needs_regex(const hk_match *match)
{
    return match->needs_regex;
}

size_t
hk_match_clauses(const hk_match *match)
{
    return match->count;
}

hk_slice
hk_match_clause_text(const hk_match *match, size_t index)
{
    const hk_match_clause *clause = &match->clauses[index];
    return (hk_slice){match->bytes + clause->start, clause->end - clause->start};
}

size_t
hk_match_clause_column(const hk_match *match, size_t index)
{
    return match->clauses[index].column;
}

bool
hk_match_clause_needs_regex(const hk_match *match, size_t index)
{
    const hk_match_clause *clause = &match->clauses[index];
    return clause->operand == HK_OPERAND_REGEX && !hk_regex_is_literal(clause->with.regex);
}
