/* head.h -- converts the arguments timestamp and uuid to C; caches pid and hostname. */
#ifndef HEKA_HEAD_H
#define HEKA_HEAD_H

#include "python/base/state.h"

/* *out: the time in ns, from `seconds` (float, int or datetime) or from `ns` (int); now when both
 * are NULL or None. May run user code. 0, or -1 with TypeError or ValueError. */
int heka_read_timestamp(heka_state *state, PyObject *seconds, PyObject *ns, int64_t *out);

/* Reads 16 bytes from bytes, uuid.UUID or str; a new uuid for NULL or None. May run user code.
 * 0, or -1 with TypeError, ValueError or EncodeError. */
int heka_read_uuid(heka_state *state, PyObject *value, uint8_t out[HK_UUID_SIZE]);

/* Ensures that state->pid, state->hostname and state->origin belong to this process: reads them
 * once, and again after a fork. Runs no user code. 0, or -1 with MemoryError. */
int heka_refresh_process(heka_state *state);

#endif
