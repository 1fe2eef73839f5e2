/* emit.c -- the steps of one log call: from its arguments and the settings to a sink. */
#include "emit.h"

#include <assert.h>
#include <string.h>

#include "core/base/hk_clock.h"
#include "core/wire/hk_decode.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "python/messages/signer.h"
#include "bound.h"
#include "sink_account.h"

static inline bool
given(PyObject *value)
{
    return value != NULL && value != Py_None;
}

/* ---- settings ---- */

/* Reads the settings that few calls pass as arguments. */
static HK_COLD int
read_overrides(heka_emission *e, const heka_overrides *own)
{
    int choice;
    if (given(own->bad_values)) {
        choice = heka_read_bad_values(own->bad_values);
        if (choice < 0) {
            return -1;
        }
        e->policy.bad_values = (heka_bad_values)choice;
    }
    if (given(own->hook) && heka_read_callable(own->hook, "default", &e->policy.hook) < 0) {
        return -1;
    }
    if (given(own->oversize)) {
        choice = heka_read_oversize(own->oversize);
        if (choice < 0) {
            return -1;
        }
        e->oversize = (heka_oversize)choice;
    }
    return given(own->timeout) ? heka_read_timeout(own->timeout, &e->timeout) : 0;
}

int
heka_emission_begin(heka_emission *e, HekaSettings *settings, const heka_overrides *own)
{
    e->state = settings->state;
    e->oversize = settings->oversize;
    e->timeout = settings->timeout;
    e->policy.bad_values = settings->bad_values;
    e->policy.hook = settings->hook;
    e->policy.altered = &settings->altered;
    /* Strong references: encoding runs code of the user, which may change the settings. */
    e->owned[0] = Py_NewRef(given(own->signer) ? own->signer : settings->signer);
    e->owned[1] = Py_NewRef(given(own->logger) ? own->logger : settings->logger);
    e->owned[2] = Py_XNewRef(settings->hook);
    e->policy.too_large = &e->too_large;
    e->call_args.logger = e->owned[1];
    if (heka_signer_borrow(e->state, e->owned[0], "signer", &e->signer) < 0) {
        return -1;
    }
    if (HK_LIKELY(own->bad_values == NULL && own->hook == NULL && own->oversize == NULL &&
                  own->timeout == NULL)) {
        return 0;
    }
    return read_overrides(e, own);
}

void
heka_emission_end(heka_emission *e)
{
    for (size_t i = 0; i < sizeof e->owned / sizeof e->owned[0]; i++) {
        Py_CLEAR(e->owned[i]);
    }
}

/* ---- encoding ---- */

static const hk_text name_text = {.data = "name", .len = 4, .kind = HK_TEXT_UTF8};
static const hk_text rate_text = {.data = "rate", .len = 4, .kind = HK_TEXT_UTF8};
static const hk_text no_text = {.data = "", .len = 0, .kind = HK_TEXT_UTF8};

/* Removes every field of that name from out[start..len). */
static void
remove_fields(hk_buffer *out, size_t start, const hk_text *name)
{
    hk_slice fields = {out->data + start, out->len - start};
    hk_field field;
    while (hk_field_next(&fields, &field)) {
        if (field.name.len == name->len && memcmp(field.name.data, name->data, name->len) == 0) {
            /* `fields` is what follows the field; it moves down over it, so read on from there. */
            uint8_t *at = out->data + (field.whole.data - out->data);
            memmove(at, fields.data, fields.len);
            out->len -= field.whole.len;
            fields.data = at;
        }
    }
}

static hk_status
put_label(hk_buffer *out, const hk_text *name, double rate)
{
    static const hk_slice no_prefix = {NULL, 0};
    hk_field_mark mark;
    size_t at;
    hk_status status = hk_field_open(out, no_prefix, &name_text, HK_STRING, &no_text,
                                     HK_SURROGATES_REFUSED, &mark);
    if (status == HK_OK) {
        status = hk_put_string(out, name, HK_SURROGATES_REFUSED, &at);
    }
    if (status == HK_OK) {
        status = hk_field_close(out, &mark);
    }
    if (status == HK_OK) { /* always DOUBLE: receivers refuse a message with another type */
        status = hk_field_open(out, no_prefix, &rate_text, HK_DOUBLE, &no_text,
                               HK_SURROGATES_REFUSED, &mark);
    }
    if (status == HK_OK) {
        status = hk_put_double(out, rate);
    }
    return status == HK_OK ? hk_field_close(out, &mark) : status;
}

static int
append_label(heka_emission *e, size_t start, hk_buffer *out)
{
    hk_text name;
    PyObject *text = e->label->name;
    PyObject *owned = NULL;
    int result = -1;

    if (heka_text_encodable(e->state, "name", &e->policy, &text, &owned) < 0 ||
        heka_text_borrow(text, &name) < 0) {
        goto done;
    }
    remove_fields(out, start, &name_text);
    remove_fields(out, start, &rate_text);
    const hk_status status = put_label(out, &name, e->label->rate);
    if (status != HK_OK) {
        e->too_large = status == HK_ERR_TOO_BIG;
        (void)heka_raise_status(e->state, status);
        goto done;
    }
    result = 0;
done:
    Py_XDECREF(owned);
    return result;
}

int
heka_emission_shorten(heka_emission *e)
{
    hk_text view;
    size_t size;
    size_t at;
    PyObject *payload = e->call_args.payload;
    /* A character has at most four bytes: a shorter payload can be encoded first and cut then. */
    if (HK_LIKELY(payload == NULL || !PyUnicode_Check(payload) ||
                  PyUnicode_GET_LENGTH(payload) <= (Py_ssize_t)(HK_LENGTH_MAX / 8)) ||
        e->oversize != HEKA_OVERSIZE_TRUNCATE) {
        return 0;
    }
    if ((heka_is_lenient(&e->policy) &&
         heka_text_encodable(e->state, "payload", &e->policy, &payload, &e->owned[3]) < 0) ||
        heka_text_borrow(payload, &view) < 0) {
        return -1;
    }
    if (hk_utf8_measure(&view, HK_SURROGATES_REFUSED, &size, &at) != HK_OK) {
        return 0; /* the encoder raises the error */
    }
    /* One character more than a message has bytes, so that send() still has to truncate it. */
    Py_XSETREF(e->owned[3], PyUnicode_Substring(payload, 0, HK_MESSAGE_MAX + 1));
    if (e->owned[3] == NULL) {
        return -1;
    }
    e->call_args.payload = e->owned[3];
    e->payload_size = size;
    return 0;
}

/* After a step of encoding has failed: 0 if only because of the size, and the policy is not to
 * raise; then send() drops the message. Else -1 with the exception. */
static HK_COLD int
encoding_failed(heka_emission *e)
{
    e->too_large = e->too_large && e->oversize != HEKA_OVERSIZE_RAISE &&
                   PyErr_ExceptionMatches(e->state->EncodeError) &&
                   !PyErr_ExceptionMatches(e->state->FieldError);
    if (!e->too_large) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

int
heka_emission_encode(heka_emission *e, uint8_t *block, size_t size, hk_buffer *out)
{
    const heka_call_args *call_args = &e->call_args;
    heka_encoded encoded = {.escaped = {NULL, NULL, NULL}};
    int result;

    hk_buffer_init(out, block, size, HK_LENGTH_MAX);
    out->len = HK_FRAME_ROOM;
    if (heka_encode_call(e->state, call_args, e->severity, &e->policy, out, &encoded) < 0) {
        result = encoding_failed(e);
        goto done;
    }
    e->too_large = false; /* set by a field value that was then replaced by its repr */
    if (e->label != NULL && append_label(e, encoded.head_len, out) < 0) {
        result = encoding_failed(e);
        goto done;
    }
    e->clock = encoded.clock;
    result = heka_bound_append(e->state, encoded.head_len, out, &e->too_large);
    if (HK_UNLIKELY(result < 0)) {
        result = encoding_failed(e);
    }
done:
    for (size_t i = 0; i < 3; i++) {
        Py_XDECREF(encoded.escaped[i]);
    }
    return result;
}

/* ---- heka's own threads ---- */

/* 1 + the fork generation in which this thread was marked; 0: never. A child forked by such a
 * thread is the program's. */
static _Thread_local unsigned own_thread;

_Atomic unsigned heka_own_threads;

static bool
is_own_thread(void)
{
    return own_thread != 0 && own_thread == hk_fork_generation() + 1;
}

PyObject *
heka_mark_own_thread(PyObject *module, PyObject *own)
{
    (void)module;
    const bool before = is_own_thread();
    const int now = PyObject_IsTrue(own);
    if (now < 0) {
        return NULL;
    }
    own_thread = now ? hk_fork_generation() + 1 : 0;
    if (now != before) {
        atomic_fetch_add_explicit(&heka_own_threads, now ? 1U : -1U, memory_order_relaxed);
    }
    return PyBool_FromLong(before);
}

const char heka_mark_own_thread_doc[] = PyDoc_STR(
    "mark_own_thread(own, /)\n--\n\n"
    "Say whether the calling thread is one of heka's own; return what it was before.\n\n"
    "What such a thread logs is dropped as 'reentrant': it comes from a stream or a callback that\n"
    "runs because of a message, and would cause the next message.");

int
heka_refuse_own_thread(HekaSink *sink, int *result)
{
    if (!is_own_thread()) {
        return 0;
    }
    *result = sink == NULL ? 0 : heka_sink_drop(sink, "reentrant");
    return 1;
}

/* ---- sending ---- */

/* Largest message that the sink takes: its largest frame without the frame's overhead. */
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

/* A message over the limit: 1 truncated, to be sent; 0 dropped and counted; -1 an exception. */
static HK_COLD int
apply_oversize(const heka_emission *e, HekaSink *sink, hk_buffer *out, size_t limit)
{
    const size_t size = out->len - HK_FRAME_ROOM;
    if (e->oversize == HEKA_OVERSIZE_RAISE) {
        PyErr_Format(e->state->EncodeError,
                     "a message of %zu bytes; this destination takes at most %zu, shorten its "
                     "payload or fields, or let oversize='truncate' do it",
                     size, limit);
        return -1;
    }
    if (e->oversize == HEKA_OVERSIZE_TRUNCATE) {
        const int cut = heka_truncate(out, HK_FRAME_ROOM, limit, e->payload_size);
        if (cut != 0) {
            return cut;
        }
    }
    return sink == NULL ? 0 : heka_sink_drop(sink, "oversize");
}

static HK_COLD int
call_capture(PyObject *capture, const uint8_t *data, size_t len)
{
    PyObject *callable = Py_NewRef(capture); /* it may reset the emitter's attribute */
    PyObject *answer = PyObject_CallFunction(callable, "y#", data, (Py_ssize_t)len);
    Py_DECREF(callable);
    if (answer == NULL) {
        return -1;
    }
    Py_DECREF(answer);
    return 1;
}

int
heka_emission_send(heka_emission *e, HekaSink *sink, PyObject *capture, hk_buffer *out)
{
    hk_error err;
    uint8_t *start = out->data + HK_FRAME_ROOM;
    const size_t limit = message_limit(sink, e->signer);

    assert(sink != NULL || capture != NULL);
    int refused;
    if (HK_UNLIKELY(capture != NULL)) {
        sink = NULL;
    } else if (heka_emission_refuse(sink, &refused)) {
        return refused;
    }
    if (HK_UNLIKELY(e->too_large)) {
        return sink == NULL ? 0 : heka_sink_drop(sink, "oversize");
    }
    if (HK_UNLIKELY(out->len - HK_FRAME_ROOM > limit)) {
        const int truncated = apply_oversize(e, sink, out, limit);
        if (truncated != 1) {
            return truncated;
        }
        start = out->data + HK_FRAME_ROOM; /* truncating may have moved the buffer */
    }
    if (sink == NULL || sink->framed) {
        if (hk_frame_seal(start, out->len - HK_FRAME_ROOM, e->signer, &start, &err) != HK_OK) {
            heka_raise(e->state, &err);
            return -1;
        }
    } else if (e->signer != NULL) {
        PyErr_SetString(e->state->ConfigError,
                        "a destination with framing=none cannot carry a signature, which is stored "
                        "in the frame's header");
        return -1;
    }
    const size_t len = (size_t)(out->data + out->len - start);
    return HK_LIKELY(sink != NULL) ? heka_sink_send(sink, start, len, e->timeout, e->clock)
                                   : call_capture(capture, start, len);
}
