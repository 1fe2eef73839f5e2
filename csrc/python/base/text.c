/* text.c -- conversion between str and hk_text.
 *
 * Text is encoded by hk_utf8_write directly into the output, not by PyUnicode_AsUTF8AndSize, which
 * keeps a second copy on every long non-ASCII str for as long as the str exists. */
#include "text.h"

#include <string.h>

#include "errors.h"

#define CACHED_MAX 32u /* bytes of the longest cached string; longer ones seldom repeat */

int
heka_text_init(heka_state *state)
{
    state->empty = PyUnicode_FromStringAndSize(NULL, 0);
    return state->empty == NULL ? -1 : 0;
}

static PyObject *
ascii_new(const uint8_t *data, size_t len)
{
    PyObject *str = PyUnicode_New((Py_ssize_t)len, 127);
    if (str != NULL) {
        memcpy(PyUnicode_DATA(str), data, len);
    }
    return str;
}

/* Index into the cache: a multiplicative hash of the first 8 bytes, the last 4 and the length. */
static inline size_t
slot_of(const uint8_t *data, size_t len)
{
    uint64_t word = 0;
    uint32_t tail = 0;
    hk_copy((uint8_t *)&word, data, len < sizeof word ? len : sizeof word);
    if (len > sizeof tail) {
        memcpy(&tail, data + len - sizeof tail, sizeof tail);
    }
    word = (word ^ (uint64_t)tail << 29 ^ len) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(word >> 55);
}

static inline bool
is_text(PyObject *str, hk_slice slice)
{
    return (size_t)PyUnicode_GET_LENGTH(str) == slice.len &&
           memcmp(PyUnicode_DATA(str), slice.data, slice.len) == 0;
}

/* A cached str is shared by everything that was decoded; str is immutable, so that is safe. */
PyObject *
heka_text_new(heka_state *state, hk_slice slice)
{
    PyObject **slot = NULL;
    if (slice.len == 0) {
        return Py_NewRef(state->empty);
    }
    if (!HEKA_FREE_THREADED && slice.len <= CACHED_MAX) { /* only the GIL protects the cache */
        slot = &state->text_cache[slot_of(slice.data, slice.len)];
        if (*slot != NULL && is_text(*slot, slice)) {
            return Py_NewRef(*slot);
        }
    }
    if (!hk_utf8_is_ascii(slice.data, slice.len)) {
        return PyUnicode_DecodeUTF8((const char *)slice.data, (Py_ssize_t)slice.len,
                                    "surrogateescape");
    }
    PyObject *str = ascii_new(slice.data, slice.len);
    if (str != NULL && slot != NULL) {
        /* The slot is set before the old str is released. Releasing an exact str runs no code. */
        Py_XSETREF(*slot, Py_NewRef(str));
    }
    return str;
}

PyObject *
heka_text_exact(PyObject *str)
{
    return PyUnicode_CheckExact(str) ? Py_NewRef(str) : PyUnicode_FromObject(str);
}

int
heka_text_refuse(heka_state *state, const char *name, PyObject *value, size_t at)
{
    char point[8]; /* PyUnicode_FromFormat has no %X before 3.12 */
    PyOS_snprintf(point, sizeof point, "%04X",
                  (unsigned)PyUnicode_READ_CHAR(value, (Py_ssize_t)at) & 0xffffu);
    PyErr_Format(state->EncodeError,
                 "%s holds the lone surrogate U+%s at index %zu, which UTF-8 cannot encode; "
                 "replace it, e.g. s.encode('utf-8', 'replace').decode()",
                 name, point, at);
    return -1;
}

int
heka_text_check(heka_state *state, const char *name, PyObject *value)
{
    hk_text text;
    size_t size;
    size_t at;

    if (!PyUnicode_Check(value)) {
        return heka_type_error(name, "str", value);
    }
    if (heka_text_borrow(value, &text) < 0) {
        return -1;
    }
    if (hk_utf8_measure(&text, HK_SURROGATES_REFUSED, &size, &at) != HK_OK) {
        return heka_text_refuse(state, name, value, at);
    }
    return 0;
}

PyObject *
heka_text_replace(PyObject *str)
{
    PyObject *bytes = PyUnicode_AsEncodedString(str, "utf-8", "backslashreplace");
    if (bytes == NULL) {
        return NULL;
    }
    PyObject *out = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), NULL);
    Py_DECREF(bytes);
    return out;
}
