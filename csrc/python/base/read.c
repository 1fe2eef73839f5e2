/* read.c -- converts Python arguments to C values: numbers, seconds, callables. */
#include "read.h"

#include "core/base/hk_monitor.h"
#include "errors.h"

double
heka_now(void)
{
    return (double)hk_deadline(0) * 1e-9;
}

PyObject *
heka_monotonic(PyObject *module, PyObject *ignored)
{
    (void)module;
    (void)ignored;
    return PyFloat_FromDouble(heka_now());
}

const char heka_monotonic_doc[] = PyDoc_STR(
    "monotonic()\n--\n\n"
    "Seconds of the core's monotonic clock, which back-off and deadlines use.\n\n"
    "The same clock as time.monotonic(), which tests replace by a clock that stands still.");

/* value.__index__() as a new reference; NULL with an exception. User code may run here. */
static PyObject *
index_of(PyObject *value, const char *name)
{
    if (!PyIndex_Check(value)) {
        (void)heka_type_error(name, "int", value);
        return NULL;
    }
    return PyNumber_Index(value);
}

int
heka_read_int64(PyObject *value, const char *name, int64_t *out)
{
    int overflow;
    PyObject *number = index_of(value, name);
    if (number == NULL) {
        return -1;
    }
    const long long wide = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (overflow != 0) {
        return heka_value_error(value, "%s must fit in 64 bits", name);
    }
    *out = wide;
    return 0;
}

int
heka_read_int32(PyObject *value, const char *name, int32_t *out)
{
    int overflow;
    /* An exact int needs no __index__: the pid is one in nearly every call. */
    PyObject *number = PyLong_CheckExact(value) ? Py_NewRef(value) : index_of(value, name);
    if (number == NULL) {
        return -1;
    }
    const long long wide = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (overflow != 0 || wide < INT32_MIN || wide > INT32_MAX) {
        return heka_value_error(value, "%s must fit in 32 bits", name);
    }
    *out = (int32_t)wide;
    return 0;
}

bool
heka_is_number(PyObject *value)
{
    const PyNumberMethods *number = Py_TYPE(value)->tp_as_number;
    return PyIndex_Check(value) || (number != NULL && number->nb_float != NULL);
}

int
heka_read_seconds(PyObject *value, const char *name, double *out)
{
    if (!heka_is_number(value)) {
        return heka_type_error(name, "seconds (int or float)", value);
    }
    const double seconds = PyFloat_AsDouble(value); /* user code: __float__ or __index__ */
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(seconds >= 0)) { /* false for NaN as well */
        return heka_value_error(value, "%s must be seconds, 0 or more", name);
    }
    *out = seconds;
    return 0;
}

int
heka_read_timeout(PyObject *value, double *out)
{
    return heka_read_seconds(value, "timeout", out);
}

int64_t
heka_to_ns(double seconds)
{
    if (!(seconds < 3e9)) { /* 3e18 ns still fit in 64 bits; false for infinity as well */
        return -1;
    }
    return seconds > 0 ? (int64_t)(seconds * 1e9) : 0;
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

int
heka_refuse_delete(const char *name)
{
    PyErr_Format(PyExc_AttributeError, "%s cannot be deleted", name);
    return -1;
}
