/* hk_ring.c -- the bounded queue of frames: the lock, the counters, who sleeps, who wakes them. */
#include "hk_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/hk_clock.h"
#include "core/wire/hk_frame.h"

_Static_assert(HK_RING_FRAME_MAX == HK_MESSAGE_MAX + HK_FRAME_ROOM, "the largest frame");

typedef struct hk_ring_guarded guarded;

/* ---- birth, fork, death ---- */

#define RENEWING 0x80000000u /* bit of `owner`: a thread of that process is emptying the ring */

static void
empty(hk_ring *r)
{
    memset(&r->in, 0, sizeof r->in);
    hk_queue_init(&r->in.queue, r->queue_data, r->queue_size);
    hk_window_init(&r->in.window, r->window_data, r->window_size, r->lengths, r->slots);
}

/* The first call in a forked child. What the parent's threads were doing at that moment does not
 * matter: nothing of theirs is read, and the locks are made anew where they lie (destroying them
 * would wait for threads that are not here). */
static HK_COLD void
renew(hk_ring *r, unsigned now)
{
    for (;;) {
        unsigned was = atomic_load_explicit(&r->owner, memory_order_acquire);
        if (was == now) {
            return;
        }
        if (was == (now | RENEWING)) {
            (void)nanosleep(&(struct timespec){0, 1000}, NULL); /* another thread came first */
        } else if (atomic_compare_exchange_strong(&r->owner, &was, now | RENEWING)) {
            const hk_status status = hk_monitor_init(&r->monitor);
            assert(status == HK_OK); /* what memory it takes, if any, was there in the parent */
            (void)status;
            empty(r);
            atomic_store_explicit(&r->owner, now, memory_order_release);
            return;
        }
    }
}

void
hk_ring_after_fork(hk_ring *r)
{
    const unsigned now = hk_fork_generation() & ~RENEWING;
    if (HK_UNLIKELY(atomic_load_explicit(&r->owner, memory_order_acquire) != now)) {
        renew(r, now);
    }
}

static inline size_t
aligned(size_t n)
{
    return (n + HK_QUEUE_RECORD - 1) & ~((size_t)HK_QUEUE_RECORD - 1);
}

/* What stands in the block beside the queue, in bytes. */
static inline size_t
beside_queue(size_t window, size_t slots)
{
    return aligned(sizeof(hk_ring)) + aligned(slots * sizeof(uint32_t)) + window;
}

/* Fills in the sizes of the parts; false when a largest frame would not fit. */
static bool
plan(size_t capacity, size_t frame_max, size_t window, hk_ring *parts)
{
    if (frame_max == 0 || frame_max > HK_RING_FRAME_MAX || window < frame_max ||
        capacity > SIZE_MAX / 4 || window > SIZE_MAX / 4) {
        return false;
    }
    const size_t slots = window / HK_RING_FRAME_LEAST + 1;
    const size_t beside = beside_queue(window, slots);
    const size_t missing = beside > HK_RING_EXTRA ? beside - HK_RING_EXTRA : 0;
    if (missing > capacity || hk_queue_cost(frame_max) > capacity - missing) {
        return false;
    }
    parts->queue_size = (capacity - missing) / HK_QUEUE_RECORD * HK_QUEUE_RECORD;
    parts->window_size = window;
    parts->slots = slots;
    parts->frame_max = frame_max;
    return true;
}

size_t
hk_ring_block_size(size_t capacity, size_t frame_max, size_t window)
{
    hk_ring parts = {0};
    return plan(capacity, frame_max, window, &parts)
               ? parts.queue_size + beside_queue(window, parts.slots)
               : 0;
}

hk_status
hk_ring_new(size_t capacity, size_t frame_max, size_t window, hk_ring **ring, hk_error *err)
{
    hk_ring parts = {0};
    assert(ring != NULL);
    if (!plan(capacity, frame_max, window, &parts)) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0,
                       "expected room for a frame of %zu bytes (1 to %u) both in a queue of %zu "
                       "and in a window of %zu: raise them",
                       frame_max, HK_RING_FRAME_MAX, capacity, window);
    }
    const size_t size = parts.queue_size + beside_queue(window, parts.slots);
    hk_ring *r = hk_clock_init() == HK_OK ? malloc(size) : NULL;
    if (r != NULL) {
        *r = parts;
        r->queue_data = (uint8_t *)r + aligned(sizeof(hk_ring));
        r->lengths = (uint32_t *)(void *)(r->queue_data + r->queue_size); /* a multiple of 8 */
        r->window_data = r->queue_data + r->queue_size + aligned(r->slots * sizeof(uint32_t));
        atomic_init(&r->owner, hk_fork_generation() & ~RENEWING);
        empty(r);
    }
    if (r == NULL || hk_monitor_init(&r->monitor) != HK_OK) {
        free(r);
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a ring of %zu bytes", size);
    }
    *ring = r;
    return HK_OK;
}

void
hk_ring_free(hk_ring *r)
{
    if (r != NULL) {
        hk_ring_after_fork(r); /* locks that the parent's threads hold cannot be destroyed */
        hk_monitor_destroy(&r->monitor);
        free(r);
    }
}

/* ---- the lock ---- */

static inline guarded *
enter(hk_ring *r)
{
    hk_ring_after_fork(r);
    (void)pthread_mutex_lock(&r->monitor.mutex);
    return &r->in;
}

/* What the consumer would find now. */
static inline hk_ring_event
look(const hk_ring *r, const guarded *in)
{
    if (in->window.out < in->window.count ||
        (hk_queue_ready(&in->queue) && (in->queue.bytes >= in->wake_at || r->closed))) {
        return HK_RING_READY;
    }
    return r->closed && in->queue.used == 0 ? HK_RING_DRAINED : HK_RING_WOKEN;
}

/* After a change: the consumer is to be woken, if it sleeps and this is what it waits for. */
static inline bool
wakes(const hk_ring *r, guarded *in)
{
    if (HK_LIKELY(!in->idle) || look(r, in) == HK_RING_WOKEN) {
        return false;
    }
    in->idle = false; /* one signal a sleep */
    return true;
}

/* Tells the consumer not to wait for more: somebody cannot go on before it takes. True when it is
 * to be woken. */
static inline bool
hurry(guarded *in)
{
    const bool wake = in->idle;
    in->woken = true;
    in->idle = false;
    return wake;
}

/* The ring is full, and the idle consumer waits for more than there is room for. */
static HK_COLD bool
waits_in_vain(guarded *in)
{
    return in->idle && hk_queue_ready(&in->queue) && hurry(in);
}

/* Nobody is woken with the lock held: it would wake up to wait. */
static inline void
leave(hk_ring *r, bool wake_consumer, bool wake_others)
{
    (void)pthread_mutex_unlock(&r->monitor.mutex);
    if (HK_UNLIKELY(wake_consumer)) {
        (void)pthread_cond_signal(&r->monitor.filled);
    }
    if (HK_UNLIKELY(wake_others)) {
        (void)pthread_cond_broadcast(&r->monitor.left);
    }
}

/* ---- producers ---- */

/* HK_OK: a frame may have this size. */
static inline hk_status
check_size(const hk_ring *r, size_t len)
{
    return HK_LIKELY(len > 0 && len <= r->frame_max) ? HK_OK
           : len == 0                                ? HK_ERR_ARGUMENT
                                                     : HK_ERR_TOO_BIG;
}

static inline void
count_accepted(guarded *in)
{
    const uint64_t queued = in->queue.frames + in->window.count;
    in->stats.offered++;
    in->stats.high_water = queued > in->stats.high_water ? queued : in->stats.high_water;
}

hk_status
hk_ring_put(hk_ring *r, const uint8_t *frame, size_t len)
{
    assert(frame != NULL || len == 0);
    hk_status status = check_size(r, len);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    guarded *in = enter(r);
    bool wake;
    uint8_t *to = HK_UNLIKELY(r->closed) ? NULL : hk_queue_put(&in->queue, len);
    if (HK_LIKELY(to != NULL)) {
        memcpy(to, frame, len);
        count_accepted(in);
        wake = wakes(r, in);
    } else {
        status = r->closed ? HK_ERR_CLOSED : HK_ERR_FULL;
        wake = waits_in_vain(in);
    }
    leave(r, wake, false);
    return status;
}

hk_status
hk_ring_reserve(hk_ring *r, size_t size, hk_reservation *room)
{
    assert(room != NULL);
    hk_status status = check_size(r, size);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    guarded *in = enter(r);
    room->data = HK_UNLIKELY(r->closed) ? NULL : hk_queue_reserve(&in->queue, size, &room->at);
    room->size = size;
    room->owner = atomic_load_explicit(&r->owner, memory_order_relaxed);
    if (HK_UNLIKELY(room->data == NULL)) {
        status = r->closed ? HK_ERR_CLOSED : HK_ERR_FULL;
    }
    leave(r, status != HK_OK && waits_in_vain(in), false);
    return status;
}

/* False when the process has forked since: the room is the parent's, the ring was emptied. */
static inline bool
is_ours(hk_ring *r, const hk_reservation *room)
{
    hk_ring_after_fork(r);
    return room->owner == atomic_load_explicit(&r->owner, memory_order_relaxed);
}

hk_status
hk_ring_commit(hk_ring *r, const hk_reservation *room, const uint8_t *start, size_t len)
{
    assert(start >= room->data && len > 0 && len <= room->size);
    assert((size_t)(start - room->data) <= room->size - len);
    if (HK_UNLIKELY(!is_ours(r, room))) {
        return HK_ERR_CLOSED;
    }
    if (start != room->data) { /* still nobody else's */
        memmove(room->data, start, len);
    }
    guarded *in = enter(r);
    const hk_status status = HK_UNLIKELY(r->closed) ? HK_ERR_CLOSED : HK_OK;
    if (HK_LIKELY(status == HK_OK)) {
        hk_queue_commit(&in->queue, room->at, len);
        count_accepted(in);
    } else {
        hk_queue_abort(&in->queue, room->at);
    }
    leave(r, wakes(r, in), in->sleepers > 0); /* what was not used is room for others */
    return status;
}

void
hk_ring_abort(hk_ring *r, const hk_reservation *room)
{
    if (HK_LIKELY(is_ours(r, room))) {
        guarded *in = enter(r);
        hk_queue_abort(&in->queue, room->at);
        leave(r, wakes(r, in), in->sleepers > 0);
    }
}

void
hk_ring_refuse(hk_ring *r, unsigned reason)
{
    assert(reason < HK_RING_REASONS);
    guarded *in = enter(r);
    in->stats.offered++;
    in->stats.dropped[reason]++;
    leave(r, false, false);
}

hk_status
hk_ring_drop_oldest(hk_ring *r, size_t len, unsigned reason, size_t *dropped)
{
    assert(reason < HK_RING_REASONS && dropped != NULL);
    hk_status status = check_size(r, len);
    *dropped = 0;
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    guarded *in = enter(r);
    while (status == HK_OK && !hk_queue_fits(&in->queue, len)) {
        if (hk_queue_ready(&in->queue)) {
            hk_queue_pop(&in->queue);
            ++*dropped;
        } else {
            status = HK_ERR_FULL;
        }
    }
    in->stats.dropped[reason] += *dropped;
    in->lost += *dropped;
    leave(r, wakes(r, in), in->sleepers > 0);
    return status;
}

/* ---- the consumer ---- */

/* Copies waiting frames into the window, at most `most` bytes, but one frame at least. */
static hk_ring_batch
fetch(guarded *in, size_t most)
{
    hk_ring_batch batch = {NULL, 0, 0};
    while ((batch.frames == 0 || batch.len < most) && hk_queue_ready(&in->queue)) {
        const hk_slice frame = hk_queue_oldest(&in->queue);
        if (batch.frames > 0 && frame.len > most - batch.len) {
            break;
        }
        uint8_t *to = hk_window_room(&in->window, frame.len, batch.frames > 0);
        if (to == NULL) {
            break;
        }
        memcpy(to, frame.data, frame.len);
        hk_window_push(&in->window, frame.len);
        hk_queue_pop(&in->queue);
        batch.data = batch.frames == 0 ? to : batch.data;
        batch.len += frame.len;
        batch.frames++;
    }
    in->taken += batch.frames;
    return batch;
}

/* What was taken out of the queue is of use to somebody who sleeps on `left`. Woken by each frame,
 * producers of a full ring would put a few and sleep again: 40,000 times for a million datagrams.
 */
static bool
is_of_use(const hk_ring *r, const guarded *in)
{
    return in->sleepers > in->producers || in->queue.used <= r->queue_size - r->queue_size / 8;
}

hk_ring_batch
hk_ring_take(hk_ring *r, size_t most)
{
    hk_ring_batch batch = {NULL, 0, 0};
    bool fetched = false;
    most = most < HK_RING_BATCH_MAX ? most : HK_RING_BATCH_MAX;
    guarded *in = enter(r);
    if (HK_UNLIKELY(in->window.out < in->window.count)) {
        size_t repeated;
        const hk_slice again = hk_window_again(&in->window, most, &batch.frames, &repeated);
        batch.data = again.data;
        batch.len = again.len;
        in->stats.resent += repeated;
    } else {
        batch = fetch(in, most);
        fetched = batch.frames > 0;
    }
    leave(r, false, fetched && in->sleepers > 0 && is_of_use(r, in));
    return batch;
}

void
hk_ring_acknowledge(hk_ring *r, size_t outstanding)
{
    guarded *in = enter(r);
    const hk_window_tally gone = hk_window_acknowledge(&in->window, outstanding);
    in->stats.sent += gone.frames;
    in->stats.bytes += gone.bytes;
    in->settled += gone.frames;
    leave(r, false, gone.frames > 0 && in->sleepers > in->producers);
}

void
hk_ring_rewind(hk_ring *r, size_t unsent)
{
    guarded *in = enter(r);
    hk_window_rewind(&in->window, unsent);
    leave(r, false, false);
}

/* Counts frames that have left the window otherwise than sent. */
static void
lose(guarded *in, size_t frames, unsigned reason)
{
    in->stats.dropped[reason] += frames;
    in->settled += frames;
    in->lost += frames;
}

size_t
hk_ring_drop_in_flight(hk_ring *r, unsigned reason)
{
    assert(reason < HK_RING_REASONS);
    guarded *in = enter(r);
    const size_t frames = hk_window_acknowledge(&in->window, 0).frames;
    lose(in, frames, reason);
    leave(r, false, frames > 0 && in->sleepers > 0);
    return frames;
}

/* ---- everybody ---- */

void
hk_ring_close(hk_ring *r)
{
    guarded *in = enter(r);
    r->closed = true;
    leave(r, hurry(in), in->sleepers > 0);
}

size_t
hk_ring_drop_all(hk_ring *r, unsigned reason)
{
    assert(reason < HK_RING_REASONS);
    guarded *in = enter(r);
    const size_t waiting = hk_queue_clear(&in->queue);
    in->stats.dropped[reason] += waiting;
    in->lost += waiting;
    const size_t taken = hk_window_clear(&in->window);
    lose(in, taken, reason);
    leave(r, wakes(r, in), in->sleepers > 0);
    return waiting + taken;
}

void
hk_ring_get_stats(hk_ring *r, hk_ring_stats *out)
{
    const guarded *in = enter(r);
    *out = in->stats;
    out->in_flight = in->window.count;
    out->queued = in->queue.frames + in->window.count;
    leave(r, false, false);
}

size_t
hk_ring_count(hk_ring *r)
{
    const guarded *in = enter(r);
    const size_t frames = hk_queue_recount(&in->queue) + hk_window_recount(&in->window);
    leave(r, false, false);
    return frames;
}

/* ---- sleeping ---- */

hk_ring_event
hk_ring_wait(hk_ring *r, size_t bytes, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    bool in_time = true;
    hk_ring_event event;
    guarded *in = enter(r);
    in->wake_at = bytes;
    while ((event = look(r, in)) == HK_RING_WOKEN && !in->woken && in_time) {
        in->idle = true; /* looked at by the others under the lock, so no waking is lost */
        in_time = hk_monitor_sleep(&r->monitor, &r->monitor.filled, deadline);
    }
    in->idle = in->woken = false;
    leave(r, false, false);
    return event;
}

void
hk_ring_wake(hk_ring *r)
{
    guarded *in = enter(r);
    leave(r, hurry(in), false);
}

/* Sleeps until something has left, the consumer at work. False: the deadline has passed. */
static bool
sleep_until_left(hk_ring *r, guarded *in, int64_t deadline)
{
    if (hurry(in)) {
        (void)pthread_cond_signal(&r->monitor.filled);
    }
    in->sleepers++;
    const bool in_time = hk_monitor_sleep(&r->monitor, &r->monitor.left, deadline);
    in->sleepers--;
    return in_time;
}

hk_status
hk_ring_wait_room(hk_ring *r, size_t len, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    bool in_time = true;
    bool room = false;
    const hk_status status = check_size(r, len);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    guarded *in = enter(r);
    in->producers++;
    while (!r->closed && !(room = hk_queue_fits(&in->queue, len)) && in_time) {
        in_time = sleep_until_left(r, in, deadline);
    }
    in->producers--;
    const bool closed = r->closed;
    leave(r, false, false);
    return closed ? HK_ERR_CLOSED : room ? HK_OK : HK_ERR_FULL;
}

void
hk_ring_set_goal(hk_ring *r, hk_ring_goal *goal)
{
    const guarded *in = enter(r);
    *goal = (hk_ring_goal){
        .last = in->queue.placed,
        .lost = in->lost,
        .owner = atomic_load_explicit(&r->owner, memory_order_relaxed),
    };
    leave(r, false, false);
}

/* First the queue has to be rid of every record up to the goal's, then the window of what it holds
 * at that moment: frames behind them may be dropped before those that are under way have left. */
static bool
reached(const guarded *in, hk_ring_goal *goal)
{
    if (!goal->passed) {
        /* A reservation that is aborted at the end leaves its place to the next. */
        goal->last = in->queue.placed < goal->last ? in->queue.placed : goal->last;
        goal->passed = in->queue.passed >= goal->last;
        goal->taken = in->taken;
    }
    return goal->passed && in->settled >= goal->taken;
}

hk_ring_outcome
hk_ring_flush(hk_ring *r, hk_ring_goal *goal, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    hk_ring_outcome outcome = HK_RING_LOST;
    bool in_time = true;
    bool done = false;
    guarded *in = enter(r);
    if (HK_LIKELY(goal->owner == atomic_load_explicit(&r->owner, memory_order_relaxed))) {
        while (!(done = reached(in, goal)) && in_time) {
            in_time = sleep_until_left(r, in, deadline);
        }
        outcome = !done ? HK_RING_PENDING : in->lost == goal->lost ? HK_RING_FLUSHED : HK_RING_LOST;
    }
    leave(r, false, false);
    return outcome;
}
