/* hk_queue.c -- the engine of a queue: lock, counters, sleeping and waking, forks. */
#include "hk_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/hk_clock.h"
#include "hk_engine.h"

typedef hk_guarded guarded;

/* ---- opened, forked, freed ---- */

#define RENEWING 0x80000000u /* bit of `owner`: a thread of that process is emptying the queue */

/* The first call in a forked child. Nothing is read that the parent's threads may have been
 * writing, and the locks are made anew where they lie: destroying them would wait for threads that
 * are not here. */
static HK_COLD void
renew(hk_queue *q, unsigned now)
{
    guarded *in = &q->in;
    unsigned was;
    while ((was = atomic_load_explicit(&q->owner, memory_order_acquire)) != now) {
        if (was == (now | RENEWING)) {
            (void)nanosleep(&(struct timespec){0, 1000}, NULL); /* another thread came first */
        } else if (atomic_compare_exchange_strong(&q->owner, &was, now | RENEWING)) {
            const hk_status status = hk_monitor_init(&q->monitor);
            assert(status == HK_OK); /* what memory it takes, if any, was there in the parent */
            (void)status;
            if (q->on_disk) { /* the files are the parent's */
                hk_journal_forget(&in->store.disk.journal);
                q->closed = true;
            } else {
                hk_memory_clear(&in->store.memory);
            }
            (void)hk_flight_clear(&in->flight);
            *in = (guarded){.flight = in->flight, .store = in->store};
            atomic_store_explicit(&q->owner, now, memory_order_release);
        }
    }
}

void
hk_queue_after_fork(hk_queue *q)
{
    const unsigned now = hk_fork_generation() & ~RENEWING;
    if (HK_UNLIKELY(atomic_load_explicit(&q->owner, memory_order_acquire) != now)) {
        renew(q, now);
    }
}

/* Bytes of the longest run: it goes into an empty queue, and into one segment. */
static size_t
longest_run(const hk_queue *q)
{
    const hk_disk *disk = &q->in.store.disk;
    if (!q->on_disk) {
        return q->in.store.memory.records.size - HK_RECORD_HEAD;
    }
    return disk->capacity < disk->journal.segment_size ? disk->capacity
                                                       : disk->journal.segment_size;
}

hk_status
hk_queue_open(const char *directory, const hk_queue_settings *settings, hk_queue **queue,
              hk_error *err)
{
    const bool on_disk = directory != NULL;
    const size_t slots = settings->window / HK_QUEUE_FRAME_LEAST + 1;
    const size_t head = (sizeof(hk_queue) + slots * sizeof(uint32_t) + 7) & ~(size_t)7;
    const size_t data = on_disk ? 0 : hk_memory_size(settings, head);
    assert(queue != NULL && settings->corrupt < HK_QUEUE_REASONS);
    *queue = NULL;
    if (settings->frame_max == 0 || settings->frame_max > HK_FRAME_MAX ||
        settings->window < settings->frame_max || settings->window > SIZE_MAX / 4 ||
        (on_disk ? hk_disk_segment_size(settings) : data) == 0) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0,
                       "expected room for a frame of %zu bytes (1 to %u) in a queue of %zu, a "
                       "window of %zu and, on disk, a segment: raise them",
                       settings->frame_max, HK_FRAME_MAX, settings->capacity, settings->window);
    }
    hk_queue *q = hk_clock_init() == HK_OK ? malloc(head + data) : NULL;
    if (q == NULL || hk_monitor_init(&q->monitor) != HK_OK) {
        free(q);
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a queue of %zu bytes", head + data);
    }
    guarded *in = &q->in;
    size_t cut = 0;
    hk_status status = HK_OK;
    *in = (guarded){.flight = {q->lengths, .slots = slots, .most = settings->window}};
    if (on_disk) {
        status = hk_disk_open(&in->store.disk, directory, settings, &in->waiting, &cut, err);
    } else {
        hk_memory_init(&in->store.memory, settings, (uint8_t *)q + head, data);
    }
    if (status != HK_OK) {
        hk_monitor_destroy(&q->monitor);
        free(q);
        return status;
    }
    q->on_disk = on_disk;
    q->corrupt = settings->corrupt;
    q->frame_max = settings->frame_max;
    q->run_max = longest_run(q);
    q->closed = false;
    atomic_init(&q->owner, hk_fork_generation() & ~RENEWING);
    in->placed = in->stats.high_water = in->waiting.frames;
    in->stats.recovered = in->waiting.frames + cut;
    in->stats.dropped[q->corrupt] = cut;
    *queue = q;
    return HK_OK;
}

void
hk_queue_free(hk_queue *q)
{
    if (q != NULL) {
        hk_queue_after_fork(q); /* locks that the parent's threads hold cannot be destroyed */
        hk_journal *j = &q->in.store.disk.journal;
        if (q->on_disk && j->directory >= 0) {
            hk_journal_close(j, q->in.waiting.frames + q->in.flight.count == 0);
        }
        hk_monitor_destroy(&q->monitor);
        free(q);
    }
}

/* ---- producers ---- */

/* For either store: compiled twice, so that one look at q->on_disk is enough. */
static inline __attribute__((always_inline)) hk_status
put(hk_queue *q, bool on_disk, const uint8_t *frame, size_t len)
{
    hk_status status = HK_ERR_CLOSED;
    guarded *in = enter(q);
    if (HK_LIKELY(!q->closed)) {
        status = on_disk ? hk_disk_put(&in->store.disk, in->waiting, frame, len)
                         : hk_memory_put(&in->store.memory, frame, len);
    }
    const bool wake = count_put(q, in, status, 1, len);
    leave(q, wake, false);
    return status;
}

hk_status
hk_queue_put(hk_queue *q, const uint8_t *frame, size_t len)
{
    assert(frame != NULL || len == 0);
    const hk_status status = check_size(q, len);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    if (!q->on_disk) {
        return put(q, false, frame, len);
    }
    return HK_LIKELY(hk_segment_measure(frame, len) == len) ? put(q, true, frame, len)
                                                            : HK_ERR_ARGUMENT;
}

void
hk_queue_refuse(hk_queue *q, unsigned reason)
{
    assert(reason < HK_QUEUE_REASONS);
    guarded *in = enter(q);
    in->stats.offered++;
    in->stats.dropped[reason]++;
    leave(q, false, false);
}

hk_status
hk_engine_drop_oldest(hk_queue *q, size_t len, unsigned reason, size_t *dropped)
{
    hk_status status = HK_OK;
    hk_disk_work work = {0};
    *dropped = 0;
    guarded *in = enter(q);
    while (status == HK_OK && !fits(q, in, len)) {
        const hk_tally gone =
            q->on_disk ? hk_disk_drop_oldest(&in->store.disk, in->flight.count > 0, &work)
                       : hk_memory_drop_oldest(&in->store.memory);
        status = gone.frames > 0 ? HK_OK : HK_ERR_FULL;
        *dropped += gone.frames;
        lose(in, gone, 0, reason);
    }
    if (work.done != NULL && (in->flight.count == 0 || in->store.disk.journal.lazy)) {
        /* What is gone stays gone, and the numbers in the cursor say how much is left. */
        hk_disk_mark(&in->store.disk, in->waiting.frames + in->flight.count, &work);
    }
    leave_and_finish(q, wakes(q, in), in->sleepers > 0, &work);
    return status;
}

hk_status
hk_queue_drop_oldest(hk_queue *q, size_t len, unsigned reason, size_t *dropped)
{
    assert(reason < HK_QUEUE_REASONS && dropped != NULL);
    *dropped = 0;
    const hk_status status = check_size(q, len);
    return HK_LIKELY(status == HK_OK) ? hk_engine_drop_oldest(q, len, reason, dropped) : status;
}

/* ---- the consumer ---- */

/* Frames that were never handed out. */
static inline hk_queue_batch
fetch(hk_queue *q, guarded *in, size_t most)
{
    hk_tally lost = {0, 0};
    const hk_queue_batch batch =
        q->on_disk ? hk_disk_fetch(&in->store.disk, &in->flight, in->waiting, most, &lost)
                   : hk_memory_fetch(&in->store.memory, &in->flight, most);
    if (HK_UNLIKELY(lost.frames > 0)) {
        lose(in, lost, 0, q->corrupt);
    }
    in->waiting.frames -= batch.frames;
    in->waiting.bytes -= batch.len;
    in->taken += batch.frames;
    return batch;
}

/* Frames that were taken before the last rewind. */
static hk_queue_batch
repeat(hk_queue *q, guarded *in, size_t most)
{
    hk_queue_batch batch = {NULL, 0, 0};
    while (in->flight.out < in->flight.count && hk_batch_goes_on(&batch, most)) {
        const size_t len = hk_flight_next(&in->flight);
        const bool follows = batch.frames > 0;
        if (!hk_batch_takes(&batch, len, most)) {
            break;
        }
        const uint8_t *data = q->on_disk ? hk_journal_again(&in->store.disk.journal, len, follows)
                                         : hk_window_again(&in->store.memory.window, len, follows);
        if (data == NULL) {
            if (!follows) { /* on disk only */
                hk_tally waiting;
                const hk_tally gone = hk_disk_give_up_next(&in->store.disk, &in->flight, &waiting);
                lose(in, waiting, gone.frames, q->corrupt);
                continue;
            }
            break;
        }
        hk_batch_add(&batch, data, len);
        in->stats.resent += hk_flight_repeat(&in->flight);
    }
    return batch;
}

/* A segment was woken. What its name said was a guess: then `recovered` was one too. */
static void
correct(hk_queue *q, guarded *in, const hk_waking *waking)
{
    const uint64_t queued = in->waiting.frames + in->flight.count;
    in->waiting.frames = in->waiting.frames - waking->before.frames + waking->now.frames;
    in->waiting.bytes = in->waiting.bytes - waking->before.bytes + waking->now.bytes;
    if (waking->unread) {
        in->stats.recovered =
            in->stats.recovered - waking->before.frames + waking->now.frames + waking->pieces;
    }
    if (waking->now.frames > waking->before.frames) {
        const size_t more = waking->now.frames - waking->before.frames;
        in->placed += more;
        in->stats.high_water =
            in->stats.high_water < queued + more ? queued + more : in->stats.high_water;
    }
    in->stats.dropped[q->corrupt] += waking->pieces;
    in->lost += waking->pieces;
}

/* What was put off is done by the consumer of a queue on disk, without the lock. True: a segment
 * was woken, and frames may be there that were not. */
static HK_COLD bool
do_chores(hk_queue *q)
{
    hk_journal *j = &q->in.store.disk.journal;
    hk_disk_work work = {0};
    (void)enter(q);
    hk_chores chores = hk_journal_ask_chores(j);
    leave(q, false, false);
    hk_journal_do_chores(j, &chores);
    guarded *in = enter(q);
    const hk_waking waking = hk_journal_end_chores(j, &chores);
    correct(q, in, &waking);
    work.done = waking.done;
    if (waking.done != NULL) {
        hk_disk_mark(&in->store.disk, in->waiting.frames + in->flight.count, &work);
    }
    leave_and_finish(q, false, in->sleepers > 0, &work);
    if (HK_UNLIKELY(chores.waked != HK_OK)) { /* no descriptor is left, for example */
        (void)nanosleep(&(struct timespec){0, HK_SEGMENT_PAUSE}, NULL);
    }
    return chores.wake && chores.waked == HK_OK;
}

static inline hk_queue_batch
take(hk_queue *q, size_t most, bool *has_chores)
{
    hk_disk_work work = {0};
    guarded *in = enter(q);
    const uint64_t lost = in->lost;
    const bool again = in->flight.out < in->flight.count;
    hk_queue_batch batch = HK_UNLIKELY(again) ? repeat(q, in, most) : fetch(q, in, most);
    if (HK_UNLIKELY(again && batch.frames == 0)) { /* none of them is there any more */
        batch = fetch(q, in, most);
    }
    const bool has_lost = in->lost != lost; /* on disk only */
    if (HK_UNLIKELY(has_lost)) {
        hk_disk_mark(&in->store.disk, in->waiting.frames + in->flight.count, &work);
    }
    if (q->on_disk) {
        hk_disk_ask_work(&in->store.disk, &work);
    }
    const bool wake = !again && batch.frames > 0 && in->sleepers > 0;
    leave_and_finish(q, false,
                     (wake && (q->on_disk || in->sleepers > in->producers ||
                               hk_memory_is_roomy(&in->store.memory))) ||
                         has_lost,
                     &work);
    *has_chores = work.has_chores;
    return batch;
}

hk_queue_batch
hk_queue_take(hk_queue *q, size_t most)
{
    bool has_chores;
    bool again = true;
    hk_queue_batch batch = {NULL, 0, 0};
    most = most < HK_QUEUE_BATCH_MAX ? most : HK_QUEUE_BATCH_MAX;
    while (again) {
        batch = take(q, most, &has_chores);
        again = HK_UNLIKELY(has_chores) && do_chores(q) && batch.frames == 0;
    }
    return batch;
}

/* Removes what is handed out, but for frames that reach into its last `outstanding` bytes. */
static inline hk_tally
release(hk_queue *q, guarded *in, size_t outstanding, hk_disk_work *work)
{
    hk_tally gone = {0, 0};
    for (size_t len; (len = hk_flight_release(&in->flight, outstanding)) > 0; gone.frames++) {
        gone.bytes += len;
        if (q->on_disk) {
            hk_journal_release(&in->store.disk.journal, len);
        } else {
            hk_window_release(&in->store.memory.window, len);
        }
    }
    hk_flight_settle(&in->flight);
    if (q->on_disk && gone.frames > 0) {
        hk_disk_mark(&in->store.disk, in->waiting.frames + in->flight.count, work);
    }
    return gone;
}

void
hk_queue_acknowledge(hk_queue *q, size_t outstanding)
{
    (void)hk_queue_settle(q, outstanding, 0, 0);
}

size_t
hk_queue_settle(hk_queue *q, size_t outstanding, size_t refused, unsigned reason)
{
    assert(reason < HK_QUEUE_REASONS);
    hk_disk_work work = {0};
    guarded *in = enter(q);
    const hk_tally gone = release(q, in, outstanding, &work);
    refused = refused < gone.frames ? refused : gone.frames;
    in->stats.sent += gone.frames - refused;
    in->stats.dropped[reason] += refused;
    in->lost += refused;
    in->stats.bytes += gone.bytes;
    in->settled += gone.frames;
    /* In memory that makes no room for producers; on disk it may. */
    leave_and_finish(q, false, gone.frames > 0 && in->sleepers > (q->on_disk ? 0 : in->producers),
                     &work);
    return gone.frames;
}

void
hk_queue_rewind(hk_queue *q, size_t unsent)
{
    guarded *in = enter(q);
    hk_flight_rewind(&in->flight, unsent);
    if (q->on_disk) {
        hk_journal_rewind(&in->store.disk.journal);
    } else {
        hk_window_rewind(&in->store.memory.window);
    }
    leave(q, false, false);
}

size_t
hk_queue_drop_in_flight(hk_queue *q, unsigned reason)
{
    assert(reason < HK_QUEUE_REASONS);
    hk_disk_work work = {0};
    guarded *in = enter(q);
    const size_t frames = release(q, in, 0, &work).frames;
    lose(in, (hk_tally){0, 0}, frames, reason);
    leave_and_finish(q, false, frames > 0 && in->sleepers > 0, &work);
    return frames;
}

/* ---- everybody ---- */

void
hk_queue_close(hk_queue *q)
{
    guarded *in = enter(q);
    q->closed = true;
    leave(q, hurry(in), in->sleepers > 0);
}

size_t
hk_queue_drop_all(hk_queue *q, unsigned reason)
{
    assert(reason < HK_QUEUE_REASONS);
    guarded *in = enter(q);
    const size_t frames = in->waiting.frames + in->flight.count;
    lose(in, in->waiting, hk_flight_clear(&in->flight), reason);
    if (!q->on_disk) {
        hk_memory_clear(&in->store.memory);
    } else if (frames > 0) {
        hk_journal_clear(&in->store.disk.journal);
    }
    leave(q, wakes(q, in), in->sleepers > 0);
    return frames;
}

void
hk_queue_get_stats(hk_queue *q, hk_queue_stats *out)
{
    const guarded *in = enter(q);
    *out = in->stats;
    out->in_flight = in->flight.count;
    out->queued = in->waiting.frames + in->flight.count;
    out->queued_bytes = in->waiting.bytes + in->flight.bytes;
    out->disk_failure = q->on_disk ? hk_journal_failure(&in->store.disk.journal) : 0;
    leave(q, false, false);
}

size_t
hk_queue_peek(hk_queue *q, uint8_t *to, size_t room)
{
    guarded *in = enter(q);
    const bool any = in->waiting.frames + in->flight.count > 0;
    size_t len = 0;
    if (any && q->on_disk) {
        len = hk_disk_peek(&in->store.disk, to, room);
    } else if (any) {
        const hk_slice oldest = hk_memory_oldest(&in->store.memory, &in->flight);
        if (oldest.data != NULL) {
            len = oldest.len < room ? oldest.len : room;
            memcpy(to, oldest.data, len);
        }
    }
    leave(q, false, false);
    return len;
}

size_t
hk_queue_count(hk_queue *q)
{
    const guarded *in = enter(q);
    const size_t frames = q->on_disk ? hk_journal_count(&in->store.disk.journal)
                                     : hk_records_count(&in->store.memory.records) +
                                           hk_window_count(&in->store.memory.window, &in->flight);
    leave(q, false, false);
    return frames;
}

hk_status
hk_queue_sync(hk_queue *q, hk_error *err)
{
    hk_queue_after_fork(q);
    return q->on_disk ? hk_disk_sync(&q->in.store.disk, &q->monitor, err) : HK_OK;
}

/* ---- sleeping ---- */

hk_queue_event
hk_queue_wait(hk_queue *q, size_t bytes, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    bool in_time = true;
    hk_queue_event event;
    guarded *in = enter(q);
    in->wake_at = bytes;
    while ((event = look(q, in)) == HK_QUEUE_WOKEN && !in->woken && in_time) {
        in->idle = true; /* looked at by the others under the lock, so no waking is lost */
        in_time = hk_monitor_sleep(&q->monitor, &q->monitor.filled, deadline);
    }
    in->idle = in->woken = false;
    leave(q, false, false);
    return event;
}

void
hk_queue_wake(hk_queue *q)
{
    guarded *in = enter(q);
    leave(q, hurry(in), false);
}

/* Sleeps until something has left, the consumer at work. False: the deadline has passed. */
static bool
sleep_until_left(hk_queue *q, guarded *in, int64_t deadline)
{
    if (hurry(in)) {
        (void)pthread_cond_signal(&q->monitor.filled);
    }
    in->sleepers++;
    const bool in_time = hk_monitor_sleep(&q->monitor, &q->monitor.left, deadline);
    in->sleepers--;
    return in_time;
}

hk_status
hk_engine_wait_room(hk_queue *q, size_t len, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    bool in_time = true;
    bool room;
    guarded *in = enter(q);
    in->producers++;
    while (!(room = fits(q, in, len)) && !q->closed && in_time) {
        const hk_disk *disk = q->on_disk ? &in->store.disk : NULL;
        if (disk != NULL && hk_disk_has_capacity(disk, in->waiting, len) &&
            (deadline < 0 || deadline > hk_journal_retry_at(&disk->journal))) {
            /* The disk is full: ask it again, whoever has left. */
            (void)sleep_until_left(q, in, hk_journal_retry_at(&disk->journal));
        } else {
            in_time = sleep_until_left(q, in, deadline);
        }
    }
    in->producers--;
    const bool closed = q->closed;
    leave(q, false, false);
    return closed ? HK_ERR_CLOSED : room ? HK_OK : HK_ERR_FULL;
}

hk_status
hk_queue_wait_room(hk_queue *q, size_t len, int64_t timeout_ns)
{
    const hk_status status = check_size(q, len);
    return HK_LIKELY(status == HK_OK) ? hk_engine_wait_room(q, len, timeout_ns) : status;
}

void
hk_queue_set_goal(hk_queue *q, hk_queue_goal *goal)
{
    const guarded *in = enter(q);
    const unsigned owner = atomic_load_explicit(&q->owner, memory_order_relaxed);
    *goal = (hk_queue_goal){.last = in->placed, .lost = in->lost, .owner = owner};
    leave(q, false, false);
}

/* First every frame up to the goal's has to be taken or dropped, then what is in flight at that
 * moment has to leave: frames behind may be dropped before those in flight have left. */
static bool
reached(const guarded *in, hk_queue_goal *goal)
{
    if (!goal->passed) {
        goal->passed = in->placed - in->waiting.frames >= goal->last;
        goal->taken = in->taken;
    }
    return goal->passed && in->settled >= goal->taken;
}

hk_queue_outcome
hk_queue_flush(hk_queue *q, hk_queue_goal *goal, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    hk_queue_outcome outcome = HK_QUEUE_LOST;
    bool in_time = true;
    bool done = false;
    guarded *in = enter(q);
    if (HK_LIKELY(goal->owner == atomic_load_explicit(&q->owner, memory_order_relaxed))) {
        while (!(done = reached(in, goal)) && in_time) {
            in_time = sleep_until_left(q, in, deadline);
        }
        outcome = !done                    ? HK_QUEUE_PENDING
                  : in->lost == goal->lost ? HK_QUEUE_FLUSHED
                                           : HK_QUEUE_LOST;
    }
    leave(q, false, false);
    return outcome;
}
