/* bound.h -- the fields that a context adds to every message; encoded once, when they are bound. */
#ifndef HEKA_BOUND_H
#define HEKA_BOUND_H

#include <stdbool.h>

#include "core/base/hk_buffer.h"
#include "python/base/state.h"

/* Appends the fields of the current context to a message whose own fields begin at
 * out->data[start]. Skips fields that the message has itself. 0, or -1 with an exception, and
 * *too_large set if the message exceeds HK_LENGTH_MAX with them. */
int heka_bound_append(heka_state *state, size_t start, hk_buffer *out, bool *too_large);

#endif
