/* refuse.h -- the texts of FieldError: which field, what was seen, what to do about it.
 *
 * path is the "outer." in front of the key. Each function returns -1. */
#ifndef HEKA_REFUSE_H
#define HEKA_REFUSE_H

#include "python/base/state.h"

#define HEKA_DEPTH_MAX 32u /* mappings inside mappings: more is a mistake, or a cycle */
#define HEKA_REPR_MAX 1024 /* characters of the repr that stands in for a value */

int heka_refuse_unknown(heka_state *state, hk_slice path, PyObject *key, PyObject *value);
int heka_refuse_empty(heka_state *state, hk_slice path, PyObject *key, PyObject *values);
int heka_refuse_depth(heka_state *state, hk_slice path, PyObject *key);
int heka_refuse_key(heka_state *state, hk_slice path, PyObject *key);
int heka_refuse_name(heka_state *state, hk_slice path, PyObject *key);
int heka_refuse_twice(heka_state *state, hk_slice name);
int heka_refuse_value_type(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                           int wanted);

/* index is the value's place among several, -1 when it is alone. */
int heka_refuse_overflow(heka_state *state, hk_slice path, PyObject *key, hk_value_type type,
                         Py_ssize_t index);
int heka_refuse_surrogate(heka_state *state, hk_slice path, PyObject *key, PyObject *value,
                          size_t at, Py_ssize_t index);
int heka_refuse_item(heka_state *state, hk_slice path, PyObject *key, PyObject *item,
                     Py_ssize_t index, bool unknown);
int heka_refuse_mixed(heka_state *state, hk_slice path, PyObject *key, PyObject *first,
                      PyObject *item, Py_ssize_t index);

/* A new str: repr(value), at most `max` characters, lone surrogates escaped; when repr fails,
 * what can be said without it. NULL only for MemoryError and what is no Exception. */
PyObject *heka_safe_repr(PyObject *value, Py_ssize_t max);

#endif
