/* convert.h -- bad_values='convert': asks Python what to send for a value without a wire type. */
#ifndef HEKA_CONVERT_H
#define HEKA_CONVERT_H

#include "python/base/state.h"

/* Replaces *value (owned) by what the converter makes of it. User code may run.
 * 1: replaced, 0: the converter does not know the type, or the code of the value raised an
 * Exception; -1: another exception is set, e.g. KeyboardInterrupt, or MemoryError. */
int heka_convert_value(heka_state *state, PyObject **value);

/* A new str: the repr of a value, as heka_safe_repr returns it, but without the time and memory
 * that the repr of a large list, dict or int takes. */
PyObject *heka_show_value(heka_state *state, PyObject *value);

/* A new dict with the entries of any mapping, at most HEKA_ITEMS_MAX + 1 of a mapping that is no
 * dict. User code may run. NULL with an exception. */
PyObject *heka_copy_mapping(PyObject *mapping);

/* Whether the exception that is set is one of a value: an Exception, and no MemoryError. */
bool heka_is_value_error(void);

/* The function set_converter of the module. */
PyObject *heka_set_converter(PyObject *module, PyObject *load);
extern const char heka_set_converter_doc[];

#endif
