/* metric.h -- checks the arguments of counters, gauges and timers. */
#ifndef HEKA_METRIC_H
#define HEKA_METRIC_H

#include "python/base/state.h"

/* Reads a sampling rate, 1.0 if value is NULL. `enforce`: it decides here whether the call is sent,
 * so it must be a probability; else it only tells receivers of a sampling elsewhere, as the old
 * clients do. 0, or -1 with TypeError or ValueError. */
int heka_read_rate(PyObject *value, bool enforce, double *rate);

/* Refuses a metric without a name: receivers know it by nothing else. 0, or -1 with ValueError. */
int heka_check_metric_name(PyObject *name);

HK_COLD int heka_check_amount_slow(PyObject *argument, PyObject *value);

/* Refuses a value whose text is no number, unless it is a bool: receivers drop such a message.
 * value may be NULL. 0, or -1 with a ValueError that names the argument. */
static inline int
heka_check_amount(PyObject *argument, PyObject *value)
{
    return value == NULL || PyLong_CheckExact(value) || PyFloat_CheckExact(value)
               ? 0
               : heka_check_amount_slow(argument, value);
}

#endif
