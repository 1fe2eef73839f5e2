/* hk_reasons.h -- drop reasons: the numbers that queues count by, and their names. */
#ifndef HEKA_REASONS_H
#define HEKA_REASONS_H

#include "hk_queue.h"

/* clang-format off */
#define HEKA_REASONS(X)                                                                  \
    X(FULL, "full") X(OVERSIZE, "oversize") X(CLOSED, "closed") X(ENCODE, "encode")      \
    X(ERROR, "error") X(STREAM, "stream") X(REFUSED, "refused") X(UNRESOLVED, "unresolved") \
    X(UNREACHABLE, "unreachable") X(TIMEOUT, "timeout") X(INTERRUPTED, "interrupted")    \
    X(CORRUPT, "corrupt") X(TLS, "tls") X(MISCONFIGURED, "misconfigured") \
    X(FILTER, "filter") X(REENTRANT, "reentrant") X(REJECTED, "rejected")
/* clang-format on */
#define HEKA_REASON_ENUM(name, word) HEKA_REASON_##name,
typedef enum { HEKA_REASONS(HEKA_REASON_ENUM) HEKA_REASON_COUNT } heka_reason;

_Static_assert(HEKA_REASON_COUNT <= HK_QUEUE_REASONS, "a queue counts them all");

#endif
