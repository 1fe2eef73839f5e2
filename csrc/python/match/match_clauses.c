/* match_clauses.c -- the clauses of an expression as Python sees them: heka.matcher.Clause. */
#include "core/match/hk_match.h"

#include "python/base/text.h"
#include "match.h"

static PyStructSequence_Field clause_fields[] = {
    {"text", "The clause as it was written."},
    {"column", "The character at which it begins, from 1."},
    {"needs_regex", "Whether it needs an engine for regular expressions."},
    {"matched", "Of Matcher.explain(): whether it is true. Of Matcher.clauses: None."},
    {NULL, NULL},
};

static PyStructSequence_Desc clause_desc = {
    .name = "heka.matcher.Clause",
    .doc = "One clause of a matcher: a comparison, or TRUE or FALSE.",
    .fields = clause_fields,
    .n_in_sequence = 4,
};

static PyObject *
clause_new(heka_state *state, const hk_match *match, size_t i, const bool *matched)
{
    PyObject *clause = PyStructSequence_New(state->clause_type);
    if (clause == NULL) {
        return NULL;
    }
    PyObject *text = heka_text_new(state, hk_match_clause_text(match, i));
    PyObject *column = PyLong_FromSize_t(hk_match_clause_column(match, i));
    if (text == NULL || column == NULL) {
        Py_XDECREF(text);
        Py_XDECREF(column);
        Py_DECREF(clause);
        return NULL;
    }
    /* Each steals its reference. */
    PyStructSequence_SetItem(clause, 0, text);
    PyStructSequence_SetItem(clause, 1, column);
    PyStructSequence_SetItem(clause, 2, PyBool_FromLong(hk_match_clause_needs_regex(match, i)));
    PyStructSequence_SetItem(clause, 3,
                             matched == NULL ? Py_NewRef(Py_None) : PyBool_FromLong(matched[i]));
    return clause;
}

PyObject *
heka_clauses_new(heka_state *state, const hk_match *match, const bool *matched)
{
    const size_t count = hk_match_clauses(match);
    PyObject *all = PyTuple_New((Py_ssize_t)count);
    for (size_t i = 0; all != NULL && i < count; i++) {
        PyObject *clause = clause_new(state, match, i, matched);
        if (clause == NULL) {
            Py_CLEAR(all);
        } else {
            PyTuple_SET_ITEM(all, (Py_ssize_t)i, clause);
        }
    }
    return all;
}

/* Adds `hits` to what the dict has for the text: two clauses may have the same. */
static int
add_hits(PyObject *dict, PyObject *text, uint64_t hits)
{
    PyObject *before = PyDict_GetItemWithError(dict, text); /* borrowed */
    PyObject *sum = NULL;
    if (before == NULL && PyErr_Occurred()) {
        return -1;
    }
    PyObject *number = PyLong_FromUnsignedLongLong(hits);
    if (number != NULL) {
        sum = before == NULL ? Py_NewRef(number) : PyNumber_Add(before, number);
    }
    const int result = sum == NULL ? -1 : PyDict_SetItem(dict, text, sum);
    Py_XDECREF(sum);
    Py_XDECREF(number);
    return result;
}

PyObject *
heka_limits_new(heka_state *state, const hk_match *match, const uint64_t *limits)
{
    PyObject *dict = PyDict_New();
    const size_t count = limits == NULL ? 0 : hk_match_clauses(match);
    for (size_t i = 0; dict != NULL && i < count; i++) {
        if (limits[i] == 0) {
            continue;
        }
        PyObject *text = heka_text_new(state, hk_match_clause_text(match, i));
        if (text == NULL || add_hits(dict, text, limits[i]) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(text);
    }
    return dict;
}

int
heka_clause_init(PyObject *module, heka_state *state)
{
    state->clause_type = PyStructSequence_NewType(&clause_desc);
    if (state->clause_type == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Clause", (PyObject *)state->clause_type);
}
