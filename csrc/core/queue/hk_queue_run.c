/* hk_queue_run.c -- runs of frames: put, refused and waited for as a whole. */
#include <assert.h>

#include "hk_engine.h"
#include "hk_queue.h"

/* Counts the frames of the run; HK_OK: all are whole, and none is too large. */
static hk_status
measure_run(const hk_queue *q, const uint8_t *data, size_t len, size_t *frames)
{
    size_t largest = 0;
    size_t at = 0;
    size_t n = 0;
    for (size_t one; at < len && (one = hk_segment_measure(data + at, len - at)) > 0; n++) {
        largest = one > largest ? one : largest;
        at += one;
    }
    *frames = n;
    return at != len || n == 0 ? HK_ERR_ARGUMENT : largest > q->frame_max ? HK_ERR_TOO_BIG : HK_OK;
}

/* All frames, or none: then the records are as they were, but for bytes that no record has. */
static hk_status
put_in_memory(hk_memory *m, const uint8_t *data, size_t len)
{
    const hk_records before = m->records;
    hk_status status = HK_OK;
    for (size_t at = 0, one; at < len && status == HK_OK; at += one) {
        one = hk_segment_measure(data + at, len - at);
        status = hk_memory_put(m, data + at, one);
    }
    if (status != HK_OK) {
        m->records = before;
    }
    return status;
}

/* Bytes that make room for the run, as one frame: on disk those of the frames; in memory each frame
 * costs a record more, and what is lost where the ring begins again is less than one record. */
static size_t
cost_of(const hk_queue *q, size_t len, size_t frames)
{
    return q->on_disk ? len : len + frames * (2 * HK_RECORD_HEAD - 1);
}

hk_status
hk_queue_put_run(hk_queue *q, const uint8_t *data, size_t len, size_t *frames)
{
    assert(data != NULL || len == 0);
    hk_status status = measure_run(q, data, len, frames);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    if (HK_UNLIKELY(cost_of(q, len, *frames) > q->run_max)) {
        return HK_ERR_TOO_BIG;
    }
    hk_guarded *in = enter(q);
    status = q->closed    ? HK_ERR_CLOSED
             : q->on_disk ? hk_disk_put_run(&in->store.disk, in->waiting, data, len, *frames)
                          : put_in_memory(&in->store.memory, data, len);
    if (q->on_disk) {
        hk_disk_trim(&in->store.disk);
    }
    const bool wake = count_put(q, in, status, *frames, len);
    leave(q, wake, false);
    return status;
}

void
hk_queue_refuse_run(hk_queue *q, size_t frames, unsigned reason)
{
    assert(reason < HK_QUEUE_REASONS);
    hk_guarded *in = enter(q);
    in->stats.offered += frames;
    in->stats.dropped[reason] += frames;
    leave(q, false, false);
}

hk_status
hk_queue_drop_for_run(hk_queue *q, size_t len, size_t frames, unsigned reason, size_t *dropped)
{
    assert(reason < HK_QUEUE_REASONS && dropped != NULL);
    const size_t cost = cost_of(q, len, frames);
    *dropped = 0;
    return cost <= q->run_max ? hk_engine_drop_oldest(q, cost, reason, dropped) : HK_ERR_TOO_BIG;
}

hk_status
hk_queue_wait_room_for_run(hk_queue *q, size_t len, size_t frames, int64_t timeout_ns)
{
    const size_t cost = cost_of(q, len, frames);
    return cost <= q->run_max ? hk_engine_wait_room(q, cost, timeout_ns) : HK_ERR_TOO_BIG;
}
