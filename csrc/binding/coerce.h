/* coerce.h -- the one table of accepted value types: a mapping of fields, straight to the wire.
 *
 *     Python value                          wire
 *     bool, numpy.bool_                     BOOL
 *     int (and what has __index__)          INTEGER, 64 bits
 *     float (and what has __float__)        DOUBLE
 *     str                                   STRING
 *     bytes, bytearray, memoryview          BYTES
 *     enum.Enum                             its .value
 *     mapping                               fields named outer.inner, at most HEKA_DEPTH_MAX deep
 *     any other iterable                    several values, all of one type
 *     heka.Field                            its values, representation and value_type
 *
 * Exact built-in types are written without running any code of the user's. Everything else may run
 * some, which may change the very dict that is being read, so it is read from copies. */
#ifndef HEKA_COERCE_H
#define HEKA_COERCE_H

#include "state.h"

#define HEKA_DEPTH_MAX 32u /* mappings inside mappings: more is a mistake, or a cycle */
#define HEKA_REPR_MAX 1024 /* characters of the repr that stands in for a value */

/* What becomes of a value without a type. */
typedef struct {
    bool use_repr;     /* true: its repr is sent; false: FieldError */
    PyObject *convert; /* borrowed: called with such a value for one that has a type; or NULL */
    bool *too_large;   /* borrowed: set when there was more than any message holds; or NULL */
} heka_policy;

/* Fields whose text came from the wire: what their own bytes hold may go back. */
typedef struct {
    hk_slice wire; /* the canonical fields that the values were read from */
} heka_origin;

/* Appends the fields of `mapping` (a dict or any Mapping) to *out. origin may be NULL.
 * 0, or -1 with FieldError, EncodeError, or what the user's own code raised; *out then holds
 * a part that the caller drops. */
int heka_coerce_fields(heka_state *state, PyObject *mapping, const heka_policy *policy,
                       const heka_origin *origin, hk_buffer *out);

#endif
