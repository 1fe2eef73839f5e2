/* regex.c -- Regex: a regular expression of RE2's syntax, whose named groups are read from the
 * payloads of a block. */
#include <stdlib.h>

#include "core/match/hk_regex.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "block.h"
#include "match.h"

typedef struct {
    PyObject_HEAD
    hk_regex *regex;  /* owned; never changes */
    PyObject *groups; /* owned tuple of str */
} HekaRegex;

/* What a search needs and gives; one for each call. */
typedef struct {
    hk_regex_scratch *scratch;
    hk_slice *groups;
} search_state;

static PyObject *
names_of(const hk_regex *regex)
{
    const size_t count = hk_regex_groups(regex);
    PyObject *names = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; names != NULL && i < count; i++) {
        const hk_slice name = hk_regex_group_name(regex, i);
        PyObject *str = PyUnicode_FromStringAndSize((const char *)name.data, (Py_ssize_t)name.len);
        if (str == NULL) {
            Py_CLEAR(names);
        } else {
            PyTuple_SET_ITEM(names, (Py_ssize_t)i, str);
        }
    }
    return names;
}

static PyObject *
regex_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_text};
    static const heka_signature sig = {
        .fname = "Regex", .names = names, .count = 1, .required = 1, .positional = 1};
    heka_state *state = heka_state_of_type(type);
    PyObject *pattern;
    const char *expected;
    size_t column;
    hk_regex *regex;
    Py_ssize_t len;
    if (heka_parse_tuple(state, &sig, args, kwargs, &pattern) < 0) {
        return NULL;
    }
    if (!PyUnicode_Check(pattern)) {
        (void)heka_type_error("text", "str", pattern);
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8AndSize(pattern, &len);
    if (text == NULL) {
        return NULL;
    }
    const hk_status status = hk_regex_compile_captures(
        (hk_slice){(const uint8_t *)text, (size_t)len}, &regex, &column, &expected);
    if (status == HK_ERR_NOMEM) {
        return PyErr_NoMemory();
    }
    if (status != HK_OK) {
        return heka_raise_matcher(state, expected, column + 1);
    }
    HekaRegex *self = (HekaRegex *)type->tp_alloc(type, 0);
    if (self == NULL) {
        hk_regex_free(regex);
        return NULL;
    }
    self->regex = regex;
    self->groups = names_of(regex);
    if (self->groups == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void
regex_dealloc(PyObject *op)
{
    HekaRegex *self = (HekaRegex *)op;
    PyTypeObject *tp = Py_TYPE(op);
    hk_regex_free(self->regex);
    Py_XDECREF(self->groups);
    tp->tp_free(op);
    Py_DECREF(tp);
}

/* A tuple of what the groups have matched; None for those that have matched nothing. */
static PyObject *
tuple_of(const hk_slice *groups, size_t count)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *item = groups[i].data == NULL
                             ? Py_NewRef(Py_None)
                             : PyUnicode_DecodeUTF8((const char *)groups[i].data,
                                                    (Py_ssize_t)groups[i].len, NULL);
        if (item == NULL) {
            Py_CLEAR(tuple);
        } else {
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, item);
        }
    }
    return tuple;
}

/* The entry for one payload; NULL with an exception. *limits counts searches without an answer. */
static PyObject *
entry_of(const HekaRegex *self, search_state *state, hk_slice payload, Py_ssize_t *limits)
{
    hk_regex_result result;
    Py_BEGIN_ALLOW_THREADS;
    result = hk_regex_capture(self->regex, state->scratch, payload, state->groups);
    Py_END_ALLOW_THREADS;
    switch (result) {
        case HK_REGEX_YES:
            return tuple_of(state->groups, hk_regex_groups(self->regex));
        case HK_REGEX_NOMEM:
            return PyErr_NoMemory();
        case HK_REGEX_LIMIT:
            ++*limits;
            Py_RETURN_NONE;
        case HK_REGEX_NO:
        default:
            Py_RETURN_NONE;
    }
}

static PyObject *
regex_captures(PyObject *op, PyObject *value)
{
    const HekaRegex *self = (const HekaRegex *)op;
    const hk_block *block = heka_block_borrow(heka_state_of_type(Py_TYPE(op)), value, "block");
    if (block == NULL) {
        return NULL;
    }
    search_state state = {hk_regex_scratch_new(),
                          PyMem_Calloc(hk_regex_groups(self->regex) + 1, sizeof(hk_slice))};
    PyObject *list = NULL;
    Py_ssize_t limits = 0;
    if (state.scratch == NULL || state.groups == NULL) {
        PyErr_NoMemory();
    } else {
        list = PyList_New((Py_ssize_t)block->count);
    }
    for (size_t i = 0; list != NULL && i < block->count; i++) {
        PyObject *entry = entry_of(self, &state, hk_block_message(block, i)->payload, &limits);
        if (entry == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, entry);
        }
    }
    hk_regex_scratch_free(state.scratch);
    PyMem_Free(state.groups);
    return list == NULL ? NULL : Py_BuildValue("(Nn)", list, limits);
}

static PyObject *
regex_groups(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaRegex *)op)->groups);
}

static PyGetSetDef regex_getset[] = {
    {"groups", regex_groups, NULL, "The names of the groups, in their order.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef regex_methods[] = {
    {"captures", regex_captures, METH_O,
     "captures($self, block, /)\n--\n\n"
     "Return (found, limits): for each payload of *block* what the groups have matched, None for\n"
     "a group that has matched nothing; None in the place of all when the expression does not\n"
     "match. limits: searches that reached a limit, and count as no match. Other threads run\n"
     "meanwhile."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(regex_doc,
             "Regex(text)\n--\n\n"
             "A regular expression of RE2's syntax, searched without anchor, in bounded "
             "time.\n\nMatcherError: *text* is none.");

static PyType_Slot regex_slots[] = {
    {Py_tp_doc, (void *)regex_doc}, {Py_tp_new, regex_new},       {Py_tp_dealloc, regex_dealloc},
    {Py_tp_methods, regex_methods}, {Py_tp_getset, regex_getset}, {0, NULL},
};

static PyType_Spec regex_spec = {
    .name = "heka._core.Regex",
    .basicsize = sizeof(HekaRegex),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = regex_slots,
};

int
heka_regex_init(PyObject *module, heka_state *state)
{
    state->regex_type = heka_new_type(module, &regex_spec, NULL);
    if (state->regex_type == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Regex", (PyObject *)state->regex_type);
}
