/* hk_spool.c -- the queue of frames on disk: the lock, the counters, who sleeps, who wakes them. */
#include "hk_spool.h"

#include <assert.h>

#include "hk_spool_state.h"

/* ---- the lock ---- */

/* What the consumer would find now. */
static inline hk_ring_event
look(const hk_spool *s, const hk_spool_guarded *in)
{
    if (in->flight.out < in->flight.count ||
        (in->waiting > 0 && (in->waiting_bytes >= in->wake_at || s->closed))) {
        return HK_RING_READY;
    }
    return s->closed && in->waiting == 0 ? HK_RING_DRAINED : HK_RING_WOKEN;
}

/* After a change: the consumer is to be woken, if it sleeps and this is what it waits for. */
static inline bool
wakes(const hk_spool *s, hk_spool_guarded *in)
{
    if (HK_LIKELY(!in->idle) || look(s, in) == HK_RING_WOKEN) {
        return false;
    }
    in->idle = false; /* one signal a sleep */
    return true;
}

/* Tells the consumer not to wait for more: somebody cannot go on before it takes. True when it is
 * to be woken. */
static inline bool
hurry(hk_spool_guarded *in)
{
    const bool wake = in->idle;
    in->woken = true;
    in->idle = false;
    return wake;
}

/* What was put off is done by the consumer, without the lock. */
static HK_COLD void
do_chores(hk_spool *s)
{
    hk_spool_guarded *in = hk_spool_enter(s);
    hk_chores chores = hk_journal_ask_chores(&in->journal);
    hk_spool_leave(s, false, false);
    hk_journal_do_chores(&in->journal, &chores);
    in = hk_spool_enter(s);
    hk_journal_end_chores(&in->journal, &chores);
    hk_spool_leave(s, false, in->sleepers > 0);
}

/* ---- producers ---- */

/* HK_OK: a frame may have this size. */
static inline hk_status
check_size(const hk_spool *s, size_t len)
{
    return HK_LIKELY(len > 0 && len <= s->frame_max) ? HK_OK
           : len == 0                                ? HK_ERR_ARGUMENT
                                                     : HK_ERR_TOO_BIG;
}

static inline bool
fits(const hk_spool *s, const hk_spool_guarded *in, size_t len)
{
    return in->waiting_bytes <= s->capacity && len <= s->capacity - in->waiting_bytes;
}

hk_status
hk_spool_put(hk_spool *s, const uint8_t *frame, size_t len)
{
    assert(frame != NULL || len == 0);
    hk_status status = check_size(s, len);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    if (HK_UNLIKELY(hk_segment_measure(frame, len) != len)) {
        return HK_ERR_ARGUMENT;
    }
    hk_spool_guarded *in = hk_spool_enter(s);
    bool wake;
    if (HK_UNLIKELY(s->closed)) {
        status = HK_ERR_CLOSED;
    } else if (HK_UNLIKELY(!fits(s, in, len))) {
        status = HK_ERR_FULL;
    } else {
        status = hk_journal_append(&in->journal, frame, len);
    }
    if (HK_LIKELY(status == HK_OK)) {
        in->waiting++;
        in->waiting_bytes += len;
        in->placed++;
        in->stats.offered++;
        const uint64_t queued = in->waiting + in->flight.count;
        in->stats.high_water = queued > in->stats.high_water ? queued : in->stats.high_water;
        wake = wakes(s, in);
    } else { /* the idle consumer may wait for more than there is room for */
        wake = in->idle && in->waiting > 0 && hurry(in);
    }
    hk_spool_leave(s, wake, false);
    return status;
}

void
hk_spool_refuse(hk_spool *s, unsigned reason)
{
    assert(reason < HK_RING_REASONS);
    hk_spool_guarded *in = hk_spool_enter(s);
    in->stats.offered++;
    in->stats.dropped[reason]++;
    hk_spool_leave(s, false, false);
}

/* Moves the mark to the first frame that is there: the segments that are done with. */
static hk_segment *
mark(hk_spool_guarded *in)
{
    return hk_journal_acknowledge(&in->journal,
                                  in->journal.number - in->waiting - in->flight.count);
}

/* The frames of that segment that were never handed out are lost: how many. */
static size_t
lose_waiting(hk_spool_guarded *in, const hk_segment *segment, unsigned reason)
{
    const size_t frames = segment->frames - segment->taken;
    in->waiting -= frames;
    in->waiting_bytes -= hk_segment_bytes(segment) - segment->taken_bytes;
    in->lost += frames;
    in->stats.dropped[reason] += frames;
    return frames;
}

hk_status
hk_spool_drop_oldest(hk_spool *s, size_t len, unsigned reason, size_t *dropped)
{
    assert(reason < HK_RING_REASONS && dropped != NULL);
    hk_status status = check_size(s, len);
    hk_segment *removed = NULL;
    char cut[HK_SEGMENT_NAME] = "";
    size_t end = 0;
    *dropped = 0;
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    hk_spool_guarded *in = hk_spool_enter(s);
    hk_journal *j = &in->journal;
    while (!fits(s, in, len) || !hk_journal_has_room(j, len)) {
        hk_segment *segment = hk_journal_waiting(j);
        if (segment == NULL) {
            status = HK_ERR_FULL;
            break;
        }
        *dropped += lose_waiting(in, segment, reason);
        if (segment->taken > 0 && in->flight.count > 0) { /* its first ones are under way */
            hk_journal_cut(j);
            hk_segment_name(segment->number, cut);
            end = segment->end;
        } else {
            hk_journal_remove(j, segment);
            segment->next = removed;
            removed = segment;
        }
        j->retry_at = 0;
    }
    if (removed != NULL && in->flight.count == 0) {
        hk_segment *done = mark(in); /* what is gone stays gone */
        while (done != NULL) {
            hk_segment *one = done;
            done = one->next;
            one->next = removed;
            removed = one;
        }
    }
    const int directory = j->directory;
    hk_spool_leave(s, wakes(s, in), in->sleepers > 0);
    hk_journal_bury(directory, removed);
    if (end > 0) {
        hk_file_cut(directory, cut, end);
    }
    return status;
}

/* ---- the consumer ---- */

/* Adds the frame at `place` to the batch. */
static inline void
hand_out(hk_ring_batch *batch, hk_place *place, size_t len)
{
    batch->data = batch->frames == 0 ? place->segment->data + place->at : batch->data;
    batch->len += len;
    batch->frames++;
    place->at += len;
}

/* Somebody has changed what was a frame in the file: the rest of the segment is lost. False: then
 * nothing waits any more, as it was the last. */
static HK_COLD bool
lose_damaged(hk_spool_guarded *in, unsigned reason)
{
    if (lose_waiting(in, in->journal.taken.segment, reason) == 0) {
        in->stats.dropped[reason] += in->waiting; /* they became fewer in the file */
        in->lost += in->waiting;
        in->waiting = in->waiting_bytes = 0;
    }
    hk_journal_cut(&in->journal);
    return in->waiting > 0;
}

/* Frames that were never handed out. */
static hk_ring_batch
fetch(hk_spool *s, hk_spool_guarded *in, size_t most)
{
    hk_journal *j = &in->journal;
    hk_ring_batch batch = {NULL, 0, 0};
    while (in->waiting > 0 && (batch.frames == 0 || batch.len < most)) {
        if (hk_journal_settle(j, &j->taken) && batch.frames > 0) {
            break;
        }
        hk_segment *segment = j->taken.segment;
        const uint8_t *data = segment->data + j->taken.at;
        const size_t len = hk_segment_measure(data, segment->end - j->taken.at);
        if (HK_UNLIKELY(len == 0 || segment->taken == segment->frames)) {
            if (!lose_damaged(in, s->corrupt)) {
                break;
            }
            continue;
        }
        if ((batch.frames > 0 && len > most - batch.len) || !hk_flight_takes(&in->flight, len)) {
            break;
        }
        hk_flight_push(&in->flight, len);
        hand_out(&batch, &j->taken, len);
        segment->taken++;
        segment->taken_bytes += len;
        in->waiting--;
        in->waiting_bytes -= len;
    }
    in->taken += batch.frames;
    j->next = j->taken;
    return batch;
}

/* Frames that were taken before the last rewind. */
static hk_ring_batch
repeat(hk_spool_guarded *in, size_t most)
{
    hk_journal *j = &in->journal;
    hk_ring_batch batch = {NULL, 0, 0};
    while (in->flight.out < in->flight.count) {
        const size_t len = hk_flight_next(&in->flight);
        const bool moved = hk_journal_settle(j, &j->next);
        if (batch.frames > 0 && (moved || batch.len >= most || len > most - batch.len)) {
            break;
        }
        hand_out(&batch, &j->next, len);
        in->stats.resent += hk_flight_repeat(&in->flight);
    }
    return batch;
}

hk_ring_batch
hk_spool_take(hk_spool *s, size_t most)
{
    most = most < HK_RING_BATCH_MAX ? most : HK_RING_BATCH_MAX;
    hk_spool_guarded *in = hk_spool_enter(s);
    const bool again = in->flight.out < in->flight.count;
    hk_segment *ghosts = in->journal.ghosts;
    in->journal.ghosts = NULL;
    const hk_ring_batch batch = again ? repeat(in, most) : fetch(s, in, most);
    const bool chores = hk_journal_has_chores(&in->journal);
    hk_spool_leave(s, false, batch.frames > 0 && !again && in->sleepers > 0);
    hk_journal_bury(-1, ghosts);
    if (HK_UNLIKELY(chores)) {
        do_chores(s);
    }
    return batch;
}

/* What is handed out is under way no more, but for frames that reach into its last `outstanding`
 * bytes. How many frames, and *bytes of them. */
static size_t
release(hk_spool_guarded *in, size_t outstanding, size_t *bytes)
{
    hk_journal *j = &in->journal;
    size_t frames = 0;
    *bytes = 0;
    for (size_t len; (len = hk_flight_release(&in->flight, outstanding)) > 0; frames++) {
        (void)hk_journal_settle(j, &j->first);
        j->first.at += len;
        *bytes += len;
    }
    return frames;
}

void
hk_spool_acknowledge(hk_spool *s, size_t outstanding)
{
    hk_spool_guarded *in = hk_spool_enter(s);
    size_t bytes;
    const size_t frames = release(in, outstanding, &bytes);
    in->stats.sent += frames;
    in->stats.bytes += bytes;
    in->settled += frames;
    hk_segment *done = frames > 0 ? mark(in) : NULL;
    const int directory = in->journal.directory;
    hk_spool_leave(s, false, frames > 0 && in->sleepers > 0);
    hk_journal_bury(directory, done);
}

void
hk_spool_rewind(hk_spool *s, size_t unsent)
{
    hk_spool_guarded *in = hk_spool_enter(s);
    hk_flight_rewind(&in->flight, unsent);
    in->journal.next = in->journal.first;
    hk_spool_leave(s, false, false);
}

/* Counts frames that were taken and are given up. */
static void
lose(hk_spool_guarded *in, size_t frames, unsigned reason)
{
    in->settled += frames;
    in->lost += frames;
    in->stats.dropped[reason] += frames;
}

size_t
hk_spool_drop_in_flight(hk_spool *s, unsigned reason)
{
    assert(reason < HK_RING_REASONS);
    hk_spool_guarded *in = hk_spool_enter(s);
    size_t bytes;
    const size_t frames = release(in, 0, &bytes);
    lose(in, frames, reason);
    hk_segment *done = frames > 0 ? mark(in) : NULL;
    const int directory = in->journal.directory;
    hk_spool_leave(s, false, frames > 0 && in->sleepers > 0);
    hk_journal_bury(directory, done);
    return frames;
}

/* ---- everybody ---- */

void
hk_spool_close(hk_spool *s)
{
    hk_spool_guarded *in = hk_spool_enter(s);
    s->closed = true;
    hk_spool_leave(s, hurry(in), in->sleepers > 0);
}

size_t
hk_spool_drop_all(hk_spool *s, unsigned reason)
{
    assert(reason < HK_RING_REASONS);
    hk_spool_guarded *in = hk_spool_enter(s);
    const size_t waiting = in->waiting;
    const size_t flight = hk_flight_clear(&in->flight);
    lose(in, flight, reason);
    in->stats.dropped[reason] += waiting;
    in->lost += waiting;
    in->waiting = in->waiting_bytes = 0;
    if (waiting + flight > 0) {
        hk_journal_clear(&in->journal);
    }
    hk_spool_leave(s, wakes(s, in), in->sleepers > 0);
    return waiting + flight;
}

void
hk_spool_get_stats(hk_spool *s, hk_ring_stats *out)
{
    const hk_spool_guarded *in = hk_spool_enter(s);
    *out = in->stats;
    out->in_flight = in->flight.count;
    out->queued = in->waiting + in->flight.count;
    hk_spool_leave(s, false, false);
}

size_t
hk_spool_count(hk_spool *s)
{
    const hk_spool_guarded *in = hk_spool_enter(s);
    hk_place place = in->journal.first;
    size_t frames = 0;
    for (size_t len = 1; len > 0; frames += len > 0) {
        (void)hk_journal_settle(&in->journal, &place);
        len = place.segment == NULL ? 0
                                    : hk_segment_measure(place.segment->data + place.at,
                                                         place.segment->end - place.at);
        place.at += len;
    }
    hk_spool_leave(s, false, false);
    return frames;
}

/* ---- sleeping ---- */

hk_ring_event
hk_spool_wait(hk_spool *s, size_t bytes, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    bool in_time = true;
    hk_ring_event event;
    hk_spool_guarded *in = hk_spool_enter(s);
    in->wake_at = bytes;
    while ((event = look(s, in)) == HK_RING_WOKEN && !in->woken && in_time) {
        in->idle = true; /* looked at by the others under the lock, so no waking is lost */
        in_time = hk_monitor_sleep(&s->monitor, &s->monitor.filled, deadline);
    }
    in->idle = in->woken = false;
    hk_spool_leave(s, false, false);
    return event;
}

void
hk_spool_wake(hk_spool *s)
{
    hk_spool_guarded *in = hk_spool_enter(s);
    hk_spool_leave(s, hurry(in), false);
}

/* Sleeps until something has left, the consumer at work. False: the deadline has passed. */
static bool
sleep_until_left(hk_spool *s, hk_spool_guarded *in, int64_t deadline)
{
    if (hurry(in)) {
        (void)pthread_cond_signal(&s->monitor.filled);
    }
    in->sleepers++;
    const bool in_time = hk_monitor_sleep(&s->monitor, &s->monitor.left, deadline);
    in->sleepers--;
    return in_time;
}

hk_status
hk_spool_wait_room(hk_spool *s, size_t len, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    bool in_time = true;
    bool room = false;
    const hk_status status = check_size(s, len);
    if (HK_UNLIKELY(status != HK_OK)) {
        return status;
    }
    hk_spool_guarded *in = hk_spool_enter(s);
    const hk_journal *j = &in->journal;
    for (;;) {
        const bool full = !fits(s, in, len);
        room = !full && hk_journal_has_room(j, len);
        if (s->closed || room || !in_time) {
            break;
        }
        if (full || (deadline >= 0 && deadline <= j->retry_at)) {
            in_time = sleep_until_left(s, in, deadline);
        } else { /* the disk is full: ask it again, whoever has left */
            (void)sleep_until_left(s, in, j->retry_at);
        }
    }
    const bool closed = s->closed;
    hk_spool_leave(s, false, false);
    return closed ? HK_ERR_CLOSED : room ? HK_OK : HK_ERR_FULL;
}

void
hk_spool_set_goal(hk_spool *s, hk_ring_goal *goal)
{
    const hk_spool_guarded *in = hk_spool_enter(s);
    *goal = (hk_ring_goal){
        .last = in->placed,
        .lost = in->lost,
        .owner = atomic_load_explicit(&s->owner, memory_order_relaxed),
    };
    hk_spool_leave(s, false, false);
}

/* As in hk_ring.c: what waited has to be taken or dropped, then what was under way at that moment
 * has to leave. */
static bool
reached(const hk_spool_guarded *in, hk_ring_goal *goal)
{
    if (!goal->passed) {
        goal->passed = in->placed - in->waiting >= goal->last;
        goal->taken = in->taken;
    }
    return goal->passed && in->settled >= goal->taken;
}

hk_ring_outcome
hk_spool_flush(hk_spool *s, hk_ring_goal *goal, int64_t timeout_ns)
{
    const int64_t deadline = hk_deadline(timeout_ns);
    hk_ring_outcome outcome = HK_RING_LOST;
    bool in_time = true;
    bool done = false;
    hk_spool_guarded *in = hk_spool_enter(s);
    if (HK_LIKELY(goal->owner == atomic_load_explicit(&s->owner, memory_order_relaxed))) {
        while (!(done = reached(in, goal)) && in_time) {
            in_time = sleep_until_left(s, in, deadline);
        }
        outcome = !done ? HK_RING_PENDING : in->lost == goal->lost ? HK_RING_FLUSHED : HK_RING_LOST;
    }
    hk_spool_leave(s, false, false);
    return outcome;
}
