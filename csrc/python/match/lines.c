/* lines.c -- json_lines: all messages of a block as lines of JSON, written without the GIL if there
 * are many.
 *
 * They are copied once, from a buffer of more than their size. If they were written into the bytes
 * object itself, which is then cut to its size, malloc would never keep so large a block: the
 * kernel would map and clear its pages anew for each call, which takes as long as writing the
 * lines.
 */
#include "lines.h"

#include "core/format/hk_json.h"
#include "python/base/errors.h"
#include "block.h"

/* Bytes that are allocated for a message of `len` bytes: the names in a line of JSON, and the texts
 * of the message, some of them escaped. */
#define LINE_ROOM 512u
#define LINE_FACTOR 2u
/* Bytes of frames from which the GIL is released. The lines of fewer take less than 50 us, and a
 * thread that wants the GIL back may wait for a whole switch interval, 5 ms. */
#define UNLOCK_SIZE (16u * 1024u)

static hk_status
write_lines(const hk_block *block, const hk_json_origin *origin, hk_buffer *out, hk_error *err)
{
    hk_status status = HK_OK;
    for (size_t i = 0; i < block->count && status == HK_OK; i++) {
        status = hk_json_line(hk_block_message(block, i), origin, out, err);
    }
    return status;
}

/* A new bytes object with the lines. The caller keeps the block alive. */
static PyObject *
lines_new(heka_state *state, const hk_block *block, const hk_json_origin *origin)
{
    hk_buffer out;
    hk_error err;
    PyObject *bytes = NULL;
    hk_buffer_init(&out, NULL, 0, (size_t)PY_SSIZE_T_MAX);
    hk_status status =
        hk_buffer_room(&out, block->count * LINE_ROOM + block->frames.len * LINE_FACTOR);
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        return NULL;
    }
    PyThreadState *unlocked = block->frames.len < UNLOCK_SIZE ? NULL : PyEval_SaveThread();
    status = write_lines(block, origin, &out, &err);
    if (unlocked != NULL) {
        PyEval_RestoreThread(unlocked);
    }
    if (status != HK_OK) {
        heka_raise(state, &err);
    } else {
        bytes = PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.len);
    }
    hk_buffer_clear(&out);
    return bytes;
}

PyObject *
heka_json_lines(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    if (nargs != 1 && nargs != 3) {
        PyErr_Format(PyExc_TypeError,
                     "json_lines() takes from 1 to 3 positional arguments but %zd were given; "
                     "either 1 or all 3",
                     nargs);
        return NULL;
    }
    const hk_block *block = heka_block_borrow(state, args[0], "block");
    if (block == NULL) {
        return NULL;
    }
    if (nargs == 1) {
        return lines_new(state, block, NULL);
    }
    const int checked = PyObject_IsTrue(args[1]);
    if (checked < 0) {
        return NULL;
    }
    if (!PyUnicode_Check(args[2])) {
        (void)heka_type_error("origin", "str", args[2]);
        return NULL;
    }
    PyObject *from = PyUnicode_AsEncodedString(args[2], "utf-8", "surrogateescape");
    if (from == NULL) {
        return NULL;
    }
    const hk_slice signer = hk_block_signer(block);
    const hk_json_origin origin = {
        .checked = checked != 0,
        .is_signed = signer.data != NULL,
        .signer = signer,
        .version = block->version,
        .from = {(const uint8_t *)PyBytes_AS_STRING(from), (size_t)PyBytes_GET_SIZE(from)}};
    PyObject *lines = lines_new(state, block, &origin);
    Py_DECREF(from);
    return lines;
}

const char heka_json_lines_doc[] = PyDoc_STR(
    "json_lines(block, checked=..., origin=..., /)\n--\n\n"
    "Return the line of ``heka.jsonlines.line_of`` for each message of *block*, as bytes.\n\n"
    "With the other two, which go together, the lines of ``heka listen --json``; the signer is\n"
    "that of the block. Other threads run meanwhile.");
