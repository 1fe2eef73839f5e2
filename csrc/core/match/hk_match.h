/* hk_match.h -- compiling a text of Heka's message_matcher language.
 *
 *     expression  term { "||" term }
 *     term        factor { "&&" factor }
 *     factor      "(" expression ")" | clause
 *     clause      TRUE | FALSE
 *                 | text relation string | text regex-operator /re/
 *                 | number relation digits
 *                 | field relation (string | digits) | field regex-operator /re/
 *                 | field "==" (TRUE | FALSE) | field ("==" | "!=") NIL
 *     text        Uuid | Type | Logger | Payload | EnvVersion | Hostname
 *     number      Timestamp | Severity | Pid
 *     field       Fields[name] | Fields[name][field index] | Fields[name][field index][value index]
 *
 * Spaces and tabs separate; a newline or a NUL ends the expression, and after it only blanks,
 * newlines and NULs may follow. The dialect "heka2" adds negative numbers, `!= TRUE`, RFC 3339
 * times for Timestamp, and the text attribute Signer.
 *
 * Time and memory are linear in the text and bounded by the limits below; nothing recurses. A
 * compiled hk_match never changes: threads may share it.
 * Source: Heka docs, "Message Matcher Syntax"; hekad's message_matcher_parser.y.
 * Includes: hk_match_error.h. */
#ifndef HK_MATCH_H
#define HK_MATCH_H

#include "hk_match_error.h"

#define HK_MATCH_TEXT_MAX (64u * 1024u) /* bytes of an expression */
#define HK_MATCH_DEPTH_MAX 200u         /* parentheses within parentheses */

typedef struct hk_match hk_match;

typedef enum {
    HK_DIALECT_HEKA,  /* hekad's language */
    HK_DIALECT_HEKA2, /* with the extensions */
} hk_match_dialect;

/* The parts of a message that an expression reads, as bits of hk_match_reads(). */
enum {
    HK_READS_UUID = 1u << 0,
    HK_READS_TYPE = 1u << 1,
    HK_READS_LOGGER = 1u << 2,
    HK_READS_PAYLOAD = 1u << 3,
    HK_READS_ENV_VERSION = 1u << 4,
    HK_READS_HOSTNAME = 1u << 5,
    HK_READS_SIGNER = 1u << 6,
    HK_READS_TIMESTAMP = 1u << 7,
    HK_READS_SEVERITY = 1u << 8,
    HK_READS_PID = 1u << 9,
    HK_READS_FIELDS = 1u << 10,
};

/* Compiles the text, which is UTF-8, into *out, which the caller frees; the text is not kept.
 * HK_ERR_ARGUMENT: it is no expression. HK_ERR_TOO_BIG: it is over a limit above, over
 * HK_MATCH_CLAUSES_MAX of hk_match_clause.h, or over one of hk_regex.h. HK_ERR_NOMEM. *err, which
 * may be NULL, tells where and why. */
HK_CHECK hk_status hk_match_compile(hk_slice text, hk_match_dialect dialect, hk_match **out,
                                    hk_match_error *err);

/* match may be NULL. */
void hk_match_free(hk_match *match);

/* The HK_READS_* bits of what the expression reads. */
unsigned hk_match_reads(const hk_match *match);

/* Whether a clause needs an engine for regular expressions (hk_regex_is_literal). */
bool hk_match_needs_regex(const hk_match *match);

/* The number of clauses, 1 or more; the text of clause `index`, as it was written; the column at
 * which it begins, in characters, from 1; whether it needs an engine for regular expressions. */
size_t hk_match_clauses(const hk_match *match);
hk_slice hk_match_clause_text(const hk_match *match, size_t index);
size_t hk_match_clause_column(const hk_match *match, size_t index);
bool hk_match_clause_needs_regex(const hk_match *match, size_t index);

#endif
