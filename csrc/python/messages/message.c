/* message.c -- heka.Message: construction, encoding, decoding, comparison, repr.
 *
 * Ownership: a Message owns five exact str, its wire fields (PyMem) and, once .fields was read, a
 * dict. Re-entrancy: encoding, comparing and showing a message run user code of the values in that
 * dict, which may set any attribute; message_fields.c copies what it uses meanwhile. */
#include "message.h"

#include <string.h>

#include "core/wire/hk_frame.h"
#include "core/wire/hk_normalise.h"
#include "core/wire/hk_uuid.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "python/values/refuse.h"
#include "codec.h"
#include "head.h"
#include "message_object.h"

/* A zeroed Message that is not tracked: without a fields dict it can be part of no cycle, and an
 * untracked object costs nothing at a collection. Zeroed, so that dealloc may run at any time. */
static HekaMessage *
message_alloc(PyTypeObject *type)
{
    HekaMessage *self = PyObject_GC_New(HekaMessage, type);
    if (self != NULL) {
        memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    }
    return self;
}

/* ---- construction ---- */

static const uint8_t message_names[] = {
    HEKA_NAME_type,      HEKA_NAME_logger,      HEKA_NAME_severity,    HEKA_NAME_fields,
    HEKA_NAME_payload,   HEKA_NAME_env_version, HEKA_NAME_pid,         HEKA_NAME_hostname,
    HEKA_NAME_timestamp, HEKA_NAME_uuid,        HEKA_NAME_timestamp_ns};
static const heka_signature message_signature = {
    .fname = "Message", .names = message_names, .count = 11, .required = 0, .positional = 10};

/* Sets *slot, which is NULL, to an owned exact str. */
static inline int
set_text(heka_state *state, PyObject **slot, const char *name, PyObject *value, PyObject *fallback)
{
    if (value == NULL) {
        *slot = Py_NewRef(fallback);
        return 0;
    }
    if ((!PyUnicode_CheckExact(value) || !PyUnicode_IS_ASCII(value)) &&
        heka_text_check(state, name, value) < 0) {
        return -1;
    }
    *slot = heka_text_exact(value);
    return *slot == NULL ? -1 : 0;
}

/* Makes a Message from parsed arguments. The readers may run user code, which cannot reach self: it
 * is not tracked and has not been returned. A failure releases it half filled. */
static PyObject *
message_make(PyTypeObject *type, PyObject *const *in)
{
    heka_state *state = heka_state_of_type(type);
    HekaMessage *self = NULL;

    if (heka_refresh_process(state) < 0) {
        return NULL;
    }
    self = message_alloc(type);
    if (self == NULL) {
        return NULL;
    }
    self->severity = HK_SEVERITY_DEFAULT;
    self->pid = state->pid;
    PyObject *hostname = in[7] == Py_None ? NULL : in[7];
    if (set_text(state, &self->type, "type", in[0], state->empty) < 0 ||
        set_text(state, &self->logger, "logger", in[1], state->empty) < 0 ||
        set_text(state, &self->payload, "payload", in[4], state->empty) < 0 ||
        set_text(state, &self->env_version, "env_version", in[5], state->env_version) < 0 ||
        set_text(state, &self->hostname, "hostname", hostname, state->hostname) < 0 ||
        (in[2] != NULL && heka_read_int32(in[2], "severity", &self->severity) < 0) ||
        (in[6] != NULL && in[6] != Py_None && heka_read_int32(in[6], "pid", &self->pid) < 0) ||
        heka_read_timestamp(state, in[8], in[10], &self->timestamp) < 0 ||
        heka_read_uuid(state, in[9], self->uuid) < 0 ||
        (in[3] != NULL && in[3] != Py_None && heka_message_set_fields(self, state, in[3]) < 0)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *
message_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyObject *in[11];
    if (heka_parse_args(heka_state_of_type((PyTypeObject *)type), &message_signature, args, nargsf,
                        kwnames, in) < 0) {
        return NULL;
    }
    return message_make((PyTypeObject *)type, in);
}

static PyObject *
message_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *in[11];
    if (heka_parse_tuple(heka_state_of_type(type), &message_signature, args, kwargs, in) < 0) {
        return NULL;
    }
    return message_make(type, in);
}

/* Visits the type too: since 3.9, instances of heap types own a reference to it. */
static int
message_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((HekaMessage *)op)->fields); /* the other objects are exact str: in no cycle */
    return 0;
}

static int
message_clear(PyObject *op)
{
    Py_CLEAR(((HekaMessage *)op)->fields);
    return 0;
}

static void
message_dealloc(PyObject *op)
{
    HekaMessage *self = (HekaMessage *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op); /* before clearing; allowed for an untracked object */
    Py_CLEAR(self->fields);
    Py_CLEAR(self->type);
    Py_CLEAR(self->logger);
    Py_CLEAR(self->payload);
    Py_CLEAR(self->env_version);
    Py_CLEAR(self->hostname);
    PyMem_Free(self->wire);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

/* Appends head and fields. The texts are borrowed until the head is encoded, and nothing before
 * that runs user code. Encoding the fields may, also code that changes this message. */
static int
append_message(HekaMessage *self, heka_state *state, hk_buffer *out)
{
    hk_head head = {.uuid = self->uuid,
                    .timestamp = self->timestamp,
                    .severity = self->severity,
                    .pid = self->pid};
    if (heka_text_borrow(self->type, &head.type) < 0 ||
        heka_text_borrow(self->logger, &head.logger) < 0 ||
        heka_text_borrow(self->payload, &head.payload) < 0 ||
        heka_text_borrow(self->env_version, &head.env_version) < 0 ||
        heka_text_borrow(self->hostname, &head.hostname) < 0) {
        return -1;
    }
    const hk_status status = hk_encode_head(out, &head);
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        return -1;
    }
    return heka_message_append_fields(self, state, out);
}

/* The critical section keeps head and fields consistent without the GIL. Like the GIL, it may be
 * released while user code runs; the copies that message_fields.c makes are safe then too. */
int
heka_message_write(PyObject *message, hk_buffer *out)
{
    int result;
    HEKA_BEGIN_CRITICAL_SECTION(message);
    result = append_message((HekaMessage *)message, heka_state_of(message), out);
    HEKA_END_CRITICAL_SECTION();
    return result;
}

/* The encoded message as bytes; EncodeError when it exceeds `limit`. */
static PyObject *
encode_within(PyObject *op, size_t limit)
{
    uint8_t block[HEKA_BLOCK];
    hk_buffer out;
    PyObject *bytes = NULL;
    heka_state *state = heka_state_of(op);

    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    int result = heka_message_write(op, &out);
    if (result == 0 && out.len > limit) {
        result = heka_refuse_size(state, out.len);
    }
    if (result == 0) {
        bytes = PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.len);
    }
    hk_buffer_clear(&out);
    return bytes;
}

static PyObject *
message_encode(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return encode_within(op, HK_MESSAGE_MAX);
}

/* ---- decoding ---- */

/* The slices of m borrow from data or from spare; the message gets copies of all of them. */
PyObject *
heka_message_decode(heka_state *state, hk_slice data)
{
    hk_message m;
    hk_buffer spare;
    hk_error err;
    HekaMessage *self = NULL;

    hk_buffer_init(&spare, NULL, 0, HK_LENGTH_MAX);
    if (hk_decode(data.data, data.len, &m, &spare, &err) != HK_OK) {
        heka_raise(state, &err);
        goto done;
    }
    self = message_alloc(state->message_type);
    if (self == NULL) {
        goto done;
    }
    memcpy(self->uuid, m.uuid, HK_UUID_SIZE);
    self->timestamp = m.timestamp;
    self->severity = m.severity;
    self->pid = m.pid;
    self->irregular = m.valueless;
    if ((self->type = heka_text_new(state, m.type)) == NULL ||
        (self->logger = heka_text_new(state, m.logger)) == NULL ||
        (self->payload = heka_text_new(state, m.payload)) == NULL ||
        (self->env_version = heka_text_new(state, m.env_version)) == NULL ||
        (self->hostname = heka_text_new(state, m.hostname)) == NULL ||
        heka_message_set_wire(self, m.fields.data, m.fields.len) < 0) {
        Py_CLEAR(self);
    }
done:
    hk_buffer_clear(&spare); /* m may borrow from it, so last; the message has copies */
    return (PyObject *)self;
}

static PyObject *
message_decode(PyObject *type, PyObject *data)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    /* The view keeps the bytes alive and unchanged while hk_decode borrows from them. */
    heka_state *state = heka_state_of_type((PyTypeObject *)type);
    const hk_slice bytes = {view.buf, (size_t)view.len};
    PyObject *message = NULL;
    if (bytes.len > 0 && bytes.data[0] == HK_RS) { /* with which no message begins */
        hk_error err;
        (void)hk_fail(&err, HK_ERR_CORRUPT, 0,
                      "expected a message, got a frame, which holds one; "
                      "heka.StreamReader().feed(data) returns its frames, each with .message");
        heka_raise(state, &err);
    } else {
        message = heka_message_decode(state, bytes);
    }
    PyBuffer_Release(&view);
    return message;
}

/* For pickle. The limit is HK_LENGTH_MAX, because a message that is too large to be sent may still
 * be stored. */
static PyObject *
message_reduce(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    PyObject *decode = PyObject_GetAttrString((PyObject *)Py_TYPE(op), "decode");
    PyObject *bytes = decode == NULL ? NULL : encode_within(op, HK_LENGTH_MAX);
    if (bytes == NULL) {
        Py_XDECREF(decode);
        return NULL;
    }
    return Py_BuildValue("N(N)", decode, bytes);
}

/* For copy and deepcopy: encodes the message and decodes it again. */
static PyObject *
message_copy(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    PyObject *bytes = encode_within(op, HK_LENGTH_MAX);
    if (bytes == NULL) {
        return NULL;
    }
    const hk_slice data = {(const uint8_t *)PyBytes_AS_STRING(bytes),
                           (size_t)PyBytes_GET_SIZE(bytes)};
    PyObject *copy = heka_message_decode(heka_state_of(op), data);
    Py_DECREF(bytes);
    return copy;
}

/* ---- comparing and showing ---- */

/* Equal attributes, and equal fields in any order. 1, 0, or -1 with an exception. */
static int
messages_equal(HekaMessage *a, HekaMessage *b, heka_state *state)
{
    hk_buffer wire_a;
    hk_buffer wire_b;
    int result = a->severity == b->severity && a->pid == b->pid && a->timestamp == b->timestamp &&
                 memcmp(a->uuid, b->uuid, HK_UUID_SIZE) == 0;

    for (size_t i = 0; i < HEKA_MESSAGE_TEXTS && result == 1; i++) {
        result = PyObject_RichCompareBool(heka_message_text(a, i), heka_message_text(b, i), Py_EQ);
    }
    if (result != 1) {
        return result;
    }
    /* Compares encoded copies, because encoding a fields dict may run user code that changes either
     * message. */
    hk_buffer_init(&wire_a, NULL, 0, HK_LENGTH_MAX);
    hk_buffer_init(&wire_b, NULL, 0, HK_LENGTH_MAX);
    if (heka_message_append_fields(a, state, &wire_a) < 0 ||
        heka_message_append_fields(b, state, &wire_b) < 0) {
        result = -1;
    } else {
        result = heka_same_fields((hk_slice){wire_a.data, wire_a.len},
                                  (hk_slice){wire_b.data, wire_b.len});
    }
    hk_buffer_clear(&wire_b);
    hk_buffer_clear(&wire_a);
    return result;
}

static PyObject *
message_richcompare(PyObject *left, PyObject *right, int op)
{
    if (Py_TYPE(left) != Py_TYPE(right) || (op != Py_EQ && op != Py_NE)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    const int equal = left == right ? 1
                                    : messages_equal((HekaMessage *)left, (HekaMessage *)right,
                                                     heka_state_of(left));
    return equal < 0 ? NULL : PyBool_FromLong((op == Py_EQ) == (equal == 1));
}

#define REPR_MAX 200 /* characters of each text, and of the fields, in a repr */

/* Tracebacks and logs show it, so its length is limited, and a value in the fields whose __repr__
 * raises does not make it fail. */
static PyObject *
message_repr(PyObject *op)
{
    HekaMessage *self = (HekaMessage *)op;
    char uuid[HK_UUID_TEXT_SIZE];
    bool repeated;
    PyObject *text = NULL;
    PyObject *parts[6] = {NULL}; /* owned: the reprs of the five texts, then of the fields */

    const int entered = Py_ReprEnter(op); /* the fields may contain the message itself */
    if (entered != 0) {
        return entered < 0 ? NULL : PyUnicode_FromString("Message(...)");
    }
    /* Owned: __repr__ of a value may set other fields on the message. Not stored in self, so that
     * showing a message does not make the collector track it. */
    PyObject *fields =
        self->fields == NULL ? heka_message_dict(self, &repeated) : Py_NewRef(self->fields);
    if (fields == NULL || (parts[5] = heka_safe_repr(fields, REPR_MAX)) == NULL) {
        goto done;
    }
    for (size_t i = 0; i < HEKA_MESSAGE_TEXTS; i++) {
        parts[i] = heka_safe_repr(heka_message_text(self, i), REPR_MAX);
        if (parts[i] == NULL) {
            goto done;
        }
    }
    hk_uuid_format(self->uuid, uuid);
    text = PyUnicode_FromFormat(
        "Message(type=%U, logger=%U, severity=%d, fields=%U, payload=%U, env_version=%U, pid=%d, "
        "hostname=%U, timestamp_ns=%lld, uuid='%s')",
        parts[0], parts[1], (int)self->severity, parts[5], parts[2], parts[3], (int)self->pid,
        parts[4], (long long)self->timestamp, uuid);
done:
    Py_ReprLeave(op);
    for (size_t i = 0; i < 6; i++) {
        Py_XDECREF(parts[i]);
    }
    Py_XDECREF(fields);
    return text;
}

/* ---- the type ---- */

static PyMethodDef message_methods[] = {
    {"encode", message_encode, METH_NOARGS,
     "encode($self)\n--\n\n"
     "Encode the message as protobuf, without a frame.\n\n"
     "Raises:\n"
     "    EncodeError: It exceeds 65,536 bytes, the default limit of receivers.\n"
     "    FieldError: A value in the fields dict that has no type on the wire."},
    {"decode", message_decode, METH_O | METH_CLASS,
     "decode($type, data, /)\n--\n\n"
     "Decode a message from its bytes, without a frame; accepts any valid protobuf.\n\n"
     "Raises:\n"
     "    DecodeError: Not a message; exc.offset is the index of the first invalid byte."},
    {"__copy__", message_copy, METH_NOARGS, "Return an independent copy."},
    {"__deepcopy__", message_copy, METH_O, "Return an independent copy."},
    {"__reduce__", message_reduce, METH_NOARGS, "Support pickle."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    message_doc,
    "Message(type='', logger='', severity=7, fields=None, payload='', env_version='0.8',\n"
    "        pid=None, hostname=None, timestamp=None, uuid=None, *, timestamp_ns=None)\n--\n\n"
    "One Heka message. The constructor checks and copies the field values.\n\n"
    "Args:\n"
    "    type, logger, payload, env_version, hostname: str.\n"
    "    severity: RFC 5424, 0 (emergency) to 7 (debug); any int32 is sent unchanged.\n"
    "    fields: Mapping of name to value: bool, int (64 bits), float, str, bytes, an iterable of\n"
    "        one of these, a heka.Field, or a mapping (flattened to 'outer.inner').\n"
    "    pid, hostname: By default those of this process.\n"
    "    timestamp: Seconds since the epoch (int or float), or a datetime; by default now.\n"
    "    timestamp_ns: The same in nanoseconds, int.\n"
    "    uuid: 16 bytes, uuid.UUID or str; by default a new version 4 uuid.\n\n"
    "Raises:\n"
    "    FieldError: A field value without a type on the wire; has field, type and remedy.\n"
    "    TypeError, ValueError: An argument of the wrong type, or out of range.");

static PyType_Slot message_slots[] = {
    {Py_tp_doc, (void *)message_doc},
    {Py_tp_new, message_new},
    {Py_tp_dealloc, message_dealloc},
    {Py_tp_traverse, message_traverse},
    {Py_tp_clear, message_clear},
    {Py_tp_repr, message_repr},
    {Py_tp_richcompare, message_richcompare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_getset, heka_message_getset},
    {Py_tp_methods, message_methods},
    {0, NULL},
};

static PyType_Spec message_spec = {
    .name = "heka.Message",
    .basicsize = sizeof(HekaMessage),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = message_slots,
};

int
heka_message_init(PyObject *module, heka_state *state)
{
    state->message_type = heka_new_type(module, &message_spec, NULL);
    if (state->message_type == NULL) {
        return -1;
    }
    /* Set after PyType_FromModuleAndSpec: Py_tp_vectorcall exists since 3.14, and in a spec it
     * fails at import before. Calls of the type then skip the args tuple; tp_new parses the same
     * arguments for Message.__new__. */
    state->message_type->tp_vectorcall = message_vectorcall;
    return PyModule_AddObjectRef(module, "Message", (PyObject *)state->message_type);
}
