/* client_object.h -- the struct of the type Client, shared by client.c and client_plan.c. */
#ifndef HEKA_CLIENT_OBJECT_H
#define HEKA_CLIENT_OBJECT_H

#include "settings.h"

typedef struct {
    HekaSettings base;
    PyObject *sink;       /* owned: the Sink of the stream; NULL: inactive */
    PyObject *filters;    /* owned list; the program may change it at any time */
    PyObject *planned;    /* owned tuple: the filters that the plan was made of; NULL: no plan */
    PyObject *blocked;    /* owned frozenset of types that are dropped; NULL: none */
    PyObject *allowed;    /* owned frozenset of types that are sent; NULL: all */
    PyObject *levels;     /* owned dict: type -> largest severity that is sent; NULL: all */
    PyObject *predicates; /* owned tuple of callables admits(type, severity); NULL: none */
    PyObject *matchers;   /* owned tuple of Matchers that a message must match; NULL: none */
    PyObject *deliver;    /* owned: called with a Message instead of using the sink; NULL: none */
    PyObject *disabled;   /* owned set: names of timers that do nothing */
    PyObject *no_timer;   /* owned: the timer that timer() returns for those */
    int32_t severity;     /* of calls that omit it */
    int32_t threshold;    /* the largest severity that is sent */
    uint64_t unsent;      /* messages of calls without a sink, since _take_unsent() */
    Py_ssize_t stateful;  /* the last so many of `predicates` change state with each call */
} HekaClient;

/* client_plan.c */

/* Evaluates the plan, for a message that is about to be sent: 1 it passes, 0 it is held back and
 * counted, -1 an exception. Changes the state of stateful filters, such as a rate limit. */
int heka_client_admits(HekaClient *self, PyObject *type, int32_t severity);

/* The same without stateful filters: it changes no state but the count. */
int heka_client_may_admit(HekaClient *self, PyObject *type, int32_t severity);

/* Asks the plan's matchers about an encoded message, before a Message is made of it: 1 it passes, 0
 * it is held back and counted, -1 an exception. */
int heka_client_matches(HekaClient *self, hk_slice message);

/* client_capture.c */

/* Calls the function that heka.testing has set. 0, or -1 with its exception. */
HK_COLD int heka_client_ask_capture(HekaClient *self, PyObject **capture);

/* *capture: what takes the frames of this client instead of its sink, owned; NULL: nothing does. 0,
 * or -1 with an exception. */
static inline int
heka_client_find_capture(HekaClient *self, PyObject **capture)
{
    *capture = NULL;
    return HK_LIKELY(self->base.state->client_capture == NULL)
               ? 0
               : heka_client_ask_capture(self, capture);
}

/* 1: the messages of this client are only counted, as there is neither a sink nor a capture. 0:
 * they are sent. -1: an exception. */
int heka_client_is_inactive(HekaClient *self);

/* The attributes _is_inactive and _is_captured. */
PyObject *heka_client_get_inactive(PyObject *op, void *closure);
PyObject *heka_client_get_captured(PyObject *op, void *closure);

/* The function capture_clients of the module. */
PyObject *heka_capture_clients(PyObject *module, PyObject *find);
extern const char heka_capture_clients_doc[];

/* The methods _set_plan and _replan. */
PyObject *heka_client_set_plan(PyObject *op, PyObject *args);
PyObject *heka_client_replan(PyObject *op, PyObject *ignored);

extern PyGetSetDef heka_client_getset[];

#endif
