/* metric.c -- checks the arguments of counters, gauges and timers. */
#include "metric.h"

#include "python/base/errors.h"
#include "python/base/pycompat.h"
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
        return heka_value_error(value, "rate must be a probability from 0 (none) to 1 (all)");
    }
    return 0;
}

int
heka_check_metric_name(PyObject *name)
{
    if (!PyUnicode_Check(name)) {
        return 0; /* the caller refuses it */
    }
    if (heka_unicode_ready(name) < 0) {
        return -1;
    }
    if (PyUnicode_GET_LENGTH(name) == 0) {
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
    bool is_number = PyBool_Check(value);
    if (!is_number && (PyUnicode_Check(value) || heka_is_number(value))) {
        PyObject *text = PyObject_Str(value); /* which is sent: that of a Fraction is no number */
        PyObject *number = text == NULL ? NULL : PyFloat_FromString(text);
        Py_XDECREF(text);
        if (number == NULL && (text == NULL || !PyErr_ExceptionMatches(PyExc_ValueError))) {
            return -1;
        }
        PyErr_Clear();
        is_number = number != NULL;
        Py_XDECREF(number);
    }
    return is_number ? 0
                     : heka_value_error(value, "%U must be a number, or the text of one", argument);
}
