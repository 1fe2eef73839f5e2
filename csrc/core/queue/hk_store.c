/* hk_store.c -- the tables of calls: one for each kind of queue. */
#include "hk_store.h"

/* Functions that take the queue as void *, for a table; calling through another type of function is
 * undefined. */
#define ADAPT(kind)                                                                            \
    static void kind##_free(void *q)                                                           \
    {                                                                                          \
        hk_##kind##_free(q);                                                                   \
    }                                                                                          \
    static hk_status kind##_put(void *q, const uint8_t *frame, size_t len)                     \
    {                                                                                          \
        return hk_##kind##_put(q, frame, len);                                                 \
    }                                                                                          \
    static void kind##_refuse(void *q, unsigned reason)                                        \
    {                                                                                          \
        hk_##kind##_refuse(q, reason);                                                         \
    }                                                                                          \
    static hk_status kind##_drop_oldest(void *q, size_t len, unsigned reason, size_t *dropped) \
    {                                                                                          \
        return hk_##kind##_drop_oldest(q, len, reason, dropped);                               \
    }                                                                                          \
    static hk_status kind##_wait_room(void *q, size_t len, int64_t timeout_ns)                 \
    {                                                                                          \
        return hk_##kind##_wait_room(q, len, timeout_ns);                                      \
    }                                                                                          \
    static hk_ring_event kind##_wait(void *q, size_t bytes, int64_t timeout_ns)                \
    {                                                                                          \
        return hk_##kind##_wait(q, bytes, timeout_ns);                                         \
    }                                                                                          \
    static hk_ring_batch kind##_take(void *q, size_t most)                                     \
    {                                                                                          \
        return hk_##kind##_take(q, most);                                                      \
    }                                                                                          \
    static void kind##_acknowledge(void *q, size_t outstanding)                                \
    {                                                                                          \
        hk_##kind##_acknowledge(q, outstanding);                                               \
    }                                                                                          \
    static void kind##_rewind(void *q, size_t unsent)                                          \
    {                                                                                          \
        hk_##kind##_rewind(q, unsent);                                                         \
    }                                                                                          \
    static size_t kind##_drop_in_flight(void *q, unsigned reason)                              \
    {                                                                                          \
        return hk_##kind##_drop_in_flight(q, reason);                                          \
    }                                                                                          \
    static void kind##_wake(void *q)                                                           \
    {                                                                                          \
        hk_##kind##_wake(q);                                                                   \
    }                                                                                          \
    static void kind##_close(void *q)                                                          \
    {                                                                                          \
        hk_##kind##_close(q);                                                                  \
    }                                                                                          \
    static size_t kind##_drop_all(void *q, unsigned reason)                                    \
    {                                                                                          \
        return hk_##kind##_drop_all(q, reason);                                                \
    }                                                                                          \
    static void kind##_set_goal(void *q, hk_ring_goal *goal)                                   \
    {                                                                                          \
        hk_##kind##_set_goal(q, goal);                                                         \
    }                                                                                          \
    static hk_ring_outcome kind##_flush(void *q, hk_ring_goal *goal, int64_t timeout_ns)       \
    {                                                                                          \
        return hk_##kind##_flush(q, goal, timeout_ns);                                         \
    }                                                                                          \
    static void kind##_get_stats(void *q, hk_ring_stats *out)                                  \
    {                                                                                          \
        hk_##kind##_get_stats(q, out);                                                         \
    }                                                                                          \
    static size_t kind##_count(void *q)                                                        \
    {                                                                                          \
        return hk_##kind##_count(q);                                                           \
    }                                                                                          \
    static void kind##_after_fork(void *q)                                                     \
    {                                                                                          \
        hk_##kind##_after_fork(q);                                                             \
    }

#define CALLS(kind)                                                                        \
    .free = kind##_free, .put = kind##_put, .refuse = kind##_refuse,                       \
    .drop_oldest = kind##_drop_oldest, .wait_room = kind##_wait_room, .wait = kind##_wait, \
    .take = kind##_take, .acknowledge = kind##_acknowledge, .rewind = kind##_rewind,       \
    .drop_in_flight = kind##_drop_in_flight, .wake = kind##_wake, .close = kind##_close,   \
    .drop_all = kind##_drop_all, .set_goal = kind##_set_goal, .flush = kind##_flush,       \
    .get_stats = kind##_get_stats, .count = kind##_count, .after_fork = kind##_after_fork

ADAPT(ring)
ADAPT(spool)

static hk_status
spool_sync(void *q, hk_error *err)
{
    return hk_spool_sync(q, err);
}

const heka_store_calls heka_store_in_memory = {CALLS(ring), .sync = NULL};
const heka_store_calls heka_store_on_disk = {CALLS(spool), .sync = spool_sync};
