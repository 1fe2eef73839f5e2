/* json.c -- json_line: a message as one line of JSON.
 *
 * A Message keeps its texts as str. Those that are ASCII are borrowed; the others are encoded
 * again, one behind the other, into one buffer. Nothing here runs user code. */
#include "json.h"

#include <string.h>

#include "core/format/hk_json.h"
#include "core/wire/hk_normalise.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "message_object.h"

#define LINE_BLOCK 2048 /* bytes on the stack: the line of a small message fits */

/* *slice: the UTF-8 of *text, borrowed from the str or written into *spare, which has the room. */
static void
put_text(const hk_text *text, hk_buffer *spare, hk_slice *slice)
{
    if (text->kind == HK_TEXT_UTF8) {
        *slice = (hk_slice){text->data, text->len};
        return;
    }
    uint8_t *start = spare->data + spare->len;
    const uint8_t *end = hk_utf8_write(text, start);
    *slice = (hk_slice){start, (size_t)(end - start)};
    spare->len += slice->len;
}

/* *slices: the UTF-8 of `count` texts. 0, or -1 with
 * MemoryError, or EncodeError for a lone surrogate that escapes no byte. */
static int
read_texts(heka_state *state, PyObject *const *texts, size_t count, hk_buffer *spare,
           hk_slice *slices)
{
    hk_text views[HEKA_MESSAGE_TEXTS];
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        size_t at;
        if (heka_text_borrow(texts[i], &views[i]) < 0) {
            return -1;
        }
        if (views[i].kind != HK_TEXT_UTF8 &&
            hk_utf8_measure(&views[i], HK_SURROGATES_ESCAPED, &size, &at) != HK_OK) {
            return heka_text_check(state, "signer or origin", texts[i]); /* it raises */
        }
        total += size;
    }
    const hk_status status = hk_buffer_room(spare, total);
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        put_text(&views[i], spare, &slices[i]);
    }
    return 0;
}

/* Fills *m, which borrows from the message and from *spare. 0, or -1 with an exception. */
static int
read_message(heka_state *state, HekaMessage *message, hk_buffer *spare, hk_message *m)
{
    PyObject *texts[HEKA_MESSAGE_TEXTS];
    hk_slice slices[HEKA_MESSAGE_TEXTS];
    for (size_t i = 0; i < HEKA_MESSAGE_TEXTS; i++) {
        texts[i] = heka_message_text(message, i);
    }
    if (read_texts(state, texts, HEKA_MESSAGE_TEXTS, spare, slices) < 0) {
        return -1;
    }
    *m = (hk_message){.uuid = message->uuid,
                      .timestamp = message->timestamp,
                      .severity = message->severity,
                      .pid = message->pid,
                      .type = slices[0],
                      .logger = slices[1],
                      .payload = slices[2],
                      .env_version = slices[3],
                      .hostname = slices[4],
                      .fields = heka_message_wire(message)};
    return 0;
}

/* A new str with the line. */
static PyObject *
line_new(heka_state *state, const hk_message *m, const hk_json_origin *origin)
{
    uint8_t block[LINE_BLOCK];
    hk_buffer out;
    hk_error err;
    PyObject *line = NULL;
    hk_buffer_init(&out, block, sizeof block, (size_t)PY_SSIZE_T_MAX);
    if (hk_json_line(m, origin, &out, &err) != HK_OK) {
        heka_raise(state, &err);
    } else if ((line = PyUnicode_New((Py_ssize_t)out.len, 127)) != NULL) {
        memcpy(PyUnicode_DATA(line), out.data, out.len);
    }
    hk_buffer_clear(&out);
    return line;
}

/* The line of a Message; None if its fields were read, as they may have been changed since. */
static PyObject *
line_of_message(heka_state *state, PyObject *op, const hk_json_origin *origin)
{
    HekaMessage *message = (HekaMessage *)op;
    hk_buffer spare;
    hk_message m;
    PyObject *line = NULL;
    hk_buffer_init(&spare, NULL, 0, (size_t)PY_SSIZE_T_MAX);
    HEKA_BEGIN_CRITICAL_SECTION(op);
    if (message->fields != NULL) {
        line = Py_NewRef(Py_None);
    } else if (read_message(state, message, &spare, &m) == 0) {
        line = line_new(state, &m, origin);
    }
    HEKA_END_CRITICAL_SECTION();
    hk_buffer_clear(&spare);
    return line;
}

/* The line of an encoded message. */
static PyObject *
line_of_bytes(heka_state *state, PyObject *data, const hk_json_origin *origin)
{
    Py_buffer view;
    hk_buffer spare;
    hk_message m;
    hk_error err;
    PyObject *line = NULL;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    hk_buffer_init(&spare, NULL, 0, HK_LENGTH_MAX);
    if (hk_decode(view.buf, (size_t)view.len, &m, &spare, &err) != HK_OK) {
        heka_raise(state, &err);
    } else {
        line = line_new(state, &m, origin);
    }
    hk_buffer_clear(&spare); /* m may borrow from it, so last */
    PyBuffer_Release(&view);
    return line;
}

/* Reads checked, signer, signer_version and origin. 0, or -1 with an exception. */
static int
read_origin(heka_state *state, PyObject *const *args, hk_buffer *spare, hk_json_origin *out)
{
    PyObject *const texts[2] = {args[3], args[1] == Py_None ? args[3] : args[1]};
    hk_slice slices[2];
    int64_t version = 0;
    const int checked = PyObject_IsTrue(args[0]);
    if (checked < 0) {
        return -1;
    }
    if (!PyUnicode_Check(texts[0])) {
        return heka_type_error("origin", "str", texts[0]);
    }
    if (!PyUnicode_Check(texts[1])) {
        return heka_type_error("signer", "str or None", texts[1]);
    }
    if ((args[1] == Py_None) != (args[2] == Py_None)) {
        PyErr_SetString(PyExc_ValueError, "signer and signer_version must be given both, or None");
        return -1;
    }
    if (args[2] != Py_None && heka_read_int64(args[2], "signer_version", &version) < 0) {
        return -1;
    }
    if (version < 0 || version > UINT32_MAX) {
        return heka_value_error(args[2], "signer_version must be from 0 to 4294967295");
    }
    if (read_texts(state, texts, 2, spare, slices) < 0) {
        return -1;
    }
    *out = (hk_json_origin){.checked = checked != 0,
                            .is_signed = args[1] != Py_None,
                            .signer = slices[1],
                            .version = (uint32_t)version,
                            .from = slices[0]};
    return 0;
}

PyObject *
heka_json_line(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    hk_json_origin origin;
    hk_buffer spare;
    PyObject *line = NULL;
    if (nargs != 1 && nargs != 5) {
        PyErr_Format(PyExc_TypeError,
                     "json_line() takes from 1 to 5 positional arguments but %zd were given; "
                     "either 1 or all 5",
                     nargs);
        return NULL;
    }
    hk_buffer_init(&spare, NULL, 0, (size_t)PY_SSIZE_T_MAX);
    if (nargs == 1 || read_origin(state, args + 1, &spare, &origin) == 0) {
        const hk_json_origin *known = nargs == 1 ? NULL : &origin;
        line = Py_TYPE(args[0]) == state->message_type ? line_of_message(state, args[0], known)
                                                       : line_of_bytes(state, args[0], known);
    }
    hk_buffer_clear(&spare);
    return line;
}

const char heka_json_line_doc[] = PyDoc_STR(
    "json_line(message, checked=..., signer=..., signer_version=..., origin=..., /)\n--\n\n"
    "Return *message*, a Message or the bytes of one, as the line of "
    "``heka.jsonlines.line_of``.\n\n"
    "With the other four, which go together, as the line of ``heka listen --json``. None for a\n"
    "Message whose ``fields`` were read: they may have been changed since.\n\n"
    "Raises:\n"
    "    DecodeError: The bytes are no message.");
