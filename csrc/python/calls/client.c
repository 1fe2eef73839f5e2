/* client.c -- the Client: logging calls with defaults, filters and one destination.
 *
 * heka.client.HekaClient derives from it and compiles filters, encoder and stream into a plan, in
 * Python. C evaluates that plan in each call, before it builds a message. */
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/severity.h"
#include "python/messages/message.h"
#include "client_object.h"
#include "emit.h"
#include "measure.h"
#include "metric.h"

/* ---- one message ---- */

/* What heka_emission_encode has written. */
static inline hk_slice
message_in(const hk_buffer *out)
{
    return (hk_slice){out->data + HK_FRAME_ROOM, out->len - HK_FRAME_ROOM};
}

/* Decodes the bytes to a Message and passes it to Python, which filters, encodes and writes it.
 * 1, 0 or -1. */
static int
deliver_message(HekaClient *self, const hk_buffer *out)
{
    PyObject *deliver = Py_NewRef(self->deliver); /* the call may cause another plan */
    PyObject *answer = NULL;
    PyObject *message = heka_message_decode(self->base.state, message_in(out));
    if (message != NULL) {
        answer = PyObject_CallOneArg(deliver, message);
        Py_DECREF(message);
    }
    Py_DECREF(deliver);
    const int result = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return result;
}

/* Counts a message that found no stream. Returns 0. */
static int
add_unsent(HekaClient *self)
{
    HEKA_BEGIN_CRITICAL_SECTION(self);
    self->unsent++;
    HEKA_END_CRITICAL_SECTION();
    return 0;
}

static int
emit(HekaClient *self, heka_emission *e)
{
    uint8_t block[HEKA_BLOCK];
    hk_buffer out;
    PyObject *capture; /* owned, or NULL */
    if (heka_client_find_capture(self, &capture) < 0) {
        return -1;
    }
    int result;
    if (self->deliver == NULL && heka_emission_shorten(e) < 0) {
        Py_XDECREF(capture);
        return -1;
    }
    if (self->deliver != NULL && self->sink != NULL && capture == NULL &&
        heka_emission_refuse((HekaSink *)self->sink, &result)) {
        return result; /* before Python filters and encodes */
    }
    result = heka_emission_encode(e, block, sizeof block, &out);
    bool held_back = false;
    if (HK_UNLIKELY(self->matchers != NULL) && result == 0 && !e->too_large) {
        result = heka_client_matches(self, message_in(&out));
        held_back = result == 0;
        result = result == 1 ? 0 : result;
    }
    if (result == 0 && !held_back && self->deliver != NULL && !e->too_large) {
        result = deliver_message(self, &out);
    } else if (result == 0 && !held_back) {
        /* Encoding and sending may run code that replaces the stream, or closes the client. */
        PyObject *sink = Py_XNewRef(self->sink);
        result = sink == NULL && capture == NULL
                     ? add_unsent(self)
                     : heka_emission_send(e, (HekaSink *)sink, capture, &out);
        Py_XDECREF(sink);
    }
    hk_buffer_clear(&out);
    Py_XDECREF(capture);
    return result;
}

/* The severity of a call: its own, by default the client's. 0, or -1 with an exception. */
static inline int
read_severity(const HekaClient *self, PyObject *value, int32_t *severity)
{
    *severity = self->severity;
    return value == NULL || value == Py_None ? 0 : heka_read_severity(value, severity);
}

/* Counts a message that has no stream to go to, unless the filters hold it back; without a plan, as
 * in the collector, they are not asked. False, or NULL with an exception. */
static HK_COLD PyObject *
count_unsent(HekaClient *self, const heka_call *c)
{
    const int admitted =
        self->planned == NULL ? 1 : heka_client_may_admit(self, c->type, c->severity);
    if (admitted < 0) {
        return NULL;
    }
    if (admitted == 1) {
        (void)add_unsent(self);
    }
    Py_RETURN_FALSE;
}

static PyObject *
send_call(HekaClient *self, const heka_call *c)
{
    if (HK_UNLIKELY(self->sink == NULL)) {
        const int inactive = heka_client_is_inactive(self);
        if (inactive != 0) {
            return inactive < 0 ? NULL : count_unsent(self, c);
        }
    }
    int sent = heka_client_admits(self, c->type, c->severity);
    if (sent == 1) {
        heka_emission e = {
            .severity = c->severity,
            .label = c->label,
            .call_args = {.type = c->type,
                          .fields = c->fields == Py_None ? NULL : c->fields,
                          .payload = c->payload,
                          .timestamp = c->timestamp,
                          .timestamp_ns = c->timestamp_ns,
                          .uuid = c->uuid},
        };
        const heka_overrides own = {.logger = c->logger, .bad_values = c->bad_values};
        sent = heka_emission_begin(&e, &self->base, &own) < 0 ? -1 : emit(self, &e);
        heka_emission_end(&e);
    }
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

/* Frames, signs and sends a Message, unchanged. */
static PyObject *
client_send(PyObject *op, PyObject *message)
{
    HekaClient *self = (HekaClient *)op;
    uint8_t block[HEKA_BLOCK];
    hk_buffer out;
    heka_emission e = {.severity = 0};
    const heka_overrides own = {.logger = NULL};
    int sent = -1;

    if (Py_TYPE(message) != self->base.state->message_type) {
        (void)heka_type_error("msg", "Message", message);
        return NULL;
    }
    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    out.len = HK_FRAME_ROOM;
    if (heka_emission_begin(&e, &self->base, &own) == 0 && heka_message_write(message, &out) == 0) {
        PyObject *sink = Py_XNewRef(self->sink);
        PyObject *capture;
        if (heka_client_find_capture(self, &capture) == 0) {
            sent = sink == NULL && capture == NULL
                       ? add_unsent(self)
                       : heka_emission_send(&e, (HekaSink *)sink, capture, &out);
            Py_XDECREF(capture);
        }
        Py_XDECREF(sink);
    }
    heka_emission_end(&e);
    hk_buffer_clear(&out);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

static PyObject *
client_heka(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_type,         HEKA_NAME_logger, HEKA_NAME_severity,
                                    HEKA_NAME_payload,      HEKA_NAME_fields, HEKA_NAME_timestamp,
                                    HEKA_NAME_timestamp_ns, HEKA_NAME_uuid,   HEKA_NAME_bad_values};
    static const heka_signature sig = {
        .fname = "heka", .names = names, .count = 9, .required = 1, .positional = 6};
    HekaClient *self = (HekaClient *)op;
    PyObject *in[9];
    int32_t severity;
    if (heka_parse_args(self->base.state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        read_severity(self, in[2], &severity) < 0) {
        return NULL;
    }
    const heka_call c = {.type = in[0],
                         .logger = in[1],
                         .severity = severity,
                         .payload = in[3],
                         .fields = in[4],
                         .timestamp = in[5],
                         .timestamp_ns = in[6],
                         .uuid = in[7],
                         .bad_values = in[8]};
    return send_call(self, &c);
}

/* ---- counters, gauges, timers ---- */

static PyObject *
send_measure(HekaSettings *settings, const heka_call *c)
{
    return send_call((HekaClient *)settings, c);
}

static PyObject *
measure(PyObject *op, heka_measure_kind kind, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames)
{
    HekaClient *self = (HekaClient *)op;
    const heka_sender sender = {
        .settings = &self->base, .severity = self->severity, .send = send_measure};
    return heka_measure(&sender, kind, args, nargs, kwnames);
}

static PyObject *
client_incr(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return measure(op, HEKA_COUNTER, args, nargs, kwnames);
}

static PyObject *
client_gauge(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return measure(op, HEKA_GAUGE, args, nargs, kwnames);
}

static PyObject *
client_timer_send(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return measure(op, HEKA_TIMER, args, nargs, kwnames);
}

/* 1 when the timer of that name, or every timer, is disabled. */
static int
is_disabled(HekaClient *self, PyObject *name)
{
    if (HK_LIKELY(PySet_GET_SIZE(self->disabled) == 0)) {
        return 0;
    }
    PyObject *disabled = Py_NewRef(self->disabled); /* a __hash__ of the name may replace the set */
    int found = PySet_Contains(disabled, self->base.state->every);
    if (found == 0) {
        found = PySet_Contains(disabled, name);
    }
    Py_DECREF(disabled);
    return found;
}

static PyObject *
client_timer(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_name, HEKA_NAME_logger, HEKA_NAME_severity,
                                    HEKA_NAME_fields, HEKA_NAME_rate};
    static const heka_signature sig = {
        .fname = "timer", .names = names, .count = 5, .required = 1, .positional = 5};
    HekaClient *self = (HekaClient *)op;
    PyObject *in[5];
    int32_t ignored;
    if (heka_parse_args(self->base.state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        read_severity(self, in[2], &ignored) < 0) {
        return NULL;
    }
    if (!PyUnicode_Check(in[0])) {
        (void)heka_type_error("name", "str", in[0]);
        return NULL;
    }
    double rate;
    if (heka_check_metric_name(in[0]) < 0 ||
        (in[4] != Py_None && heka_read_rate(in[4], true, &rate) < 0)) {
        return NULL;
    }
    const int disabled = is_disabled(self, in[0]);
    if (disabled != 0) {
        return disabled < 0 ? NULL : Py_NewRef(self->no_timer);
    }
    PyObject *call_args[] = {op,
                             in[0],
                             in[1] == NULL ? Py_None : in[1],
                             in[2] == NULL ? Py_None : in[2],
                             in[3] == NULL ? Py_None : in[3],
                             in[4] == NULL ? Py_None : in[4]};
    return PyObject_VectorcallMethod(self->base.state->make_timer_name, call_args, 6, NULL);
}

static PyObject *
client_admits(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_type, HEKA_NAME_severity};
    static const heka_signature sig = {
        .fname = "admits", .names = names, .count = 2, .required = 2, .positional = 2};
    HekaClient *self = (HekaClient *)op;
    PyObject *in[2];
    int32_t severity;
    if (heka_parse_args(self->base.state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_read_severity(in[1], &severity) < 0) {
        return NULL;
    }
    const int inactive = heka_client_is_inactive(self);
    const int result = inactive < 0    ? -1
                       : inactive == 1 ? 0
                                       : heka_client_may_admit(self, in[0], severity);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

/* Returns how many messages had no stream to go to since the last call. */
static PyObject *
client_take_unsent(PyObject *op, PyObject *ignored)
{
    HekaClient *self = (HekaClient *)op;
    uint64_t unsent;
    (void)ignored;
    HEKA_BEGIN_CRITICAL_SECTION(self);
    unsent = self->unsent;
    self->unsent = 0;
    HEKA_END_CRITICAL_SECTION();
    return PyLong_FromUnsignedLongLong(unsent);
}

/* ---- the type ---- */

static void client_dealloc(PyObject *op);

/* The type Client itself, which has the module; `type` may be a subclass made in Python. */
static PyTypeObject *
own_type(PyTypeObject *type)
{
    while (type->tp_dealloc != client_dealloc) {
        type = type->tp_base;
    }
    return type;
}

/* Ignores the arguments: they are for the __init__ of the subclass. */
static PyObject *
client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    HekaClient *self = (HekaClient *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    heka_settings_init(&self->base, heka_state_of_type(own_type(type)));
    self->severity = 6;
    self->threshold = INT32_MAX;
    self->no_timer = Py_NewRef(Py_None);
    self->filters = PyList_New(0);
    self->disabled = PySet_New(NULL);
    if (self->filters == NULL || self->disabled == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
client_traverse(PyObject *op, visitproc visit, void *arg)
{
    HekaClient *self = (HekaClient *)op;
    Py_VISIT(self->sink);
    Py_VISIT(self->filters);
    Py_VISIT(self->planned);
    Py_VISIT(self->blocked);
    Py_VISIT(self->allowed);
    Py_VISIT(self->levels);
    Py_VISIT(self->matchers);
    Py_VISIT(self->predicates);
    Py_VISIT(self->deliver);
    Py_VISIT(self->disabled);
    Py_VISIT(self->no_timer);
    return heka_settings_traverse(&self->base, visit, arg);
}

/* Empties the list of filters and replaces no_timer, instead of clearing them: a finalizer in the
 * same cycle may still log, and calls rely on these pointers. */
static int
client_clear(PyObject *op)
{
    HekaClient *self = (HekaClient *)op;
    Py_CLEAR(self->sink); /* from now on, the client is inactive */
    Py_CLEAR(self->planned);
    Py_CLEAR(self->blocked);
    Py_CLEAR(self->allowed);
    Py_CLEAR(self->levels);
    Py_CLEAR(self->matchers);
    Py_CLEAR(self->predicates);
    Py_CLEAR(self->deliver);
    Py_CLEAR(self->base.hook);
    if (self->filters != NULL) {
        (void)PyList_SetSlice(self->filters, 0, PyList_GET_SIZE(self->filters), NULL);
    }
    Py_XSETREF(self->no_timer, Py_NewRef(Py_None));
    return 0;
}

static void
client_dealloc(PyObject *op)
{
    HekaClient *self = (HekaClient *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->sink);
    Py_CLEAR(self->filters);
    Py_CLEAR(self->planned);
    Py_CLEAR(self->blocked);
    Py_CLEAR(self->allowed);
    Py_CLEAR(self->levels);
    Py_CLEAR(self->matchers);
    Py_CLEAR(self->predicates);
    Py_CLEAR(self->deliver);
    Py_CLEAR(self->disabled);
    Py_CLEAR(self->no_timer);
    heka_settings_free(&self->base);
    tp->tp_free(op);
    Py_DECREF(tp);
}

PyDoc_STRVAR(
    heka_doc,
    "heka($self, type, logger=None, severity=None, payload='', fields=None, timestamp=None, *,\n"
    "     timestamp_ns=None, uuid=None, bad_values=None)\n--\n\n"
    "Send one message; True when the stream took it.\n\n"
    "Raises for bad arguments only; failures of filters, encoder, stream and network are counted\n"
    "in stats().\n\n"
    "Args:\n"
    "    type: What kind of message this is; receivers match on it.\n"
    "    logger: By default the client's.\n"
    "    severity: 0 (emergency) to 7 (debug), or a name such as 'error', in any case; by default\n"
    "        the client's.\n"
    "    payload: Free text.\n"
    "    fields: Mapping of name to value, as for ``heka.Message``; not changed.\n"
    "    timestamp, timestamp_ns, uuid: As for ``heka.Message``.\n"
    "    bad_values: 'convert', 'repr' or 'raise'; by default the client's.\n\n"
    "Raises:\n"
    "    ValueError: *severity* is none, also where no such message is sent.\n"
    "    FieldError: A field value without a type on the wire.\n"
    "    EncodeError: Too large, with oversize='raise'.");
PyDoc_STRVAR(incr_doc,
             "incr($self, name, count=1, logger=None, severity=None, fields=None, rate=1.0, *,\n"
             "     bad_values=None)\n--\n\n"
             "Send a 'counter': *name* increased by *count*. A *rate* below 1 is the share of\n"
             "calls that is sent; receivers divide by it.");
PyDoc_STRVAR(gauge_doc,
             "gauge($self, name, value, logger=None, severity=None, fields=None, rate=1.0, *,\n"
             "     bad_values=None)\n--\n\n"
             "Send a 'gauge': *name* has the value *value* now. Sampled like incr().");
PyDoc_STRVAR(
    timer_send_doc,
    "timer_send($self, name, elapsed, logger=None, severity=None, fields=None, rate=1.0, *,\n"
    "     bad_values=None)\n--\n\n"
    "Send a 'timer': *name* took *elapsed* milliseconds. Always sent; *rate* tells the receiver\n"
    "which share of the events was timed.");
PyDoc_STRVAR(timer_doc,
             "timer($self, name, logger=None, severity=None, fields=None, rate=1.0)\n--\n\n"
             "Return a context manager and decorator that sends how long its block took, in ms.\n\n"
             "Afterwards, ``result`` is the time in ms. It is None while the block runs, when the\n"
             "timer is disabled, and when sampling by *rate* left the block out.");
PyDoc_STRVAR(admits_doc,
             "admits($self, type, severity)\n--\n\n"
             "Return whether the filters that need no message would send it.\n\n"
             "Call it before building an expensive message: one that it refuses is counted as\n"
             "``filtered`` in stats(). ``stateful`` filters (rate limits, sampling) are called\n"
             "only when a message is sent.");

#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS

static PyMethodDef client_methods[] = {
    {"heka", FAST(client_heka), heka_doc},
    {"metlog", FAST(client_heka), heka_doc},
    {"incr", FAST(client_incr), incr_doc},
    {"gauge", FAST(client_gauge), gauge_doc},
    {"timer_send", FAST(client_timer_send), timer_send_doc},
    {"timer", FAST(client_timer), timer_doc},
    {"admits", FAST(client_admits), admits_doc},
    {"_send", client_send, METH_O,
     "_send($self, msg, /)\n--\n\n"
     "Frame, sign and send *msg*, unchanged; the oversize policy applies."},
    {"_set_plan", heka_client_set_plan, METH_VARARGS,
     "_set_plan($self, planned, threshold, blocked, allowed, levels, predicates, deliver,\n"
     "          stateful=0, matchers=None, /)\n--\n\n"
     "Set the plan of the filters *planned*. Drop a message with a severity above *threshold* or\n"
     "above the one of its type in *levels*, of a type *blocked* or not *allowed*, or if one of\n"
     "*predicates* returns False; admits() skips the last *stateful* of these. Drop what does not\n"
     "match all *matchers*. Pass others as a Message to *deliver*; if that is None, as a frame to\n"
     "the sink."},
    {"_take_unsent", client_take_unsent, METH_NOARGS,
     "_take_unsent($self)\n--\n\n"
     "Return how many messages found no stream since the last call, and count from zero."},
    {"_replan", heka_client_replan, METH_NOARGS,
     "_replan($self)\n--\n\nCall ``_plan()`` again before the next message."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)"The calls of heka.client.HekaClient that must be fast."},
    {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc},
    {Py_tp_traverse, client_traverse},
    {Py_tp_clear, client_clear},
    {Py_tp_getset, heka_client_getset},
    {Py_tp_methods, client_methods},
    {0, NULL},
};

static PyType_Spec client_spec = {
    .name = "heka._core.Client",
    .basicsize = sizeof(HekaClient),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = client_slots,
};

static PyObject *
intern(const char *text)
{
    return PyUnicode_InternFromString(text);
}

int
heka_client_init(PyObject *module, heka_state *state)
{
    if ((state->counter = intern("counter")) == NULL || (state->gauge = intern("gauge")) == NULL ||
        (state->timer = intern("timer")) == NULL || (state->every = intern("*")) == NULL ||
        (state->one = intern("1")) == NULL || (state->plan_name = intern("_plan")) == NULL ||
        (state->make_timer_name = intern("_make_timer")) == NULL) {
        return -1;
    }
    state->client_type = heka_new_type(module, &client_spec, state->settings_type);
    return state->client_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Client", (PyObject *)state->client_type);
}
