/* emitter.h -- the inside of an Emitter: what client.c and its settings share. */
#ifndef HEKA_EMITTER_H
#define HEKA_EMITTER_H

#include "oversize.h"
#include "state.h"

typedef struct {
    PyObject_HEAD
    PyObject *open;         /* owned: open(to) -> Sink, in Python */
    PyObject *sinks;        /* owned dict: a str or tuple `to` -> its Sink */
    PyObject *to;           /* owned: where a call without `to` goes */
    PyObject *default_sink; /* owned: the Sink of `to`; NULL until it is needed */
    PyObject *logger;       /* owned str of no subclass: the logger of a call without one */
    PyObject *signer;       /* owned: SignerConfig or None */
    PyObject *convert;      /* owned: called with values that have no type; NULL: none */
    PyObject *capture;      /* owned: called with each frame instead of sending it; NULL: none */
    unsigned changes; /* of `to`, and calls of forget(): an answer of open() from before is old */
    double timeout;   /* seconds */
    int32_t level;    /* the largest severity that is sent */
    heka_oversize oversize;
    bool use_repr; /* bad_values == 'repr' */
} HekaEmitter;

/* The words of a setting: index of the word, or -1 with TypeError or ValueError. */
int heka_read_oversize(PyObject *value);
int heka_read_bad_values(PyObject *value); /* 0 'raise', 1 'repr' */

/* Seconds, 0 or more. 0, or -1 with TypeError or ValueError. */
int heka_read_timeout(PyObject *value, double *out);

/* Borrows a callable; NULL for None. 0, or -1 with TypeError. */
int heka_read_callable(PyObject *value, const char *name, PyObject **out);

extern PyGetSetDef heka_emitter_getset[];

#endif
