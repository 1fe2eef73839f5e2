/* message_fields.c -- the fields of a Message: wire bytes, and a dict once they are read.
 *
 * The dict is authoritative once it exists. But as long as it equals what the wire bytes say, those
 * bytes are sent, so that reading .fields never changes a message, not even one with duplicate
 * names or bytes that are not UTF-8. */
#include <stdlib.h>
#include <string.h>

#include "python/base/errors.h"
#include "python/values/coerce.h"
#include "python/values/field.h"
#include "codec.h"
#include "message_object.h"

static const heka_policy strict = {.bad_values = HEKA_BAD_RAISE, .hook = NULL};

int
heka_message_set_wire(HekaMessage *self, const uint8_t *data, size_t len)
{
    uint8_t *wire = NULL;
    if (len > 0) {
        wire = PyMem_Malloc(len);
        if (wire == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(wire, data, len);
    }
    PyMem_Free(self->wire); /* after the copy: data may point into it */
    self->wire = wire;
    self->wire_len = len;
    self->changes++;
    return 0;
}

int
heka_message_set_fields(HekaMessage *self, heka_state *state, PyObject *fields)
{
    uint8_t block[HEKA_BLOCK];
    hk_buffer out;
    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    /* Encoded first, since it may fail or run user code; only then self changes. */
    int result = heka_coerce_fields(state, fields, &strict, NULL, &out);
    if (result == 0) {
        result = heka_message_set_wire(self, out.data, out.len);
        self->irregular = false;
    }
    hk_buffer_clear(&out);
    return result;
}

/* Appends the wire fields that have values; the others are never sent. */
static hk_status
append_sendable(hk_buffer *out, hk_slice fields)
{
    hk_field field;
    hk_status status = HK_OK;
    while (status == HK_OK && hk_field_next(&fields, &field)) {
        if (field.values.len > 0) {
            status = hk_buffer_append(out, field.whole.data, field.whole.len);
        }
    }
    return status;
}

/* Whether the dict still equals the wire fields, although a dict cannot represent all of them: a
 * second field of a name, a field without values. `encoded` is the dict, encoded; it is compared
 * with a new dict from the wire, encoded. 1, 0, or -1 with an exception. */
static int
is_unchanged(heka_state *state, heka_origin *origin, hk_slice encoded)
{
    bool repeated;
    hk_buffer out;
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    PyObject *pristine = heka_fields_from_wire(state, origin->wire, &repeated);
    int result = pristine == NULL ? -1 : heka_coerce_fields(state, pristine, &strict, origin, &out);
    if (result == 0) {
        result = out.len == encoded.len &&
                 (out.len == 0 || memcmp(out.data, encoded.data, out.len) == 0);
    }
    Py_XDECREF(pristine);
    hk_buffer_clear(&out);
    return result;
}

/* Appends the dict's fields, or the wire fields if the dict still equals them. */
static int
append_dict(HekaMessage *self, heka_state *state, hk_buffer *out)
{
    uint8_t block[512];
    hk_buffer wire;
    const size_t start = out->len;
    int result = -1;

    /* An owned reference, and a copy of the wire: encoding may run user code, which may set other
     * fields on the message and so release both. */
    PyObject *fields = Py_NewRef(self->fields);
    hk_buffer_init(&wire, block, sizeof block, HK_LENGTH_MAX);
    hk_status status = hk_buffer_append(&wire, self->wire, self->wire_len);
    heka_origin origin = {.wire = {wire.data, wire.len}};
    const bool irregular = self->irregular;

    if (status == HK_OK) {
        result = heka_coerce_fields(state, fields, &strict, &origin, out);
    }
    if (result == 0 && irregular) {
        result = is_unchanged(state, &origin, (hk_slice){out->data + start, out->len - start});
        if (result == 1) {
            out->len = start;
            status = append_sendable(out, origin.wire);
        }
        result = result < 0 ? -1 : 0;
    }
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        result = -1;
    }
    hk_names_clear(&origin.valueless);
    hk_names_clear(&origin.wholes);
    hk_buffer_clear(&wire);
    Py_DECREF(fields);
    return result;
}

int
heka_message_append_fields(HekaMessage *self, heka_state *state, hk_buffer *out)
{
    if (self->fields != NULL) {
        return append_dict(self, state, out);
    }
    const hk_status status = self->irregular ? append_sendable(out, heka_message_wire(self))
                                             : hk_buffer_append(out, self->wire, self->wire_len);
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        return -1;
    }
    return 0;
}

/* Reads from a copy of the wire: making the dict may start a collection, and a finalizer may set
 * other fields on the message and so release the wire. */
PyObject *
heka_message_dict(HekaMessage *self, bool *repeated)
{
    uint8_t block[512];
    hk_buffer wire;
    PyObject *fields = NULL;
    hk_buffer_init(&wire, block, sizeof block, HK_LENGTH_MAX);
    if (hk_buffer_append(&wire, self->wire, self->wire_len) != HK_OK) {
        PyErr_NoMemory();
    } else {
        fields = heka_fields_from_wire(heka_state_of((PyObject *)self),
                                       (hk_slice){wire.data, wire.len}, repeated);
    }
    hk_buffer_clear(&wire);
    return fields;
}

/* Total order of encoded fields, for qsort; equal only for equal bytes. */
static int
compare_fields(const void *left, const void *right)
{
    const hk_slice *a = left;
    const hk_slice *b = right;
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return memcmp(a->data, b->data, a->len);
}

/* A new array (PyMem_Free) of the fields, sorted; *count: how many. NULL with MemoryError, or when
 * there are none. */
static hk_slice *
sorted_fields(hk_slice fields, size_t *count)
{
    hk_field field;
    hk_slice rest = fields;
    hk_slice *list = NULL;
    *count = 0;
    while (hk_field_next(&rest, &field)) {
        (*count)++;
    }
    if (*count > 0) {
        list = PyMem_New(hk_slice, *count);
        if (list == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        for (size_t i = 0; hk_field_next(&fields, &field); i++) {
            list[i] = field.whole;
        }
        qsort(list, *count, sizeof *list, compare_fields);
    }
    return list;
}

int
heka_same_fields(hk_slice a, hk_slice b)
{
    size_t count_a = 0;
    size_t count_b = 0;
    int result = -1;
    hk_slice *list_a = NULL;
    hk_slice *list_b = NULL;

    if (a.len != b.len) {
        return 0;
    }
    if (a.len == 0 || memcmp(a.data, b.data, a.len) == 0) {
        return 1;
    }
    list_a = sorted_fields(a, &count_a);
    list_b = list_a == NULL ? NULL : sorted_fields(b, &count_b);
    if (list_b != NULL) {
        result = count_a == count_b;
        for (size_t i = 0; i < count_a && result == 1; i++) {
            result = compare_fields(&list_a[i], &list_b[i]) == 0;
        }
    }
    PyMem_Free(list_b);
    PyMem_Free(list_a);
    return result;
}
