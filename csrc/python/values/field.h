/* field.h -- heka.Field: a list of values with a representation and a value type. */
#ifndef HEKA_FIELD_H
#define HEKA_FIELD_H

#include "core/wire/hk_decode.h"
#include "python/base/state.h"

/* *representation: borrowed from the Field, which may drop it when user code sets another one.
 * *value_type: an hk_value_type, or -1 for the type of the first value. */
void heka_field_view(PyObject *field, PyObject **representation, int *value_type);

/* A new Field from one canonical field, whose slices are only read during the call. */
PyObject *heka_field_from_wire(heka_state *state, const hk_field *field);

/* A new dict from canonical fields: name -> Field, the first of each name. *repeated: whether a
 * name occurs twice. The caller must keep the bytes of `fields` alive and unchanged: allocating may
 * start a garbage collection, and its finalizers are user code. */
PyObject *heka_fields_from_wire(heka_state *state, hk_slice fields, bool *repeated);

#endif
