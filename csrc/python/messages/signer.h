/* signer.h -- heka.SignerConfig: who signs, with which key. */
#ifndef HEKA_SIGNER_H
#define HEKA_SIGNER_H

#include "core/wire/hk_frame.h"
#include "python/base/state.h"

/* The identity of a signer, borrowed; *identity is NULL for None or NULL. 0, or -1 with TypeError
 * that names the argument. */
int heka_signer_borrow(heka_state *state, PyObject *value, const char *name,
                       const hk_identity **identity);

/* A key as bytes, from str (UTF-8) or bytes-like; a new reference. */
PyObject *heka_key_bytes(heka_state *state, PyObject *key);

#endif
