/* block.c -- heka.Block: frames of a stream as an immutable object, and what is done with all. */
#include "block.h"

#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "python/messages/reader.h"

/* Never changed once it is made. Not tracked by the garbage collector: it holds no objects but
 * bytes. */
typedef struct {
    PyObject_HEAD
    hk_block block;  /* owned */
    PyObject *chunk; /* owned exact bytes that block.frames borrows from; NULL: it owns them */
} HekaBlock;

PyObject *
heka_block_new(heka_state *state, hk_block *block, PyObject *chunk)
{
    HekaBlock *self = PyObject_New(HekaBlock, state->block_type);
    if (self == NULL) {
        hk_block_clear(block);
        return NULL;
    }
    self->block = *block;
    self->chunk = Py_XNewRef(chunk);
    hk_block_init(block);
    return (PyObject *)self;
}

PyObject *
heka_block_take(heka_state *state, hk_block *block)
{
    return heka_block_new(state, block, NULL);
}

const hk_block *
heka_block_borrow(heka_state *state, PyObject *value, const char *name)
{
    if (!Py_IS_TYPE(value, state->block_type)) {
        (void)heka_type_error(name, "a heka.Block", value);
        return NULL;
    }
    return &((HekaBlock *)value)->block;
}

static void
block_dealloc(PyObject *op)
{
    HekaBlock *self = (HekaBlock *)op;
    PyTypeObject *tp = Py_TYPE(op);
    hk_block_clear(&self->block);
    Py_CLEAR(self->chunk);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

static Py_ssize_t
block_length(PyObject *op)
{
    return (Py_ssize_t)((HekaBlock *)op)->block.count;
}

static PyObject *
block_item(PyObject *op, Py_ssize_t i)
{
    const hk_block *block = &((HekaBlock *)op)->block;
    if (i < 0 || (size_t)i >= block->count) {
        PyErr_SetString(PyExc_IndexError, "frame index out of range");
        return NULL;
    }
    const hk_frame frame = {hk_block_bytes(block, (size_t)i), hk_block_signer(block),
                            block->version};
    return heka_frame_new(heka_state_of(op), &frame);
}

/* A Block of the frames of *from that keep[] marks; the object itself when it marks all of them. */
static PyObject *
select_from(PyObject *op, const bool *keep, size_t kept)
{
    const hk_block *from = &((HekaBlock *)op)->block;
    hk_block some;
    hk_error err;
    if (kept == from->count) {
        return Py_NewRef(op);
    }
    hk_block_init(&some);
    if (hk_block_select(&some, from, keep, &err) != HK_OK) {
        return heka_raise(heka_state_of(op), &err);
    }
    return heka_block_take(heka_state_of(op), &some);
}

static PyObject *
block_subscript(PyObject *op, PyObject *key)
{
    const Py_ssize_t count = block_length(op);
    bool keep[HK_BLOCK_FRAMES] = {false};
    Py_ssize_t start;
    Py_ssize_t stop;
    Py_ssize_t step;

    if (!PySlice_Check(key)) {
        const Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
        return i == -1 && PyErr_Occurred() ? NULL : block_item(op, i < 0 ? i + count : i);
    }
    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return NULL;
    }
    if (step != 1) {
        PyErr_Format(PyExc_ValueError, "a slice of a block needs the step 1, got %zd", step);
        return NULL;
    }
    const Py_ssize_t kept = PySlice_AdjustIndices(count, &start, &stop, step);
    for (Py_ssize_t i = start; i < start + kept; i++) {
        keep[i] = true;
    }
    return select_from(op, keep, (size_t)kept);
}

/* *ns: the bound that the object `value` is; `absent` for None. 0, or -1. */
static int
read_bound(PyObject *value, const char *name, int64_t absent, int64_t *ns)
{
    *ns = absent;
    return value == Py_None ? 0 : heka_read_int64(value, name, ns);
}

static PyObject *
block_between(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    const hk_block *block = &((HekaBlock *)op)->block;
    bool keep[HK_BLOCK_FRAMES];
    int64_t since;
    int64_t until;
    size_t kept = 0;

    if (nargs != 2) {
        PyErr_Format(PyExc_TypeError, "between() takes 2 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    if (read_bound(args[0], "since", INT64_MIN, &since) < 0 ||
        read_bound(args[1], "until", INT64_MAX, &until) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < block->count; i++) {
        const int64_t timestamp = hk_block_message(block, i)->timestamp;
        keep[i] = timestamp >= since && (args[1] == Py_None || timestamp < until);
        kept += keep[i] ? 1 : 0;
    }
    return select_from(op, keep, kept);
}

typedef enum {
    COLUMN_TYPE,
    COLUMN_LOGGER,
    COLUMN_HOSTNAME,
    COLUMN_PAYLOAD,
    COLUMN_SEVERITY,
    COLUMN_TIMESTAMP,
    COLUMN_SIZE,
    COLUMNS
} column;

static const char *const columns[] = {"type",     "logger",    "hostname", "payload",
                                      "severity", "timestamp", "size"};
_Static_assert(sizeof columns / sizeof columns[0] == COLUMNS, "a name for each column");

static PyObject *
cell(heka_state *state, const hk_block *block, size_t i, column which)
{
    const hk_message *message = hk_block_message(block, i);
    switch (which) {
        case COLUMN_TYPE:
            return heka_text_new(state, message->type);
        case COLUMN_LOGGER:
            return heka_text_new(state, message->logger);
        case COLUMN_HOSTNAME:
            return heka_text_new(state, message->hostname);
        case COLUMN_PAYLOAD:
            return heka_text_new(state, message->payload);
        case COLUMN_SEVERITY:
            return PyLong_FromLong(message->severity);
        case COLUMN_TIMESTAMP:
            return PyLong_FromLongLong(message->timestamp);
        case COLUMN_SIZE:
        case COLUMNS:
            break;
    }
    return PyLong_FromSize_t(hk_block_bytes(block, i).len);
}

static PyObject *
block_column(PyObject *op, PyObject *name)
{
    const hk_block *block = &((HekaBlock *)op)->block;
    size_t which = 0;
    if (!PyUnicode_Check(name)) {
        (void)heka_type_error("name", "str", name);
        return NULL;
    }
    while (which < COLUMNS && PyUnicode_CompareWithASCIIString(name, columns[which]) != 0) {
        which++;
    }
    if (which == COLUMNS) {
        (void)heka_value_error(name,
                               "name must be type, logger, hostname, payload, severity, timestamp "
                               "or size");
        return NULL;
    }
    PyObject *list = PyList_New((Py_ssize_t)block->count);
    for (size_t i = 0; list != NULL && i < block->count; i++) {
        PyObject *item = cell(heka_state_of(op), block, i, (column)which);
        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

static int
block_getbuffer(PyObject *op, Py_buffer *view, int flags)
{
    const hk_slice frames = ((HekaBlock *)op)->block.frames;
    static const uint8_t nothing[1];
    void *data = (void *)(uintptr_t)(frames.len == 0 ? nothing : frames.data);
    return PyBuffer_FillInfo(view, op, data, (Py_ssize_t)frames.len, 1, flags);
}

#if PY_VERSION_HEX < 0x030C0000
/* From 3.12 on, every type with a buffer has this method; type checkers know the buffer by it. */
static PyObject *
block_buffer(PyObject *op, PyObject *flags)
{
    (void)flags;
    return PyMemoryView_FromObject(op);
}
#endif

static PyMethodDef block_methods[] = {
    {"between", (PyCFunction)(void (*)(void))block_between, METH_FASTCALL,
     "between($self, since, until, /)\n--\n\n"
     "Return a block of the messages whose timestamp in ns is at least *since* and below "
     "*until*.\n\n"
     "None: no bound."},
    {"column", block_column, METH_O,
     "column($self, name, /)\n--\n\n"
     "Return one attribute of every message as a list; no message is decoded for it.\n\n"
     "*name*: type, logger, hostname, payload, severity, timestamp (ns) or size (bytes of the\n"
     "message)."},
#if PY_VERSION_HEX < 0x030C0000
    {"__buffer__", block_buffer, METH_O,
     "__buffer__($self, flags, /)\n--\n\nReturn a memoryview of the frames."},
#endif
    {NULL, NULL, 0, NULL},
};

static PyObject *
block_get_signer(PyObject *op, void *closure)
{
    (void)closure;
    const hk_slice signer = hk_block_signer(&((HekaBlock *)op)->block);
    return signer.data == NULL ? Py_NewRef(Py_None) : heka_text_new(heka_state_of(op), signer);
}

static PyObject *
block_get_version(PyObject *op, void *closure)
{
    (void)closure;
    const hk_block *block = &((HekaBlock *)op)->block;
    return block->verified ? PyLong_FromUnsignedLong(block->version) : Py_NewRef(Py_None);
}

static PyObject *
block_get_nbytes(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSize_t(((HekaBlock *)op)->block.frames.len);
}

static PyObject *
block_repr(PyObject *op)
{
    const hk_block *block = &((HekaBlock *)op)->block;
    const char *s = block->count == 1 ? "" : "s";
    if (!block->verified) {
        return PyUnicode_FromFormat("<heka.Block of %zu frame%s, %zu bytes>", block->count, s,
                                    block->frames.len);
    }
    PyObject *signer = block_get_signer(op, NULL);
    PyObject *text =
        signer == NULL ? NULL
                       : PyUnicode_FromFormat(
                             "<heka.Block of %zu frame%s, %zu bytes, "
                             "signed by %R version %u>",
                             block->count, s, block->frames.len, signer, (unsigned)block->version);
    Py_XDECREF(signer);
    return text;
}

static PyGetSetDef block_getset[] = {
    {"nbytes", block_get_nbytes, NULL, "Bytes of the frames, their headers included.", NULL},
    {"signer", block_get_signer, NULL,
     "Name of the signer of all frames; None unless the digests were verified.", NULL},
    {"signer_version", block_get_version, NULL, "Version of the signer's key, or None.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(block_doc,
             "Whole frames of a stream, one behind the other; BlockReader.feed() returns them.\n\n"
             "A sequence of Frame objects, which are made as they are read; a slice is a block.\n"
             "The buffer of a block, as in ``file.write(block)``, is the frames as they came. All\n"
             "frames have the same signer, or none. A block keeps the bytes object that was fed.");

static PyType_Slot block_slots[] = {
    {Py_tp_doc, (void *)block_doc},     {Py_tp_dealloc, block_dealloc},
    {Py_tp_repr, block_repr},           {Py_tp_getset, block_getset},
    {Py_tp_methods, block_methods},     {Py_tp_iter, PySeqIter_New},
    {Py_sq_length, block_length},       {Py_sq_item, block_item},
    {Py_mp_length, block_length},       {Py_mp_subscript, block_subscript},
    {Py_bf_getbuffer, block_getbuffer}, {0, NULL},
};

static PyType_Spec block_spec = {
    .name = "heka.Block",
    .basicsize = sizeof(HekaBlock),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = block_slots,
};

int
heka_block_init(PyObject *module, heka_state *state)
{
    state->block_type = heka_new_type(module, &block_spec, NULL);
    if (state->block_type == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Block", (PyObject *)state->block_type);
}
