/* match.h -- heka.Matcher: a compiled expression, for other files of the binding. */
#ifndef HEKA_MATCH_H
#define HEKA_MATCH_H

#include "core/wire/hk_decode.h"
#include "python/base/state.h"

/* Whether the Matcher `op` matches the message; an empty signer: none was verified. Runs no user
 * code. 1, 0, or -1 with MemoryError. */
int heka_matcher_run(PyObject *op, const hk_message *message, hk_slice signer);

/* match_clauses.c: the attributes clauses and limits, and explain(). */

/* A new tuple of the clauses of the expression. `matched`: for each clause whether it is true, or
 * NULL: None in their place. */
struct hk_match;
PyObject *heka_clauses_new(heka_state *state, const struct hk_match *match, const bool *matched);

/* A new dict from the text of a clause to how often a search reached a limit, without zeros. */
PyObject *heka_limits_new(heka_state *state, const struct hk_match *match, const uint64_t *limits);

#endif
