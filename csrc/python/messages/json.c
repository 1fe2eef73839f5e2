/* json.c -- json_line: a message as one line of JSON.
 *
 * Nothing here runs user code. */
#include "json.h"

#include <string.h>

#include "core/format/hk_json.h"
#include "core/wire/hk_normalise.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "message_object.h"
#include "message_view.h"

#define LINE_BLOCK 2048 /* bytes on the stack: the line of a small message fits */

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
    } else if (heka_message_view(op, &spare, &m) == 0) {
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
    if (heka_texts_view(state, "signer or origin", texts, 2, spare, slices) < 0) {
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
