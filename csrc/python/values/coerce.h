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

#include "run.h"

/* Appends the fields of `mapping` (a dict or any Mapping) to *out. origin may be NULL.
 * 0, or -1 with FieldError, EncodeError, or what the user's own code raised; *out then holds
 * a part that the caller drops. */
int heka_coerce_fields(heka_state *state, PyObject *mapping, const heka_policy *policy,
                       const heka_origin *origin, hk_buffer *out);

#endif
