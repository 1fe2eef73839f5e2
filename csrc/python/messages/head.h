/* head.h -- the attributes of a message, from arguments to C values. */
#ifndef HEKA_HEAD_H
#define HEKA_HEAD_H

#include "python/base/state.h"

/* The time of a message in ns: *seconds* (float, int or datetime) or *ns* (int), neither: now. */
int heka_read_timestamp(heka_state *state, PyObject *seconds, PyObject *ns, int64_t *out);

/* 16 bytes from bytes, uuid.UUID or text; NULL or None: a new one. */
int heka_read_uuid(heka_state *state, PyObject *value, uint8_t out[HK_UUID_SIZE]);

/* Makes sure that state->pid and state->hostname are this process's: read once, and again after a
 * fork. 0, or -1 with MemoryError. */
int heka_know_process(heka_state *state);

#endif
