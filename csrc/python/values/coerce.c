/* coerce.c -- encodes a mapping of fields: the general path, for values of any type.
 *
 * User code may run between any two values: __index__, __float__, __bool__, __iter__, __repr__,
 * keys(), the hook, the converter. It may change or release every object that the caller passed. So
 * each function owns the objects that it uses after such a call: mappings are copied (put_entries),
 * lists become tuples (put_list), single values get their own reference (put_entry, add_value).
 * Texts are borrowed only between two such calls. */
#include "coerce.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire/hk_decode.h"
#include "python/base/errors.h"
#include "python/base/text.h"
#include "classify.h"
#include "convert.h"
#include "field.h"
#include "origin.h"
#include "plain.h"
#include "refuse.h"

int
heka_coerce_init(heka_state *state)
{
    /* Where collections.abc has it from; every interpreter imports this module at its start. */
    PyObject *module = PyImport_ImportModule("_collections_abc");
    if (module == NULL) {
        return -1;
    }
    state->mapping_type = PyObject_GetAttrString(module, "Mapping");
    Py_DECREF(module);
    return state->mapping_type == NULL ? -1 : 0;
}

/* Borrows the characters of value; hk_put_string copies them before any other code can run. */
static int
put_str(heka_run *r, PyObject *key, PyObject *value, Py_ssize_t index)
{
    hk_text text;
    size_t at;
    if (heka_text_borrow(value, &text) < 0) {
        return -1;
    }
    const hk_status status = hk_put_string(r->out, &text, heka_origin_mode(r, &text), &at);
    if (status == HK_ERR_TEXT) {
        return heka_refuse_surrogate(r->state, heka_run_path(r), key, value, at, index);
    }
    return status == HK_OK ? 0 : heka_run_fail(r, status);
}

/* Appends a bytes-like value. */
static int
put_buffer(heka_run *r, PyObject *value)
{
    Py_buffer view;
    PyObject *flat = NULL; /* owned bytes: the copy of a memoryview that is not contiguous */
    /* The view locks a bytearray against resizing until it is released. */
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
    return status == HK_OK ? 0 : heka_run_fail(r, status);
}

/* Whether the value itself is infinite: __float__ of a finite Decimal, or numpy.longdouble, that no
 * double can hold returns infinity instead of raising. 1, 0, or -1 with an exception. */
static int
is_infinite(PyObject *value, double real)
{
    PyObject *infinity = PyFloat_FromDouble(real);
    if (infinity == NULL) {
        return -1;
    }
    const int equal = PyObject_RichCompareBool(value, infinity, Py_EQ); /* user code: __eq__ */
    Py_DECREF(infinity);
    return equal;
}

static inline bool
converts(const heka_run *r)
{
    return r->policy->bad_values == HEKA_BAD_CONVERT;
}

/* Writes one value of kind k. index is its index in the list of values, -1 for a single value. User
 * code may run: __bool__, __index__, __float__, __eq__. */
static int
put_scalar(heka_run *r, PyObject *key, heka_kind k, PyObject *value, Py_ssize_t index)
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
                return heka_refuse_conversion(r->state, heka_run_path(r), key, value, index);
            }
            const long long wide = PyLong_AsLongLongAndOverflow(number, &overflow);
            Py_DECREF(number);
            if (overflow != 0) {
                return heka_refuse_overflow(r->state, heka_run_path(r), key, HK_INTEGER, index);
            }
            status = hk_put_integer(r->out, wide);
            break;
        }
        default: {
            const double real = PyFloat_AsDouble(value);
            if (real == -1.0 && PyErr_Occurred()) {
                if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
                    return heka_refuse_conversion(r->state, heka_run_path(r), key, value, index);
                }
                PyErr_Clear();
                return heka_refuse_overflow(r->state, heka_run_path(r), key, HK_DOUBLE, index);
            }
            if (HK_UNLIKELY(Py_IS_INFINITY(real)) && !PyFloat_Check(value)) {
                const int infinite = is_infinite(value, real);
                if (infinite <= 0) {
                    return infinite < 0 ? -1
                                        : heka_refuse_overflow(r->state, heka_run_path(r), key,
                                                               HK_DOUBLE, index);
                }
            }
            status = hk_put_double(r->out, real);
            break;
        }
    }
    return status == HK_OK ? 0 : heka_run_fail(r, status);
}

/* The field that is being encoded. */
typedef struct {
    PyObject *key;            /* borrowed: the name, a str; the caller of put_entry owns it */
    PyObject *representation; /* owned str, or NULL */
    int wanted;               /* value_type of the Field (hk_value_type), or -1 */
    PyObject *first;          /* owned: the first value, for the text of refuse_mixed; or NULL */
    hk_field_mark mark;
    heka_kind type; /* of the first value; all others must have it */
    Py_ssize_t count;
} writing;

/* Opens the field once the type of its values is known. The texts are borrowed for the call. */
static int
open_field(heka_run *r, writing *w, heka_kind type)
{
    hk_text name;
    hk_text representation = heka_no_text;
    if (heka_text_borrow(w->key, &name) < 0 ||
        (w->representation != NULL && heka_text_borrow(w->representation, &representation) < 0)) {
        return -1;
    }
    const hk_surrogates name_mode = heka_origin_mode(r, &name);
    const hk_surrogates mode = heka_origin_mode(r, &representation) == HK_SURROGATES_ESCAPED
                                   ? HK_SURROGATES_ESCAPED
                                   : name_mode;
    const hk_status status = hk_field_open(r->out, heka_run_path(r), &name, (hk_value_type)type,
                                           &representation, mode, &w->mark);
    if (status == HK_ERR_TEXT) {
        return heka_refuse_name(r->state, heka_run_path(r), w->key);
    }
    w->type = type;
    return status == HK_OK ? 0 : heka_run_fail(r, status);
}

/* Appends one value to the field; the first value decides the type. Borrows value. */
static int
add_value(heka_run *r, writing *w, PyObject *value, Py_ssize_t index)
{
    PyObject *owned = Py_NewRef(value); /* heka_resolve may replace it */
    int result = -1;
    heka_kind k = heka_resolve(r, &owned);

    if (k == KIND_ERROR) {
        goto done;
    }
    if (k > KIND_BOOL) {
        result =
            heka_refuse_item(r->state, heka_run_path(r), w->key, owned, index, k >= KIND_UNKNOWN);
        goto done;
    }
    if (w->wanted >= 0 && (int)k != w->wanted) {
        if (w->wanted != HK_DOUBLE || k != KIND_INTEGER) {
            result = heka_refuse_value_type(r->state, heka_run_path(r), w->key, owned, w->wanted);
            goto done;
        }
        k = KIND_DOUBLE;
    }
    if (w->count == 0) {
        if (open_field(r, w, k) < 0) {
            goto done;
        }
        w->first = Py_NewRef(owned); /* the list may drop it while user code runs */
    } else if (k != w->type) {
        result = heka_refuse_mixed(r->state, heka_run_path(r), w->key, w->first, owned, index);
        goto done;
    }
    w->count++;
    result = put_scalar(r, w->key, k, owned, index);
done:
    Py_DECREF(owned);
    return result;
}

static int
close_field(heka_run *r, writing *w)
{
    const hk_status status = hk_field_close(r->out, &w->mark);
    return status == HK_OK ? 0 : heka_run_fail(r, status);
}

/* Appends all values of an iterable. User code may run: __iter__, __next__, generators. */
static int
add_all(heka_run *r, writing *w, PyObject *iterable)
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
        if (index >= HEKA_ITEMS_MAX && converts(r) && !PyTuple_Check(iterable)) {
            r->altered++; /* it may never end, and a message cannot hold more */
            break;
        }
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

/* Encodes a field with the values of an iterable. Borrows values, which the caller owns. */
static int
put_list(heka_run *r, writing *w, PyObject *values)
{
    PyObject *snapshot = NULL;
    int result = -1;

    /* __index__, __float__ and so on of an item may change the list; a tuple cannot change. */
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
        goto done;
    }
    if (PyObject_TypeCheck(values, r->state->field_type)) {
        const int valueless = heka_origin_is_valueless(r, w->key);
        if (valueless != 0) {
            result = valueless < 0 ? -1 : 0;
            goto done;
        }
    }
    if (converts(r)) {
        r->altered++; /* left out */
        result = 0;
        goto done;
    }
    result = heka_refuse_empty(r->state, heka_run_path(r), w->key, values);
done:
    Py_XDECREF(snapshot);
    return result;
}

static int put_entries(heka_run *r, PyObject *mapping);

/* Flattens a nested mapping: its fields get the prefix "key.". Recursion is limited to
 * HEKA_DEPTH_MAX, so a mapping that contains itself ends. */
static int
put_mapping(heka_run *r, PyObject *key, PyObject *mapping)
{
    hk_text name;
    const size_t path_len = r->path.len;
    if (r->depth >= HEKA_DEPTH_MAX) {
        r->over_limit = true;
        return heka_refuse_depth(r->state, heka_run_path(r), key);
    }
    if (heka_text_borrow(key, &name) < 0) {
        return -1;
    }
    const hk_status status = heka_run_enter(r, &name);
    if (status != HK_OK) {
        return status == HK_ERR_TEXT ? heka_refuse_name(r->state, heka_run_path(r), key)
                                     : heka_run_fail(r, status);
    }
    const int result = put_entries(r, mapping);
    heka_run_leave(r, path_len);
    return result;
}

/* Encodes one entry with a value of any type; key is a str. Borrows both. */
static int
put_entry(heka_run *r, PyObject *key, PyObject *value)
{
    writing w = {.key = key, .wanted = -1};
    PyObject *owned = Py_NewRef(value);
    int result = -1;

    if (PyObject_TypeCheck(value, r->state->field_type)) {
        heka_field_view(value, &w.representation, &w.wanted);
        Py_INCREF(w.representation); /* borrowed: user code may set another one on the Field */
        result = put_list(r, &w, value);
        goto done;
    }
    const heka_kind k = heka_resolve(r, &owned);
    switch (k) {
        case KIND_ERROR:
            break;
        case KIND_ABSENT:
            r->altered++; /* left out */
            result = 0;
            break;
        case KIND_UNKNOWN:
            result = heka_refuse_unknown(r->state, heka_run_path(r), key, owned);
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

/* Encodes repr(value) instead of a value that was refused. User code may run: __repr__. */
static int
put_repr(heka_run *r, PyObject *key, PyObject *value)
{
    writing w = {.key = key, .wanted = -1};
    PyObject *text =
        converts(r) ? heka_show_value(r->state, value) : heka_safe_repr(value, HEKA_REPR_MAX);
    if (text == NULL) {
        return -1;
    }
    r->altered++;
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

/* put_entry, then what must follow it: the check of escaped bytes, the repr of a refused value. */
static int
put_entry_or_repr(heka_run *r, PyObject *key, PyObject *value)
{
    const size_t start = r->out->len;
    const size_t path_len = r->path.len;
    const unsigned depth = r->depth;
    const uint64_t altered = r->altered;

    r->escaped = false;
    int result = put_entry(r, key, value);
    if (result == 0 && r->escaped) {
        result = heka_origin_check(r, key, start);
    }
    r->escaped = false;
    /* Over a limit only the outermost entry is replaced by its repr: a dict that contains itself
     * twice would otherwise write 2^32 reprs, one for each path to the depth limit. */
    if (result < 0 && heka_is_lenient(r->policy) && (depth == 0 || !r->over_limit) &&
        !(converts(r) && r->too_large) && heka_is_value_error()) {
        PyErr_Clear();
        r->over_limit = false;
        r->out->len = start; /* removes the part of the entry that was written */
        r->path.len = path_len;
        r->depth = depth;
        r->altered = altered; /* the values inside of it are not sent */
        result = put_repr(r, key, value);
    }
    return result;
}

/* The field name for a key, a new reference to a str. With a lenient policy, a key that is not a
 * str becomes its repr. User code may run: __repr__. */
static PyObject *
name_of(heka_run *r, PyObject *key)
{
    hk_text text;
    size_t size;
    size_t at;
    if (!PyUnicode_CheckExact(key)) { /* str subclasses may be unequal and have the same text */
        r->may_repeat = true;
    }
    if (!PyUnicode_Check(key)) {
        if (heka_is_lenient(r->policy)) {
            r->altered++;
            return heka_safe_repr(key, HEKA_REPR_MAX);
        }
        (void)heka_refuse_key(r->state, heka_run_path(r), key);
        return NULL;
    }
    if (heka_is_lenient(r->policy) && heka_text_borrow(key, &text) == 0 &&
        hk_utf8_measure(&text, HK_SURROGATES_REFUSED, &size, &at) != HK_OK) {
        r->may_repeat = true;
        r->altered++;
        return heka_text_replace(key);
    }
    return Py_NewRef(key);
}

/* Encodes the entries of any mapping. It iterates over a private copy: user code that runs
 * meanwhile may change the mapping, and PyDict_Next requires a dict that does not change. The copy
 * owns the keys and values, so borrowed references to them stay valid. */
static int
put_entries(heka_run *r, PyObject *mapping)
{
    int result = -1;
    PyObject *copy = NULL;
    PyObject *key;
    PyObject *value;
    Py_ssize_t pos = 0;

    if (PyDict_CheckExact(mapping)) {
        copy = PyDict_Copy(mapping);
    } else if (converts(r)) {
        copy = heka_copy_mapping(mapping);
        if (copy == NULL && r->depth == 0 && heka_is_value_error()) {
            PyErr_Clear(); /* the message is sent without the fields that cannot be read */
            r->altered++;
            return 0;
        }
    } else {
        r->may_repeat = true;
        copy = PyDict_New(); /* PyDict_Update calls the mapping's keys() and __getitem__ */
        if (copy != NULL && PyDict_Update(copy, mapping) < 0) {
            Py_CLEAR(copy);
        }
    }
    if (copy == NULL) {
        return -1;
    }
    while (PyDict_Next(copy, &pos, &key, &value)) {
        if (r->depth > 0 && converts(r) && ++r->entries > HEKA_ITEMS_MAX) {
            /* A dict that holds another one twice, that one a third twice and so on, is 2^32
             * entries long at the depth limit. */
            r->over_limit = true;
            result = heka_refuse_depth(r->state, heka_run_path(r), key);
            goto done;
        }
        PyObject *name = name_of(r, key);
        if (name == NULL) {
            goto done;
        }
        const Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);
        r->dotted |= dot >= 0;
        const int put = put_entry_or_repr(r, name, value);
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

/* ---- duplicate names ---- */

/* Refuses two fields with one name, e.g. of {'a': {'b': 1}, 'a.b': 2}. */
static int
check_unique(heka_run *r, size_t start)
{
    hk_names names = {.items = NULL};
    const hk_slice fields = {r->out->data + start, r->out->len - start};
    const hk_status status = hk_names_make(&names, HK_NAMES_ALL, fields);
    if (status != HK_OK) {
        return heka_run_fail(r, status);
    }
    const hk_slice *repeated = hk_names_repeated(&names);
    const int result = repeated == NULL ? 0 : heka_refuse_duplicate(r->state, *repeated);
    hk_names_clear(&names);
    return result;
}

int
heka_coerce_fields(heka_state *state, PyObject *mapping, const heka_policy *policy,
                   heka_origin *origin, hk_buffer *out)
{
    uint8_t path_block[256];
    const size_t start = out->len;
    heka_run r = {.state = state, .out = out, .policy = policy, .origin = origin};
    int result = HEKA_NOT_PLAIN;

    hk_buffer_init(&r.path, path_block, sizeof path_block, HK_LENGTH_MAX);
    /* heka_plain_dict reads the dict in place, which is safe only while the GIL is held. */
    if (HK_LIKELY(PyDict_CheckExact(mapping) && !HEKA_FREE_THREADED)) {
        result = heka_plain_dict(&r, mapping);
    } else if (!PyDict_Check(mapping)) {
        const int is_mapping = PyObject_IsInstance(mapping, state->mapping_type);
        if (is_mapping < 0 && policy->bad_values == HEKA_BAD_CONVERT && heka_is_value_error()) {
            PyErr_Clear(); /* its __class__ raises: whatever it is, it is no mapping */
            result = heka_type_error("fields", "a mapping or None", mapping);
        } else if (is_mapping <= 0) {
            result = is_mapping < 0 ? -1 : heka_type_error("fields", "a mapping or None", mapping);
        }
    }
    if (result == HEKA_NOT_PLAIN) {
        out->len = start; /* start again: the fast path may have written a part */
        r.path.len = 0;
        r.depth = 0;
        result = put_entries(&r, mapping);
    }
    /* With a lenient policy both fields are sent, and receivers use the first: a message must not
     * be lost because of a name. */
    if (result == HEKA_DONE && !heka_is_lenient(policy) &&
        ((r.nested && r.dotted) || r.may_repeat)) {
        result = check_unique(&r, start);
    }
    hk_buffer_clear(&r.path);
    if (policy->altered != NULL) {
        *policy->altered += r.altered;
    }
    return result;
}
