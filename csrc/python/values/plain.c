/* plain.c -- encodes fields of exact built-in types: the fast path.
 *
 * Nothing here runs user code or allocates a Python object, so no garbage collection can start and
 * borrowed references stay valid. It sets an exception only for HEKA_FAILED. */
#include "plain.h"

#include <string.h>

#include "python/base/text.h"
#include "refuse.h"

/* Writes one value of that exact type. HK_ERR_TEXT, HK_ERR_ARGUMENT: it has a lone surrogate, or
 * does not fit; coerce.c reports it. */
static inline hk_status
put_plain(hk_buffer *out, int type, PyObject *value)
{
    hk_text text;
    size_t at;
    int overflow;
    if (type == KIND_STRING) {
        if (heka_text_borrow(value, &text) < 0) {
            PyErr_Clear();
            return HK_ERR_NOMEM;
        }
        return HK_LIKELY(text.kind == HK_TEXT_UTF8 && text.len <= HK_TEXT_SHORT)
                   ? hk_put_short(out, text.data, text.len)
                   : hk_put_string(out, &text, HK_SURROGATES_REFUSED, &at);
    }
    if (type == KIND_INTEGER) {
        const long long wide = PyLong_AsLongLongAndOverflow(value, &overflow);
        return HK_UNLIKELY(overflow != 0) ? HK_ERR_ARGUMENT : hk_put_integer(out, wide);
    }
    if (type == KIND_DOUBLE) {
        return hk_put_double(out, PyFloat_AS_DOUBLE(value));
    }
    if (type == KIND_BOOL) {
        return hk_put_bool(out, value == Py_True);
    }
    return hk_put_bytes(out, (hk_slice){(const uint8_t *)PyBytes_AS_STRING(value),
                                        (size_t)PyBytes_GET_SIZE(value)});
}

/* Encodes one field: the items of an exact list or tuple, or one value. */
static inline int
plain_field(heka_run *r, const hk_text *name, PyObject *const *items, Py_ssize_t count)
{
    hk_field_mark mark;
    const hk_slice path = heka_run_path(r);
    const int type = heka_plain_kind(items[0]);
    if (type < 0) {
        return HEKA_NOT_PLAIN;
    }
    hk_status status = HK_LIKELY(path.len + name->len <= HK_NAME_SHORT)
                           ? hk_field_open_short(r->out, path, name, (hk_value_type)type, &mark)
                           : hk_field_open(r->out, path, name, (hk_value_type)type, &heka_no_text,
                                           HK_SURROGATES_REFUSED, &mark);
    if (HK_LIKELY(status == HK_OK)) {
        status = put_plain(r->out, type, items[0]);
    }
    for (Py_ssize_t i = 1; i < count && status == HK_OK; i++) {
        status = Py_TYPE(items[i]) == Py_TYPE(items[0]) ? put_plain(r->out, type, items[i])
                                                        : HK_ERR_ARGUMENT;
    }
    if (HK_LIKELY(status == HK_OK)) {
        status = hk_field_close(r->out, &mark);
    }
    if (HK_LIKELY(status == HK_OK)) {
        return HEKA_DONE;
    }
    if (status == HK_ERR_TEXT || status == HK_ERR_ARGUMENT) {
        return HEKA_NOT_PLAIN; /* refused: the thorough way says why */
    }
    if (status == HK_ERR_TOO_BIG && heka_is_lenient(r->policy)) {
        return HEKA_NOT_PLAIN; /* where its repr stands in */
    }
    return heka_run_fail(r, status);
}

/* True when one of the eight bytes is a dot: the classic test for a zero byte, after a xor. */
static inline bool
word_has_dot(uint64_t word)
{
    const uint64_t x = word ^ UINT64_C(0x2e2e2e2e2e2e2e2e);
    return ((x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080)) != 0;
}

/* memchr(data, '.', len) for names, which are too short for a call to pay. */
static inline bool
has_dot(const uint8_t *data, size_t len)
{
    uint64_t word = 0;
    if (len <= sizeof word) {
        hk_copy((uint8_t *)&word, data, len);
        return word_has_dot(word);
    }
    for (size_t at = 0; at < len - sizeof word; at += sizeof word) {
        memcpy(&word, data + at, sizeof word);
        if (word_has_dot(word)) {
            return true;
        }
    }
    memcpy(&word, data + len - sizeof word, sizeof word);
    return word_has_dot(word);
}

/* A nested exact dict. Too deep is left to coerce.c, which names the field. */
static int
plain_nested(heka_run *r, const hk_text *name, PyObject *dict)
{
    if (r->depth >= HEKA_DEPTH_MAX) {
        return HEKA_NOT_PLAIN;
    }
    const size_t path_len = r->path.len;
    const hk_status status = heka_run_enter(r, name);
    if (status != HK_OK) {
        return heka_run_fail(r, status);
    }
    const int result = heka_plain_dict(r, dict);
    heka_run_leave(r, path_len);
    return result;
}

static inline int
plain_entry(heka_run *r, PyObject *key, PyObject *value)
{
    hk_text name;
    if (!PyUnicode_CheckExact(key) || heka_unicode_ready(key) < 0) {
        PyErr_Clear();
        return HEKA_NOT_PLAIN;
    }
    if (heka_text_borrow(key, &name) < 0) {
        PyErr_Clear();
        return HEKA_NOT_PLAIN;
    }
    if (name.kind != HK_TEXT_UTF8) {
        return HEKA_NOT_PLAIN; /* names that are not ASCII are rare; the general path does them */
    }
    r->dotted |= has_dot(name.data, name.len);
    /* Borrowed, and so are the items of a list below: no user code runs, so neither the dict nor
     * the list can change or release them. */
    PyObject *const *items = &value;
    Py_ssize_t count = 1;
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyList_Type || type == &PyTuple_Type) {
        count = PySequence_Fast_GET_SIZE(value);
        items = PySequence_Fast_ITEMS(value);
        if (count == 0) {
            return HEKA_NOT_PLAIN;
        }
    } else if (type == &PyDict_Type) {
        return plain_nested(r, &name, value);
    }
    return plain_field(r, &name, items, count);
}

int
heka_plain_dict(heka_run *r, PyObject *dict)
{
    PyObject *key;
    PyObject *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, &value)) { /* 19 ns an entry; .items() takes 100 ns */
        const int result = plain_entry(r, key, value);
        if (HK_UNLIKELY(result != HEKA_DONE)) {
            return result;
        }
    }
    return HEKA_DONE;
}
