/* block_reader.c -- heka.BlockReader: reads a stream by blocks of frames.
 *
 * A Block borrows its bytes from the `bytes` object that was fed, to which it holds a reference;
 * only a frame that began in an earlier chunk is copied. Other buffers may change while they are
 * read and afterwards, so feed() copies them once, as a whole. */
#include <stdlib.h>

#include "python/base/errors.h"
#include "python/messages/reader.h"
#include "block.h"

/* Bytes of a chunk from which feed() releases the GIL. Reading fewer takes less than 20 us, and a
 * thread that wants the GIL back may wait for a whole switch interval, 5 ms. */
#define UNLOCK_SIZE (64u * 1024u)

static PyObject *
reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    return heka_reader_new(type, "BlockReader", args, kwargs);
}

static void
reader_dealloc(PyObject *op)
{
    PyTypeObject *tp = Py_TYPE(op);
    heka_reader_clear((HekaReader *)op);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

/* Blocks that were read and are not yet objects. */
typedef struct {
    hk_block *blocks; /* owned */
    size_t count;
    size_t room;
} found;

static hk_status
add(found *all, hk_block *block)
{
    if (all->count == all->room) {
        const size_t room = all->room == 0 ? 8 : 2 * all->room;
        hk_block *blocks = realloc(all->blocks, room * sizeof *blocks);
        if (blocks == NULL) {
            return HK_ERR_NOMEM;
        }
        all->blocks = blocks;
        all->room = room;
    }
    return hk_block_move(&all->blocks[all->count], block) == HK_OK ? (all->count++, HK_OK)
                                                                   : HK_ERR_NOMEM;
}

/* Reads all blocks of the chunk; needs no GIL. Not HK_OK: the rest of the chunk was abandoned. */
static hk_status
read_all(hk_reader *reader, hk_slice chunk, found *all, hk_error *err)
{
    hk_block block;
    hk_status status;
    hk_block_init(&block);
    hk_reader_feed(reader, chunk.data, chunk.len);
    while ((status = hk_reader_next_block(reader, &block, err)) == HK_OK) {
        const uint8_t *frames = block.frames.data;
        const bool is_inside = (uintptr_t)frames - (uintptr_t)chunk.data < chunk.len;
        status = is_inside ? HK_OK : hk_block_own(&block, err);
        if (status == HK_OK && (status = add(all, &block)) != HK_OK) {
            status = hk_fail(err, status, 0, "no memory for a block");
        }
        if (status != HK_OK) {
            break;
        }
    }
    hk_block_clear(&block);
    if (status != HK_ERR_TRUNCATED) {
        hk_reader_abandon(reader);
        return status;
    }
    return HK_OK;
}

/* A list of Blocks from what was found, which is then empty. */
static PyObject *
list_of(heka_state *state, found *all, PyObject *chunk)
{
    PyObject *list = PyList_New((Py_ssize_t)all->count);
    for (size_t i = 0; i < all->count; i++) {
        hk_block *block = &all->blocks[i];
        PyObject *item =
            list == NULL ? NULL : heka_block_new(state, block, block->own == NULL ? chunk : NULL);
        if (item == NULL) {
            hk_block_clear(block);
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

/* The chunk as exact bytes, which cannot change: itself, or a copy. */
static PyObject *
bytes_of(PyObject *chunk)
{
    Py_buffer view;
    if (PyBytes_CheckExact(chunk)) {
        return Py_NewRef(chunk);
    }
    if (PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *copy = PyBytes_FromStringAndSize(view.buf, view.len);
    PyBuffer_Release(&view);
    return copy;
}

/* On an exception (MemoryError only) the frames read so far are lost, and the rest of the chunk is
 * counted as discarded. */
static PyObject *
reader_feed(PyObject *op, PyObject *chunk)
{
    HekaReader *self = (HekaReader *)op;
    heka_state *state = heka_state_of(op);
    PyObject *list = NULL;
    PyObject *bytes = bytes_of(chunk); /* before it is busy: __buffer__ may be user code */
    if (bytes == NULL) {
        return NULL;
    }
    HEKA_BEGIN_CRITICAL_SECTION(op);
    if (heka_reader_enter(self, "feed()") == 0) {
        const hk_slice data = {(const uint8_t *)PyBytes_AS_STRING(bytes),
                               (size_t)PyBytes_GET_SIZE(bytes)};
        found all = {NULL, 0, 0};
        hk_error err;
        hk_status status;
        if (data.len >= UNLOCK_SIZE) {
            self->unlocked = true;
            Py_BEGIN_ALLOW_THREADS;
            status = read_all(&self->reader, data, &all, &err);
            Py_END_ALLOW_THREADS;
            self->unlocked = false;
        } else {
            status = read_all(&self->reader, data, &all, &err);
        }
        if (status == HK_OK) {
            list = list_of(state, &all, bytes);
        } else {
            heka_raise(state, &err);
            for (size_t i = 0; i < all.count; i++) {
                hk_block_clear(&all.blocks[i]);
            }
        }
        free(all.blocks);
        self->busy = false;
    }
    HEKA_END_CRITICAL_SECTION();
    Py_DECREF(bytes);
    return list;
}

static PyMethodDef reader_methods[] = {
    {"feed", reader_feed, METH_O,
     "feed($self, chunk, /)\n--\n\n"
     "Read *chunk* and return the list of blocks of the frames that it completes.\n\n"
     "A chunk may end anywhere in a frame. Chunks of 64 KiB or more are read without the GIL."},
    {"close", heka_reader_close, METH_NOARGS,
     "close($self)\n--\n\nEnd the stream: count the bytes of an incomplete frame as discarded."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    reader_doc,
    "BlockReader(max_message_size=65536, signers=None, require_signature=False)\n--\n\n"
    "Split a stream of bytes into blocks of frames; no object is made for a message.\n\n"
    "Args, rules and account are those of StreamReader. A block has at most 1,024 frames, and at\n"
    "most 256 KiB unless a single frame is larger. The bytes of a chunk of type bytes are not\n"
    "copied, but for a frame that spans two chunks.");

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
    .name = "heka.BlockReader",
    .basicsize = sizeof(HekaReader),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = reader_slots,
};

int
heka_block_reader_init(PyObject *module, heka_state *state)
{
    state->block_reader_type = heka_new_type(module, &reader_spec, NULL);
    if (state->block_reader_type == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "BlockReader", (PyObject *)state->block_reader_type);
}
