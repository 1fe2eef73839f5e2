/* client_plan.c -- the plan that a Client's filters are compiled into, and its attributes.
 *
 * The program may change the list of filters at any time. A plan is valid for the filters that it
 * was made of, so each call compares those with the list. */
#include "client_object.h"

#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/severity.h"
#include "python/match/match.h"

/* ---- before anything is built ---- */

/* True when the list of filters is the one that the plan was made of. */
static inline bool
is_planned(const HekaClient *self)
{
    if (HK_UNLIKELY(self->planned == NULL ||
                    PyList_GET_SIZE(self->filters) != PyTuple_GET_SIZE(self->planned))) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->planned); i++) {
        if (PyList_GET_ITEM(self->filters, i) != PyTuple_GET_ITEM(self->planned, i)) {
            return false;
        }
    }
    return true;
}

/* Calls Python to compile a plan, which it passes to _set_plan(). */
static HK_COLD int
make_plan(HekaClient *self)
{
    PyObject *answer = PyObject_CallMethodNoArgs((PyObject *)self, self->base.state->plan_name);
    if (answer == NULL) {
        return -1;
    }
    Py_DECREF(answer);
    return 0;
}

/* Calls the predicates, without the stateful ones unless a message is being sent, until one returns
 * false. NotImplemented is the answer of one that has raised: Python has counted the message as
 * dropped. */
static HK_COLD int
call_predicates(HekaClient *self, PyObject *type, int32_t severity, bool is_sending)
{
    PyObject *predicates = Py_NewRef(self->predicates); /* a predicate may cause another plan */
    const Py_ssize_t count = PyTuple_GET_SIZE(predicates) - (is_sending ? 0 : self->stateful);
    int result = 1;
    for (Py_ssize_t i = 0; i < count && result == 1; i++) {
        PyObject *answer =
            PyObject_CallFunction(PyTuple_GET_ITEM(predicates, i), "Oi", type, (int)severity);
        const bool has_raised = answer == Py_NotImplemented;
        result = answer == NULL ? -1 : has_raised ? 0 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        if (result == 0 && !has_raised) {
            (void)heka_count_filtered(&self->base);
        }
    }
    Py_DECREF(predicates);
    return result;
}

/* Whether the set contains the text. A subclass of str may have a __hash__ that causes another
 * plan, so the set is kept by a strong reference. */
static int
holds(PyObject *set, PyObject *text)
{
    PyObject *own = Py_NewRef(set);
    const int found = PySet_Contains(own, text);
    Py_DECREF(own);
    return found;
}

/* Whether the type may be sent with that severity. Keeps a strong reference for the same reason. */
static int
is_within(PyObject *levels, PyObject *type, int32_t severity)
{
    PyObject *own = Py_NewRef(levels);
    PyObject *level = PyDict_GetItemWithError(own, type); /* borrowed */
    int result = level == NULL && PyErr_Occurred() ? -1 : 1;
    if (level != NULL) {
        result = severity <= PyLong_AsLong(level); /* an int32: _set_plan has checked it */
    }
    Py_DECREF(own);
    return result;
}

/* Evaluates the plan; a message that a filter refuses is counted. */
static inline int
decide(HekaClient *self, PyObject *type, int32_t severity, bool is_sending)
{
    int found;
    if (HK_UNLIKELY(!is_planned(self)) && make_plan(self) < 0) {
        return -1;
    }
    if (severity > self->threshold) {
        return heka_count_filtered(&self->base);
    }
    if (!PyUnicode_Check(type)) {
        return 1; /* the encoder raises the TypeError */
    }
    if (self->blocked != NULL && (found = holds(self->blocked, type)) != 0) {
        return found < 0 ? -1 : heka_count_filtered(&self->base);
    }
    if (self->allowed != NULL && (found = holds(self->allowed, type)) <= 0) {
        return found < 0 ? -1 : heka_count_filtered(&self->base);
    }
    if (self->levels != NULL && (found = is_within(self->levels, type, severity)) <= 0) {
        return found < 0 ? -1 : heka_count_filtered(&self->base);
    }
    return HK_LIKELY(self->predicates == NULL) ? 1
                                               : call_predicates(self, type, severity, is_sending);
}

int
heka_client_admits(HekaClient *self, PyObject *type, int32_t severity)
{
    return decide(self, type, severity, true);
}

int
heka_client_may_admit(HekaClient *self, PyObject *type, int32_t severity)
{
    return decide(self, type, severity, false);
}

int
heka_client_matches(HekaClient *self, hk_slice data)
{
    hk_message message;
    int result = 1;
    const hk_status status = hk_decode_canonical(data.data, data.len, &message);
    if (status != HK_OK) { /* a bug: the encoder writes nothing else */
        (void)heka_raise_status(self->base.state, status);
        return -1;
    }
    PyObject *matchers = Py_NewRef(self->matchers); /* releasing memory may cause another plan */
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(matchers) && result == 1; i++) {
        result = heka_matcher_run(PyTuple_GET_ITEM(matchers, i), &message, (hk_slice){NULL, 0});
    }
    Py_DECREF(matchers);
    return result == 0 ? heka_count_filtered(&self->base) : result;
}

/* ---- the plan ---- */

/* NULL for None. */
static PyObject *
unless_none(PyObject *value)
{
    return value == Py_None ? NULL : Py_NewRef(value);
}

/* Every value of `levels` must be an int32, so that a call need not check it. */
static int
check_levels(PyObject *levels)
{
    PyObject *key;
    PyObject *value;
    Py_ssize_t pos = 0;
    int32_t ignored;
    while (PyDict_Next(levels, &pos, &key, &value)) {
        if (heka_read_int32(value, "a severity", &ignored) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Whether `value` is None or a tuple of Matchers. */
static bool
are_matchers(const HekaClient *self, PyObject *value)
{
    if (value != Py_None && !PyTuple_Check(value)) {
        return false;
    }
    for (Py_ssize_t i = 0; value != Py_None && i < PyTuple_GET_SIZE(value); i++) {
        if (!Py_IS_TYPE(PyTuple_GET_ITEM(value, i), self->base.state->matcher_type)) {
            return false;
        }
    }
    return true;
}

PyObject *
heka_client_set_plan(PyObject *op, PyObject *args)
{
    HekaClient *self = (HekaClient *)op;
    PyObject *planned;
    PyObject *blocked;
    PyObject *allowed;
    PyObject *levels;
    PyObject *predicates;
    PyObject *deliver;
    PyObject *matchers = Py_None;
    int threshold;
    Py_ssize_t stateful = 0;
    if (!PyArg_ParseTuple(args, "O!iOOOOO|nO:_set_plan", &PyTuple_Type, &planned, &threshold,
                          &blocked, &allowed, &levels, &predicates, &deliver, &stateful,
                          &matchers)) {
        return NULL;
    }
    if ((blocked != Py_None && !PyAnySet_Check(blocked)) ||
        (allowed != Py_None && !PyAnySet_Check(allowed)) ||
        (levels != Py_None && !PyDict_Check(levels)) ||
        (predicates != Py_None && !PyTuple_Check(predicates)) ||
        (deliver != Py_None && !PyCallable_Check(deliver)) || !are_matchers(self, matchers)) {
        PyErr_SetString(
            PyExc_TypeError,
            "_set_plan() takes a tuple, an int, two sets, a dict, a tuple and a callable, "
            "or None for each of the last five, then an int and a tuple of Matchers");
        return NULL;
    }
    if (levels != Py_None && check_levels(levels) < 0) {
        return NULL;
    }
    if (stateful < 0) {
        PyErr_Format(PyExc_ValueError, "stateful must not be negative, got %zd", stateful);
        return NULL;
    }
    /* Py_XSETREF stores the new value before it releases the old one, whose destructor may run a
     * call of this client. */
    self->threshold = threshold;
    self->stateful = stateful;
    Py_XSETREF(self->blocked, unless_none(blocked));
    Py_XSETREF(self->allowed, unless_none(allowed));
    Py_XSETREF(self->levels, unless_none(levels));
    Py_XSETREF(self->predicates, unless_none(predicates));
    Py_XSETREF(self->matchers, unless_none(matchers));
    Py_XSETREF(self->deliver, unless_none(deliver));
    Py_XSETREF(self->planned, Py_NewRef(planned)); /* last: it makes the plan valid */
    Py_RETURN_NONE;
}

PyObject *
heka_client_replan(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    Py_CLEAR(((HekaClient *)op)->planned);
    Py_RETURN_NONE;
}

/* ---- attributes ---- */

static PyObject *
get_severity(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((HekaClient *)op)->severity);
}

static int
set_severity(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    return value == NULL ? heka_refuse_delete("severity")
                         : heka_read_severity(value, &((HekaClient *)op)->severity);
}

static PyObject *
get_sink(PyObject *op, void *closure)
{
    (void)closure;
    PyObject *sink = ((HekaClient *)op)->sink;
    return Py_NewRef(sink == NULL ? Py_None : sink);
}

static int
set_sink(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    HekaClient *self = (HekaClient *)op;
    if (value == NULL) {
        return heka_refuse_delete("sink");
    }
    if (value != Py_None && Py_TYPE(value) != self->base.state->sink_type) {
        return heka_type_error("sink", "Sink or None", value);
    }
    Py_XSETREF(self->sink, unless_none(value));
    return 0;
}

static PyObject *
get_filters(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaClient *)op)->filters);
}

static int
set_filters(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    HekaClient *self = (HekaClient *)op;
    if (value == NULL) {
        return heka_refuse_delete("filters");
    }
    /* The list itself, not a copy: the program may keep it and change it. Exactly a list, so that
     * is_planned() may read its items without calling Python code. */
    PyObject *list = PyList_CheckExact(value) ? Py_NewRef(value) : PySequence_List(value);
    if (list == NULL) {
        return -1;
    }
    Py_SETREF(self->filters, list);
    Py_CLEAR(self->planned); /* the plan was made of the old list: the next call makes another */
    return 0;
}

static PyObject *
get_disabled(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaClient *)op)->disabled);
}

static int
set_disabled(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    HekaClient *self = (HekaClient *)op;
    if (value == NULL) {
        return heka_refuse_delete("_disabled_timers");
    }
    if (!PySet_Check(value)) {
        return heka_type_error("_disabled_timers", "set", value);
    }
    Py_SETREF(self->disabled, Py_NewRef(value));
    return 0;
}

static PyObject *
get_no_timer(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaClient *)op)->no_timer);
}

static int
set_no_timer(PyObject *op, PyObject *value, void *closure)
{
    (void)closure;
    if (value == NULL) {
        return heka_refuse_delete("_noop_timer");
    }
    Py_SETREF(((HekaClient *)op)->no_timer, Py_NewRef(value));
    return 0;
}

PyGetSetDef heka_client_getset[] = {
    {"severity", get_severity, set_severity, "The severity of calls that omit it.", NULL},
    {"sink", get_sink, set_sink, "The Sink that sends frames; None: the client is inactive.", NULL},
    {"filters", get_filters, set_filters,
     "Callables that take a Message and return whether to send it; a list that may be changed.",
     NULL},
    {"_is_inactive", heka_client_get_inactive, NULL,
     "Whether messages are only counted, as lost: there is neither a sink nor a capture.", NULL},
    {"_is_captured", heka_client_get_captured, NULL,
     "Whether heka.testing takes the frames instead of the sink.", NULL},
    {"_disabled_timers", get_disabled, set_disabled, "Names of timers that do nothing; '*': all.",
     NULL},
    {"_noop_timer", get_no_timer, set_no_timer,
     "The timer that timer() returns for a disabled name.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
