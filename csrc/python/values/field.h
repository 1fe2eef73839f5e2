/* field.h -- heka.Field: values with a unit, a list that knows its representation and type. */
#ifndef HEKA_FIELD_H
#define HEKA_FIELD_H

#include "core/wire/hk_decode.h"
#include "python/base/state.h"

/* Borrows what a Field says of its values: *representation, and *value_type or -1. */
void heka_field_view(PyObject *field, PyObject **representation, int *value_type);

/* A new Field of one canonical field. */
PyObject *heka_field_from_wire(heka_state *state, const hk_field *field);

/* A new dict of canonical fields: name -> Field, the first of each name. *repeated: a name came
 * twice. */
PyObject *heka_fields_from_wire(heka_state *state, hk_slice fields, bool *repeated);

#endif
