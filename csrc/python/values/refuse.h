/* refuse.h -- raises FieldError: which field, what its value was, what to do about it.
 *
 * path is the prefix of the key, e.g. "outer.". The objects are borrowed. Each function returns -1.
 */
#ifndef HEKA_REFUSE_H
#define HEKA_REFUSE_H

#include "python/base/state.h"

#define HEKA_DEPTH_MAX 32u /* nested mappings; deeper nesting is a mistake or a cycle */
#define HEKA_REPR_MAX 1024 /* characters of a repr that is sent instead of a value */

/* The value has a type that Heka has not, e.g. None or a complex number. */
int heka_refuse_unknown(heka_state *state, hk_slice path, PyObject *key, PyObject *value);

/* The iterable has no items. */
int heka_refuse_empty(heka_state *state, hk_slice path, PyObject *key, PyObject *values);

/* Mappings are nested more than HEKA_DEPTH_MAX deep, or a mapping contains itself. */
int heka_refuse_depth(heka_state *state, hk_slice path, PyObject *key);

/* The key is not a str. */
int heka_refuse_key(heka_state *state, hk_slice path, PyObject *key);

/* The name, the representation or a value has a lone surrogate. */
int heka_refuse_name(heka_state *state, hk_slice path, PyObject *key);

/* Two fields have the name `name`. */
int heka_refuse_duplicate(heka_state *state, hk_slice name);

/* A value does not have the type that the Field's value_type requires. */
int heka_refuse_value_type(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                           int wanted);

/* In the next five, index is the index of the value in its list, -1 for a single value. */

/* An int exceeds 64 bits, or a number the range of a double. */
int heka_refuse_overflow(heka_state *state, hk_slice path, PyObject *key, hk_value_type type,
                         Py_ssize_t index);

/* With a ValueError or TypeError set, which __index__ or __float__ of the value raised: FieldError
 * with its text. Any other exception stays as it is. */
int heka_refuse_conversion(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                           Py_ssize_t index);

/* The str has a lone surrogate at index `at`. */
int heka_refuse_surrogate(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                          size_t at, Py_ssize_t index);

/* An item of a list is no single value: it has an unknown type (`unknown`), or is itself a list or
 * mapping. */
int heka_refuse_item(heka_state *state, hk_slice path, PyObject *key, PyObject *item,
                     Py_ssize_t index, bool unknown);

/* An item has another type than the first one. */
int heka_refuse_mixed(heka_state *state, hk_slice path, PyObject *key, PyObject *first,
                      PyObject *item, Py_ssize_t index);

/* A new str: repr(value), at most `max` characters, lone surrogates replaced by \udcXX. When
 * __repr__ raises an Exception, the text names the type instead. NULL only with MemoryError or an
 * exception that is not an Exception (e.g. KeyboardInterrupt). */
PyObject *heka_safe_repr(PyObject *value, Py_ssize_t max);

#endif
