/* hk_match_run.h -- evaluating a compiled expression on a decoded message.
 *
 * What is compared:
 *   - text attributes byte by byte, an absent one as ""; Uuid as its text in lower case
 *   - Timestamp, Severity and Pid as float64; Timestamp with a time as nanoseconds
 *   - field values of STRING and BYTES with strings and regular expressions, of INTEGER and DOUBLE
 *     as float64 with numbers, of BOOL with TRUE and FALSE; a value of another type makes the
 * clause false, for != and !~ too
 *   - a field or value that is not there makes the clause false, but for `== NIL`
 * A search that reaches a limit of hk_regex.h makes the clause false, for =~ and for !~.
 * Includes: hk_match.h, hk_regex.h, hk_decode.h. */
#ifndef HK_MATCH_RUN_H
#define HK_MATCH_RUN_H

#include "core/wire/hk_decode.h"
#include "hk_match.h"
#include "hk_regex.h"

/* What evaluations of one hk_match need and count: one for each thread. */
typedef struct {
    hk_regex_scratch *regex; /* owned; NULL when the expression needs no engine */
    uint64_t *limits;        /* owned: searches that reached a limit, by clause; NULL as regex */
    bool failed; /* a search had no memory: its clause counts as false. Reset by the caller */
} hk_match_scratch;

/* HK_ERR_NOMEM; *scratch may then be cleared. */
HK_CHECK hk_status hk_match_scratch_init(hk_match_scratch *scratch, const hk_match *match);

/* May be called twice, and for a scratch that is all zero. */
void hk_match_scratch_clear(hk_match_scratch *scratch);

/* Whether the message matches. *message is of hk_decode_canonical, so its bytes are in canonical
 * form; an attribute is absent where its slice is empty or uuid is NULL. signer: the name that was
 * verified, else empty. */
bool hk_match_run(const hk_match *match, const hk_message *message, hk_slice signer,
                  hk_match_scratch *scratch);

/* Whether clause `index` by itself is true. */
bool hk_match_run_clause(const hk_match *match, size_t index, const hk_message *message,
                         hk_slice signer, hk_match_scratch *scratch);

#endif
