/* coerce.c -- the one table of accepted value types. */
#include "coerce.h"

#include <stdlib.h>
#include <string.h>

#include "core/hk_decode.h"
#include "errors.h"
#include "field.h"
#include "refuse.h"
#include "text.h"

/* One run over a mapping. */
typedef struct {
    heka_state *state;         /* borrowed */
    hk_buffer *out;            /* borrowed */
    const heka_policy *policy; /* borrowed */
    const heka_origin *origin; /* borrowed, or NULL */
    hk_buffer path;            /* owned: "outer." for each mapping that we are in */
    unsigned depth;
    bool nested;  /* a mapping inside was flattened */
    bool dotted;  /* a key holds a dot */
    bool unusual; /* a key is no exact str, or a mapping no exact dict: keys may repeat */
    bool escaped; /* the field being written holds bytes that only the wire may bring */
    bool endless; /* too deep or too big, for which only a whole entry's repr can stand in */
} run;

typedef enum {
    KIND_STRING = HK_STRING,
    KIND_BYTES = HK_BYTES,
    KIND_INTEGER = HK_INTEGER,
    KIND_DOUBLE = HK_DOUBLE,
    KIND_BOOL = HK_BOOL,
    KIND_MAPPING,
    KIND_ITERABLE,
    KIND_UNKNOWN,
    KIND_ERROR, /* an exception is set */
} kind;

static const hk_text no_text = {.data = "", .len = 0, .kind = HK_TEXT_UTF8};

int
heka_coerce_init(heka_state *state)
{
    PyObject *module = PyImport_ImportModule("enum");
    if (module == NULL) {
        return -1;
    }
    state->enum_type = PyObject_GetAttrString(module, "Enum");
    Py_DECREF(module);
    module = PyImport_ImportModule("collections.abc");
    if (module == NULL) {
        return -1;
    }
    state->mapping_type = PyObject_GetAttrString(module, "Mapping");
    Py_DECREF(module);
    return state->enum_type == NULL || state->mapping_type == NULL ? -1 : 0;
}

static inline hk_slice
path_of(const run *r)
{
    return (hk_slice){r->path.data, r->path.len};
}

static int
fail_status(run *r, hk_status status)
{
    r->endless |= status == HK_ERR_TOO_BIG;
    (void)heka_raise_status(r->state, status);
    return -1;
}

/* ---- exact built-in types: no user code, no error, or "not here" ------------------------------
 */

enum { DONE = 0, FAILED = -1, NOT_PLAIN = 1 };

/* A value of one of the five exact types; -1 when it is none. */
static inline int
plain_kind(PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type) {
        return KIND_STRING;
    }
    if (type == &PyLong_Type) {
        return KIND_INTEGER;
    }
    if (type == &PyFloat_Type) {
        return KIND_DOUBLE;
    }
    if (type == &PyBool_Type) {
        return KIND_BOOL;
    }
    return type == &PyBytes_Type ? KIND_BYTES : -1;
}

/* Writes one value of that exact type. HK_ERR_TEXT and HK_ERR_ARGUMENT: it cannot be written. */
static inline hk_status
put_plain(hk_buffer *out, int type, PyObject *value)
{
    hk_text text;
    size_t at;
    int overflow;

    switch (type) {
        case KIND_STRING:
            if (heka_text_borrow(value, &text) < 0) {
                PyErr_Clear();
                return HK_ERR_NOMEM;
            }
            return hk_put_string(out, &text, HK_SURROGATES_REFUSED, &at);
        case KIND_INTEGER: {
            const long long wide = PyLong_AsLongLongAndOverflow(value, &overflow);
            return overflow != 0 ? HK_ERR_ARGUMENT : hk_put_integer(out, wide);
        }
        case KIND_DOUBLE:
            return hk_put_double(out, PyFloat_AS_DOUBLE(value));
        case KIND_BOOL:
            return hk_put_bool(out, value == Py_True);
        default:
            return hk_put_bytes(out, (hk_slice){(const uint8_t *)PyBytes_AS_STRING(value),
                                                (size_t)PyBytes_GET_SIZE(value)});
    }
}

static int plain_dict(run *r, PyObject *dict);

/* The items of an exact list or tuple, or one value. */
static inline int
plain_field(run *r, const hk_text *name, PyObject *const *items, Py_ssize_t count)
{
    hk_field_mark mark;
    const int type = plain_kind(items[0]);
    if (type < 0) {
        return NOT_PLAIN;
    }
    hk_status status = hk_field_open(r->out, path_of(r), name, (hk_value_type)type, &no_text,
                                     HK_SURROGATES_REFUSED, &mark);
    for (Py_ssize_t i = 0; i < count && status == HK_OK; i++) {
        if (i > 0 && plain_kind(items[i]) != type) {
            return NOT_PLAIN;
        }
        status = put_plain(r->out, type, items[i]);
    }
    if (status == HK_OK) {
        status = hk_field_close(r->out, &mark);
    }
    if (HK_LIKELY(status == HK_OK)) {
        return DONE;
    }
    if (status == HK_ERR_TEXT || status == HK_ERR_ARGUMENT) {
        return NOT_PLAIN; /* refused: the thorough way says why */
    }
    return fail_status(r, status);
}

static hk_status
enter(run *r, const hk_text *name)
{
    size_t size;
    size_t at;
    /* Fields from the wire are flat, so a nested name is always new. */
    hk_status status = hk_utf8_measure(name, HK_SURROGATES_REFUSED, &size, &at);
    if (status == HK_OK && size > HK_LENGTH_MAX) {
        status = HK_ERR_TOO_BIG;
    }
    if (status == HK_OK) {
        status = hk_buffer_room(&r->path, size + 1);
    }
    if (status == HK_OK) {
        r->path.len = (size_t)(hk_utf8_write(name, r->path.data + r->path.len) - r->path.data);
        r->path.data[r->path.len++] = '.';
        r->depth++;
        r->nested = true;
    }
    return status;
}

static void
leave(run *r, size_t path_len)
{
    r->path.len = path_len;
    r->depth--;
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

static int
plain_entry(run *r, PyObject *key, PyObject *value)
{
    hk_text name;
    if (!PyUnicode_CheckExact(key) || heka_unicode_ready(key) < 0) {
        PyErr_Clear();
        return NOT_PLAIN;
    }
    (void)heka_text_borrow(key, &name); /* ready, so it cannot fail */
    if (name.kind != HK_TEXT_UTF8) {
        return NOT_PLAIN; /* rare enough to go the thorough way */
    }
    r->dotted |= has_dot(name.data, name.len);
    PyTypeObject *type = Py_TYPE(value);
    if (type == &PyList_Type || type == &PyTuple_Type) {
        const Py_ssize_t count = PySequence_Fast_GET_SIZE(value);
        return count == 0 ? NOT_PLAIN : plain_field(r, &name, PySequence_Fast_ITEMS(value), count);
    }
    if (type == &PyDict_Type) {
        if (r->depth >= HEKA_DEPTH_MAX) {
            return NOT_PLAIN;
        }
        const size_t path_len = r->path.len;
        const hk_status status = enter(r, &name);
        if (status != HK_OK) {
            return fail_status(r, status);
        }
        const int result = plain_dict(r, value);
        leave(r, path_len);
        return result;
    }
    return plain_field(r, &name, &value, 1);
}

static int
plain_dict(run *r, PyObject *dict)
{
    PyObject *key;
    PyObject *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, &value)) {
        const int result = plain_entry(r, key, value);
        if (HK_UNLIKELY(result != DONE)) {
            return result;
        }
    }
    return DONE;
}

/* ---- everything else ---------------------------------------------------------------------------
 */

/* A text to be written: refused surrogates are an error unless the text may be the wire's own, in
 * which case the field is compared with it afterwards. */
static hk_surrogates
mode_for(run *r, const hk_text *text)
{
    size_t size;
    size_t at;
    if (r->origin == NULL || hk_utf8_measure(text, HK_SURROGATES_REFUSED, &size, &at) == HK_OK) {
        return HK_SURROGATES_REFUSED;
    }
    r->escaped = true;
    return HK_SURROGATES_ESCAPED;
}

static bool
is_numpy_bool(const PyTypeObject *type)
{
    return strcmp(type->tp_name, "numpy.bool") == 0 || strcmp(type->tp_name, "numpy.bool_") == 0;
}

/* Whether __float__ tells the number that a value is. numpy gives one to each of its scalars: a
 * complex number loses half of itself in it, a date raises. */
static bool
is_real(const PyTypeObject *type)
{
    const bool numpy = strncmp(type->tp_name, "numpy.", 6) == 0;
    return type->tp_as_number != NULL && type->tp_as_number->nb_float != NULL &&
           (!numpy || strncmp(type->tp_name + 6, "float", 5) == 0 ||
            strcmp(type->tp_name + 6, "longdouble") == 0);
}

/* Replaces *value (owned) by what it stands for: an Enum by its value, a numpy array without
 * dimensions, which says that it is iterable and is not, by its item. 1, 0: it stands for itself,
 * or -1. */
static int
unwrap(run *r, PyObject **value)
{
    PyTypeObject *type = Py_TYPE(*value);
    PyObject *inner = NULL;
    if (PyType_IsSubtype(type, (PyTypeObject *)r->state->enum_type)) {
        inner = PyObject_GetAttrString(*value, "value");
    } else if (type->tp_iter != NULL && PyIndex_Check(*value) && PyObject_Size(*value) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
            return -1;
        }
        PyErr_Clear();
        PyObject *item = PyObject_GetAttrString(*value, "item");
        if (item == NULL) {
            PyErr_Clear();
            return 0;
        }
        inner = PyObject_CallNoArgs(item);
        Py_DECREF(item);
    } else {
        return 0;
    }
    if (inner == NULL) {
        return -1;
    }
    Py_SETREF(*value, inner);
    return 1;
}

/* What a value is. *value (owned) may be replaced by what it stands for. */
static kind
classify(run *r, PyObject **value)
{
    for (int i = 0; i < 4; i++) { /* an Enum of an Enum of an Enum is somebody's joke */
        const int plain = plain_kind(*value);
        if (plain >= 0) {
            return (kind)plain;
        }
        const int replaced = unwrap(r, value);
        if (replaced < 0) {
            return KIND_ERROR;
        }
        if (replaced == 0) {
            break;
        }
    }
    PyObject *v = *value;
    if (PyUnicode_Check(v)) {
        return KIND_STRING;
    }
    if (PyLong_Check(v)) {
        return KIND_INTEGER;
    }
    if (PyFloat_Check(v)) {
        return KIND_DOUBLE;
    }
    if (PyBytes_Check(v) || PyByteArray_Check(v) || PyMemoryView_Check(v)) {
        return KIND_BYTES;
    }
    if (PyDict_Check(v)) {
        return KIND_MAPPING;
    }
    if (v == Py_None) {
        return KIND_UNKNOWN;
    }
    if (is_numpy_bool(Py_TYPE(v))) {
        return KIND_BOOL;
    }
    const int mapping = PyObject_IsInstance(v, r->state->mapping_type);
    if (mapping != 0) {
        return mapping < 0 ? KIND_ERROR : KIND_MAPPING;
    }
    if (Py_TYPE(v)->tp_iter != NULL || PyList_Check(v) || PyTuple_Check(v)) {
        return KIND_ITERABLE;
    }
    if (PyIndex_Check(v)) {
        return KIND_INTEGER;
    }
    return is_real(Py_TYPE(v)) ? KIND_DOUBLE : KIND_UNKNOWN;
}

/* classify, and once more what policy->convert made of a value without a type. */
static kind
resolve(run *r, PyObject **value)
{
    kind k = classify(r, value);
    if (k == KIND_UNKNOWN && r->policy->convert != NULL) {
        PyObject *converted = PyObject_CallOneArg(r->policy->convert, *value);
        if (converted == NULL) {
            return KIND_ERROR;
        }
        Py_SETREF(*value, converted);
        k = classify(r, value);
    }
    return k;
}

static int
put_str(run *r, PyObject *key, PyObject *value, Py_ssize_t index)
{
    hk_text text;
    size_t at;
    if (heka_text_borrow(value, &text) < 0) {
        return -1;
    }
    const hk_status status = hk_put_string(r->out, &text, mode_for(r, &text), &at);
    if (status == HK_ERR_TEXT) {
        return heka_refuse_surrogate(r->state, path_of(r), key, value, at, index);
    }
    return status == HK_OK ? 0 : fail_status(r, status);
}

static int
put_buffer(run *r, PyObject *value)
{
    Py_buffer view;
    PyObject *flat = NULL; /* the bytes of a memoryview with gaps */
    if (PyObject_GetBuffer(value, &view, PyBUF_CONTIG_RO) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_BufferError)) {
            return -1;
        }
        PyErr_Clear();
        flat = PyBytes_FromObject(value);
        if (flat == NULL || PyObject_GetBuffer(flat, &view, PyBUF_CONTIG_RO) < 0) {
            Py_XDECREF(flat);
            return -1;
        }
    }
    const hk_status status = hk_put_bytes(r->out, (hk_slice){view.buf, (size_t)view.len});
    PyBuffer_Release(&view);
    Py_XDECREF(flat);
    return status == HK_OK ? 0 : fail_status(r, status);
}

/* Writes one scalar of that kind. index is its place among several values, -1 when it is alone. */
static int
put_scalar(run *r, PyObject *key, kind k, PyObject *value, Py_ssize_t index)
{
    hk_status status = HK_OK;
    switch (k) {
        case KIND_STRING:
            return put_str(r, key, value, index);
        case KIND_BYTES:
            return put_buffer(r, value);
        case KIND_BOOL: {
            const int truth = PyObject_IsTrue(value);
            if (truth < 0) {
                return -1;
            }
            status = hk_put_bool(r->out, truth != 0);
            break;
        }
        case KIND_INTEGER: {
            int overflow;
            PyObject *number = PyNumber_Index(value);
            if (number == NULL) {
                return -1;
            }
            const long long wide = PyLong_AsLongLongAndOverflow(number, &overflow);
            Py_DECREF(number);
            if (overflow != 0) {
                return heka_refuse_overflow(r->state, path_of(r), key, HK_INTEGER, index);
            }
            status = hk_put_integer(r->out, wide);
            break;
        }
        default: {
            const double real = PyFloat_AsDouble(value);
            if (real == -1.0 && PyErr_Occurred()) {
                if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
                    return -1;
                }
                PyErr_Clear();
                return heka_refuse_overflow(r->state, path_of(r), key, HK_DOUBLE, index);
            }
            status = hk_put_double(r->out, real);
            break;
        }
    }
    return status == HK_OK ? 0 : fail_status(r, status);
}

/* A field that is being written. */
typedef struct {
    PyObject *key;            /* borrowed: its name */
    PyObject *representation; /* owned, or NULL */
    int wanted;               /* the hk_value_type that the user asked for, or -1 */
    PyObject *first;          /* owned: the first value, whose type all have; or NULL */
    hk_field_mark mark;
    kind type;
    Py_ssize_t count;
} writing;

static int
open_field(run *r, writing *w, kind type)
{
    hk_text name;
    hk_text representation = no_text;
    if (heka_text_borrow(w->key, &name) < 0 ||
        (w->representation != NULL && heka_text_borrow(w->representation, &representation) < 0)) {
        return -1;
    }
    const hk_surrogates name_mode = mode_for(r, &name);
    const hk_surrogates mode =
        mode_for(r, &representation) == HK_SURROGATES_ESCAPED ? HK_SURROGATES_ESCAPED : name_mode;
    const hk_status status = hk_field_open(r->out, path_of(r), &name, (hk_value_type)type,
                                           &representation, mode, &w->mark);
    if (status == HK_ERR_TEXT) {
        return heka_refuse_name(r->state, path_of(r), w->key);
    }
    w->type = type;
    return status == HK_OK ? 0 : fail_status(r, status);
}

/* Takes one scalar into the field; the first decides the type. Borrows value. */
static int
add_value(run *r, writing *w, PyObject *value, Py_ssize_t index)
{
    PyObject *owned = Py_NewRef(value);
    int result = -1;
    kind k = resolve(r, &owned);

    if (k == KIND_ERROR) {
        goto done;
    }
    if (k > KIND_BOOL) {
        result = heka_refuse_item(r->state, path_of(r), w->key, owned, index, k == KIND_UNKNOWN);
        goto done;
    }
    if (w->wanted >= 0 && (int)k != w->wanted) {
        if (w->wanted != HK_DOUBLE || k != KIND_INTEGER) {
            result = heka_refuse_value_type(r->state, path_of(r), w->key, owned, w->wanted);
            goto done;
        }
        k = KIND_DOUBLE;
    }
    if (w->count == 0) {
        if (open_field(r, w, k) < 0) {
            goto done;
        }
        w->first = Py_NewRef(owned);
    } else if (k != w->type) {
        result = heka_refuse_mixed(r->state, path_of(r), w->key, w->first, owned, index);
        goto done;
    }
    w->count++;
    result = put_scalar(r, w->key, k, owned, index);
done:
    Py_DECREF(owned);
    return result;
}

static int
close_field(run *r, writing *w)
{
    const hk_status status = hk_field_close(r->out, &w->mark);
    return status == HK_OK ? 0 : fail_status(r, status);
}

/* All values of an iterable. */
static int
add_all(run *r, writing *w, PyObject *iterable)
{
    PyObject *iterator = PyObject_GetIter(iterable);
    if (iterator == NULL) {
        return -1;
    }
    PyObject *item;
    Py_ssize_t index = 0;
    while ((item = PyIter_Next(iterator)) != NULL) {
        const int result = add_value(r, w, item, index++);
        Py_DECREF(item);
        if (result < 0) {
            break;
        }
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

/* A Field without values is what the wire had: it is not sent, and no error. */
static bool
is_wire_valueless(run *r, PyObject *key)
{
    hk_text name;
    hk_field field;
    size_t size;
    size_t at;
    bool found = false;
    hk_buffer text;

    if (r->origin == NULL || heka_text_borrow(key, &name) < 0 ||
        hk_utf8_measure(&name, HK_SURROGATES_ESCAPED, &size, &at) != HK_OK) {
        PyErr_Clear();
        return false;
    }
    hk_buffer_init(&text, NULL, 0, HK_LENGTH_MAX);
    if (hk_buffer_room(&text, size + 1) == HK_OK) {
        text.len = (size_t)(hk_utf8_write(&name, text.data) - text.data);
        hk_slice fields = r->origin->wire;
        while (!found && hk_field_next(&fields, &field)) {
            found = field.values.len == 0 && field.name.len == text.len &&
                    (text.len == 0 || memcmp(field.name.data, text.data, text.len) == 0);
        }
    }
    hk_buffer_clear(&text);
    return found;
}

static int
put_list(run *r, writing *w, PyObject *values)
{
    PyObject *snapshot = NULL;
    int result = -1;

    /* Code of the user's may change a list while it is read; a tuple of it, never. */
    if (PyList_Check(values)) {
        snapshot = PyList_AsTuple(values);
        if (snapshot == NULL) {
            return -1;
        }
    }
    if (add_all(r, w, snapshot == NULL ? values : snapshot) < 0) {
        goto done;
    }
    if (w->count > 0) {
        result = close_field(r, w);
    } else if (PyObject_TypeCheck(values, r->state->field_type) && is_wire_valueless(r, w->key)) {
        result = 0;
    } else {
        result = heka_refuse_empty(r->state, path_of(r), w->key, values);
    }
done:
    Py_XDECREF(snapshot);
    return result;
}

static int thorough_mapping(run *r, PyObject *mapping);

static int
put_mapping(run *r, PyObject *key, PyObject *mapping)
{
    hk_text name;
    const size_t path_len = r->path.len;
    if (r->depth >= HEKA_DEPTH_MAX) {
        r->endless = true;
        return heka_refuse_depth(r->state, path_of(r), key);
    }
    if (heka_text_borrow(key, &name) < 0) {
        return -1;
    }
    const hk_status status = enter(r, &name);
    if (status != HK_OK) {
        return status == HK_ERR_TEXT ? heka_refuse_name(r->state, path_of(r), key)
                                     : fail_status(r, status);
    }
    const int result = thorough_mapping(r, mapping);
    leave(r, path_len);
    return result;
}

/* One entry, whatever its value is; key is a str. Borrows both. */
static int
put_entry(run *r, PyObject *key, PyObject *value)
{
    writing w = {.key = key, .wanted = -1};
    PyObject *owned = Py_NewRef(value);
    int result = -1;

    if (PyObject_TypeCheck(value, r->state->field_type)) {
        heka_field_view(value, &w.representation, &w.wanted);
        Py_INCREF(w.representation); /* code of the user's may give the Field another one */
        result = put_list(r, &w, value);
        goto done;
    }
    const kind k = resolve(r, &owned);
    switch (k) {
        case KIND_ERROR:
            break;
        case KIND_UNKNOWN:
            result = heka_refuse_unknown(r->state, path_of(r), key, owned);
            break;
        case KIND_MAPPING:
            result = put_mapping(r, key, owned);
            break;
        case KIND_ITERABLE:
            result = put_list(r, &w, owned);
            break;
        default:
            result = open_field(r, &w, k);
            if (result == 0) {
                result = put_scalar(r, key, k, owned, -1);
            }
            if (result == 0) {
                result = close_field(r, &w);
            }
            break;
    }
done:
    Py_XDECREF(w.first);
    Py_XDECREF(w.representation);
    Py_DECREF(owned);
    return result;
}

/* Writes the repr of a value in its place, after a refusal. */
static int
put_repr(run *r, PyObject *key, PyObject *value)
{
    writing w = {.key = key, .wanted = -1};
    PyObject *text = heka_safe_repr(value, HEKA_REPR_MAX);
    if (text == NULL) {
        return -1;
    }
    int result = open_field(r, &w, KIND_STRING);
    if (result == 0) {
        result = put_scalar(r, key, KIND_STRING, text, -1);
    }
    if (result == 0) {
        result = close_field(r, &w);
    }
    Py_DECREF(text);
    return result;
}

/* Bytes that are no UTF-8 may go out only in a field that the wire brought, just so. */
static int
check_escaped(run *r, PyObject *key, size_t start)
{
    hk_field field;
    hk_slice fields = r->origin->wire;
    const size_t len = r->out->len - start;
    while (hk_field_next(&fields, &field)) {
        if (field.whole.len == len && memcmp(field.whole.data, r->out->data + start, len) == 0) {
            return 0;
        }
    }
    return heka_refuse_name(r->state, path_of(r), key);
}

static int
thorough_entry(run *r, PyObject *key, PyObject *value)
{
    const size_t start = r->out->len;
    const size_t path_len = r->path.len;
    const unsigned depth = r->depth;

    r->escaped = false;
    int result = put_entry(r, key, value);
    if (result == 0 && r->escaped) {
        result = check_escaped(r, key, start);
    }
    r->escaped = false;
    /* A dict that holds itself twice would be written 2^32 times if its own parts stood in. */
    if (result < 0 && r->policy->use_repr && (depth == 0 || !r->endless) &&
        PyErr_ExceptionMatches(PyExc_Exception) && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        r->endless = false;
        r->out->len = start;
        r->path.len = path_len;
        r->depth = depth;
        result = put_repr(r, key, value);
    }
    return result;
}

/* The name of an entry, as a new reference: a str, or with the repr policy whatever can be one. */
static PyObject *
name_of(run *r, PyObject *key)
{
    hk_text text;
    size_t size;
    size_t at;
    if (!PyUnicode_CheckExact(key)) {
        r->unusual = true;
    }
    if (!PyUnicode_Check(key)) {
        if (r->policy->use_repr) {
            return heka_safe_repr(key, HEKA_REPR_MAX);
        }
        (void)heka_refuse_key(r->state, path_of(r), key);
        return NULL;
    }
    if (r->policy->use_repr && heka_text_borrow(key, &text) == 0 &&
        hk_utf8_measure(&text, HK_SURROGATES_REFUSED, &size, &at) != HK_OK) {
        r->unusual = true;
        return heka_text_replace(key);
    }
    return Py_NewRef(key);
}

/* Any mapping, from a copy that nobody else can change. */
static int
thorough_mapping(run *r, PyObject *mapping)
{
    int result = -1;
    PyObject *copy = NULL;
    PyObject *key;
    PyObject *value;
    Py_ssize_t pos = 0;

    if (PyDict_CheckExact(mapping)) {
        copy = PyDict_Copy(mapping);
    } else {
        r->unusual = true;
        copy = PyDict_New();
        if (copy != NULL && PyDict_Update(copy, mapping) < 0) {
            Py_CLEAR(copy);
        }
    }
    if (copy == NULL) {
        return -1;
    }
    while (PyDict_Next(copy, &pos, &key, &value)) {
        PyObject *name = name_of(r, key);
        if (name == NULL) {
            goto done;
        }
        const Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);
        r->dotted |= dot >= 0;
        const int put = thorough_entry(r, name, value);
        Py_DECREF(name);
        if (put < 0) {
            goto done;
        }
    }
    result = 0;
done:
    Py_DECREF(copy);
    return result;
}

/* ---- names that became equal
 * --------------------------------------------------------------------- */

static int
compare_slices(const void *left, const void *right)
{
    const hk_slice *a = left;
    const hk_slice *b = right;
    const size_t shared = a->len < b->len ? a->len : b->len;
    const int order = shared == 0 ? 0 : memcmp(a->data, b->data, shared);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* {'a': {'b': 1}, 'a.b': 2} names one field twice. */
static int
check_unique(run *r, size_t start)
{
    const hk_slice all = {r->out->data + start, r->out->len - start};
    hk_slice fields = all;
    hk_field field;
    size_t count = 0;
    int result = 0;

    while (hk_field_next(&fields, &field)) {
        count++;
    }
    if (count < 2) {
        return 0;
    }
    hk_slice *names = PyMem_New(hk_slice, count);
    if (names == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    fields = all;
    for (size_t i = 0; i < count && hk_field_next(&fields, &field); i++) {
        names[i] = field.name;
    }
    qsort(names, count, sizeof *names, compare_slices);
    for (size_t i = 1; i < count && result == 0; i++) {
        if (compare_slices(&names[i - 1], &names[i]) == 0) {
            result = heka_refuse_twice(r->state, names[i]);
        }
    }
    PyMem_Free(names);
    return result;
}

int
heka_coerce_fields(heka_state *state, PyObject *mapping, const heka_policy *policy,
                   const heka_origin *origin, hk_buffer *out)
{
    uint8_t path_block[256];
    const size_t start = out->len;
    run r = {.state = state, .out = out, .policy = policy, .origin = origin};
    int result = NOT_PLAIN;

    hk_buffer_init(&r.path, path_block, sizeof path_block, HK_LENGTH_MAX);
    if (HK_LIKELY(PyDict_CheckExact(mapping) && !HEKA_FREE_THREADED)) {
        result = plain_dict(&r, mapping);
    } else if (!PyDict_Check(mapping)) {
        const int is_mapping = PyObject_IsInstance(mapping, state->mapping_type);
        if (is_mapping <= 0) {
            result = is_mapping < 0 ? -1 : heka_type_error("fields", "a mapping or None", mapping);
        }
    }
    if (result == NOT_PLAIN) {
        out->len = start;
        r.path.len = 0;
        r.depth = 0;
        result = thorough_mapping(&r, mapping);
    }
    /* With the repr policy both are sent: no record is lost for a name, and the first one wins. */
    if (result == DONE && !policy->use_repr && ((r.nested && r.dotted) || r.unusual)) {
        result = check_unique(&r, start);
    }
    hk_buffer_clear(&r.path);
    return result;
}
