/* bound.c -- the fields that a context adds to every message; encoded once, when they are bound.
 *
 * A context variable holds the current Bound, so threads, asyncio tasks and greenlets each have
 * their own. Without bound fields, a log call costs one look-up of the variable, which is cached.
 */
#include "bound.h"

#include <string.h>

#include "core/wire/hk_names.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/messages/codec.h"
#include "python/values/coerce.h"

/* Immutable. */
typedef struct {
    PyObject_HEAD
    PyObject *fields; /* owned dict, never given out: `fields` returns copies */
    uint8_t *wire;    /* owned: the same fields, encoded canonically; NULL when there are none */
    size_t wire_len;  /* bytes */
    bool too_large;   /* no message can hold the fields, so they are not encoded */
} HekaBound;

static int
encode_fields(HekaBound *self, heka_state *state)
{
    /* A value in a context must not make every later log call raise. */
    const heka_policy lax = {
        .bad_values = HEKA_BAD_CONVERT, .hook = NULL, .too_large = &self->too_large};
    uint8_t block[HEKA_BLOCK];
    hk_buffer out;
    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    int result = heka_coerce_fields(state, self->fields, &lax, NULL, &out);
    if (result < 0 && self->too_large && PyErr_ExceptionMatches(state->EncodeError)) {
        PyErr_Clear(); /* as with a message's own fields, the setting oversize decides */
        result = 0;
        goto done;
    }
    self->too_large = false; /* set by a value that was then replaced by its repr */
    if (result == 0 && out.len > 0) {
        self->wire = PyMem_Malloc(out.len);
        if (self->wire == NULL) {
            PyErr_NoMemory();
            result = -1;
        } else {
            memcpy(self->wire, out.data, out.len);
            self->wire_len = out.len;
        }
    }
done:
    hk_buffer_clear(&out);
    return result;
}

static PyObject *
bound_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_fields};
    static const heka_signature sig = {
        .fname = "Bound", .names = names, .count = 1, .required = 1, .positional = 1};
    heka_state *state = heka_state_of_type(type);
    PyObject *in[1];
    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0) {
        return NULL;
    }
    if (!PyDict_Check(in[0])) {
        (void)heka_type_error("fields", "dict", in[0]);
        return NULL;
    }
    HekaBound *self = (HekaBound *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->fields = PyDict_Copy(in[0]);
    if (self->fields == NULL || encode_fields(self, state) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
bound_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((HekaBound *)op)->fields);
    return 0;
}

static int
bound_clear(PyObject *op)
{
    Py_CLEAR(((HekaBound *)op)->fields);
    return 0;
}

static void
bound_dealloc(PyObject *op)
{
    HekaBound *self = (HekaBound *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->fields);
    PyMem_Free(self->wire);
    tp->tp_free(op);
    Py_DECREF(tp);
}

static PyObject *
bound_get_fields(PyObject *op, void *closure)
{
    (void)closure;
    PyObject *fields = ((HekaBound *)op)->fields;
    return fields == NULL ? PyDict_New() : PyDict_Copy(fields);
}

/* ---- appending to a message ---- */

/* Bytes of a message's own fields from which looking names up in an index is worth making it. */
#define INDEX_LEAST 1024u

static bool
holds(hk_slice fields, hk_slice name)
{
    hk_field field;
    while (hk_field_next(&fields, &field)) {
        if (field.name.len == name.len && memcmp(field.name.data, name.data, name.len) == 0) {
            return true;
        }
    }
    return false;
}

/* Appends the fields whose names the message does not have itself. */
static hk_status
append_missing(hk_slice bound, size_t start, hk_buffer *out)
{
    const size_t own_len = out->len - start; /* appending may move out->data, so keep lengths */
    hk_field field;
    hk_names names = {.items = NULL};
    hk_status status = HK_OK;
    if (own_len == 0) {
        return hk_buffer_append(out, bound.data, bound.len);
    }
    const bool indexed = own_len >= INDEX_LEAST;
    hk_buffer missing; /* appending to *out would move what the index borrows */
    hk_buffer_init(&missing, NULL, 0, HK_LENGTH_MAX);
    if (indexed) {
        status = hk_names_make(&names, HK_NAMES_ALL, (hk_slice){out->data + start, own_len});
    }
    while (status == HK_OK && hk_field_next(&bound, &field)) {
        const hk_slice own = {out->data + start, own_len};
        if (!(indexed ? hk_names_hold(&names, field.name) : holds(own, field.name))) {
            status = hk_buffer_append(indexed ? &missing : out, field.whole.data, field.whole.len);
        }
    }
    if (status == HK_OK && missing.len > 0) {
        status = hk_buffer_append(out, missing.data, missing.len);
    }
    hk_buffer_clear(&missing);
    hk_names_clear(&names);
    return status;
}

int
heka_bound_append(heka_state *state, size_t start, hk_buffer *out, bool *too_large)
{
    PyObject *value; /* owned */
    int result = 0;
    if (PyContextVar_Get(state->context_var, NULL, &value) < 0) {
        return -1;
    }
    if (HK_LIKELY(value == NULL)) {
        return 0;
    }
    if (Py_TYPE(value) == state->bound_type) {
        const HekaBound *bound = (HekaBound *)value;
        const hk_slice wire = {bound->wire, bound->wire_len};
        const hk_status status =
            bound->too_large ? HK_ERR_TOO_BIG : append_missing(wire, start, out);
        if (status != HK_OK) {
            *too_large = status == HK_ERR_TOO_BIG;
            (void)heka_raise_status(state, status);
            result = -1;
        }
    }
    Py_DECREF(value);
    return result;
}

/* ---- the type ---- */

static PyGetSetDef bound_getset[] = {
    {"fields", bound_get_fields, NULL, "A copy of the fields.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot bound_slots[] = {
    {Py_tp_doc, (void *)"Bound(fields)\n--\n\n"
                        "Fields that a context adds to every message, encoded once."},
    {Py_tp_new, bound_new},
    {Py_tp_dealloc, bound_dealloc},
    {Py_tp_traverse, bound_traverse},
    {Py_tp_clear, bound_clear},
    {Py_tp_getset, bound_getset},
    {0, NULL},
};

static PyType_Spec bound_spec = {
    .name = "heka._core.Bound",
    .basicsize = sizeof(HekaBound),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = bound_slots,
};

int
heka_bound_init(PyObject *module, heka_state *state)
{
    state->context_var = PyContextVar_New("heka.context", NULL);
    state->bound_type = heka_new_type(module, &bound_spec, NULL);
    if (state->context_var == NULL || state->bound_type == NULL ||
        PyModule_AddObjectRef(module, "context_var", state->context_var) < 0) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Bound", (PyObject *)state->bound_type);
}
