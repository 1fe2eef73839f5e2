/* hk_store.h -- a queue of frames, wherever it lies: the calls that memory and disk have in common.
 *
 * Semantics are those of core/hk_ring.h, call by call. Nothing here knows Python. */
#ifndef HEKA_STORE_H
#define HEKA_STORE_H

#include "hk_ring.h"
#include "hk_spool.h"

typedef struct {
    void (*free)(void *queue);
    hk_status (*put)(void *queue, const uint8_t *frame, size_t len);
    void (*refuse)(void *queue, unsigned reason);
    hk_status (*drop_oldest)(void *queue, size_t len, unsigned reason, size_t *dropped);
    hk_status (*wait_room)(void *queue, size_t len, int64_t timeout_ns);
    hk_ring_event (*wait)(void *queue, size_t bytes, int64_t timeout_ns);
    hk_ring_batch (*take)(void *queue, size_t most);
    void (*acknowledge)(void *queue, size_t outstanding);
    void (*rewind)(void *queue, size_t unsent);
    size_t (*drop_in_flight)(void *queue, unsigned reason);
    void (*wake)(void *queue);
    void (*close)(void *queue);
    size_t (*drop_all)(void *queue, unsigned reason);
    void (*set_goal)(void *queue, hk_ring_goal *goal);
    hk_ring_outcome (*flush)(void *queue, hk_ring_goal *goal, int64_t timeout_ns);
    void (*get_stats)(void *queue, hk_ring_stats *out);
    size_t (*count)(void *queue);
    void (*after_fork)(void *queue);
    hk_status (*sync)(void *queue, hk_error *err); /* NULL: nothing of it outlives the process */
} heka_store_calls;

extern const heka_store_calls heka_store_in_memory;
extern const heka_store_calls heka_store_on_disk;

/* A queue, owned, and what it is. */
typedef struct {
    const heka_store_calls *calls;
    void *queue;
} heka_store;

#endif
