/* reader.c -- heka.StreamReader and heka.Frame: splits a stream of bytes into frames.
 *
 * hk_reader borrows the chunk for the duration of feed() and copies the incomplete frame at its
 * end; every Frame has its own copy of the message. So no object refers to the caller's buffer
 * after feed() returns. */
#include "reader.h"

#include <string.h>

#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/state.h"
#include "python/base/text.h"
#include "message.h"
#include "signer.h"

/* ---- Frame ---- */

/* Tracked by the garbage collector only once it has a message: before that it can be part of no
 * reference cycle. */
typedef struct {
    PyObject_HEAD
    PyObject *payload; /* owned bytes: the message as received */
    PyObject *message; /* owned Message; NULL until .message is read */
    PyObject *signer;  /* owned exact str; NULL unless verified */
    uint32_t version;  /* of the signer's key */
} HekaFrame;

PyObject *
heka_frame_new(heka_state *state, const hk_frame *from)
{
    HekaFrame *self = PyObject_GC_New(HekaFrame, state->frame_type);
    if (self == NULL) {
        return NULL;
    }
    self->message = NULL;
    self->signer = NULL;
    self->version = from->version;
    self->payload =
        PyBytes_FromStringAndSize((const char *)from->message.data, (Py_ssize_t)from->message.len);
    if (self->payload == NULL || (from->signer.data != NULL &&
                                  (self->signer = heka_text_new(state, from->signer)) == NULL)) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
frame_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((HekaFrame *)op)->message);
    return 0;
}

static int
frame_clear(PyObject *op)
{
    Py_CLEAR(((HekaFrame *)op)->message);
    return 0;
}

static void
frame_dealloc(PyObject *op)
{
    HekaFrame *self = (HekaFrame *)op;
    PyTypeObject *tp = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->message);
    Py_CLEAR(self->payload);
    Py_CLEAR(self->signer);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

static PyObject *
frame_get_payload(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaFrame *)op)->payload);
}

static PyObject *
frame_get_message(PyObject *op, void *closure)
{
    (void)closure;
    HekaFrame *self = (HekaFrame *)op;
    PyObject *message;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    if (self->message == NULL) {
        const hk_slice data = {(const uint8_t *)PyBytes_AS_STRING(self->payload),
                               (size_t)PyBytes_GET_SIZE(self->payload)};
        PyObject *made = heka_message_decode(heka_state_of(op), data);
        /* Decoding may start a collection, and a finalizer may have read .message: both readers
         * must get the same object. */
        if (made != NULL && self->message == NULL) {
            self->message = Py_NewRef(made);
            if (!PyObject_GC_IsTracked(op)) { /* still tracked when tp_clear removed the message */
                PyObject_GC_Track(op);
            }
        }
        Py_XDECREF(made);
    }
    message = Py_XNewRef(self->message);
    HEKA_END_CRITICAL_SECTION();
    return message;
}

static PyObject *
frame_get_signer(PyObject *op, void *closure)
{
    (void)closure;
    PyObject *signer = ((HekaFrame *)op)->signer;
    return Py_NewRef(signer == NULL ? Py_None : signer);
}

static PyObject *
frame_get_version(PyObject *op, void *closure)
{
    (void)closure;
    HekaFrame *self = (HekaFrame *)op;
    return self->signer == NULL ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(self->version);
}

static PyObject *
frame_repr(PyObject *op)
{
    HekaFrame *self = (HekaFrame *)op;
    const Py_ssize_t size = PyBytes_GET_SIZE(self->payload);
    if (self->signer == NULL) {
        return PyUnicode_FromFormat("<heka.Frame of %zd bytes>", size);
    }
    return PyUnicode_FromFormat("<heka.Frame of %zd bytes, signed by %R version %u>", size,
                                self->signer, (unsigned)self->version);
}

static PyGetSetDef frame_getset[] = {
    {"payload", frame_get_payload, NULL, "The encoded message as received, bytes.", NULL},
    {"message", frame_get_message, NULL,
     "The payload as a Message, decoded when it is first read. Decoding does not fail, because\n"
     "feed() has validated the payload.",
     NULL},
    {"signer", frame_get_signer, NULL, "Name of the signer; None unless the digest was verified.",
     NULL},
    {"signer_version", frame_get_version, NULL, "Version of the signer's key, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot frame_slots[] = {
    {Py_tp_doc, (void *)"One frame of a stream; StreamReader.feed() returns them."},
    {Py_tp_dealloc, frame_dealloc},
    {Py_tp_traverse, frame_traverse},
    {Py_tp_clear, frame_clear},
    {Py_tp_repr, frame_repr},
    {Py_tp_getset, frame_getset},
    {0, NULL},
};

static PyType_Spec frame_spec = {
    .name = "heka.Frame",
    .basicsize = sizeof(HekaFrame),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = frame_slots,
};

/* ---- StreamReader ---- */

static const char *const refusals[] = {"oversize", "unknown_signer", "unknown_hash", "bad_digest",
                                       "unsigned"};
_Static_assert(sizeof refusals / sizeof refusals[0] == HK_REFUSALS, "a name for each refusal");

/* Adds one entry of the signers mapping, ((name, version), key). Borrows name and key from the copy
 * of the mapping, which nothing else can change. */
static int
add_key(heka_state *state, hk_keyring *ring, PyObject *name, PyObject *key)
{
    int64_t version;
    Py_ssize_t len;
    hk_error err;

    if (!PyTuple_Check(name) || PyTuple_GET_SIZE(name) != 2 ||
        !PyUnicode_Check(PyTuple_GET_ITEM(name, 0)) || !PyLong_Check(PyTuple_GET_ITEM(name, 1))) {
        PyObject *shown = heka_shown(name);
        if (shown != NULL) {
            PyErr_Format(PyExc_TypeError,
                         "signers must map (name, version) to a key, e.g. {('ops', 1): 'secret'}; "
                         "got the name %.100U",
                         shown);
            Py_DECREF(shown);
        }
        return -1;
    }
    version = PyLong_AsLongLong(PyTuple_GET_ITEM(name, 1));
    if (version == -1 && PyErr_Occurred()) {
        PyErr_Clear();
    }
    if (version < 0 || version > UINT32_MAX) {
        return heka_value_error(PyTuple_GET_ITEM(name, 1),
                                "signers: version must be from 0 to 4294967295");
    }
    if (heka_text_check(state, "the name of a signer", PyTuple_GET_ITEM(name, 0)) < 0) {
        return -1;
    }
    const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(name, 0), &len);
    PyObject *bytes = text == NULL ? NULL : heka_key_bytes(state, key);
    if (bytes == NULL) {
        return -1;
    }
    const hk_status status = hk_keyring_add(
        ring, (hk_slice){(const uint8_t *)text, (size_t)len}, (uint32_t)version,
        (hk_slice){(const uint8_t *)PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)},
        &err);
    Py_DECREF(bytes);
    if (status != HK_OK) {
        heka_raise(state, &err);
        return -1;
    }
    return 0;
}

/* A new keyring from a mapping; NULL with an exception. */
static hk_keyring *
keyring_of(heka_state *state, PyObject *signers)
{
    /* A private exact dict: __repr__ and buffers of names and keys are user code, which may change
     * the mapping while PyDict_Next iterates. */
    PyObject *copy = PyDict_New();
    hk_keyring *ring = copy == NULL ? NULL : hk_keyring_new();
    PyObject *name;
    PyObject *key;
    Py_ssize_t pos = 0;

    if (ring == NULL) {
        Py_XDECREF(copy);
        return PyErr_Occurred() ? NULL : (hk_keyring *)PyErr_NoMemory();
    }
    if (PyDict_Update(copy, signers) < 0) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            (void)heka_type_error("signers", "a mapping of (name, version) to key, or None",
                                  signers);
        }
        goto fail;
    }
    while (PyDict_Next(copy, &pos, &name, &key)) {
        if (add_key(state, ring, name, key) < 0) {
            goto fail;
        }
    }
    Py_DECREF(copy);
    return ring;
fail:
    Py_DECREF(copy);
    hk_keyring_free(ring);
    return NULL;
}

PyObject *
heka_reader_new(PyTypeObject *type, const char *fname, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_max_message_size, HEKA_NAME_signers,
                                    HEKA_NAME_require_signature};
    const heka_signature sig = {
        .fname = fname, .names = names, .count = 3, .required = 0, .positional = 3};
    heka_state *state = heka_state_of_type(type);
    PyObject *in[3];
    int64_t limit = HK_MESSAGE_MAX;

    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0 ||
        (in[0] != NULL && heka_read_int64(in[0], "max_message_size", &limit) < 0)) {
        return NULL;
    }
    if (limit < 1 || limit > (int64_t)HK_LENGTH_MAX) {
        PyErr_Format(PyExc_ValueError, "max_message_size must be from 1 to %u bytes, got %lld",
                     HK_LENGTH_MAX, (long long)limit);
        return NULL;
    }
    const int require = in[2] == NULL ? 0 : PyObject_IsTrue(in[2]);
    if (require < 0) {
        return NULL;
    }
    const bool verify = in[1] != NULL && in[1] != Py_None;
    if (require != 0 && !verify) {
        PyErr_SetString(PyExc_ValueError,
                        "require_signature needs signers, e.g. {('ops', 1): 'secret'}");
        return NULL;
    }
    HekaReader *self = (HekaReader *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    if (verify) {
        self->keys = keyring_of(state, in[1]);
        if (self->keys == NULL) {
            Py_DECREF(self);
            return NULL;
        }
    }
    /* Until here the zeroed reader is what reader_dealloc may clear after a failure. */
    hk_reader_init(&self->reader, (size_t)limit, self->keys, require != 0);
    return (PyObject *)self;
}

static PyObject *
reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return heka_reader_new(type, "StreamReader", args, kwargs);
}

void
heka_reader_clear(HekaReader *self)
{
    hk_reader_clear(&self->reader); /* first: it borrows the keys */
    hk_keyring_free(self->keys);
    self->keys = NULL;
}

static void
reader_dealloc(PyObject *op)
{
    PyTypeObject *tp = Py_TYPE(op);
    heka_reader_clear((HekaReader *)op);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

/* A list of all frames of the chunk. On an exception (MemoryError only) the frames read so far are
 * lost and the rest of the chunk is counted as discarded, because the reader must not borrow the
 * chunk any longer than feed() holds its buffer. */
static PyObject *
read_all(HekaReader *self, heka_state *state)
{
    hk_frame frame;
    hk_error err;
    hk_status status;
    PyObject *list = PyList_New(0);

    while (list != NULL) {
        status = hk_reader_next(&self->reader, &frame, &err);
        if (status == HK_ERR_TRUNCATED) {
            break;
        }
        if (status != HK_OK) {
            heka_raise(state, &err);
            Py_CLEAR(list);
            break;
        }
        PyObject *item = heka_frame_new(state, &frame);
        if (item == NULL || PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(item);
    }
    if (list == NULL) {
        hk_reader_abandon(&self->reader);
    }
    return list;
}

int
heka_reader_enter(HekaReader *self, const char *what)
{
    if (self->busy) {
        const char *name = strrchr(Py_TYPE(self)->tp_name, '.') + 1;
        PyErr_Format(PyExc_RuntimeError, "%s.%s called from inside feed()%s", name, what,
                     self->unlocked ? " of another thread" : "");
        return -1;
    }
    self->busy = true;
    return 0;
}

static PyObject *
reader_feed(PyObject *op, PyObject *chunk)
{
    HekaReader *self = (HekaReader *)op;
    PyObject *list = NULL;
    Py_buffer view;
    /* Before enter(), as __buffer__ may be user code; held until the reader has copied what is left
     * of the chunk. */
    if (PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    if (heka_reader_enter(self, "feed()") == 0) {
        hk_reader_feed(&self->reader, view.buf, (size_t)view.len);
        list = read_all(self, heka_state_of(op));
        self->busy = false;
    }
    HEKA_END_CRITICAL_SECTION();
    PyBuffer_Release(&view);
    return list;
}

/* The account, and whether signatures are verified; no keys. */
PyObject *
heka_reader_repr(PyObject *op)
{
    const HekaReader *self = (HekaReader *)op;
    const hk_reader *reader = &self->reader;
    if (self->unlocked) {
        return PyUnicode_FromFormat("<%s, busy in another thread>", Py_TYPE(op)->tp_name);
    }
    return PyUnicode_FromFormat(
        "<%s: %llu bytes delivered, %llu refused, %llu discarded, %zu pending; "
        "signatures are %s>",
        Py_TYPE(op)->tp_name, (unsigned long long)reader->delivered_bytes,
        (unsigned long long)reader->refused_bytes, (unsigned long long)reader->discarded_bytes,
        hk_reader_pending(reader), self->keys == NULL ? "not verified" : "verified");
}

PyObject *
heka_reader_close(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    HekaReader *self = (HekaReader *)op;
    int entered;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    entered = heka_reader_enter(self, "close()");
    if (entered == 0) {
        hk_reader_close(&self->reader);
        self->busy = false;
    }
    HEKA_END_CRITICAL_SECTION();
    return entered < 0 ? NULL : Py_NewRef(Py_None);
}

/* The reader, for its account; RuntimeError while another thread reads without the GIL. */
static const hk_reader *
account_of(PyObject *op)
{
    const HekaReader *self = (HekaReader *)op;
    if (self->unlocked) {
        PyErr_Format(PyExc_RuntimeError, "%s is busy in feed() of another thread",
                     strrchr(Py_TYPE(op)->tp_name, '.') + 1);
        return NULL;
    }
    return &self->reader;
}

/* A new dict of the reasons with a count above 0, so that a reader without refusals gives {}. */
static PyObject *
reader_get_refused(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    PyObject *dict = reader == NULL ? NULL : PyDict_New();
    for (size_t i = 0; dict != NULL && i < HK_REFUSALS; i++) {
        if (reader->refused[i] == 0) {
            continue;
        }
        PyObject *count = PyLong_FromUnsignedLongLong(reader->refused[i]);
        if (count == NULL || PyDict_SetItemString(dict, refusals[i], count) < 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(count);
    }
    return dict;
}

static PyObject *
reader_get_last_refused(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    if (reader == NULL) {
        return NULL;
    }
    const hk_refused_signer *last = &reader->last_refused;
    if (!reader->has_refused_signer) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(sNk)", refusals[last->why],
                         heka_text_new(heka_state_of(op), (hk_slice){last->name, last->len}),
                         (unsigned long)last->version);
}

static PyObject *
reader_get_discarded(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    return reader == NULL ? NULL : PyLong_FromUnsignedLongLong(reader->discarded_bytes);
}

static PyObject *
reader_get_delivered(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    return reader == NULL ? NULL : PyLong_FromUnsignedLongLong(reader->delivered_bytes);
}

static PyObject *
reader_get_refused_bytes(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    return reader == NULL ? NULL : PyLong_FromUnsignedLongLong(reader->refused_bytes);
}

static PyObject *
reader_get_pending(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    return reader == NULL ? NULL : PyLong_FromSize_t(hk_reader_pending(reader));
}

static PyObject *
reader_get_tail(PyObject *op, void *closure)
{
    (void)closure;
    const hk_reader *reader = account_of(op);
    return reader == NULL ? NULL : PyLong_FromUnsignedLongLong(hk_reader_tail(reader));
}

PyGetSetDef heka_reader_getset[] = {
    {"delivered_bytes", reader_get_delivered, NULL, "Bytes of the frames that feed() returned.",
     NULL},
    {"discarded_bytes", reader_get_discarded, NULL, "Bytes that belong to no complete frame.",
     NULL},
    {"refused", reader_get_refused, NULL,
     "Frames refused, by reason: oversize, unknown_signer, unknown_hash, bad_digest, unsigned.",
     NULL},
    {"last_refused", reader_get_last_refused, NULL,
     "(reason, signer, version) of the last frame that was refused although it names a signer; "
     "the\n"
     "name is not verified. None: there was none.",
     NULL},
    {"refused_bytes", reader_get_refused_bytes, NULL, "Bytes of the refused frames.", NULL},
    {"pending_bytes", reader_get_pending, NULL, "Bytes of an incomplete frame.", NULL},
    {"tail_bytes", reader_get_tail, NULL,
     "Bytes after the last frame that feed() returned: refused, discarded or pending.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef reader_methods[] = {
    {"feed", reader_feed, METH_O,
     "feed($self, chunk, /)\n--\n\n"
     "Read *chunk* and return the list of frames that it completes.\n\n"
     "A chunk may end anywhere in a frame."},
    {"close", heka_reader_close, METH_NOARGS,
     "close($self)\n--\n\nEnd the stream: count the bytes of an incomplete frame as discarded."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    reader_doc,
    "StreamReader(max_message_size=65536, signers=None, require_signature=False)\n--\n\n"
    "Split a stream of bytes into frames, and recover from invalid bytes.\n\n"
    "Args:\n"
    "    max_message_size: Largest message in bytes, 1 to 16,777,216. A frame with a\n"
    "        larger message is refused and skipped.\n"
    "    signers: Maps ``(name, version)`` to a key (str or bytes). None: signatures are\n"
    "        not verified and all frames are returned. A mapping, even an empty one:\n"
    "        signed frames whose signature cannot be verified are refused.\n"
    "    require_signature: With *signers*: unsigned frames are refused too.\n\n"
    "At any time, bytes fed = delivered + refused + discarded + pending. Invalid bytes and\n"
    "torn frames are discarded byte by byte, so that the next frame is found; a refused\n"
    "frame is skipped, without a search for frames inside. Time is linear, and the memory\n"
    "is limited by *max_message_size*. One thread at a time.\n\n"
    "Source: Heka docs, \"Stream Framing\"; the behaviour of hekad and Hindsight.");

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, (void *)reader_doc},
    {Py_tp_new, reader_new},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_repr, heka_reader_repr},
    {Py_tp_getset, heka_reader_getset},
    {Py_tp_methods, reader_methods},
    {0, NULL},
};

static PyType_Spec reader_spec = {
    .name = "heka.StreamReader",
    .basicsize = sizeof(HekaReader),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = reader_slots,
};

int
heka_reader_init(PyObject *module, heka_state *state)
{
    state->frame_type = heka_new_type(module, &frame_spec, NULL);
    state->reader_type = heka_new_type(module, &reader_spec, NULL);
    if (state->frame_type == NULL || state->reader_type == NULL ||
        PyModule_AddObjectRef(module, "Frame", (PyObject *)state->frame_type) < 0) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "StreamReader", (PyObject *)state->reader_type);
}
