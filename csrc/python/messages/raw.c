/* raw.c -- encode_raw: a message with everything that a decoded one may have.
 *
 * heka.Message refuses new texts that are not UTF-8 and fields without values; receivers deliver
 * both. What prints messages and reads them again must be able to write them. Only the types of the
 * wire are accepted, so no user code runs once uuid and numbers are read. */
#include "raw.h"

#include "core/wire/hk_encode.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "codec.h"
#include "head.h"

#define TEXTS 5 /* type, logger, payload, env_version, hostname */

/* Raises the exception of a status, for the text or value `what`. Returns -1. */
static int
refuse(heka_state *state, hk_status status, const char *what)
{
    if (status == HK_ERR_TEXT) {
        PyErr_Format(state->EncodeError,
                     "%s holds a lone surrogate that escapes no byte, which UTF-8 cannot encode",
                     what);
        return -1;
    }
    (void)heka_raise_status(state, status);
    return -1;
}

static int
borrow(PyObject *value, const char *what, hk_text *out)
{
    if (!PyUnicode_Check(value)) {
        return heka_type_error(what, "str", value);
    }
    return heka_text_borrow(value, out);
}

/* Appends one value, which must have the type exactly. */
static int
put_value(heka_state *state, hk_buffer *out, hk_value_type type, PyObject *value)
{
    hk_text text;
    size_t at;
    int overflow;
    hk_status status = HK_OK;
    switch (type) {
        case HK_STRING:
            if (borrow(value, "a string value", &text) < 0) {
                return -1;
            }
            status = hk_put_string(out, &text, HK_SURROGATES_ESCAPED, &at);
            break;
        case HK_BYTES:
            if (!PyBytes_Check(value)) {
                return heka_type_error("a bytes value", "bytes", value);
            }
            status = hk_put_bytes(out, (hk_slice){(const uint8_t *)PyBytes_AS_STRING(value),
                                                  (size_t)PyBytes_GET_SIZE(value)});
            break;
        case HK_INTEGER:
            if (!PyLong_Check(value)) {
                return heka_type_error("an integer value", "int", value);
            }
            const long long wide = PyLong_AsLongLongAndOverflow(value, &overflow);
            if (overflow != 0) {
                PyErr_SetString(PyExc_ValueError, "an integer value must fit in 64 bits");
                return -1;
            }
            status = hk_put_integer(out, wide);
            break;
        case HK_DOUBLE:
            if (!PyFloat_Check(value)) {
                return heka_type_error("a double value", "float", value);
            }
            status = hk_put_double(out, PyFloat_AS_DOUBLE(value));
            break;
        case HK_BOOL:
            if (!PyBool_Check(value)) {
                return heka_type_error("a bool value", "bool", value);
            }
            status = hk_put_bool(out, value == Py_True);
            break;
    }
    return status == HK_OK ? 0 : refuse(state, status, "a string value");
}

/* Appends the field (name, representation, value_type, values). */
static int
put_field(heka_state *state, hk_buffer *out, PyObject *field)
{
    hk_text name;
    hk_text representation;
    int32_t type;
    hk_field_mark mark;
    if (!PyTuple_Check(field) || PyTuple_GET_SIZE(field) != 4 ||
        !PyList_Check(PyTuple_GET_ITEM(field, 3)) || !PyLong_Check(PyTuple_GET_ITEM(field, 2))) {
        return heka_type_error("a field", "(name, representation, value_type, list of values)",
                               field);
    }
    PyObject *values = PyTuple_GET_ITEM(field, 3);
    if (borrow(PyTuple_GET_ITEM(field, 0), "a field's name", &name) < 0 ||
        borrow(PyTuple_GET_ITEM(field, 1), "a representation", &representation) < 0 ||
        heka_read_int32(PyTuple_GET_ITEM(field, 2), "value_type", &type) < 0) {
        return -1;
    }
    if (type < 0 || type >= (int32_t)HK_VALUE_TYPES) {
        return heka_value_error(PyTuple_GET_ITEM(field, 2), "value_type must be from 0 to 4");
    }
    hk_status status = hk_field_open(out, (hk_slice){NULL, 0}, &name, (hk_value_type)type,
                                     &representation, HK_SURROGATES_ESCAPED, &mark);
    if (status != HK_OK) {
        return refuse(state, status, "a field's name or representation");
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
        if (put_value(state, out, (hk_value_type)type, PyList_GET_ITEM(values, i)) < 0) {
            return -1;
        }
    }
    status = PyList_GET_SIZE(values) == 0 ? hk_field_close_valueless(out, &mark)
                                          : hk_field_close(out, &mark);
    return status == HK_OK ? 0 : refuse(state, status, "a field");
}

/* Appends attributes and fields. */
static int
put_message(heka_state *state, hk_head *head, PyObject *texts, PyObject *fields, hk_buffer *out)
{
    hk_text *const slots[TEXTS] = {&head->type, &head->logger, &head->payload, &head->env_version,
                                   &head->hostname};
    if (!PyTuple_Check(texts) || PyTuple_GET_SIZE(texts) != TEXTS) {
        return heka_type_error("texts", "a tuple of five str", texts);
    }
    if (!PyList_Check(fields)) {
        return heka_type_error("fields", "list", fields);
    }
    for (Py_ssize_t i = 0; i < TEXTS; i++) {
        if (borrow(PyTuple_GET_ITEM(texts, i), "an attribute", slots[i]) < 0) {
            return -1;
        }
    }
    const hk_status status = hk_encode_head(out, head);
    if (status != HK_OK) {
        return refuse(state, status, "an attribute");
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(fields); i++) {
        if (put_field(state, out, PyList_GET_ITEM(fields, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *
heka_encode_raw(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    heka_state *state = heka_state_of_module(module);
    uint8_t block[HEKA_BLOCK];
    uint8_t uuid[HK_UUID_SIZE];
    hk_head head = {.uuid = uuid};
    hk_buffer out;
    PyObject *bytes = NULL;
    if (nargs != 6) {
        PyErr_Format(PyExc_TypeError, "encode_raw() takes 6 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    if (heka_read_uuid(state, args[0], uuid) < 0 ||
        heka_read_int64(args[1], "timestamp_ns", &head.timestamp) < 0 ||
        heka_read_int32(args[2], "severity", &head.severity) < 0 ||
        heka_read_int32(args[3], "pid", &head.pid) < 0) {
        return NULL;
    }
    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    if (put_message(state, &head, args[4], args[5], &out) == 0) {
        bytes = out.len > HK_MESSAGE_MAX
                    ? (heka_refuse_size(state, out.len), NULL)
                    : PyBytes_FromStringAndSize((const char *)out.data, (Py_ssize_t)out.len);
    }
    hk_buffer_clear(&out);
    return bytes;
}

const char heka_encode_raw_doc[] = PyDoc_STR(
    "encode_raw(uuid, timestamp_ns, severity, pid, texts, fields, /)\n--\n\n"
    "Encode a message; unlike Message, also with texts that were not UTF-8 (as surrogateescape\n"
    "decodes them) and with fields without values.\n\n"
    "Args:\n"
    "    texts: (type, logger, payload, env_version, hostname).\n"
    "    fields: (name, representation, value_type, values) for each.\n\n"
    "Raises:\n"
    "    EncodeError: The message exceeds 65,536 bytes, or a text cannot be encoded.");
