/* args.h -- the argument parser of all functions, methods and constructors.
 *
 *     static const uint8_t names[] = {HEKA_NAME_type, HEKA_NAME_logger};
 *     static const heka_signature sig = {"pack", names, 2, 0, 2};
 *     PyObject *in[2];
 *     if (heka_parse_args(state, &sig, args, nargs, kwnames, in) < 0) return NULL;
 *
 * Errors are TypeErrors with the texts that Python uses for its own functions; that of an unknown
 * keyword goes on with the argument that was meant. */
#ifndef HEKA_ARGS_H
#define HEKA_ARGS_H

#include "state.h"

typedef struct {
    const char *fname;
    const uint8_t *names; /* heka_name of each argument, in order */
    uint8_t count;
    uint8_t required;   /* the first so many must be given */
    uint8_t positional; /* the first so many may be passed by position */
} heka_signature;

#define HEKA_ARGS_MAX 16 /* arguments of the longest signature */

/* Fills in[0..sig->count) with references borrowed from the caller's arguments, NULL where absent.
 * Runs no user code. 0, or -1 with TypeError. */
int heka_parse_args(const heka_state *state, const heka_signature *sig, PyObject *const *args,
                    size_t nargsf, PyObject *kwnames, PyObject **in);

/* The same for tp_new and tp_init: args is a tuple, kwargs a dict or NULL. */
int heka_parse_tuple(const heka_state *state, const heka_signature *sig, PyObject *args,
                     PyObject *kwargs, PyObject **in);

#endif
