/* field.c -- heka.Field: a list of values with a representation and a value type. */
#include "field.h"

#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/text.h"

/* A subclass of list, which it inherits comparison, length and mutation from. */
typedef struct {
    PyListObject list;
    PyObject *representation; /* owned exact str; never NULL once field_new has returned */
    int value_type;           /* hk_value_type, or -1: the type of the first value */
} HekaField;

static const char *const type_names[] = {"STRING", "BYTES", "INTEGER", "DOUBLE", "BOOL"};

/* An int outside of long has no type either: its OverflowError becomes the ValueError below. */
static int
read_value_type(PyObject *value, int *out)
{
    int32_t number;
    if (value == NULL || value == Py_None) {
        *out = -1;
        return 0;
    }
    if (!PyLong_Check(value)) {
        return heka_type_error("value_type", "one of Field.STRING, BYTES, INTEGER, DOUBLE, BOOL",
                               value);
    }
    const long wide = PyLong_AsLong(value);
    if (wide == -1 && PyErr_Occurred()) {
        PyErr_Clear();
    }
    number = wide >= 0 && wide < (long)HK_VALUE_TYPES ? (int32_t)wide : -1;
    if (number < 0) {
        return heka_value_error(value,
                                "value_type must be 0 (STRING), 1 (BYTES), 2 (INTEGER), "
                                "3 (DOUBLE) or 4 (BOOL)");
    }
    *out = number;
    return 0;
}

/* Accepts lone surrogates: a decoded Field and its copies may have them. Encoding refuses those
 * that do not come from the wire, and its error has the field's name. */
static int
check_representation(PyObject *value)
{
    return PyUnicode_Check(value) ? 0 : heka_type_error("representation", "str", value);
}

/* A new list of the values: of one value, or of the items of an iterable. User code may run. */
static PyObject *
list_of(PyObject *values)
{
    const bool one = PyUnicode_Check(values) || PyBytes_Check(values) ||
                     PyByteArray_Check(values) || PyMemoryView_Check(values) ||
                     (Py_TYPE(values)->tp_iter == NULL && !PySequence_Check(values));
    if (one) {
        return Py_BuildValue("[O]", values);
    }
    PyObject *list = PySequence_List(values);
    if (list == NULL && PyErr_ExceptionMatches(PyExc_TypeError) && PyIndex_Check(values)) {
        PyErr_Clear(); /* a 0-dimensional numpy array has tp_iter but cannot be iterated */
        return Py_BuildValue("[O]", values);
    }
    return list;
}

static int
field_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_values, HEKA_NAME_representation,
                                    HEKA_NAME_value_type};
    static const heka_signature sig = {
        .fname = "Field", .names = names, .count = 3, .required = 1, .positional = 3};
    HekaField *self = (HekaField *)op;
    heka_state *state = heka_state_of_type(Py_TYPE(op));
    PyObject *in[3];
    PyObject *representation = NULL;
    PyObject *list = NULL;
    int value_type = -1;
    int result = -1;

    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0 ||
        (in[1] != NULL && check_representation(in[1]) < 0) ||
        read_value_type(in[2], &value_type) < 0) {
        return -1;
    }
    if (PyDict_Check(in[0])) {
        return heka_type_error("values", "one value or an iterable of values", in[0]);
    }
    /* Everything that can fail or run user code comes before the first change of self: __init__ may
     * be called again on a Field in use. */
    representation = heka_text_exact(in[1] == NULL ? state->empty : in[1]);
    list = representation == NULL ? NULL : list_of(in[0]);
    if (list == NULL || PyList_SetSlice(op, 0, PY_SSIZE_T_MAX, list) < 0) {
        goto done;
    }
    Py_SETREF(self->representation, Py_NewRef(representation));
    self->value_type = value_type;
    result = 0;
done:
    Py_XDECREF(list);
    Py_XDECREF(representation);
    return result;
}

/* Sets a representation, so that every later function can rely on one: Field.__new__(Field) is a
 * valid empty Field, and __init__ may fail. */
static PyObject *
field_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    HekaField *self = (HekaField *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->representation = Py_NewRef(heka_state_of_type(type)->empty);
        self->value_type = -1;
    }
    return (PyObject *)self;
}

static int
field_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return PyList_Type.tp_traverse(op, visit, arg);
}

static int
field_clear(PyObject *op)
{
    return PyList_Type.tp_clear(op); /* the representation is an exact str: part of no cycle */
}

static void
field_dealloc(PyObject *op)
{
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    /* Deeply nested Fields: list_dealloc limits its recursion for exact lists only. */
    Py_TRASHCAN_BEGIN(op, field_dealloc);
    Py_CLEAR(((HekaField *)op)->representation);
    /* list_dealloc frees the object, but not the reference that an instance of a heap type owns. */
    PyList_Type.tp_dealloc(op);
    Py_DECREF(tp);
    Py_TRASHCAN_END;
}

/* list.__repr__ runs the __repr__ of the values, which may change the Field; so the other members
 * are read after it, and borrowed only while no user code runs. */
static PyObject *
field_repr(PyObject *op)
{
    HekaField *self = (HekaField *)op;
    PyObject *list = PyList_Type.tp_repr(op);
    if (list == NULL) {
        return NULL;
    }
    PyObject *text;
    const bool unit = PyUnicode_GET_LENGTH(self->representation) > 0;
    if (self->value_type < 0) {
        text = unit ? PyUnicode_FromFormat("Field(%U, %R)", list, self->representation)
                    : PyUnicode_FromFormat("Field(%U)", list);
    } else {
        const char *type = type_names[self->value_type];
        text =
            unit ? PyUnicode_FromFormat("Field(%U, %R, Field.%s)", list, self->representation, type)
                 : PyUnicode_FromFormat("Field(%U, value_type=Field.%s)", list, type);
    }
    Py_DECREF(list);
    return text;
}

static PyObject *
field_reduce(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    HekaField *self = (HekaField *)op;
    PyObject *list = PyList_GetSlice(op, 0, PY_SSIZE_T_MAX);
    if (list == NULL) {
        return NULL;
    }
    if (self->value_type < 0) { /* N steals the list, O borrows the others */
        return Py_BuildValue("O(NO)", Py_TYPE(op), list, self->representation);
    }
    return Py_BuildValue("O(NOi)", Py_TYPE(op), list, self->representation, self->value_type);
}

static PyObject *
field_get_representation(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaField *)op)->representation);
}

static int
field_set_representation(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "representation cannot be deleted; set it to ''");
        return -1;
    }
    if (check_representation(value) < 0) {
        return -1;
    }
    PyObject *representation = heka_text_exact(value);
    if (representation == NULL) {
        return -1;
    }
    Py_SETREF(((HekaField *)op)->representation, representation);
    return 0;
}

static PyObject *
field_get_value_type(PyObject *op, void *closure)
{
    (void)closure;
    const int type = ((HekaField *)op)->value_type;
    return type < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(type);
}

static int
field_set_value_type(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "value_type cannot be deleted; set it to None");
        return -1;
    }
    return read_value_type(value, &((HekaField *)op)->value_type);
}

static PyGetSetDef field_getset[] = {
    {"representation", field_get_representation, field_set_representation,
     "How to read the values: a unit such as 'KiB', or a format such as 'date-time'.", NULL},
    {"value_type", field_get_value_type, field_set_value_type,
     "Field.STRING, BYTES, INTEGER, DOUBLE or BOOL; None: the type of the first value.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef field_methods[] = {
    {"__reduce__", field_reduce, METH_NOARGS, "For pickle and copy."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    field_doc,
    "Field(values, representation='', value_type=None)\n--\n\n"
    "Values with a unit, for ``fields={'size': heka.Field(12, 'KiB')}``.\n\n"
    "A list that also states how to read its values; it equals any list of the same values.\n"
    "The fields of a decoded message are Fields.\n\n"
    "Args:\n"
    "    values: One value, or an iterable of values of one type; a str or bytes is one value.\n"
    "    representation: A unit or format, free text.\n"
    "    value_type: Field.STRING, BYTES, INTEGER, DOUBLE or BOOL; by default the type of\n"
    "        the first value. DOUBLE accepts ints as well.\n\n"
    "The values are checked when the message is built, so that ``FieldError`` can name the\n"
    "field.");

static PyType_Slot field_slots[] = {
    {Py_tp_doc, (void *)field_doc},   {Py_tp_new, field_new},
    {Py_tp_init, field_init},         {Py_tp_dealloc, field_dealloc},
    {Py_tp_traverse, field_traverse}, {Py_tp_clear, field_clear},
    {Py_tp_repr, field_repr},         {Py_tp_getset, field_getset},
    {Py_tp_methods, field_methods},   {0, NULL},
};

static PyType_Spec field_spec = {
    .name = "heka.Field",
    .basicsize = sizeof(HekaField),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = field_slots,
};

int
heka_field_init(PyObject *module, heka_state *state)
{
    state->field_type = heka_new_type(module, &field_spec, &PyList_Type);
    if (state->field_type == NULL) {
        return -1;
    }
    for (int i = 0; i < (int)HK_VALUE_TYPES; i++) {
        PyObject *number = PyLong_FromLong(i);
        const int result = number == NULL ? -1
                                          : PyObject_SetAttrString((PyObject *)state->field_type,
                                                                   type_names[i], number);
        Py_XDECREF(number);
        if (result < 0) {
            return -1;
        }
    }
    return PyModule_AddObjectRef(module, "Field", (PyObject *)state->field_type);
}

void
heka_field_view(PyObject *field, PyObject **representation, int *value_type)
{
    *representation = ((HekaField *)field)->representation;
    *value_type = ((HekaField *)field)->value_type;
}

/* A new Python object from one wire value, whose text is borrowed for the call. */
static PyObject *
value_new(heka_state *state, hk_value_type type, const hk_value *value)
{
    switch (type) {
        case HK_STRING:
            return heka_text_new(state, value->text);
        case HK_BYTES:
            return PyBytes_FromStringAndSize((const char *)value->text.data,
                                             (Py_ssize_t)value->text.len);
        case HK_INTEGER:
            return PyLong_FromLongLong(value->integer);
        case HK_DOUBLE:
            return PyFloat_FromDouble(value->real);
        case HK_BOOL:
            break;
    }
    return PyBool_FromLong(value->truth);
}

PyObject *
heka_field_from_wire(heka_state *state, const hk_field *field)
{
    hk_slice values = field->values;
    hk_value value;
    PyTypeObject *type = state->field_type;
    HekaField *self = (HekaField *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    /* tp_alloc has tracked the object, although its representation is still NULL. That is safe:
     * field_traverse does not visit it, and no other code has a reference to the object yet. */
    self->value_type = (int)field->type;
    self->representation = heka_text_new(state, field->representation);
    if (self->representation == NULL) {
        goto fail;
    }
    while (hk_value_next(&values, field->type, &value)) {
        PyObject *item = value_new(state, field->type, &value);
        if (item == NULL) {
            goto fail;
        }
        const int result = PyList_Append((PyObject *)self, item);
        Py_DECREF(item);
        if (result < 0) {
            goto fail;
        }
    }
    return (PyObject *)self;
fail:
    Py_DECREF(self);
    return NULL;
}

PyObject *
heka_fields_from_wire(heka_state *state, hk_slice fields, bool *repeated)
{
    hk_field field;
    PyObject *dict = PyDict_New();

    *repeated = false;
    while (dict != NULL && hk_field_next(&fields, &field)) {
        PyObject *name = heka_text_new(state, field.name);
        PyObject *value = name == NULL ? NULL : heka_field_from_wire(state, &field);
        if (value == NULL) {
            Py_CLEAR(dict);
        } else {
            /* The first field of a name wins. An unchanged size shows that the name repeats. */
            const Py_ssize_t before = PyDict_GET_SIZE(dict);
            if (PyDict_SetDefault(dict, name, value) == NULL) { /* borrows; the dict owns its own */
                Py_CLEAR(dict);
            } else {
                *repeated |= PyDict_GET_SIZE(dict) == before;
            }
        }
        Py_XDECREF(value);
        Py_XDECREF(name);
    }
    return dict;
}
