/* emitter_settings.c -- what an Emitter does where a call does not say. */
#include "emitter.h"
#include "errors.h"
#include "head.h"
#include "signer.h"
#include "text.h"

static const char *const oversize_names[] = {"truncate", "drop", "raise"};
static const char *const bad_values_names[] = {"raise", "repr"};

/* Index of the word in names[0..count); -1 with TypeError or ValueError. */
static int
read_word(PyObject *value, const char *name, const char *const *names, int count)
{
    if (!PyUnicode_Check(value)) {
        return heka_type_error(name, "str", value);
    }
    for (int i = 0; i < count; i++) {
        if (PyUnicode_CompareWithASCIIString(value, names[i]) == 0) {
            return i;
        }
    }
    if (count == 2) {
        PyErr_Format(PyExc_ValueError, "%s must be '%s' or '%s', got %R", name, names[0], names[1],
                     value);
    } else {
        PyErr_Format(PyExc_ValueError, "%s must be '%s', '%s' or '%s', got %R", name, names[0],
                     names[1], names[2], value);
    }
    return -1;
}

int
heka_read_oversize(PyObject *value)
{
    return read_word(value, "oversize", oversize_names, 3);
}

int
heka_read_bad_values(PyObject *value)
{
    return read_word(value, "bad_values", bad_values_names, 2);
}

int
heka_read_timeout(PyObject *value, double *out)
{
    if (!heka_is_number(value)) {
        return heka_type_error("timeout", "seconds (int or float)", value);
    }
    const double timeout = PyFloat_AsDouble(value);
    if (timeout == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(timeout >= 0)) {
        PyErr_Format(PyExc_ValueError, "timeout must be seconds, 0 or more, got %R", value);
        return -1;
    }
    *out = timeout;
    return 0;
}

int
heka_read_callable(PyObject *value, const char *name, PyObject **out)
{
    if (value == NULL || value == Py_None) {
        *out = NULL;
        return 0;
    }
    if (!PyCallable_Check(value)) {
        return heka_type_error(name, "callable or None", value);
    }
    *out = value;
    return 0;
}

static int
refuse_delete(const char *name)
{
    PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", name);
    return -1;
}

static PyObject *
get_level(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((HekaEmitter *)op)->level);
}

static int
set_level(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL ? refuse_delete("level")
                         : heka_read_int32(value, "level", &((HekaEmitter *)op)->level);
}

static PyObject *
get_logger(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaEmitter *)op)->logger);
}

static int
set_logger(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return refuse_delete("logger");
    }
    if (heka_text_check(heka_state_of(op), "logger", value) < 0) {
        return -1;
    }
    PyObject *logger = heka_text_exact(value);
    if (logger == NULL) {
        return -1;
    }
    Py_SETREF(((HekaEmitter *)op)->logger, logger);
    return 0;
}

static PyObject *
get_signer(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaEmitter *)op)->signer);
}

static int
set_signer(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const hk_identity *ignored;
    if (value == NULL) {
        return refuse_delete("signer");
    }
    if (heka_signer_borrow(heka_state_of(op), value, "signer", &ignored) < 0) {
        return -1;
    }
    Py_SETREF(((HekaEmitter *)op)->signer, Py_NewRef(value));
    return 0;
}

static PyObject *
get_oversize(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(oversize_names[((HekaEmitter *)op)->oversize]);
}

static int
set_oversize(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int word = value == NULL ? refuse_delete("oversize") : heka_read_oversize(value);
    if (word < 0) {
        return -1;
    }
    ((HekaEmitter *)op)->oversize = (heka_oversize)word;
    return 0;
}

static PyObject *
get_bad_values(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(bad_values_names[((HekaEmitter *)op)->use_repr ? 1 : 0]);
}

static int
set_bad_values(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    const int word = value == NULL ? refuse_delete("bad_values") : heka_read_bad_values(value);
    if (word < 0) {
        return -1;
    }
    ((HekaEmitter *)op)->use_repr = word == 1;
    return 0;
}

static PyObject *
get_timeout(PyObject *op, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(((HekaEmitter *)op)->timeout);
}

static int
set_timeout(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL ? refuse_delete("timeout")
                         : heka_read_timeout(value, &((HekaEmitter *)op)->timeout);
}

static PyObject *
get_to(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaEmitter *)op)->to);
}

static int
set_to(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return refuse_delete("to");
    }
    HekaEmitter *self = (HekaEmitter *)op;
    self->changes++;
    Py_SETREF(self->to, Py_NewRef(value));
    Py_CLEAR(self->default_sink);
    return 0;
}

static PyObject *
or_none(PyObject *value)
{
    return Py_NewRef(value == NULL ? Py_None : value);
}

static PyObject *
get_default(PyObject *op, void *closure)
{
    (void)closure;
    return or_none(((HekaEmitter *)op)->convert);
}

static int
set_default(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    PyObject *callable = NULL;
    if (heka_read_callable(value, "default", &callable) < 0) {
        return -1;
    }
    Py_XSETREF(((HekaEmitter *)op)->convert, Py_XNewRef(callable));
    return 0;
}

static PyObject *
get_capture(PyObject *op, void *closure)
{
    (void)closure;
    return or_none(((HekaEmitter *)op)->capture);
}

static int
set_capture(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    PyObject *callable = NULL;
    if (heka_read_callable(value, "capture", &callable) < 0) {
        return -1;
    }
    Py_XSETREF(((HekaEmitter *)op)->capture, Py_XNewRef(callable));
    return 0;
}

PyGetSetDef heka_emitter_getset[] = {
    {"logger", get_logger, set_logger, "The logger of a call that names none.", NULL},
    {"level", get_level, set_level, "The largest severity that is sent; 7 sends all.", NULL},
    {"signer", get_signer, set_signer, "Signs every message; a SignerConfig or None.", NULL},
    {"oversize", get_oversize, set_oversize, "'truncate', 'drop' or 'raise'.", NULL},
    {"bad_values", get_bad_values, set_bad_values, "'raise' or 'repr'.", NULL},
    {"default", get_default, set_default,
     "Called with a value that has no type on the wire, for one that has; or None.", NULL},
    {"timeout", get_timeout, set_timeout, "Seconds that a call may take on the network.", NULL},
    {"to", get_to, set_to, "Where a call without `to` goes.", NULL},
    {"capture", get_capture, set_capture, "Called with each frame instead of sending it; or None.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
