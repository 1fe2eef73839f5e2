/* severity.c -- severities as arguments: a number from 0 to 7, or a name in any case. */
#include "severity.h"

#include <string.h>

#include "errors.h"

static const struct {
    const char *name; /* in small letters */
    int32_t number;
} names[] = {
    {"emergency", 0}, {"emerg", 0},         {"panic", 0}, {"alert", 1},   {"critical", 2},
    {"crit", 2},      {"error", 3},         {"err", 3},   {"warning", 4}, {"warn", 4},
    {"notice", 5},    {"informational", 6}, {"info", 6},  {"debug", 7},
};
#define NAMES (sizeof names / sizeof names[0])

#define CHOICES                                                                                \
    "from 0 (emergency) to 7 (debug), or a name (emergency, alert, critical, error, warning, " \
    "notice, info, debug)"

/* Whether the text is that name, in any case. */
static bool
is_named(const char *text, size_t len, const char *name)
{
    if (strlen(name) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != name[i]) {
            return false;
        }
    }
    return true;
}

/* The number of that name; -1: there is none. */
static int32_t
number_of(PyObject *text)
{
    if (heka_unicode_ready(text) < 0) {
        PyErr_Clear(); /* without memory for it, the text is no name */
        return -1;
    }
    if (PyUnicode_IS_ASCII(text)) {
        for (size_t i = 0; i < NAMES; i++) {
            if (is_named(PyUnicode_DATA(text), (size_t)PyUnicode_GET_LENGTH(text), names[i].name)) {
                return names[i].number;
            }
        }
    }
    return -1;
}

static int
refuse(PyObject *value, const char *name)
{
    PyObject *shown = heka_shown(value);
    if (shown != NULL) {
        PyErr_Format(PyExc_ValueError, "%s must be " CHOICES ", got %.100U%s", name, shown,
                     PyLong_Check(value)
                         ? "; heka.logging.severity_of(level) converts a level of logging"
                         : "");
        Py_DECREF(shown);
    }
    return -1;
}

int
heka_read_other_severity(PyObject *value, const char *name, int32_t least, int32_t *out)
{
    if (PyUnicode_Check(value)) {
        const int32_t number = number_of(value);
        if (number < 0) {
            return refuse(value, name);
        }
        *out = number;
        return 0;
    }
    if (PyBool_Check(value) || !PyIndex_Check(value)) {
        return refuse(value, name); /* True would be an alert; more likely, it is a mistake */
    }
    PyObject *index = PyNumber_Index(value);
    if (index == NULL) {
        return -1;
    }
    int overflow;
    const long number = PyLong_AsLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow != 0 || number < least || number > HEKA_SEVERITY_MAX) {
        return refuse(value, name);
    }
    *out = (int32_t)number;
    return 0;
}

int
heka_read_level(PyObject *value, int32_t *out)
{
    return heka_read_other_severity(value, "level", -1, out);
}

static PyObject *
new_mapping(void)
{
    PyObject *numbers = PyDict_New();
    for (size_t i = 0; numbers != NULL && i < NAMES; i++) {
        PyObject *number = PyLong_FromLong(names[i].number);
        if (number == NULL || PyDict_SetItemString(numbers, names[i].name, number) < 0) {
            Py_CLEAR(numbers);
        }
        Py_XDECREF(number);
    }
    PyObject *mapping = numbers == NULL ? NULL : PyDictProxy_New(numbers);
    Py_XDECREF(numbers);
    return mapping;
}

/* Adds severities, a mapping of every name in small letters to its number, and SEVERITY_CHOICES,
 * the part of an error text that lists what a severity may be. */
int
heka_severity_init(PyObject *module)
{
    PyObject *mapping = new_mapping();
    const int result = mapping == NULL ? -1 : PyModule_AddObjectRef(module, "severities", mapping);
    Py_XDECREF(mapping);
    return result < 0 ? -1 : PyModule_AddStringConstant(module, "SEVERITY_CHOICES", CHOICES);
}
