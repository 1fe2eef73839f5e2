/* signer.h -- heka.SignerConfig: the name and the key of a signer. */
#ifndef HEKA_SIGNER_H
#define HEKA_SIGNER_H

#include "core/wire/hk_frame.h"
#include "python/base/state.h"

/* *identity: borrowed from `value`, a SignerConfig that the caller must keep alive; NULL when value
 * is None or NULL. `name` is the argument's, for the text of the TypeError. 0, or -1. */
int heka_signer_borrow(heka_state *state, PyObject *value, const char *name,
                       const hk_identity **identity);

/* A new reference to a key as exact bytes, from a str (UTF-8) or a bytes-like object. */
PyObject *heka_key_bytes(heka_state *state, PyObject *key);

#endif
