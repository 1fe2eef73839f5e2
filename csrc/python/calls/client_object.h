/* client_object.h -- the inside of a Client: what client.c and client_plan.c share. */
#ifndef HEKA_CLIENT_OBJECT_H
#define HEKA_CLIENT_OBJECT_H

#include "settings.h"

typedef struct {
    HekaSettings base;
    PyObject *sink;    /* owned: the Sink of the stream; NULL: inactive */
    PyObject *filters; /* owned list; the program appends to it at will */
    PyObject *seen;    /* owned tuple: what was in the list when the plan was made; NULL: no plan */
    PyObject *blocked; /* owned frozenset of types that are dropped; NULL: none */
    PyObject *allowed; /* owned frozenset of types that are sent; NULL: all */
    PyObject *levels;  /* owned dict: type -> largest severity that is sent; NULL: all */
    PyObject *asked;   /* owned tuple of callables admits(type, severity); NULL: none */
    PyObject *deliver; /* owned: takes a Message instead of the sink; NULL: none */
    PyObject *disabled; /* owned set: names of timers that do nothing */
    PyObject *no_timer; /* owned: what timer() answers for those */
    int32_t severity;   /* of a call that names none */
    int32_t threshold;  /* the largest severity that is sent */
    Py_ssize_t once;    /* how many of the last in `asked` are asked once for each message */
} HekaClient;

/* client_plan.c */

/* What the filters say that need no message: 1 go on, 0 dropped, -1 an exception. For a message
 * that is about to be sent: asking a rate limit changes its next answer. */
int heka_client_admits(HekaClient *self, PyObject *type, int32_t severity);

/* The same without those that are to be asked once; as often as one likes. */
int heka_client_may_admit(HekaClient *self, PyObject *type, int32_t severity);

/* The methods _set_plan and _replan. */
PyObject *heka_client_set_plan(PyObject *op, PyObject *args);
PyObject *heka_client_replan(PyObject *op, PyObject *ignored);

extern PyGetSetDef heka_client_getset[];

#endif
