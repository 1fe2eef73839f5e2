/* coerce.h -- encodes a mapping of fields; the one place that decides which values are accepted.
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
 * Values of exact built-in types are encoded without running user code (plain.c), so the dict and
 * its lists are read in place. Any other value may run user code, which may change the dict or list
 * that is being read; so the general path (coerce.c) reads from copies. */
#ifndef HEKA_COERCE_H
#define HEKA_COERCE_H

#include "run.h"

/* Appends the fields of `mapping` (a dict or any Mapping) to *out. origin may be NULL. The caller
 * must own a reference to the mapping: user code may run.
 * 0, or -1 with FieldError, EncodeError, or the exception of user code; *out may then have
 * partial output, which the caller removes. */
int heka_coerce_fields(heka_state *state, PyObject *mapping, const heka_policy *policy,
                       heka_origin *origin, hk_buffer *out);

#endif
