/* stats.c -- heka._core.StatTable: sums of statsd lines, flushed as payloads. */
#include "stats.h"

#include <string.h>

#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"

/* Bytes of a chunk from which feed() releases the GIL: they take 20 us. */
#define UNLOCK_SIZE 8192u
#define MAX_STATS 1000000
#define MAX_VALUES 10000000

static int
read_dialect(PyObject *value, hk_stats_dialect *out)
{
    *out = HK_STATS_STATSD;
    if (value == NULL) {
        return 0;
    }
    if (PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, "heka") == 0) {
        *out = HK_STATS_HEKA;
        return 0;
    }
    if (PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, "statsd") == 0) {
        return 0;
    }
    return heka_value_error(value, "dialect must be 'heka' or 'statsd'");
}

static int
read_percents(PyObject *value, hk_stats_options *out)
{
    out->percents[0] = 90;
    out->percent_count = 1;
    if (value == NULL) {
        return 0;
    }
    if (!PyTuple_Check(value)) {
        return heka_type_error("percents", "a tuple", value);
    }
    const Py_ssize_t count = PyTuple_GET_SIZE(value);
    if (count > (Py_ssize_t)HK_STATS_PERCENTS_MAX) {
        return heka_value_error(value, "percents must be at most %u", HK_STATS_PERCENTS_MAX);
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        out->percents[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(value, i));
        if (out->percents[i] == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    out->percent_count = (size_t)count;
    return 0;
}

/* The texts are borrowed from the objects of the tuple. */
static int
read_prefixes(PyObject *value, hk_stats_options *out)
{
    static const char *const names[] = {"stats", "counters", "timers", "gauges", "sets", "statsd"};
    _Static_assert(sizeof names / sizeof names[0] == HK_PREFIX_COUNT, "a name for each prefix");
    if (value != NULL && (!PyTuple_Check(value) || PyTuple_GET_SIZE(value) != HK_PREFIX_COUNT)) {
        return heka_type_error("prefixes", "a tuple of 6 str", value);
    }
    for (Py_ssize_t i = 0; i < HK_PREFIX_COUNT; i++) {
        const char *text = names[i];
        Py_ssize_t len = (Py_ssize_t)strlen(text);
        if (value != NULL) {
            PyObject *item = PyTuple_GET_ITEM(value, i);
            if (!PyUnicode_Check(item)) {
                return heka_type_error("a prefix", "str", item);
            }
            text = PyUnicode_AsUTF8AndSize(item, &len);
            if (text == NULL) {
                return -1;
            }
        }
        out->prefixes[i] = (hk_slice){(const uint8_t *)text, (size_t)len};
    }
    return 0;
}

/* An int of 0 or more; `absent` when it is not given. */
static int
read_count(PyObject *value, const char *name, int64_t absent, int64_t most, int64_t *out)
{
    *out = absent;
    if (value == NULL) {
        return 0;
    }
    if (heka_read_int64(value, name, out) < 0) {
        return -1;
    }
    if (*out < 0 || *out > most) {
        return heka_value_error(value, "%s must be 0 to %lld", name, (long long)most);
    }
    return 0;
}

/* A bool, as any object is one; false when it is not given. */
static int
read_truth(PyObject *value, bool *out)
{
    const int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    *out = truth == 1;
    return truth < 0 ? -1 : 0;
}

static PyObject *
table_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {
        HEKA_NAME_dialect,      HEKA_NAME_interval,  HEKA_NAME_percents,
        HEKA_NAME_prefixes,     HEKA_NAME_legacy,    HEKA_NAME_delete_idle,
        HEKA_NAME_idle_flushes, HEKA_NAME_max_stats, HEKA_NAME_max_values};
    static const heka_signature sig = {
        .fname = "StatTable", .names = names, .count = 9, .required = 0, .positional = 2};
    heka_state *state = heka_state_of_type(type);
    PyObject *in[9];
    hk_stats_options options = {.interval = 10};
    int64_t idle_flushes;
    int64_t max_stats;
    int64_t max_values;
    hk_error err;
    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0 ||
        read_dialect(in[0], &options.dialect) < 0 ||
        (in[1] != NULL && heka_read_seconds(in[1], "interval", &options.interval) < 0) ||
        read_percents(in[2], &options) < 0 || read_prefixes(in[3], &options) < 0 ||
        read_truth(in[4], &options.legacy) < 0 || read_truth(in[5], &options.delete_idle) < 0 ||
        read_count(in[6], "idle_flushes", 0, UINT32_MAX, &idle_flushes) < 0 ||
        read_count(in[7], "max_stats", MAX_STATS, UINT32_MAX, &max_stats) < 0 ||
        read_count(in[8], "max_values", MAX_VALUES, UINT32_MAX, &max_values) < 0) {
        return NULL;
    }
    options.idle_flushes = (uint32_t)idle_flushes;
    options.max_stats = (size_t)max_stats;
    options.max_values = (size_t)max_values;
    HekaStatTable *self = (HekaStatTable *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (hk_stats_new(&options, &self->stats, &err) != HK_OK) {
        Py_DECREF(self);
        return heka_raise(state, &err);
    }
    return (PyObject *)self;
}

static void
table_dealloc(PyObject *op)
{
    PyTypeObject *tp = Py_TYPE(op);
    hk_stats_free(((HekaStatTable *)op)->stats);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

static PyObject *
table_feed(PyObject *op, PyObject *data)
{
    HekaStatTable *self = (HekaStatTable *)op;
    Py_buffer view;
    hk_stats_fed fed;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const hk_slice text = {view.buf, (size_t)view.len};
    if (text.len < UNLOCK_SIZE) {
        fed = hk_stats_feed(self->stats, text);
    } else {
        Py_BEGIN_ALLOW_THREADS;
        fed = hk_stats_feed(self->stats, text);
        Py_END_ALLOW_THREADS;
    }
    PyBuffer_Release(&view);
    return Py_BuildValue("nn", (Py_ssize_t)fed.values, (Py_ssize_t)fed.lost);
}

static PyObject *
table_refuse(PyObject *op, PyObject *value)
{
    int64_t lines;
    if (read_count(value, "lines", 0, INT64_MAX, &lines) < 0) {
        return NULL;
    }
    hk_stats_refuse(((HekaStatTable *)op)->stats, (uint64_t)lines);
    Py_RETURN_NONE;
}

/* The lines as a list of bytes of at most `most` each. */
static PyObject *
cut(const hk_buffer *out, size_t most)
{
    const hk_slice text = {out->data, out->len};
    PyObject *list = PyList_New(0);
    for (size_t at = 0; list != NULL && at < text.len;) {
        const size_t end = hk_stats_cut(text, at, most);
        PyObject *part =
            PyBytes_FromStringAndSize((const char *)text.data + at, (Py_ssize_t)(end - at));
        if (part == NULL || PyList_Append(list, part) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(part);
        at = end;
    }
    return list;
}

static PyObject *
table_flush(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t seconds;
    int64_t most;
    hk_buffer out;
    hk_error err;
    hk_status status;
    PyObject *list = NULL;
    if (nargs != 2) {
        PyErr_Format(PyExc_TypeError, "flush() takes 2 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    if (heka_read_int64(args[0], "seconds", &seconds) < 0 ||
        heka_read_int64(args[1], "most", &most) < 0) {
        return NULL;
    }
    if (most < (int64_t)HK_STATS_LINE_MAX) {
        (void)heka_value_error(args[1], "most must be at least %u", HK_STATS_LINE_MAX);
        return NULL;
    }
    hk_buffer_init(&out, NULL, 0, (size_t)PY_SSIZE_T_MAX);
    Py_BEGIN_ALLOW_THREADS;
    status = hk_stats_flush(((HekaStatTable *)op)->stats, seconds, &out, &err);
    Py_END_ALLOW_THREADS;
    if (status == HK_OK) {
        list = cut(&out, (size_t)most);
    } else {
        heka_raise(heka_state_of(op), &err);
    }
    hk_buffer_clear(&out);
    return list;
}

static PyObject *
table_account(PyObject *op, PyObject *ignored)
{
    hk_stats_account account;
    (void)ignored;
    hk_stats_look(((HekaStatTable *)op)->stats, &account);
    return Py_BuildValue(
        "{sKsKsKsKsKsKsKsK}", "values", (unsigned long long)account.values, "bad_lines",
        (unsigned long long)account.bad_lines, "bad_values", (unsigned long long)account.bad_values,
        "dropped_keys", (unsigned long long)account.dropped_keys, "dropped_values",
        (unsigned long long)account.dropped_values, "expired", (unsigned long long)account.expired,
        "stats", (unsigned long long)account.stats, "flushes", (unsigned long long)account.flushes);
}

static PyMethodDef table_methods[] = {
    {"feed", table_feed, METH_O,
     "feed($self, data, /)\n--\n\n"
     "Read the lines of *data*, a datagram or whole lines of a stream.\n\n"
     "Returns (values taken in, values and lines refused or dropped)."},
    {"receive", (PyCFunction)(void (*)(void))heka_stats_receive, METH_FASTCALL,
     heka_stats_receive_doc},
    {"refuse", table_refuse, METH_O,
     "refuse($self, lines, /)\n--\n\nCount *lines* that were refused before they were fed."},
    {"flush", (PyCFunction)(void (*)(void))table_flush, METH_FASTCALL,
     "flush($self, seconds, most, /)\n--\n\n"
     "Return what arrived since the last flush as lines \"key value seconds\".\n\n"
     "They are a list of bytes of whole lines, each of at most *most*, 2,048 or more. Feeding "
     "goes\n"
     "on meanwhile, for the next flush."},
    {"account", table_account, METH_NOARGS,
     "account($self)\n--\n\nReturn the counts since the beginning, and the keys in the table."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    table_doc,
    "StatTable(dialect='statsd', interval=10.0, *, percents=..., prefixes=..., legacy=False, "
    "delete_idle=False, idle_flushes=0, max_stats=1000000, max_values=10000000)\n--\n\n"
    "Sum up statsd lines, in the dialect 'heka' or 'statsd'; any thread may call any method.\n\n"
    "*percents*: thresholds, ascending, by default (90.0,). *prefixes*: of all keys, counters,\n"
    "timers, gauges, sets, numStats.");

static PyType_Slot table_slots[] = {
    {Py_tp_doc, (void *)table_doc},
    {Py_tp_new, table_new},
    {Py_tp_dealloc, table_dealloc},
    {Py_tp_methods, table_methods},
    {0, NULL},
};

static PyType_Spec table_spec = {
    .name = "heka._core.StatTable",
    .basicsize = sizeof(HekaStatTable),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = table_slots,
};

int
heka_stats_init(PyObject *module, heka_state *state)
{
    state->stats_type = heka_new_type(module, &table_spec, NULL);
    if (state->stats_type == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "StatTable", (PyObject *)state->stats_type);
}
