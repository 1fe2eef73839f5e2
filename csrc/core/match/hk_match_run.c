/* hk_match_run.c -- evaluating a compiled expression on a decoded message. */
#include "hk_match_run.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire/hk_uuid.h"
#include "hk_match_program.h"

hk_status
hk_match_scratch_init(hk_match_scratch *scratch, const hk_match *match)
{
    memset(scratch, 0, sizeof *scratch);
    if (match->needs_regex) {
        scratch->regex = hk_regex_scratch_new();
        scratch->limits = calloc(match->count, sizeof *scratch->limits);
        if (scratch->regex == NULL || scratch->limits == NULL) {
            return HK_ERR_NOMEM;
        }
    }
    return HK_OK;
}

void
hk_match_scratch_clear(hk_match_scratch *scratch)
{
    hk_regex_scratch_free(scratch->regex);
    free(scratch->limits);
    memset(scratch, 0, sizeof *scratch);
}

/* ---- comparisons ---- */

/* Short texts are the rule: a loop over words costs less than a call of memcmp. */
static inline bool
is_equal(hk_slice a, hk_slice b)
{
    uint64_t x;
    uint64_t y;
    if (a.len != b.len) {
        return false;
    }
    if (a.len < sizeof x) {
        for (size_t i = 0; i < a.len; i++) {
            if (a.data[i] != b.data[i]) {
                return false;
            }
        }
        return true;
    }
    if (a.len > 2 * sizeof x) {
        return memcmp(a.data, b.data, a.len) == 0;
    }
    memcpy(&x, a.data, sizeof x);
    memcpy(&y, b.data, sizeof y);
    if (x != y) {
        return false;
    }
    memcpy(&x, a.data + a.len - sizeof x, sizeof x); /* may overlap the first */
    memcpy(&y, b.data + b.len - sizeof y, sizeof y);
    return x == y;
}

/* Below, equal or above zero as `a` is below, equal or above `b` in the order of bytes. */
static int
order(hk_slice a, hk_slice b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int sign = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return sign != 0 ? sign : (a.len > b.len) - (a.len < b.len);
}

static inline bool
relate_text(hk_match_op op, hk_slice a, hk_slice b)
{
    switch (op) {
        case HK_OP_EQ:
            return is_equal(a, b);
        case HK_OP_NE:
            return !is_equal(a, b);
        case HK_OP_LT:
            return order(a, b) < 0;
        case HK_OP_LE:
            return order(a, b) <= 0;
        case HK_OP_GT:
            return order(a, b) > 0;
        case HK_OP_GE:
            return order(a, b) >= 0;
        case HK_OP_RE:
        case HK_OP_NRE:
            break;
    }
    return false;
}

/* By IEEE 754: every relation with NaN is false but !=. */
static inline bool
relate_numbers(hk_match_op op, double a, double b)
{
    switch (op) {
        case HK_OP_EQ:
            return a == b;
        case HK_OP_NE:
            return a != b;
        case HK_OP_LT:
            return a < b;
        case HK_OP_LE:
            return a <= b;
        case HK_OP_GT:
            return a > b;
        case HK_OP_GE:
            return a >= b;
        case HK_OP_RE:
        case HK_OP_NRE:
            break;
    }
    return false;
}

static inline bool
relate_times(hk_match_op op, int64_t a, int64_t b)
{
    return relate_numbers(op, (double)((a > b) - (a < b)), 0);
}

/* ---- clauses ---- */

static bool
test_text(const hk_match *match, const hk_match_clause *clause, hk_slice subject,
          hk_match_scratch *scratch)
{
    if (clause->operand == HK_OPERAND_TEXT) {
        return relate_text(clause->op, subject, clause->with.text);
    }
    switch (hk_regex_search(clause->with.regex, scratch->regex, subject)) {
        case HK_REGEX_YES:
            return clause->op == HK_OP_RE;
        case HK_REGEX_NO:
            return clause->op == HK_OP_NRE;
        case HK_REGEX_LIMIT:
            scratch->limits[clause - match->clauses]++;
            break;
        case HK_REGEX_NOMEM:
            scratch->failed = true;
            break;
    }
    return false;
}

/* Finds the field number `index` of those that have the name. */
static bool
find_field(hk_slice fields, hk_slice name, uint32_t index, hk_field *field)
{
    while (fields.len > 0) {
        /* The usual field has both lengths in one byte: tag, length, tag of the name, length of the
         * name, name. It is passed over without looking at the rest. */
        const uint8_t *p = fields.data;
        if (fields.len >= 4 && p[1] < 0x80 && p[3] < 0x80 && p[1] >= p[3] + 2u &&
            fields.len - 2 >= p[1]) {
            const size_t size = 2 + (size_t)p[1];
            if (!is_equal((hk_slice){p + 4, p[3]}, name) || index-- > 0) {
                fields.data += size;
                fields.len -= size;
                continue;
            }
            hk_slice found = {p, size};
            return hk_field_next(&found, field);
        }
        if (!hk_field_next(&fields, field)) {
            return false;
        }
        if (is_equal(field->name, name) && index-- == 0) {
            return true;
        }
    }
    return false;
}

static bool
find_value(const hk_field *field, uint32_t index, hk_value *value)
{
    hk_slice values = field->values;
    do {
        if (!hk_value_next(&values, field->type, value)) {
            return false;
        }
    } while (index-- > 0);
    return true;
}

static bool
test_field(const hk_match *match, const hk_match_clause *clause, hk_slice fields,
           hk_match_scratch *scratch)
{
    hk_field field;
    hk_value value;
    const bool is_there = find_field(fields, clause->name, clause->field_index, &field) &&
                          find_value(&field, clause->value_index, &value);
    if (clause->operand == HK_OPERAND_NIL) {
        return is_there == (clause->op == HK_OP_NE);
    }
    if (!is_there) {
        return false;
    }
    switch (field.type) {
        case HK_STRING:
        case HK_BYTES:
            return (clause->operand == HK_OPERAND_TEXT || clause->operand == HK_OPERAND_REGEX) &&
                   test_text(match, clause, value.text, scratch);
        case HK_INTEGER:
            return clause->operand == HK_OPERAND_NUMBER &&
                   relate_numbers(clause->op, (double)value.integer, clause->with.number);
        case HK_DOUBLE:
            return clause->operand == HK_OPERAND_NUMBER &&
                   relate_numbers(clause->op, value.real, clause->with.number);
        case HK_BOOL:
            return clause->operand == HK_OPERAND_TRUTH &&
                   (value.truth == clause->with.truth) == (clause->op == HK_OP_EQ);
    }
    return false;
}

static inline bool
test_uuid(const hk_match *match, const hk_match_clause *clause, const uint8_t *uuid,
          hk_match_scratch *scratch)
{
    char text[HK_UUID_TEXT_SIZE] = "";
    if (uuid != NULL) {
        hk_uuid_format(uuid, text);
    }
    const hk_slice subject = {(const uint8_t *)text, uuid == NULL ? 0 : HK_UUID_TEXT_SIZE - 1};
    return test_text(match, clause, subject, scratch);
}

static inline bool
test_timestamp(const hk_match_clause *clause, int64_t timestamp)
{
    return clause->operand == HK_OPERAND_TIME
               ? relate_times(clause->op, timestamp, clause->with.time)
               : relate_numbers(clause->op, (double)timestamp, clause->with.number);
}

static inline bool
test(const hk_match *match, const hk_match_clause *clause, const hk_message *message,
     hk_slice signer, hk_match_scratch *scratch)
{
    switch (clause->subject) {
        case HK_SUBJECT_UUID:
            return test_uuid(match, clause, message->uuid, scratch);
        case HK_SUBJECT_TYPE:
            return test_text(match, clause, message->type, scratch);
        case HK_SUBJECT_LOGGER:
            return test_text(match, clause, message->logger, scratch);
        case HK_SUBJECT_PAYLOAD:
            return test_text(match, clause, message->payload, scratch);
        case HK_SUBJECT_ENV_VERSION:
            return test_text(match, clause, message->env_version, scratch);
        case HK_SUBJECT_HOSTNAME:
            return test_text(match, clause, message->hostname, scratch);
        case HK_SUBJECT_SIGNER:
            return test_text(match, clause, signer, scratch);
        case HK_SUBJECT_TIMESTAMP:
            return test_timestamp(clause, message->timestamp);
        case HK_SUBJECT_SEVERITY:
            return relate_numbers(clause->op, message->severity, clause->with.number);
        case HK_SUBJECT_PID:
            return relate_numbers(clause->op, message->pid, clause->with.number);
        case HK_SUBJECT_FIELD:
            return test_field(match, clause, message->fields, scratch);
        case HK_SUBJECT_CONSTANT:
            return clause->with.truth;
    }
    return false;
}

bool
hk_match_run(const hk_match *match, const hk_message *message, hk_slice signer,
             hk_match_scratch *scratch)
{
    uint32_t next = 0;
    do {
        const hk_match_clause *clause = &match->clauses[next];
        next = test(match, clause, message, signer, scratch) ? clause->if_true : clause->if_false;
    } while (next < HK_MATCH_FALSE);
    return next == HK_MATCH_TRUE;
}

bool
hk_match_run_clause(const hk_match *match, size_t index, const hk_message *message, hk_slice signer,
                    hk_match_scratch *scratch)
{
    return test(match, &match->clauses[index], message, signer, scratch);
}
