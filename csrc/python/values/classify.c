/* classify.c -- determines which wire type a Python value has.
 *
 * Order matters: a bool is an int, a str is iterable, numpy scalars have __index__ and __float__,
 * an Enum member may be an int. The exact built-in types come first, because an exact type check
 * costs 1 ns and isinstance(value, Mapping) 75 ns. */
#include "classify.h"

#include <string.h>

#include "convert.h"
#include "plain.h"

static bool
is_numpy_bool(const PyTypeObject *type)
{
    return strcmp(type->tp_name, "numpy.bool") == 0 || strcmp(type->tp_name, "numpy.bool_") == 0;
}

/* Whether __float__ returns the whole value. Every numpy scalar has __float__, but that of a
 * complex number drops the imaginary part and that of a date raises. */
static bool
is_real(const PyTypeObject *type)
{
    const bool numpy = strncmp(type->tp_name, "numpy.", 6) == 0;
    return type->tp_as_number != NULL && type->tp_as_number->nb_float != NULL &&
           (!numpy || strncmp(type->tp_name + 6, "float", 5) == 0 ||
            strcmp(type->tp_name + 6, "longdouble") == 0);
}

/* Whether a 0-dimensional numpy array has no value: numpy.ma.masked and the like, whose item() is
 * the number under the mask. 1, 0, or -1 with an exception. User code may run. */
static int
is_masked(PyObject *value)
{
    PyObject *mask = PyObject_GetAttrString(value, "mask");
    if (mask == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    const int masked = PyObject_IsTrue(mask);
    Py_DECREF(mask);
    return masked;
}

/* Whether type is enum.Enum or a subclass. The module `enum` takes long to import, so it is only
 * looked up: as long as nobody has imported it there is no Enum. */
static bool
is_enum(heka_state *state, PyTypeObject *type)
{
    if (HK_UNLIKELY(state->enum_type == NULL)) {
        PyObject *modules = PyImport_GetModuleDict(); /* borrowed, as module */
        PyObject *module =
            modules != NULL && PyDict_Check(modules) ? PyDict_GetItemString(modules, "enum") : NULL;
        if (module == NULL) {
            return false;
        }
        PyObject *found = PyObject_GetAttrString(module, "Enum");
        if (found == NULL || !PyType_Check(found)) { /* it is being imported */
            PyErr_Clear();
            Py_XDECREF(found);
            return false;
        }
        if (state->enum_type == NULL) {
            state->enum_type = found;
        } else { /* another thread has set it meanwhile, and may be using it */
            Py_DECREF(found);
        }
    }
    return PyType_IsSubtype(type, (PyTypeObject *)state->enum_type);
}

/* Replaces *value (owned): an Enum by its value, a 0-dimensional numpy array (which has tp_iter but
 * cannot be iterated) by its item. 1: replaced, 0: unchanged, UNWRAP_MASKED: the array has no
 * value, -1: exception. User code may run. */
#define UNWRAP_MASKED 2

static int
unwrap(heka_run *r, PyObject **value)
{
    PyTypeObject *type = Py_TYPE(*value);
    PyObject *inner = NULL;
    if (is_enum(r->state, type)) {
        inner = PyObject_GetAttrString(*value, "value");
    } else if (type->tp_iter != NULL && PyIndex_Check(*value) && PyObject_Size(*value) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
            return -1;
        }
        PyErr_Clear();
        const int masked = is_masked(*value);
        if (masked != 0) {
            return masked < 0 ? -1 : UNWRAP_MASKED;
        }
        PyObject *item = PyObject_GetAttrString(*value, "item");
        if (item == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
                return -1;
            }
            PyErr_Clear();
            return 0;
        }
        inner = PyObject_CallNoArgs(item);
        Py_DECREF(item);
    } else {
        return 0;
    }
    if (inner == NULL) {
        return -1;
    }
    Py_SETREF(*value, inner);
    return 1;
}

/* The kind of *value (owned), which unwrap may replace. */
static heka_kind
classify(heka_run *r, PyObject **value)
{
    for (int i = 0; i < 4; i++) { /* a limit for Enums nested in Enums */
        const int plain = heka_plain_kind(*value);
        if (plain >= 0) {
            return (heka_kind)plain;
        }
        const int replaced = unwrap(r, value);
        if (replaced < 0) {
            return KIND_ERROR;
        }
        if (replaced == UNWRAP_MASKED) {
            return KIND_UNKNOWN;
        }
        if (replaced == 0) {
            break;
        }
    }
    PyObject *v = *value;
    if (PyUnicode_Check(v)) {
        return KIND_STRING;
    }
    if (PyLong_Check(v)) {
        return KIND_INTEGER;
    }
    if (PyFloat_Check(v)) {
        return KIND_DOUBLE;
    }
    if (PyBytes_Check(v) || PyByteArray_Check(v) || PyMemoryView_Check(v)) {
        return KIND_BYTES;
    }
    if (PyDict_Check(v)) {
        return KIND_MAPPING;
    }
    if (v == Py_None) {
        return KIND_UNKNOWN;
    }
    if (is_numpy_bool(Py_TYPE(v))) { /* before PyIndex_Check, which would make it an INTEGER */
        return KIND_BOOL;
    }
    /* User code may run: ABCMeta reads v.__class__, which may be a property. */
    const int mapping = PyObject_IsInstance(v, r->state->mapping_type);
    if (mapping != 0) {
        return mapping < 0 ? KIND_ERROR : KIND_MAPPING;
    }
    if (Py_TYPE(v)->tp_iter != NULL || PyList_Check(v) || PyTuple_Check(v)) {
        return KIND_ITERABLE;
    }
    if (PyIndex_Check(v)) {
        return KIND_INTEGER;
    }
    return is_real(Py_TYPE(v)) ? KIND_DOUBLE : KIND_UNKNOWN;
}

/* Whether Python is asked to convert a value of kind k. The iterables among the types that Python
 * code can define may be models, or networks of addresses. */
static bool
is_convertible(heka_kind k, PyObject *value)
{
    return k == KIND_UNKNOWN ||
           (k == KIND_ITERABLE && PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_HEAPTYPE));
}

heka_kind
heka_resolve(heka_run *r, PyObject **value)
{
    heka_kind k = classify(r, value);
    if (k == KIND_UNKNOWN && r->policy->hook != NULL) {
        /* The hook is user code. It is called once: its result is not passed to it again. */
        PyObject *converted = PyObject_CallOneArg(r->policy->hook, *value);
        if (converted == NULL) {
            return KIND_ERROR;
        }
        Py_SETREF(*value, converted);
        k = classify(r, value);
    }
    if (r->policy->bad_values != HEKA_BAD_CONVERT || !is_convertible(k, *value)) {
        return k;
    }
    if (*value == Py_None) {
        return KIND_ABSENT;
    }
    const int converted = heka_convert_value(r->state, value);
    if (converted <= 0) {
        return converted < 0 ? KIND_ERROR : k;
    }
    r->altered++;
    return classify(r, value);
}
