/* convert.c -- bad_values='convert': asks Python what to send for a value without a wire type.
 *
 * The converter is a module of Python. It is loaded by the first value that needs it. If that is
 * impossible (the interpreter ends, or a signal handler logs while the module is being imported),
 * the value is sent as its repr, and the next one tries again. */
#include "convert.h"

#include "python/base/read.h"
#include "refuse.h"
#include "run.h"

bool
heka_is_value_error(void)
{
    return PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError);
}

/* Calls load() for the two functions of the converter. 1: state has them, 0: not now, -1: an
 * exception is set. */
static HK_COLD int
load_converter(heka_state *state)
{
    if (state->converter_load == NULL) {
        return 0;
    }
    PyObject *load = Py_NewRef(state->converter_load); /* the call may set another one */
    PyObject *pair = PyObject_CallNoArgs(load);
    Py_DECREF(load);
    if (pair == NULL) {
        return -1;
    }
    const bool loaded = PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2;
    if (loaded) {
        Py_XSETREF(state->convert_value, Py_NewRef(PyTuple_GET_ITEM(pair, 0)));
        Py_XSETREF(state->show_value, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
    }
    Py_DECREF(pair);
    return loaded;
}

/* Calls one of the two functions; NULL without an exception: it is not there. */
static PyObject *
ask(heka_state *state, PyObject *const *function, PyObject *value)
{
    if (*function == NULL && load_converter(state) <= 0) {
        return NULL;
    }
    PyObject *owned = Py_NewRef(*function); /* the module may be cleared during the call */
    PyObject *answer = PyObject_CallOneArg(owned, value);
    Py_DECREF(owned);
    return answer;
}

int
heka_convert_value(heka_state *state, PyObject **value)
{
    PyObject *answer = ask(state, &state->convert_value, *value);
    if (answer == NULL) {
        if (PyErr_Occurred() && !heka_is_value_error()) {
            return -1;
        }
        PyErr_Clear(); /* the repr is sent, and counted */
        return 0;
    }
    if (answer == Py_NotImplemented) {
        Py_DECREF(answer);
        return 0;
    }
    Py_SETREF(*value, answer);
    return 1;
}

PyObject *
heka_show_value(heka_state *state, PyObject *value)
{
    PyObject *text = ask(state, &state->show_value, value);
    if (text != NULL && PyUnicode_CheckExact(text)) {
        return text;
    }
    Py_XDECREF(text);
    if (PyErr_Occurred()) {
        if (!heka_is_value_error()) {
            return NULL;
        }
        PyErr_Clear();
    }
    return heka_safe_repr(value, HEKA_REPR_MAX);
}

/* ---- mappings ---- */

/* Adds the entry of one key. 0, or -1 with an exception. */
static int
copy_entry(PyObject *mapping, PyObject *key, PyObject *copy)
{
    PyObject *value = PyObject_GetItem(mapping, key);
    if (value == NULL) {
        return -1;
    }
    const int result = PyDict_SetItem(copy, key, value);
    Py_DECREF(value);
    return result;
}

PyObject *
heka_copy_mapping(PyObject *mapping)
{
    /* A subclass of dict may have keys() and __iter__ of its own, which never end. */
    if (PyDict_Check(mapping) && Py_TYPE(mapping)->tp_iter == PyDict_Type.tp_iter) {
        return PyDict_Copy(mapping);
    }
    PyObject *copy = PyDict_New();
    PyObject *keys = copy == NULL ? NULL : PyObject_CallMethod(mapping, "keys", NULL);
    PyObject *iterator = keys == NULL ? NULL : PyObject_GetIter(keys);
    if (iterator != NULL) {
        PyObject *key;
        int result = 0;
        for (int i = 0; i <= HEKA_ITEMS_MAX && result == 0; i++) { /* one more is over the limit */
            key = PyIter_Next(iterator);
            if (key == NULL) {
                break;
            }
            result = copy_entry(mapping, key, copy);
            Py_DECREF(key);
        }
    }
    Py_XDECREF(iterator);
    Py_XDECREF(keys);
    if (PyErr_Occurred()) {
        Py_CLEAR(copy);
    }
    return copy;
}

/* ---- the function of the module ---- */

PyObject *
heka_set_converter(PyObject *module, PyObject *load)
{
    heka_state *state = heka_state_of_module(module);
    PyObject *callable = NULL;
    if (heka_read_callable(load, "load", &callable) < 0) {
        return NULL;
    }
    Py_XSETREF(state->converter_load, Py_XNewRef(callable));
    Py_CLEAR(state->convert_value);
    Py_CLEAR(state->show_value);
    Py_RETURN_NONE;
}

const char heka_set_converter_doc[] = PyDoc_STR(
    "set_converter(load, /)\n--\n\n"
    "Set the converter of bad_values='convert'.\n\n"
    "Args:\n"
    "    load: Called when a value first needs it. Returns (convert, show), or None: not now.\n"
    "        convert(value) returns a value that has a type, or NotImplemented; show(value) its\n"
    "        repr, of limited length. None: every such value is sent as its repr.");
