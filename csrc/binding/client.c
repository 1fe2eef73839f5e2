/* client.c -- the Emitter: a log call with its defaults, from arguments to a sink. */
#include <string.h>

#include "args.h"
#include "codec.h"
#include "emitter.h"
#include "errors.h"
#include "head.h"
#include "send.h"
#include "signer.h"
#include "text.h"

/* ---- where to ---- */

/* Notations that are kept with their sinks: some for each of the destinations that are open. */
#define SINKS_MAX 1024

/* Asks Python for the sink of `to`; a new reference. */
static PyObject *
open_sink(HekaEmitter *self, PyObject *to)
{
    heka_state *state = heka_state_of((PyObject *)self);
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
    PyObject *where = Py_NewRef(self->to);
    PyObject *sink = open_sink(self, where);
    Py_DECREF(where);
    if (sink != NULL && self->changes == before) {
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
    if (PyDict_GET_SIZE(self->sinks) >= SINKS_MAX) {
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

/* The sink of `to`, or of the emitter's; a new reference. One that was closed, to make room for
 * others, is asked for anew. */
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
        PyErr_Clear(); /* a tuple that cannot be hashed is no address: Python says so */
        return open_sink(self, to);
    }
    return open_named(self, to);
}

/* ---- the call ---- */

/* What one call asks for, its own words before the emitter's. */
typedef struct {
    const hk_identity *signer; /* borrowed from owned[0], or NULL */
    PyObject *logger;          /* borrowed from owned[1] */
    PyObject *owned[3];        /* signer, logger, policy.convert: while the call runs, others may
                                  configure the emitter */
    heka_policy policy;
    heka_oversize oversize;
    double timeout;
    int32_t severity;
} request;

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

static inline bool
given(PyObject *value)
{
    return value != NULL && value != Py_None;
}

static int
read_request(HekaEmitter *self, heka_state *state, PyObject *const *in, request *r)
{
    int word;
    r->oversize = self->oversize;
    r->timeout = self->timeout;
    r->policy.use_repr = self->use_repr;
    r->policy.convert = self->convert;
    r->owned[0] = Py_NewRef(given(in[LOG_SIGNER]) ? in[LOG_SIGNER] : self->signer);
    r->owned[1] = r->logger = Py_NewRef(given(in[LOG_LOGGER]) ? in[LOG_LOGGER] : self->logger);
    r->owned[2] = Py_XNewRef(self->convert);
    if (heka_signer_borrow(state, r->owned[0], "signer", &r->signer) < 0) {
        return -1;
    }
    if (given(in[LOG_BAD_VALUES])) {
        word = heka_read_bad_values(in[LOG_BAD_VALUES]);
        if (word < 0) {
            return -1;
        }
        r->policy.use_repr = word == 1;
    }
    if (given(in[LOG_DEFAULT]) &&
        heka_read_callable(in[LOG_DEFAULT], "default", &r->policy.convert) < 0) {
        return -1;
    }
    if (given(in[LOG_OVERSIZE])) {
        word = heka_read_oversize(in[LOG_OVERSIZE]);
        if (word < 0) {
            return -1;
        }
        r->oversize = (heka_oversize)word;
    }
    return given(in[LOG_TIMEOUT]) ? heka_read_timeout(in[LOG_TIMEOUT], &r->timeout) : 0;
}

/* Largest message that the sink takes, given what a frame adds to it. */
static size_t
message_limit(const HekaSink *sink, const hk_identity *signer)
{
    if (sink == NULL || sink->max_frame == 0) {
        return HK_MESSAGE_MAX;
    }
    const size_t cost = sink->framed ? hk_frame_cost(HK_MESSAGE_MAX, signer) : 0;
    const size_t room = sink->max_frame > cost ? sink->max_frame - cost : 0;
    return room < HK_MESSAGE_MAX ? room : HK_MESSAGE_MAX;
}

/* A message over the limit: 1 it was cut and goes on, 0 dropped and counted, -1 an exception. */
static HK_COLD int
apply_oversize(heka_state *state, HekaSink *sink, const request *r, hk_buffer *out, size_t limit)
{
    const size_t size = out->len - HK_FRAME_ROOM;
    if (r->oversize == HEKA_OVERSIZE_RAISE) {
        PyErr_Format(state->EncodeError,
                     "a message of %zu bytes; this destination takes at most %zu, shorten its "
                     "payload or fields, or let oversize='truncate' do it",
                     size, limit);
        return -1;
    }
    if (r->oversize == HEKA_OVERSIZE_TRUNCATE) {
        const int cut = heka_truncate(out, HK_FRAME_ROOM, limit);
        if (cut != 0) {
            return cut;
        }
    }
    return sink == NULL ? 0 : heka_sink_drop(sink, "oversize");
}

/* Seals and hands over: 1 sent, 0 dropped, -1 an exception. */
static int
hand_over(HekaEmitter *self, heka_state *state, HekaSink *sink, const request *r, hk_buffer *out)
{
    hk_error err;
    uint8_t *start = out->data + HK_FRAME_ROOM;
    const size_t limit = message_limit(sink, r->signer);

    if (HK_UNLIKELY(out->len - HK_FRAME_ROOM > limit)) {
        const int go_on = apply_oversize(state, sink, r, out, limit);
        if (go_on != 1) {
            return go_on;
        }
        start = out->data + HK_FRAME_ROOM;
    }
    if (sink == NULL || sink->framed) {
        if (hk_frame_seal(start, out->len - HK_FRAME_ROOM, r->signer, &start, &err) != HK_OK) {
            heka_raise(state, &err);
            return -1;
        }
    } else if (r->signer != NULL) {
        PyErr_SetString(state->ConfigError,
                        "a destination with framing=none cannot carry a signature; the frame's "
                        "header is where it stands");
        return -1;
    }
    const size_t len = (size_t)(out->data + out->len - start);
    if (HK_LIKELY(sink != NULL)) {
        return heka_sink_send(sink, start, len, r->timeout);
    }
    PyObject *capture = Py_NewRef(self->capture); /* it may put an end to itself */
    PyObject *answer = PyObject_CallFunction(capture, "y#", start, (Py_ssize_t)len);
    Py_DECREF(capture);
    if (answer == NULL) {
        return -1;
    }
    Py_DECREF(answer);
    return 1;
}

/* With the repr policy, text that UTF-8 cannot hold is escaped instead of refused. *owned gets
 * what was made. */
static int
make_writable(PyObject **text, PyObject **owned)
{
    hk_text view;
    size_t size;
    size_t at;
    if (*text == NULL || !PyUnicode_Check(*text)) {
        return 0; /* the encoder says what is wrong */
    }
    if (heka_text_borrow(*text, &view) < 0) {
        return -1;
    }
    if (hk_utf8_measure(&view, HK_SURROGATES_REFUSED, &size, &at) != HK_OK) {
        *owned = heka_text_replace(*text);
        if (*owned == NULL) {
            return -1;
        }
        *text = *owned;
    }
    return 0;
}

static int
emit(HekaEmitter *self, heka_state *state, PyObject *const *in, const request *r)
{
    uint8_t block[HEKA_BLOCK];
    PyObject *made[3] = {NULL, NULL, NULL};
    PyObject *sink = NULL;
    int result = -1;
    hk_buffer out;
    heka_words words = {
        .type = in[LOG_TYPE],
        .logger = r->logger,
        .fields = given(in[LOG_FIELDS]) ? in[LOG_FIELDS] : NULL,
        .payload = in[LOG_PAYLOAD],
        .timestamp = in[LOG_TIMESTAMP],
        .timestamp_ns = in[LOG_TIMESTAMP_NS],
        .uuid = in[LOG_UUID],
    };

    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    out.len = HK_FRAME_ROOM;
    if (r->policy.use_repr &&
        (make_writable(&words.type, &made[0]) < 0 || make_writable(&words.logger, &made[1]) < 0 ||
         make_writable(&words.payload, &made[2]) < 0)) {
        goto done;
    }
    if (heka_encode_words(state, &words, r->severity, &r->policy, &out, NULL) < 0) {
        goto done;
    }
    /* Only now: encoding runs code of the user's, after which this may be another process, or the
     * destination closed, or captured. */
    if (HK_LIKELY(self->capture == NULL)) {
        sink = find_sink(self, in[LOG_TO]);
        if (sink == NULL) {
            goto done;
        }
    }
    result = hand_over(self, state, (HekaSink *)sink, r, &out);
done:
    hk_buffer_clear(&out);
    Py_XDECREF(sink);
    for (size_t i = 0; i < 3; i++) {
        Py_XDECREF(made[i]);
    }
    return result;
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
    heka_state *state = heka_state_of(op);
    PyObject *in[LOG_COUNT];
    request r = {.severity = 6};

    if (heka_parse_args(state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        (in[LOG_SEVERITY] != NULL &&
         heka_read_int32(in[LOG_SEVERITY], "severity", &r.severity) < 0)) {
        return NULL;
    }
    if (r.severity > self->level) {
        Py_RETURN_FALSE;
    }
    const int sent = read_request(self, state, in, &r) < 0 ? -1 : emit(self, state, in, &r);
    for (size_t i = 0; i < 3; i++) {
        Py_XDECREF(r.owned[i]);
    }
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

/* Forgets the sink of one destination, or of all, so that the next call asks Python again. */
static PyObject *
emitter_forget(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    HekaEmitter *self = (HekaEmitter *)op;
    if (nargs > 1) {
        PyErr_Format(PyExc_TypeError,
                     "forget() takes from 0 to 1 positional arguments but %zd were given", nargs);
        return NULL;
    }
    self->changes++;
    Py_CLEAR(self->default_sink);
    if (nargs == 0) {
        PyDict_Clear(self->sinks);
        Py_RETURN_NONE;
    }
    if (PyDict_DelItem(self->sinks, args[0]) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
            return NULL;
        }
        PyErr_Clear(); /* not known, so there is nothing to forget */
    }
    Py_RETURN_NONE;
}

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
    self->open = Py_NewRef(in[0]);
    self->to = Py_NewRef(Py_None);
    self->logger = Py_NewRef(state->empty);
    self->signer = Py_NewRef(Py_None);
    self->timeout = 1.0;
    self->level = HK_SEVERITY_DEFAULT;
    self->oversize = HEKA_OVERSIZE_TRUNCATE;
    self->sinks = PyDict_New();
    if (self->sinks == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
emitter_traverse(PyObject *op, visitproc visit, void *arg)
{
    HekaEmitter *self = (HekaEmitter *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->open);
    Py_VISIT(self->sinks);
    Py_VISIT(self->to);
    Py_VISIT(self->default_sink);
    Py_VISIT(self->convert);
    Py_VISIT(self->capture);
    return 0;
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
    Py_CLEAR(self->convert);
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
    Py_CLEAR(self->logger);
    Py_CLEAR(self->signer);
    Py_CLEAR(self->convert);
    Py_CLEAR(self->capture);
    tp->tp_free(op);
    Py_DECREF(tp);
}

PyDoc_STRVAR(
    log_doc,
    "log($self, type, logger=None, severity=6, fields=None, payload='', *, to=None, signer=None,\n"
    "    timestamp=None, timestamp_ns=None, uuid=None, bad_values=None, default=None,\n"
    "    oversize=None, timeout=None)\n--\n\n"
    "Send one message; True when the kernel has it.\n\n"
    "Bad arguments raise; the network never does. What could not be sent is counted by reason in\n"
    "``heka.stats()``.\n\n"
    "Args:\n"
    "    type: What kind of message this is; receivers match on it.\n"
    "    logger: Which part of the program speaks; by default as configured.\n"
    "    severity: 0 (emergency) to 7 (debug). Above the configured level nothing is built and\n"
    "        False is returned.\n"
    "    fields: Mapping of name to value, as for ``heka.Message``.\n"
    "    payload: Free text.\n"
    "    to: ``(host, port)``, ``'host:port'``, a URL (udp, tcp, unix, unixgram, file), or an\n"
    "        object with ``write(bytes)``. By default ``$HEKA_TO``, else udp://localhost:5565.\n"
    "    signer: A SignerConfig.\n"
    "    timestamp, timestamp_ns, uuid: As for ``heka.Message``.\n"
    "    bad_values: 'raise' refuses a field value without a type (FieldError); 'repr' sends its\n"
    "        repr instead.\n"
    "    default: Called with such a value for one that has a type.\n"
    "    oversize: For a message over 65,536 bytes or the destination's limit: 'truncate' cuts "
    "the\n"
    "        payload and adds the field heka.truncated, 'drop' counts it, 'raise' raises\n"
    "        EncodeError.\n"
    "    timeout: Seconds for name resolution, connecting and writing together.\n\n"
    "Raises:\n"
    "    FieldError: A field value without a type on the wire.\n"
    "    EncodeError: Too large, with oversize='raise'.\n"
    "    ConfigError: A `to` that is no destination.");

static PyMethodDef emitter_methods[] = {
    {"log", (PyCFunction)(void (*)(void))emitter_log, METH_FASTCALL | METH_KEYWORDS, log_doc},
    {"forget", (PyCFunction)(void (*)(void))emitter_forget, METH_FASTCALL,
     "forget($self, to=..., /)\n--\n\n"
     "Ask Python again for the sink of *to*, or of every destination."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot emitter_slots[] = {
    {Py_tp_doc, (void *)"Emitter(open)\n--\n\n"
                        "``log`` with its defaults: where a message goes when its call does not "
                        "say, and how."},
    {Py_tp_new, emitter_new},
    {Py_tp_dealloc, emitter_dealloc},
    {Py_tp_traverse, emitter_traverse},
    {Py_tp_clear, emitter_clear},
    {Py_tp_getset, heka_emitter_getset},
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
heka_client_init(PyObject *module, heka_state *state)
{
    state->emitter_type = heka_new_type(module, &emitter_spec, NULL);
    return state->emitter_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Emitter", (PyObject *)state->emitter_type);
}
