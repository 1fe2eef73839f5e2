/* refuse.c -- raises FieldError. */
#include "refuse.h"

#include <stdarg.h>

#include "python/base/text.h"

/* Raises FieldError("field 'path.key': TEXT"). %S calls str(key), which may be user code; the
 * caller owns the key. */
static int
refuse(heka_state *state, hk_slice path, PyObject *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PyObject *text = PyUnicode_FromFormatV(format, args);
    va_end(args);
    PyObject *prefix =
        PyUnicode_DecodeUTF8((const char *)path.data, (Py_ssize_t)path.len, "surrogateescape");
    PyObject *name = NULL;
    if (text != NULL && prefix != NULL) {
        name = PyUnicode_FromFormat("%U%S", prefix, key);
    }
    if (name != NULL) {
        PyErr_Format(state->FieldError, "field %.100R: %U", name, text);
    }
    Py_XDECREF(name);
    Py_XDECREF(prefix);
    Py_XDECREF(text);
    return -1;
}

static const char *
type_name(PyObject *value)
{
    return Py_TYPE(value)->tp_name;
}

int
heka_refuse_unknown(heka_state *state, hk_slice path, PyObject *key, PyObject *value)
{
    if (value == Py_None) {
        return refuse(state, path, key,
                      "None has no type on the wire; leave the field out, or send ''");
    }
    return refuse(state, path, key,
                  "Heka has no type for %.200s; convert it to str, int, float, bool or bytes",
                  type_name(value));
}

int
heka_refuse_empty(heka_state *state, hk_slice path, PyObject *key, PyObject *values)
{
    return refuse(state, path, key, "an empty %.200s has no values; leave the field out",
                  type_name(values));
}

int
heka_refuse_depth(heka_state *state, hk_slice path, PyObject *key)
{
    return refuse(state, path, key,
                  "mappings nested more than %d deep (or one that contains itself); flatten them",
                  (int)HEKA_DEPTH_MAX);
}

int
heka_refuse_key(heka_state *state, hk_slice path, PyObject *key)
{
    return refuse(state, path, key, "field names must be str, not %.200s; use str(name)",
                  type_name(key));
}

int
heka_refuse_name(heka_state *state, hk_slice path, PyObject *key)
{
    return refuse(state, path, key,
                  "a lone surrogate in its name, representation or values, which UTF-8 "
                  "cannot encode; replace it, e.g. s.encode('utf-8', 'replace').decode()");
}

int
heka_refuse_duplicate(heka_state *state, hk_slice name)
{
    PyObject *text = heka_text_new(state, name);
    if (text != NULL) {
        PyErr_Format(
            state->FieldError,
            "field %.100R: two fields have this name once mappings are flattened; rename one",
            text);
        Py_DECREF(text);
    }
    return -1;
}

int
heka_refuse_value_type(heka_state *state, hk_slice path, PyObject *key, PyObject *value, int wanted)
{
    static const char *const names[] = {"STRING", "BYTES", "INTEGER", "DOUBLE", "BOOL"};
    return refuse(state, path, key, "value_type %s does not accept %.200s; convert it first",
                  names[wanted], type_name(value));
}

/* " at index N", or "" for a single value; a new reference. */
static PyObject *
place(Py_ssize_t index)
{
    return index < 0 ? PyUnicode_FromString("") : PyUnicode_FromFormat(" at index %zd", index);
}

int
heka_refuse_overflow(heka_state *state, hk_slice path, PyObject *key, hk_value_type type,
                     Py_ssize_t index)
{
    PyObject *where = place(index);
    if (where != NULL) {
        (void)refuse(state, path, key,
                     type == HK_DOUBLE
                         ? "a number%U does not fit in a DOUBLE; send it as str"
                         : "an int%U does not fit in the 64 bits of INTEGER; send it as str or "
                           "float",
                     where);
        Py_DECREF(where);
    }
    return -1;
}

int
heka_refuse_conversion(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                       Py_ssize_t index)
{
    PyObject *type = PyErr_Occurred(); /* borrowed */
    /* A subclass is an exception of the program's own. */
    if (type != PyExc_ValueError && type != PyExc_TypeError) {
        return -1;
    }
    heka_saved_error saved = heka_save_error(); /* its value may be the text alone before 3.12 */
    PyObject *where = place(index);
    if (where != NULL) {
        (void)refuse(state, path, key, "%.200s%U cannot be read as a number: %S; send it as str",
                     type_name(value), where, saved.value == NULL ? Py_None : saved.value);
        Py_DECREF(where);
    }
    heka_drop_error(&saved);
    return -1;
}

int
heka_refuse_surrogate(heka_state *state, hk_slice path, PyObject *key, PyObject *value, size_t at,
                      Py_ssize_t index)
{
    char point[8]; /* PyUnicode_FromFormat has no %X before 3.12 */
    PyObject *where = place(index);
    if (where != NULL) {
        PyOS_snprintf(point, sizeof point, "%04X",
                      (unsigned)PyUnicode_READ_CHAR(value, (Py_ssize_t)at) & 0xffffu);
        (void)refuse(state, path, key,
                     "a str%U holds the lone surrogate U+%s (character %zu), which UTF-8 cannot "
                     "encode; replace it, e.g. s.encode('utf-8', 'replace').decode()",
                     where, point, at);
        Py_DECREF(where);
    }
    return -1;
}

int
heka_refuse_item(heka_state *state, hk_slice path, PyObject *key, PyObject *item, Py_ssize_t index,
                 bool unknown)
{
    if (unknown) {
        return refuse(
            state, path, key,
            "Heka has no type for %.200s at index %zd; leave it out, or convert it to str, int, "
            "float, bool or bytes",
            type_name(item), index);
    }
    return refuse(state, path, key,
                  "%.200s at index %zd: a field holds one flat list of values; flatten it",
                  type_name(item), index);
}

int
heka_refuse_mixed(heka_state *state, hk_slice path, PyObject *key, PyObject *first, PyObject *item,
                  Py_ssize_t index)
{
    return refuse(state, path, key,
                  "mixed types: %.200s first, %.200s at index %zd; convert them to one type, or "
                  "send two fields",
                  type_name(first), type_name(item), index);
}

PyObject *
heka_safe_repr(PyObject *value, Py_ssize_t max)
{
    PyObject *text = PyObject_Repr(value); /* user code: __repr__ */
    if (text == NULL) {
        /* KeyboardInterrupt, SystemExit and MemoryError are not errors of the value. */
        if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) {
            return NULL;
        }
        PyErr_Clear();
        text = PyUnicode_FromFormat("<%.200s object, repr() failed>", type_name(value));
        if (text == NULL) {
            return NULL;
        }
    }
    if (PyUnicode_GET_LENGTH(text) > max) {
        PyObject *head = PyUnicode_Substring(text, 0, max - 3);
        Py_SETREF(text, head == NULL ? NULL : PyUnicode_FromFormat("%U...", head));
        Py_XDECREF(head);
        if (text == NULL) {
            return NULL;
        }
    }
    Py_SETREF(text, heka_text_replace(text));
    return text;
}
