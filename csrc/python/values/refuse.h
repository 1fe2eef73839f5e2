/* refuse.h -- raises FieldError: which field, what its value was, what to do about it.
 *
 * path is the prefix of the key, e.g. "outer.". The objects are borrowed. Each function returns -1.
 */
#ifndef HEKA_REFUSE_H
#define HEKA_REFUSE_H

#include "python/base/state.h"

#define HEKA_DEPTH_MAX 32u /* nested mappings; deeper nesting is a mistake or a cycle */
#define HEKA_REPR_MAX 1024 /* characters of a repr that is sent instead of a value */

int heka_refuse_unknown(heka_state *state, hk_slice path, PyObject *key, PyObject *value);
int heka_refuse_empty(heka_state *state, hk_slice path, PyObject *key, PyObject *values);
int heka_refuse_depth(heka_state *state, hk_slice path, PyObject *key);
int heka_refuse_key(heka_state *state, hk_slice path, PyObject *key);
int heka_refuse_name(heka_state *state, hk_slice path, PyObject *key);
int heka_refuse_twice(heka_state *state, hk_slice name);
int heka_refuse_value_type(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                           int wanted);

/* index is the index of the value in the list of values, -1 for a single value. */
int heka_refuse_overflow(heka_state *state, hk_slice path, PyObject *key, hk_value_type type,
                         Py_ssize_t index);
int heka_refuse_surrogate(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                          size_t at, Py_ssize_t index);
int heka_refuse_item(heka_state *state, hk_slice path, PyObject *key, PyObject *item,
                     Py_ssize_t index, bool unknown);
int heka_refuse_mixed(heka_state *state, hk_slice path, PyObject *key, PyObject *first,
                      PyObject *item, Py_ssize_t index);

/* A new str: repr(value), at most `max` characters, lone surrogates replaced by \udcXX. When
 * __repr__ raises an Exception, the text names the type instead. NULL only with MemoryError or an
 * exception that is not an Exception (e.g. KeyboardInterrupt). */
PyObject *heka_safe_repr(PyObject *value, Py_ssize_t max);

#endif
