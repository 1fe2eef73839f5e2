/* carbon.c -- carbon_lines: the lines in the payloads of a block, checked and cut without the GIL.
 */
#include "carbon.h"

#include "core/format/hk_carbon.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/match/block.h"

static int
read_size(PyObject *value, const char *name, size_t *out)
{
    int64_t number;
    if (heka_read_int64(value, name, &number) < 0) {
        return -1;
    }
    if (number < 0) {
        PyErr_Format(PyExc_ValueError, "%s: expected 0 or more, got %lld", name, (long long)number);
        return -1;
    }
    *out = (size_t)number;
    return 0;
}

/* A list with the pieces as bytes. */
static PyObject *
pieces_of(const hk_carbon *carbon)
{
    const size_t count = hk_carbon_pieces(carbon);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list != NULL && i < count; i++) {
        const hk_slice piece = hk_carbon_piece(carbon, i);
        PyObject *bytes =
            PyBytes_FromStringAndSize((const char *)piece.data, (Py_ssize_t)piece.len);
        if (bytes == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, bytes);
        }
    }
    return list;
}

PyObject *
heka_carbon_lines(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    hk_carbon_options options = {.most_lines = 0};
    hk_carbon carbon;
    Py_buffer tags;
    if (nargs != 4) {
        PyErr_Format(PyExc_TypeError,
                     "carbon_lines() takes 4 positional arguments but %zd were given", nargs);
        return NULL;
    }
    if (read_size(args[2], "most_lines", &options.most_lines) < 0 ||
        read_size(args[3], "most_bytes", &options.most_bytes) < 0) {
        return NULL;
    }
    const hk_block *block = heka_block_borrow(state, args[0], "block");
    if (block == NULL || PyObject_GetBuffer(args[1], &tags, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    options.tags = (hk_slice){tags.buf, (size_t)tags.len};
    hk_carbon_init(&carbon);

    PyThreadState *unlocked = PyEval_SaveThread();
    hk_status status = hk_buffer_room(&carbon.out, block->frames.len + 1);
    for (size_t i = 0; status == HK_OK && i < block->count; i++) {
        status = hk_carbon_add(&carbon, hk_block_message(block, i)->payload, &options);
    }
    PyEval_RestoreThread(unlocked);

    PyBuffer_Release(&tags);
    PyObject *result = NULL;
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
    } else {
        PyObject *pieces = pieces_of(&carbon);
        const hk_carbon_count *count = &carbon.count;
        result = pieces == NULL
                     ? NULL
                     : Py_BuildValue("(N(KKKK))", pieces, (unsigned long long)count->lines,
                                     (unsigned long long)count->too_long,
                                     (unsigned long long)count->malformed,
                                     (unsigned long long)count->not_text);
    }
    hk_carbon_clear(&carbon);
    return result;
}

const char heka_carbon_lines_doc[] = PyDoc_STR(
    "carbon_lines(block, tags, most_lines, most_bytes, /)\n--\n\n"
    "Return (pieces, (lines, too_long, malformed, not_text)): the lines ``key value time`` in the\n"
    "payloads of *block*, as pieces of at most so many lines and bytes (0: any number), and how\n"
    "many were written, and refused. tags: ``;name=value``, behind each key. Other threads run\n"
    "meanwhile.");
