/* metric.c -- checks the arguments of counters, gauges and timers. */
#include "metric.h"

#include "python/base/errors.h"
#include "python/base/read.h"

int
heka_read_rate(PyObject *value, bool enforce, double *rate)
{
    *rate = 1.0;
    if (value == NULL) {
        return 0;
    }
    if (!heka_is_number(value)) {
        return heka_type_error("rate", "a number", value);
    }
    *rate = PyFloat_AsDouble(value);
    if (*rate == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (enforce && !(*rate >= 0.0 && *rate <= 1.0)) { /* NaN is refused as well */
        PyErr_Format(PyExc_ValueError,
                     "rate must be a probability from 0 (none) to 1 (all), got %.100R", value);
        return -1;
    }
    return 0;
}

int
heka_check_metric_name(PyObject *name)
{
    if (PyUnicode_Check(name) && PyUnicode_GET_LENGTH(name) == 0) {
        PyErr_SetString(PyExc_ValueError,
                        "name must not be empty, as receivers know a counter, "
                        "gauge or timer by its name");
        return -1;
    }
    return 0;
}

int
heka_check_amount_slow(PyObject *argument, PyObject *value)
{
    bool is_number = heka_is_number(value);
    if (PyUnicode_Check(value)) {
        PyObject *number = PyFloat_FromString(value);
        if (number == NULL && !PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
        is_number = number != NULL;
        Py_XDECREF(number);
    }
    if (is_number) {
        return 0;
    }
    if (value == Py_None || PyUnicode_CheckExact(value)) {
        PyErr_Format(PyExc_ValueError, "%U must be a number, or the text of one, got %.100R",
                     argument, value);
    } else { /* a __repr__ of others may raise */
        PyErr_Format(PyExc_ValueError, "%U must be a number, or the text of one, not %.100s",
                     argument, Py_TYPE(value)->tp_name);
    }
    return -1;
}
