/* emitter.c -- the Emitter: heka.log and its brothers, which can send to any destination. */
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/severity.h"
#include "emit.h"
#include "measure.h"

typedef struct {
    HekaSettings base;
    PyObject *open;         /* owned: open(to) -> Sink, in Python */
    PyObject *sinks;        /* owned dict: a str or tuple `to` -> its Sink */
    PyObject *to;           /* owned: the destination of a call without `to` */
    PyObject *default_sink; /* owned: the Sink of `to`; NULL until it is needed */
    PyObject *capture;      /* owned: called with each frame instead of sending it; NULL: none */
    unsigned changes; /* counts changes of `to` and calls of forget(), during which the result of a
                         running open() becomes outdated and must not be kept */
    int32_t level;    /* the largest severity that is sent */
} HekaEmitter;

/* ---- destinations ---- */

/* Entries of `sinks`; an open destination may have several notations. */
#define SINKS_MAX 1024

/* Calls Python for the sink of `to`; a new reference. */
static PyObject *
open_sink(HekaEmitter *self, PyObject *to)
{
    heka_state *state = self->base.state;
    PyObject *open = Py_NewRef(self->open); /* the collector may clear it meanwhile */
    PyObject *sink = PyObject_CallOneArg(open, to);
    Py_DECREF(open);
    if (sink != NULL && Py_TYPE(sink) != state->sink_type) {
        (void)heka_type_error("open()'s answer", "Sink", sink);
        Py_CLEAR(sink);
    }
    return sink;
}

static HK_COLD PyObject *
open_default(HekaEmitter *self)
{
    const unsigned before = self->changes;
    PyObject *where = Py_NewRef(self->to); /* open() may run code that sets `to` */
    PyObject *sink = open_sink(self, where);
    Py_DECREF(where);
    if (sink != NULL && self->changes == before) { /* else it is the sink of an earlier `to` */
        Py_XSETREF(self->default_sink, Py_NewRef(sink));
    }
    return sink;
}

static HK_COLD PyObject *
open_named(HekaEmitter *self, PyObject *to)
{
    const unsigned before = self->changes;
    PyObject *sink = open_sink(self, to);
    if (sink == NULL || self->changes != before) {
        return sink;
    }
    if (PyDict_GET_SIZE(self->sinks) >= SINKS_MAX) { /* a cache: entries are looked up again */
        PyDict_Clear(self->sinks);
    }
    if (PyDict_SetItem(self->sinks, to, sink) < 0) {
        Py_CLEAR(sink);
    }
    return sink;
}

static inline bool
usable(PyObject *sink)
{
    return sink != NULL && !((HekaSink *)sink)->closed;
}

/* The sink of `to`, by default of the emitter's; a new reference. If the sink was closed, to limit
 * the number of open destinations, Python opens another. */
static PyObject *
find_sink(HekaEmitter *self, PyObject *to)
{
    if (HK_LIKELY(to == NULL || to == Py_None)) {
        return HK_LIKELY(usable(self->default_sink)) ? Py_NewRef(self->default_sink)
                                                     : open_default(self);
    }
    if (!PyUnicode_CheckExact(to) && !PyTuple_CheckExact(to)) {
        return open_sink(self, to);
    }
    PyObject *sink = PyDict_GetItemWithError(self->sinks, to);
    if (HK_LIKELY(usable(sink))) {
        return Py_NewRef(sink);
    }
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
            return NULL;
        }
        PyErr_Clear(); /* an unhashable tuple is no address: open() raises the ConfigError */
        return open_sink(self, to);
    }
    return open_named(self, to);
}

/* ---- the call ---- */

enum {
    LOG_TYPE,
    LOG_LOGGER,
    LOG_SEVERITY,
    LOG_FIELDS,
    LOG_PAYLOAD,
    LOG_TO,
    LOG_SIGNER,
    LOG_TIMESTAMP,
    LOG_TIMESTAMP_NS,
    LOG_UUID,
    LOG_BAD_VALUES,
    LOG_DEFAULT,
    LOG_OVERSIZE,
    LOG_TIMEOUT,
    LOG_COUNT
};

static int
emit(HekaEmitter *self, heka_emission *e, PyObject *to)
{
    uint8_t block[HEKA_BLOCK];
    PyObject *sink = NULL;
    hk_buffer out;
    int result = -1;

    if (heka_emission_shorten(e) < 0) {
        return -1;
    }
    if (heka_emission_encode(e, block, sizeof block, &out) < 0) {
        goto done;
    }
    /* After encoding, which runs code of the user: that may fork, close the destination, or set
     * capture. */
    if (HK_LIKELY(self->capture == NULL)) {
        sink = find_sink(self, to);
        if (sink == NULL) {
            goto done;
        }
    }
    result = heka_emission_send(e, (HekaSink *)sink, self->capture, &out);
done:
    hk_buffer_clear(&out);
    Py_XDECREF(sink);
    return result;
}

/* The severity of calls that omit it: informational. */
#define SEVERITY_DEFAULT 6

static inline PyObject *
send_emission(HekaEmitter *self, heka_emission *e, const heka_overrides *own, PyObject *to)
{
    const int sent = heka_emission_begin(e, &self->base, own) < 0 ? -1 : emit(self, e, to);
    heka_emission_end(e);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

static PyObject *
emitter_log(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {
        HEKA_NAME_type,         HEKA_NAME_logger, HEKA_NAME_severity,   HEKA_NAME_fields,
        HEKA_NAME_payload,      HEKA_NAME_to,     HEKA_NAME_signer,     HEKA_NAME_timestamp,
        HEKA_NAME_timestamp_ns, HEKA_NAME_uuid,   HEKA_NAME_bad_values, HEKA_NAME_default_,
        HEKA_NAME_oversize,     HEKA_NAME_timeout};
    static const heka_signature sig = {
        .fname = "log", .names = names, .count = LOG_COUNT, .required = 1, .positional = 5};
    HekaEmitter *self = (HekaEmitter *)op;
    PyObject *in[LOG_COUNT];
    int32_t severity = SEVERITY_DEFAULT;

    if (heka_parse_args(self->base.state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        (in[LOG_SEVERITY] != NULL && heka_read_severity(in[LOG_SEVERITY], &severity) < 0)) {
        return NULL;
    }
    if (severity > self->level) {
        return PyBool_FromLong(heka_count_filtered(&self->base));
    }
    heka_emission e = {
        .severity = severity,
        .call_args = {.type = in[LOG_TYPE],
                      .fields = in[LOG_FIELDS] == Py_None ? NULL : in[LOG_FIELDS],
                      .payload = in[LOG_PAYLOAD],
                      .timestamp = in[LOG_TIMESTAMP],
                      .timestamp_ns = in[LOG_TIMESTAMP_NS],
                      .uuid = in[LOG_UUID]},
    };
    const heka_overrides own = {.logger = in[LOG_LOGGER],
                                .signer = in[LOG_SIGNER],
                                .bad_values = in[LOG_BAD_VALUES],
                                .hook = in[LOG_DEFAULT],
                                .oversize = in[LOG_OVERSIZE],
                                .timeout = in[LOG_TIMEOUT]};
    return send_emission(self, &e, &own, in[LOG_TO]);
}

static PyObject *
send_measure(HekaSettings *settings, const heka_call *c)
{
    HekaEmitter *self = (HekaEmitter *)settings;
    if (c->severity > self->level) {
        return PyBool_FromLong(heka_count_filtered(&self->base));
    }
    heka_emission e = {
        .severity = c->severity,
        .label = c->label,
        .call_args = {.type = c->type,
                      .fields = c->fields == Py_None ? NULL : c->fields,
                      .payload = c->payload},
    };
    const heka_overrides own = {.logger = c->logger, .bad_values = c->bad_values};
    return send_emission(self, &e, &own, c->to);
}

static PyObject *
measure(PyObject *op, heka_measure_kind kind, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    const heka_sender sender = {.settings = (HekaSettings *)op,
                                .severity = SEVERITY_DEFAULT,
                                .takes_to = true,
                                .send = send_measure};
    return heka_measure(&sender, kind, args, nargs, kwnames);
}

static PyObject *
emitter_incr(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return measure(op, HEKA_COUNTER, args, nargs, kwnames);
}

static PyObject *
emitter_gauge(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return measure(op, HEKA_GAUGE, args, nargs, kwnames);
}

static PyObject *
emitter_timer_send(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return measure(op, HEKA_TIMER, args, nargs, kwnames);
}

static PyObject *
emitter_admits(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_type, HEKA_NAME_severity};
    static const heka_signature sig = {
        .fname = "admits", .names = names, .count = 2, .required = 2, .positional = 2};
    HekaEmitter *self = (HekaEmitter *)op;
    PyObject *in[2];
    int32_t severity;
    if (heka_parse_args(self->base.state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_read_severity(in[1], &severity) < 0) {
        return NULL;
    }
    return PyBool_FromLong(severity <= self->level || heka_count_filtered(&self->base));
}

/* Forgets every sink, so that the next call opens it again. */
static PyObject *
emitter_forget(PyObject *op, PyObject *ignored)
{
    HekaEmitter *self = (HekaEmitter *)op;
    (void)ignored;
    self->changes++; /* first: releasing a sink may run code that logs */
    Py_CLEAR(self->default_sink);
    PyDict_Clear(self->sinks);
    Py_RETURN_NONE;
}

/* ---- attributes ---- */

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
    return value == NULL ? heka_refuse_delete("level")
                         : heka_read_level(value, &((HekaEmitter *)op)->level);
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
        return heka_refuse_delete("to");
    }
    HekaEmitter *self = (HekaEmitter *)op;
    self->changes++;
    Py_SETREF(self->to, Py_NewRef(value));
    Py_CLEAR(self->default_sink);
    return 0;
}

static PyObject *
get_capture(PyObject *op, void *closure)
{
    (void)closure;
    PyObject *capture = ((HekaEmitter *)op)->capture;
    return Py_NewRef(capture == NULL ? Py_None : capture);
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

static PyGetSetDef emitter_getset[] = {
    {"level", get_level, set_level, "The largest severity that is sent; 7 sends all.", NULL},
    {"to", get_to, set_to, "The destination of a call without `to`.", NULL},
    {"capture", get_capture, set_capture, "Called with each frame instead of sending it; or None.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the type ---- */

static PyObject *
emitter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_open};
    static const heka_signature sig = {
        .fname = "Emitter", .names = names, .count = 1, .required = 1, .positional = 1};
    heka_state *state = heka_state_of_type(type);
    PyObject *in[1];
    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0) {
        return NULL;
    }
    if (!PyCallable_Check(in[0])) {
        (void)heka_type_error("open", "callable", in[0]);
        return NULL;
    }
    HekaEmitter *self = (HekaEmitter *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    heka_settings_init(&self->base, state);
    self->open = Py_NewRef(in[0]);
    self->to = Py_NewRef(Py_None);
    self->level = HK_SEVERITY_DEFAULT;
    self->sinks = PyDict_New();
    if (self->sinks == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* Shows a destination that is a str or a tuple, which has passed the parser of destinations and so
 * holds no password; of an object its type, as its repr may show anything. */
static PyObject *
emitter_repr(PyObject *op)
{
    HekaEmitter *self = (HekaEmitter *)op;
    PyObject *to = Py_NewRef(self->to);
    PyObject *text;
    if (to == Py_None) {
        text = PyUnicode_FromFormat("<%s: to the default destination, level %d>",
                                    Py_TYPE(op)->tp_name, (int)self->level);
    } else if (PyUnicode_CheckExact(to) || PyTuple_CheckExact(to)) {
        text = PyUnicode_FromFormat("<%s: to %.200R, level %d>", Py_TYPE(op)->tp_name, to,
                                    (int)self->level);
    } else {
        text = PyUnicode_FromFormat("<%s: to an object of type %.200s, level %d>",
                                    Py_TYPE(op)->tp_name, Py_TYPE(to)->tp_name, (int)self->level);
    }
    Py_DECREF(to);
    return text;
}

static int
emitter_traverse(PyObject *op, visitproc visit, void *arg)
{
    HekaEmitter *self = (HekaEmitter *)op;
    Py_VISIT(self->open);
    Py_VISIT(self->sinks);
    Py_VISIT(self->to);
    Py_VISIT(self->default_sink);
    Py_VISIT(self->capture);
    return heka_settings_traverse(&self->base, visit, arg);
}

static int
emitter_clear(PyObject *op)
{
    HekaEmitter *self = (HekaEmitter *)op;
    Py_XSETREF(self->open, Py_NewRef(Py_None)); /* never NULL: a finalizer may still log */
    Py_XSETREF(self->to, Py_NewRef(Py_None));
    if (self->sinks != NULL) {
        PyDict_Clear(self->sinks);
    }
    Py_CLEAR(self->default_sink);
    Py_CLEAR(self->base.hook);
    Py_CLEAR(self->capture);
    return 0;
}

static void
emitter_dealloc(PyObject *op)
{
    HekaEmitter *self = (HekaEmitter *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->open);
    Py_CLEAR(self->sinks);
    Py_CLEAR(self->to);
    Py_CLEAR(self->default_sink);
    Py_CLEAR(self->capture);
    heka_settings_free(&self->base);
    tp->tp_free(op);
    Py_DECREF(tp);
}

PyDoc_STRVAR(
    log_doc,
    "log($self, type, logger=None, severity=6, fields=None, payload='', *, to=None, signer=None,\n"
    "    timestamp=None, timestamp_ns=None, uuid=None, bad_values=None, default=None,\n"
    "    oversize=None, timeout=None)\n--\n\n"
    "Send one message; True when the kernel has it.\n\n"
    "Raises for bad arguments only, never for the network. Messages that are not sent are counted\n"
    "by reason in ``heka.stats()``.\n\n"
    "Args:\n"
    "    type: What kind of message this is; receivers match on it.\n"
    "    logger: The part of the program that logs; by default as configured.\n"
    "    severity: 0 (emergency) to 7 (debug), or a name such as 'error', in any case. Above the\n"
    "        configured level the call returns False at once.\n"
    "    fields: Mapping of name to value, as for ``heka.Message``.\n"
    "    payload: Free text.\n"
    "    to: ``(host, port)``, ``'host:port'``, a URL (udp, tcp, unix, unixgram, file),\n"
    "        ``'stdout'`` or ``'stderr'``, or an object with ``write(bytes)``. By default\n"
    "        ``$HEKA_TO``, else udp://localhost:5565.\n"
    "    signer: A SignerConfig.\n"
    "    timestamp, timestamp_ns, uuid: As for ``heka.Message``.\n"
    "    bad_values: For a field value of an unsupported type. 'convert', the default, sends "
    "dates\n"
    "        and times as ISO 8601 text, UUIDs, paths and IP addresses as text, dataclasses and\n"
    "        pydantic models as mappings; leaves out None and what is empty; sends the repr of "
    "all\n"
    "        else, at most 1,024 characters of it. 'repr' sends the repr of each such value; "
    "'raise'\n"
    "        raises FieldError. ``heka.stats()['altered']`` counts these values.\n"
    "    default: Called with such a value first; returns one of a supported type.\n"
    "    oversize: For a message over 65,536 bytes or the destination's limit: 'truncate' cuts "
    "the\n"
    "        largest of payload and fields, and adds fields heka.truncated; 'drop' counts it,\n"
    "        'raise' raises EncodeError.\n"
    "    timeout: Seconds for name resolution, connecting and writing together.\n\n"
    "Raises:\n"
    "    ValueError: *severity* is none, also above the configured level.\n"
    "    FieldError: A field value has an unsupported type, with bad_values='raise'.\n"
    "    EncodeError: Too large, with oversize='raise'.\n"
    "    ConfigError: `to` is no destination.");

PyDoc_STRVAR(incr_doc,
             "incr($self, name, count=1, logger=None, severity=None, fields=None, rate=1.0, *,\n"
             "     bad_values=None, to=None)\n--\n\n"
             "Send a 'counter': *name* increased by *count*; True when the kernel has it.\n\n"
             "Args:\n"
             "    name: The name of the counter; the field ``name``.\n"
             "    count: The number to add; its text is the payload.\n"
             "    rate: From 0 to 1, the share of calls that is sent; receivers divide by it.\n"
             "    logger, severity, fields, bad_values, to: As for ``heka.log``.\n\n"
             "Raises: As ``heka.log``.");
PyDoc_STRVAR(gauge_doc,
             "gauge($self, name, value, logger=None, severity=None, fields=None, rate=1.0, *,\n"
             "      bad_values=None, to=None)\n--\n\n"
             "Send a 'gauge': *name* has the value *value* now. The other arguments are those of\n"
             "``heka.incr``.");
PyDoc_STRVAR(
    timer_send_doc,
    "timer_send($self, name, elapsed, logger=None, severity=None, fields=None, rate=1.0, *,\n"
    "           bad_values=None, to=None)\n--\n\n"
    "Send a 'timer': *name* took *elapsed* milliseconds. Always sent; *rate* tells the receiver\n"
    "which share of the events was timed.");
PyDoc_STRVAR(admits_doc,
             "admits($self, type, severity)\n--\n\n"
             "Return whether a message of that severity is sent: whether it is within the level.\n"
             "One that is not is counted as ``filtered``.");

#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS

static PyMethodDef emitter_methods[] = {
    {"log", FAST(emitter_log), log_doc},
    {"incr", FAST(emitter_incr), incr_doc},
    {"gauge", FAST(emitter_gauge), gauge_doc},
    {"timer_send", FAST(emitter_timer_send), timer_send_doc},
    {"admits", FAST(emitter_admits), admits_doc},
    {"forget", emitter_forget, METH_NOARGS,
     "forget($self, /)\n--\n\nForget all sinks: open() is called again for each destination."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot emitter_slots[] = {
    {Py_tp_doc, (void *)"Emitter(open)\n--\n\n"
                        "``log`` with its defaults, which apply where a call omits an argument."},
    {Py_tp_new, emitter_new},
    {Py_tp_dealloc, emitter_dealloc},
    {Py_tp_traverse, emitter_traverse},
    {Py_tp_clear, emitter_clear},
    {Py_tp_repr, emitter_repr},
    {Py_tp_getset, emitter_getset},
    {Py_tp_methods, emitter_methods},
    {0, NULL},
};

static PyType_Spec emitter_spec = {
    .name = "heka._core.Emitter",
    .basicsize = sizeof(HekaEmitter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = emitter_slots,
};

int
heka_emitter_init(PyObject *module, heka_state *state)
{
    state->emitter_type = heka_new_type(module, &emitter_spec, state->settings_type);
    return state->emitter_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Emitter", (PyObject *)state->emitter_type);
}
