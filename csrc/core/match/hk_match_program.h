/* hk_match_program.h -- a compiled expression: its clauses, and where to go after each.
 *
 * The clauses stand in the order of the text. Each names the clause that is evaluated next when it
 * is true and when it is false; that is how `&&`, `||` and parentheses are expressed, short
 * circuits too. Every such step leads to a later clause or to a result, so an evaluation visits
 * each clause at most once. Shared by hk_match.c and hk_match_run.c only.
 * Includes: hk_regex.h. */
#ifndef HK_MATCH_PROGRAM_H
#define HK_MATCH_PROGRAM_H

#include "hk_regex.h"

/* Results, in the place of a clause's index. */
#define HK_MATCH_TRUE UINT32_MAX
#define HK_MATCH_FALSE (UINT32_MAX - 1)

/* What a clause reads. The text attributes, then the numbers, are in the order of HK_READS_*. */
typedef enum {
    HK_SUBJECT_UUID,
    HK_SUBJECT_TYPE,
    HK_SUBJECT_LOGGER,
    HK_SUBJECT_PAYLOAD,
    HK_SUBJECT_ENV_VERSION,
    HK_SUBJECT_HOSTNAME,
    HK_SUBJECT_SIGNER,
    HK_SUBJECT_TIMESTAMP,
    HK_SUBJECT_SEVERITY,
    HK_SUBJECT_PID,
    HK_SUBJECT_FIELD,
    HK_SUBJECT_CONSTANT, /* TRUE or FALSE by itself */
} hk_match_subject;

/* What it compares with. */
typedef enum {
    HK_OPERAND_TEXT,
    HK_OPERAND_NUMBER,
    HK_OPERAND_TIME,
    HK_OPERAND_REGEX,
    HK_OPERAND_TRUTH,
    HK_OPERAND_NIL,
} hk_match_operand;

typedef enum {
    HK_OP_EQ,
    HK_OP_NE,
    HK_OP_LT,
    HK_OP_LE,
    HK_OP_GT,
    HK_OP_GE,
    HK_OP_RE,
    HK_OP_NRE,
} hk_match_op;

typedef struct {
    hk_match_subject subject;
    hk_match_op op;
    hk_match_operand operand;
    uint32_t if_true; /* the next clause, or HK_MATCH_TRUE or HK_MATCH_FALSE */
    uint32_t if_false;
    uint32_t field_index; /* among the fields of that name */
    uint32_t value_index;
    hk_slice name; /* of the field; borrowed from hk_match.bytes */
    union {
        hk_slice text; /* borrowed from hk_match.bytes */
        double number;
        int64_t time;    /* nanoseconds since the epoch */
        hk_regex *regex; /* owned */
        bool truth;
    } with;
    size_t start; /* where it stands in the text: bytes */
    size_t end;
    size_t column; /* characters, from 1 */
} hk_match_clause;

typedef struct hk_match {
    uint8_t *bytes; /* owned: the text, and behind it names and strings without their escapes */
    hk_match_clause *clauses; /* owned */
    size_t count;
    size_t room;    /* clauses that fit into the allocation */
    unsigned reads; /* HK_READS_* */
    bool needs_regex;
} hk_match;

#endif
