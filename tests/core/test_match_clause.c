/* test_match_clause.c -- which operators and values go with what, for every combination. */
#include "core/match/hk_match_clause.h"

#include "core/match/hk_match.h"

#include "check.h"
#include "sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { TEXT, NUMBER, FIELD, STAMP }; /* kinds of subjects */

static const struct {
    const char *text;
    int kind;
} subjects[] = {{"Type", TEXT},       {"Uuid", TEXT},       {"Signer", TEXT},
                {"Severity", NUMBER}, {"Timestamp", STAMP}, {"Fields[a]", FIELD}};

static const struct {
    const char *text;
    hk_match_op op;
} operators[] = {{"==", HK_OP_EQ}, {"!=", HK_OP_NE}, {"<", HK_OP_LT},  {"<=", HK_OP_LE},
                 {">", HK_OP_GT},  {">=", HK_OP_GE}, {"=~", HK_OP_RE}, {"!~", HK_OP_NRE}};

static const struct {
    const char *text;
    hk_match_operand operand;
} operands[] = {{"'2023-11-14T22:13:20Z'", HK_OPERAND_TEXT},
                {"3", HK_OPERAND_NUMBER},
                {"-3", HK_OPERAND_NUMBER},
                {"/x/", HK_OPERAND_REGEX},
                {"TRUE", HK_OPERAND_TRUTH},
                {"NIL", HK_OPERAND_NIL}};

/* Whether the rules of hk_match.h allow it, as a table would say it. */
static bool
allowed(size_t subject, hk_match_op op, size_t operand, bool extended)
{
    const int kind = subjects[subject].kind;
    const hk_match_operand what = operands[operand].operand;
    if (!extended && (operands[operand].text[0] == '-' || subject == 2)) {
        return false; /* negative numbers and Signer are extensions */
    }
    switch (what) {
        case HK_OPERAND_TEXT:
            return op < HK_OP_RE && (kind == TEXT || kind == FIELD || (kind == STAMP && extended));
        case HK_OPERAND_NUMBER:
            return op < HK_OP_RE && kind != TEXT;
        case HK_OPERAND_REGEX:
            return op >= HK_OP_RE && (kind == TEXT || kind == FIELD);
        case HK_OPERAND_TRUTH:
            return kind == FIELD && (op == HK_OP_EQ || (op == HK_OP_NE && extended));
        case HK_OPERAND_NIL:
            return kind == FIELD && op <= HK_OP_NE;
        case HK_OPERAND_TIME:
            break;
    }
    return false;
}

static void
check_combination(size_t subject, size_t op, size_t operand, bool extended)
{
    char text[100];
    hk_match *match = NULL;
    hk_match_error err = {.text = ""};
    (void)snprintf(text, sizeof text, "%s %s %s", subjects[subject].text, operators[op].text,
                   operands[operand].text);
    const bool expected = allowed(subject, operators[op].op, operand, extended);
    const hk_status status = hk_match_compile(
        slice_of(text), extended ? HK_DIALECT_HEKA2 : HK_DIALECT_HEKA, &match, &err);
    if (!CHECK_INT(status, expected ? HK_OK : HK_ERR_ARGUMENT)) {
        printf("  %s: %s\n", text, err.text);
    }
    if (status == HK_OK) {
        const hk_match_clause *clause = &match->clauses[0];
        const bool time = operand == 0 && subjects[subject].kind == STAMP;
        CHECK_INT(clause->op, operators[op].op);
        CHECK_INT(clause->operand, time ? HK_OPERAND_TIME : operands[operand].operand);
        CHECK_SIZE(clause->end, strlen(text));
    } else {
        CHECK(strstr(err.text, "expected ") == err.text || strstr(err.text, "negative") != NULL ||
              strstr(err.text, "'Signer' is no attribute") != NULL);
    }
    hk_match_free(match);
}

int
main(void)
{
    for (size_t subject = 0; subject < COUNT(subjects); subject++) {
        for (size_t op = 0; op < COUNT(operators); op++) {
            for (size_t operand = 0; operand < COUNT(operands); operand++) {
                check_combination(subject, op, operand, false);
                check_combination(subject, op, operand, true);
            }
        }
    }
    return check_report();
}
