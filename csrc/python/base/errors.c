/* errors.c -- the exception classes, and the one table from hk_status to exception.
 *
 *     HekaError
 *         EncodeError(ValueError)
 *             FieldError(TypeError)
 *         DecodeError(ValueError)      offset
 *             SignatureError
 *         ConfigError(ValueError)
 *             MatcherError             column
 *
 * The module's state owns one reference to each class, the module's dict another. */
#include "errors.h"

#include <stdarg.h>

static PyObject *
new_exception(const char *name, const char *doc, PyObject *first, PyObject *second)
{
    PyObject *bases = second == NULL ? PyTuple_Pack(1, first) : PyTuple_Pack(2, first, second);
    if (bases == NULL) {
        return NULL;
    }
    PyObject *type = PyErr_NewExceptionWithDoc(name, doc, bases, NULL);
    Py_DECREF(bases); /* the type keeps its own reference */
    return type;
}

int
heka_errors_init(PyObject *module, heka_state *state)
{
    state->HekaError =
        new_exception("heka.exceptions.HekaError",
                      "Base class of the exceptions that heka defines.", PyExc_Exception, NULL);
    if (state->HekaError == NULL) {
        return -1;
    }
    state->EncodeError =
        new_exception("heka.exceptions.EncodeError", "A message that cannot be encoded.",
                      state->HekaError, PyExc_ValueError);
    state->DecodeError = new_exception(
        "heka.exceptions.DecodeError",
        "Bytes that are not a valid message; ``offset`` is the index of the first invalid byte.",
        state->HekaError, PyExc_ValueError);
    state->ConfigError =
        new_exception("heka.exceptions.ConfigError",
                      "An invalid setting: e.g. a malformed URL, an unknown option.",
                      state->HekaError, PyExc_ValueError);
    if (state->EncodeError == NULL || state->DecodeError == NULL || state->ConfigError == NULL) {
        return -1;
    }
    state->MatcherError =
        new_exception("heka.exceptions.MatcherError",
                      "A text that is no matcher; ``column`` is the character at fault, from 1.",
                      state->ConfigError, NULL);
    /* Class attributes, the defaults of instances that set none: SignatureError, and exceptions
     * that user code makes. */
    PyObject *zero = PyLong_FromLong(0);
    if (zero == NULL || state->MatcherError == NULL ||
        PyObject_SetAttrString(state->DecodeError, "offset", zero) < 0 ||
        PyObject_SetAttrString(state->MatcherError, "column", zero) < 0) {
        Py_XDECREF(zero);
        return -1;
    }
    Py_DECREF(zero);
    state->FieldError = new_exception(
        "heka.exceptions.FieldError",
        "A field value that Heka has no type for; the text has field, type and remedy.",
        state->EncodeError, PyExc_TypeError);
    state->SignatureError =
        new_exception("heka.exceptions.SignatureError",
                      "A signature that does not match the message.", state->DecodeError, NULL);
    if (state->FieldError == NULL || state->SignatureError == NULL) {
        return -1;
    }
    const struct {
        const char *name;
        PyObject *type;
    } table[] = {
        {"HekaError", state->HekaError},       {"EncodeError", state->EncodeError},
        {"FieldError", state->FieldError},     {"DecodeError", state->DecodeError},
        {"ConfigError", state->ConfigError},   {"SignatureError", state->SignatureError},
        {"MatcherError", state->MatcherError},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (PyModule_AddObjectRef(module, table[i].name, table[i].type) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
exception_of(const heka_state *state, hk_status status)
{
    switch (status) {
        case HK_ERR_NOMEM:
            return PyExc_MemoryError;
        case HK_ERR_TRUNCATED:
        case HK_ERR_CORRUPT:
            return state->DecodeError;
        case HK_ERR_DIGEST:
            return state->SignatureError;
        case HK_ERR_TOO_BIG:
        case HK_ERR_TEXT:
        case HK_ERR_CRYPTO:
            return state->EncodeError;
        case HK_ERR_EMPTY:
            return state->FieldError;
        case HK_ERR_ARGUMENT:
            return PyExc_ValueError;
        case HK_ERR_SYSTEM:
            return PyExc_OSError;
        case HK_ERR_FULL: /* results of a put, which the caller handles; they raise nothing */
        case HK_ERR_CLOSED:
        case HK_OK:
            break;
    }
    return PyExc_SystemError; /* a bug in the binding */
}

void *
heka_raise(heka_state *state, const hk_error *err)
{
    PyObject *type = exception_of(state, err->status);
    /* OSError(errno, text) chooses its subclass, e.g. PermissionError, when it is instantiated from
     * the tuple. */
    if (err->status == HK_ERR_SYSTEM) {
        PyObject *args = Py_BuildValue("is", (int)err->offset, err->text);
        if (args != NULL) {
            PyErr_SetObject(type, args);
            Py_DECREF(args);
        }
        return NULL;
    }
    if (type != state->DecodeError) {
        PyErr_SetString(type, err->text);
        return NULL;
    }
    PyObject *exc = NULL;
    PyObject *offset = PyLong_FromSize_t(err->offset);
    PyObject *text = PyUnicode_FromFormat("%s (byte %zu)", err->text, err->offset);
    if (offset != NULL && text != NULL) {
        exc = PyObject_CallOneArg(type, text);
    }
    if (exc != NULL && PyObject_SetAttrString(exc, "offset", offset) == 0) {
        PyErr_SetObject(type, exc);
    }
    Py_XDECREF(exc);
    Py_XDECREF(text);
    Py_XDECREF(offset);
    return NULL;
}

void *
heka_raise_status(heka_state *state, hk_status status)
{
    hk_error err;
    switch (status) {
        case HK_ERR_NOMEM:
            return PyErr_NoMemory();
        case HK_ERR_TOO_BIG:
            (void)hk_fail(&err, status, 0,
                          "a message of more than %u bytes; receivers take at most %u, shorten its "
                          "payload or fields",
                          HK_LENGTH_MAX, HK_MESSAGE_MAX);
            break;
        case HK_ERR_CRYPTO:
            (void)hk_fail(&err, status, 0, "the kernel returned no entropy for a uuid");
            break;
        default:
            (void)hk_fail(&err, status, 0, "unexpected status %d of the C core", (int)status);
            break;
    }
    return heka_raise(state, &err);
}

void *
heka_raise_matcher(heka_state *state, const char *text, size_t column)
{
    PyObject *exc = NULL;
    PyObject *number = PyLong_FromSize_t(column);
    PyObject *message = PyUnicode_FromFormat("column %zu: %s", column, text);
    if (number != NULL && message != NULL) {
        exc = PyObject_CallOneArg(state->MatcherError, message);
    }
    if (exc != NULL && PyObject_SetAttrString(exc, "column", number) == 0) {
        PyErr_SetObject(state->MatcherError, exc);
    }
    Py_XDECREF(exc);
    Py_XDECREF(message);
    Py_XDECREF(number);
    return NULL;
}

PyObject *
heka_shown(PyObject *value)
{
    PyObject *text = PyObject_Repr(value);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_Exception) &&
        !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        text = PyUnicode_FromFormat("<%.80s, repr() failed>", Py_TYPE(value)->tp_name);
    }
    return text;
}

int
heka_value_error(PyObject *got, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PyObject *text = PyUnicode_FromFormatV(format, args);
    va_end(args);
    PyObject *value = text == NULL ? NULL : heka_shown(got);
    if (value != NULL) {
        PyErr_Format(PyExc_ValueError, "%U, got %.100U", text, value);
    }
    Py_XDECREF(value);
    Py_XDECREF(text);
    return -1;
}

int
heka_type_error(const char *name, const char *expected, PyObject *got)
{
    PyErr_Format(PyExc_TypeError, "%s must be %s, not %.200s", name, expected,
                 got == Py_None ? "None" : Py_TYPE(got)->tp_name);
    return -1;
}
