/* measure.h -- incr, gauge and timer_send, which Client and Emitter have in common. */
#ifndef HEKA_MEASURE_H
#define HEKA_MEASURE_H

#include "emit.h"

/* The arguments of one call, borrowed; NULL: absent. */
typedef struct {
    PyObject *type;
    PyObject *logger;
    int32_t severity;
    PyObject *fields;
    PyObject *payload;
    PyObject *timestamp;
    PyObject *timestamp_ns;
    PyObject *uuid;
    PyObject *bad_values;
    PyObject *to; /* of an Emitter only */
    const heka_label *label;
} heka_call;

/* The object whose method is called. */
typedef struct {
    HekaSettings *settings; /* borrowed */
    int32_t severity;       /* of calls that omit it */
    bool takes_to;          /* the method has an argument `to` */
    PyObject *(*send)(HekaSettings *settings, const heka_call *c); /* True, False or NULL */
} heka_sender;

typedef enum { HEKA_COUNTER, HEKA_GAUGE, HEKA_TIMER } heka_measure_kind;

/* Parses the arguments of the method, leaves the call out if sampling says so, and sends. Timers
 * are never left out: the caller has sampled the event already. */
PyObject *heka_measure(const heka_sender *sender, heka_measure_kind kind, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *kwnames);

#endif
