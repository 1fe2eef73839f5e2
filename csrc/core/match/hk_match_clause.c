/* hk_match_clause.c -- the parser of one clause: an attribute or a field, an operator, a value. */
#include "hk_match_clause.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hk_typo.h"
#include "hk_match_time.h"

/* ---- names ---- */

typedef struct {
    const char *name;
    hk_match_subject subject;
} subject_name;

static const subject_name subjects[] = {
    {"Uuid", HK_SUBJECT_UUID},
    {"Type", HK_SUBJECT_TYPE},
    {"Logger", HK_SUBJECT_LOGGER},
    {"Payload", HK_SUBJECT_PAYLOAD},
    {"EnvVersion", HK_SUBJECT_ENV_VERSION},
    {"Hostname", HK_SUBJECT_HOSTNAME},
    {"Timestamp", HK_SUBJECT_TIMESTAMP},
    {"Severity", HK_SUBJECT_SEVERITY},
    {"Pid", HK_SUBJECT_PID},
    {"Fields", HK_SUBJECT_FIELD},
    {"TRUE", HK_SUBJECT_CONSTANT},
    {"FALSE", HK_SUBJECT_CONSTANT},
    {"Signer", HK_SUBJECT_SIGNER}, /* of heka2 only, so it is the last */
};
#define SUBJECTS (sizeof subjects / sizeof subjects[0])

static size_t
subjects_known(const hk_match_parser *p)
{
    return SUBJECTS - (p->lexer.extended ? 0 : 1);
}

static bool
is_word(hk_slice word, const char *name)
{
    return word.len == strlen(name) && memcmp(word.data, name, word.len) == 0;
}

static const subject_name *
find_subject(const hk_match_parser *p, hk_slice word)
{
    for (size_t i = 0; i < subjects_known(p); i++) {
        if (is_word(word, subjects[i].name)) {
            return &subjects[i];
        }
    }
    return NULL;
}

static const char *
nearest_subject(const hk_match_parser *p, hk_slice word)
{
    const char *best = NULL;
    unsigned least = HK_TYPO_NONE;
    for (size_t i = 0; i < subjects_known(p); i++) {
        const char *name = subjects[i].name;
        const unsigned edits = hk_typo_edits(word, (hk_slice){(const uint8_t *)name, strlen(name)});
        if (edits < least) {
            least = edits;
            best = name;
        }
    }
    return best;
}

/* ---- errors ---- */

hk_status
hk_match_expected(hk_match_parser *p, const char *what)
{
    char seen[HK_MATCH_SEEN];
    p->at = p->token.start;
    hk_match_seen(p->lexer.text, p->token.start, p->token.end, seen);
    return hk_match_fail(p->err, HK_ERR_ARGUMENT, "expected %s, got %s", what, seen);
}

hk_status
hk_match_no_memory(hk_match_parser *p)
{
    return hk_match_fail(p->err, HK_ERR_NOMEM, "out of memory");
}

size_t
hk_match_characters(hk_slice text, size_t start, size_t end)
{
    size_t count = 0;
    for (size_t i = start; i < end && i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

/* ---- clauses ---- */

/* Appends a clause that begins at the token; NULL: *status says why. */
static hk_match_clause *
add_clause(hk_match_parser *p, hk_match_subject subject, hk_status *status)
{
    hk_match *m = p->match;
    if (m->count == HK_MATCH_CLAUSES_MAX) {
        p->at = p->token.start;
        *status = hk_match_fail(p->err, HK_ERR_TOO_BIG, "expected at most %u clauses",
                                HK_MATCH_CLAUSES_MAX);
        return NULL;
    }
    if (m->count == m->room) {
        const size_t room = m->room == 0 ? 4 : 2 * m->room;
        hk_match_clause *grown = realloc(m->clauses, room * sizeof *grown);
        if (grown == NULL) {
            *status = hk_match_no_memory(p);
            return NULL;
        }
        m->clauses = grown;
        m->room = room;
    }
    hk_match_clause *clause = &m->clauses[m->count++];
    *clause = (hk_match_clause){.subject = subject, .start = p->token.start, .end = p->token.end};
    p->column += hk_match_characters(p->lexer.text, p->counted, p->token.start);
    p->counted = p->token.start;
    clause->column = p->column + 1;
    if (subject < HK_SUBJECT_CONSTANT) {
        m->reads |= 1u << subject;
    }
    return clause;
}

static HK_CHECK hk_status
compile_regex(hk_match_parser *p, hk_match_clause *clause)
{
    size_t column = 0;
    const char *what = "a regular expression";
    hk_regex *regex = NULL;
    const hk_status status = hk_regex_compile(p->token.text, &regex, &column, &what);
    if (status == HK_ERR_NOMEM) {
        return hk_match_no_memory(p);
    }
    if (status != HK_OK) {
        p->at = hk_match_regex_place(&p->lexer, &p->token, column);
        return hk_match_fail(p->err, status == HK_ERR_TOO_BIG ? status : HK_ERR_ARGUMENT,
                             "regular expression: expected %s", what);
    }
    clause->operand = HK_OPERAND_REGEX;
    clause->with.regex = regex;
    p->match->needs_regex |= !hk_regex_is_literal(regex);
    return HK_OK;
}

/* The right side of a clause that reads a text attribute, for the token after the operator. */
static HK_CHECK hk_status
text_operand(hk_match_parser *p, hk_match_clause *clause)
{
    if (clause->op >= HK_OP_RE) {
        return p->token.kind == HK_TOKEN_REGEX
                   ? compile_regex(p, clause)
                   : hk_match_expected(p, "a regular expression as /text/");
    }
    if (p->token.kind != HK_TOKEN_STRING) {
        return hk_match_expected(p, "a string in quotes");
    }
    clause->operand = HK_OPERAND_TEXT;
    clause->with.text = p->token.text;
    return HK_OK;
}

static HK_CHECK hk_status
number_operand(hk_match_parser *p, hk_match_clause *clause)
{
    const bool takes_time = p->lexer.extended && clause->subject == HK_SUBJECT_TIMESTAMP;
    if (takes_time && p->token.kind == HK_TOKEN_STRING) {
        int64_t time;
        if (!hk_match_time(p->token.text, &time)) {
            return hk_match_expected(p, "a time of RFC 3339, from 1677-09-21 to 2262-04-11");
        }
        clause->operand = HK_OPERAND_TIME;
        clause->with.time = time;
        return HK_OK;
    }
    if (p->token.kind != HK_TOKEN_NUMBER) {
        return hk_match_expected(p, takes_time ? "a number or a time in quotes" : "a number");
    }
    clause->operand = HK_OPERAND_NUMBER;
    clause->with.number = p->token.number;
    return HK_OK;
}

static HK_CHECK hk_status
field_operand(hk_match_parser *p, hk_match_clause *clause)
{
    const hk_token *token = &p->token;
    if (clause->op >= HK_OP_RE || token->kind == HK_TOKEN_STRING) {
        return text_operand(p, clause);
    }
    if (token->kind == HK_TOKEN_NUMBER) {
        return number_operand(p, clause);
    }
    const bool truth = token->kind == HK_TOKEN_WORD && is_word(token->text, "TRUE");
    if (truth || (token->kind == HK_TOKEN_WORD && is_word(token->text, "FALSE"))) {
        if (clause->op != HK_OP_EQ && !(clause->op == HK_OP_NE && p->lexer.extended)) {
            return hk_match_expected(
                p, p->lexer.extended ? "a string or a number (TRUE and FALSE go with == and !=)"
                                     : "a string or a number (TRUE and FALSE go with ==)");
        }
        clause->operand = HK_OPERAND_TRUTH;
        clause->with.truth = truth;
        return HK_OK;
    }
    if (token->kind == HK_TOKEN_WORD && is_word(token->text, "NIL")) {
        if (clause->op > HK_OP_NE) {
            return hk_match_expected(p, "a string or a number (NIL goes with == and !=)");
        }
        clause->operand = HK_OPERAND_NIL;
        return HK_OK;
    }
    return hk_match_expected(p, clause->op > HK_OP_NE ? "a string or a number"
                                                      : "a string, a number, TRUE, FALSE or NIL");
}

/* A clause from its first token on. The token after it is taken. */
hk_status
hk_match_parse_clause(hk_match_parser *p)
{
    const hk_token *token = &p->token;
    hk_status status = HK_OK;
    hk_match_subject subject = HK_SUBJECT_FIELD;
    if (token->kind == HK_TOKEN_WORD) {
        const subject_name *known = find_subject(p, token->text);
        if (known == NULL) {
            const char *nearest = nearest_subject(p, token->text);
            char seen[HK_MATCH_SEEN];
            p->at = token->start;
            hk_match_seen(p->lexer.text, token->start, token->end, seen);
            return hk_match_fail(p->err, HK_ERR_ARGUMENT, "%s is no attribute%s%s%s", seen,
                                 nearest == NULL ? "" : "; did you mean '",
                                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?");
        }
        subject = known->subject;
    } else if (token->kind != HK_TOKEN_FIELD) {
        return hk_match_expected(p, "an attribute, Fields[name], TRUE, FALSE or '('");
    }
    hk_match_clause *clause = add_clause(p, subject, &status);
    if (clause == NULL) {
        return status;
    }
    if (subject == HK_SUBJECT_CONSTANT) {
        clause->operand = HK_OPERAND_TRUTH;
        clause->with.truth = is_word(token->text, "TRUE");
        return hk_match_next(p);
    }
    if (subject == HK_SUBJECT_FIELD) {
        clause->name = token->text;
        clause->field_index = token->field_index;
        clause->value_index = token->value_index;
    }
    if ((status = hk_match_next(p)) != HK_OK) {
        return status;
    }
    const bool numeric = subject >= HK_SUBJECT_TIMESTAMP && subject <= HK_SUBJECT_PID;
    if (token->kind != HK_TOKEN_OP || (numeric && token->op >= HK_OP_RE)) {
        return hk_match_expected(p, numeric ? "== != < <= > or >=" : "== != < <= > >= =~ or !~");
    }
    clause->op = token->op;
    if ((status = hk_match_next(p)) != HK_OK) {
        return status;
    }
    status = subject == HK_SUBJECT_FIELD ? field_operand(p, clause)
             : numeric                   ? number_operand(p, clause)
                                         : text_operand(p, clause);
    clause->end = token->end;
    return status == HK_OK ? hk_match_next(p) : status;
}
