/* oversize.h -- truncates a message that is too large for its destination. */
#ifndef HEKA_OVERSIZE_H
#define HEKA_OVERSIZE_H

#include "core/base/hk_buffer.h"
#include "python/base/state.h"

typedef enum { HEKA_OVERSIZE_TRUNCATE, HEKA_OVERSIZE_DROP, HEKA_OVERSIZE_RAISE } heka_oversize;

/* Truncates the payload of the message out->data[start..len) so that the message has at most
 * `limit` bytes, and adds the field heka.truncated: the original bytes of the payload, which are
 * `original`, or its present length when that is 0. Runs no user code. 1: done. 0: not possible,
 * because payloads of its type must not be cut, or the message exceeds the limit without its
 * payload too. -1 with MemoryError. */
int heka_truncate(hk_buffer *out, size_t start, size_t limit, size_t original);

#endif
