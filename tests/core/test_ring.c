/* test_ring.c -- what each call of the ring does, one fact each; signals that are not sent.
 *
 * Threads: test_ring_threads.c; forks: test_ring_fork.c; every interleaving: model_ring.c. */
#include "core/queue/hk_ring.h"

#include "check.h"
#include "rings.h"

/* ---- signals are counted: the linker hands these calls to us ---- */

int __real_pthread_cond_signal(pthread_cond_t *cond);
int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);

static atomic_ulong signals;

int
__wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    atomic_fetch_add(&signals, 1);
    return __real_pthread_cond_signal(cond);
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    atomic_fetch_add(&signals, 1);
    return __real_pthread_cond_broadcast(cond);
}

/* ---- making one ---- */

static void
test_sizes(void)
{
    hk_ring *r = NULL;
    hk_error err;
    CHECK_INT(hk_ring_new(1000, 0, 1000, &r, &err), HK_ERR_ARGUMENT);
    CHECK_INT(hk_ring_new(1 << 20, HK_RING_FRAME_MAX + 1, 1 << 20, &r, &err), HK_ERR_ARGUMENT);
    CHECK_INT(hk_ring_new(1000, 993, 1000, &r, &err), HK_ERR_ARGUMENT); /* and its 8 bytes */
    CHECK_INT(hk_ring_new(1000, 100, 99, &r, &err), HK_ERR_ARGUMENT);
    CHECK_INT(hk_ring_new(SIZE_MAX, 100, 1000, &r, &err), HK_ERR_ARGUMENT);
    CHECK_INT(hk_ring_new(1000, 100, SIZE_MAX, &r, &err), HK_ERR_ARGUMENT);
    CHECK_INT(err.status, HK_ERR_ARGUMENT);
    CHECK(strstr(err.text, "queue of 1000") != NULL);
    CHECK(r == NULL);
    CHECK_INT(hk_ring_new(1000, 992, 1000, &r, NULL), HK_OK);
    hk_ring_free(r);
    hk_ring_free(NULL);
}

static void
test_block_is_no_larger_than_said(void)
{
    static const size_t windows[] = {HK_RING_FRAME_MAX, HK_RING_WINDOW, 320u * 1024, 1u << 20};
    for (size_t capacity = 128u * 1024; capacity <= 64u << 20; capacity *= 2) {
        for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
            const size_t size = hk_ring_block_size(capacity, HK_RING_FRAME_MAX, windows[i]);
            CHECK(size <= capacity + HK_RING_EXTRA);
            CHECK(size > capacity || windows[i] > HK_RING_WINDOW);
            CHECK(size > 0 || windows[i] > capacity / 2);
        }
    }
    CHECK_SIZE(hk_ring_block_size(1u << 20, HK_RING_FRAME_MAX, 2u << 20), 0);
}

/* A window of HK_RING_WINDOW leaves the whole capacity to waiting frames, a larger one takes. */
static void
test_capacity_is_for_waiting_frames(void)
{
    hk_ring *r = NULL;
    size_t frames = 0;
    CHECK_INT(hk_ring_new(256u * 1024, 120, HK_RING_WINDOW, &r, NULL), HK_OK);
    while (put(r, 120) == HK_OK) {
        frames++;
    }
    CHECK_SIZE(frames, 256u * 1024 / 128);
    hk_ring_free(r);
    CHECK_INT(hk_ring_new(256u * 1024, 120, HK_RING_WINDOW + 64u * 1024, &r, NULL), HK_OK);
    for (frames = 0; put(r, 120) == HK_OK; frames++) {
    }
    CHECK(frames <= (256u - 72) * 1024 / 128 + 32 && frames >= (256u - 74) * 1024 / 128);
    hk_ring_free(r);
}

/* ---- frames on their way ---- */

static void
test_frame_goes_through(void)
{
    hk_ring *r = ring_of(1000);
    made = 0;
    CHECK_INT(put(r, 50), HK_OK);
    CHECK_INT(put(r, 60), HK_OK);
    hk_ring_stats s = stats_of(r);
    CHECK_SIZE(s.offered, 2);
    CHECK_SIZE(s.queued, 2);
    CHECK_SIZE(s.in_flight, 0);

    hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 2));
    CHECK_SIZE(batch.len, 110);
    CHECK_SIZE(hk_ring_take(r, SIZE_MAX).frames, 0);
    s = stats_of(r);
    CHECK_SIZE(s.queued, 2); /* they stay until they are acknowledged */
    CHECK_SIZE(s.in_flight, 2);
    CHECK_SIZE(s.sent, 0);

    hk_ring_acknowledge(r, 59);
    s = stats_of(r);
    CHECK_SIZE(s.sent, 1);
    CHECK_SIZE(s.bytes, 50);
    hk_ring_acknowledge(r, 0);
    s = stats_of(r);
    CHECK_SIZE(s.sent, 2);
    CHECK_SIZE(s.bytes, 110);
    CHECK_SIZE(s.queued, 0);
    CHECK_SIZE(s.high_water, 2);
    CHECK_SIZE(s.resent, 0);
    hk_ring_free(r);
}

static void
test_batch_is_bounded(void)
{
    static uint8_t large[HK_RING_FRAME_MAX];
    hk_ring *r = NULL;
    CHECK_INT(hk_ring_new(1 << 20, HK_RING_FRAME_MAX, 1 << 18, &r, NULL), HK_OK);
    made = 0;
    for (size_t i = 0; i < 2000; i++) {
        CHECK_INT(put(r, 100), HK_OK);
    }
    hk_ring_batch batch = hk_ring_take(r, 1400);
    CHECK(holds(&batch, 0, 14));
    batch = hk_ring_take(r, 1399);
    CHECK(holds(&batch, 14, 13));
    batch = hk_ring_take(r, 1); /* one at least */
    CHECK(holds(&batch, 27, 1));
    batch = hk_ring_take(r, 0);
    CHECK(holds(&batch, 28, 1));
    batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 29, HK_RING_BATCH_MAX / 100));
    CHECK_SIZE(hk_ring_drop_all(r, REASON), 2000);

    memset(large, 7, sizeof large); /* one frame may be more than a batch */
    CHECK_INT(hk_ring_put(r, large, sizeof large), HK_OK);
    CHECK_INT(put(r, 100), HK_OK);
    batch = hk_ring_take(r, SIZE_MAX);
    CHECK_BYTES(batch.data, batch.len, large, sizeof large);
    CHECK_SIZE(batch.frames, 1);
    hk_ring_free(r);
}

static void
test_full_window_gives_no_batch(void)
{
    hk_ring *r = ring_of(4000);
    made = 0;
    for (size_t i = 0; i < 12; i++) {
        CHECK_INT(put(r, 100), HK_OK);
    }
    hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 10)); /* 1000 bytes */
    CHECK_SIZE(hk_ring_take(r, SIZE_MAX).frames, 0);
    CHECK_INT(hk_ring_wait(r, 0, 0), HK_RING_READY); /* frames wait nevertheless */
    hk_ring_acknowledge(r, 900);
    batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 10, 1));
    hk_ring_free(r);
}

static void
test_lost_connection(void)
{
    hk_ring *r = ring_of(4000);
    made = 0;
    for (size_t i = 0; i < 6; i++) {
        CHECK_INT(put(r, 100), HK_OK);
    }
    (void)hk_ring_take(r, 400);
    hk_ring_acknowledge(r, 250); /* one has arrived, one by half */
    hk_ring_rewind(r, 150);      /* the last was not written, the one before by half */
    CHECK_SIZE(stats_of(r).resent, 0);
    CHECK_SIZE(stats_of(r).in_flight, 3);
    hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 1, 3)); /* and only then new ones */
    CHECK_SIZE(stats_of(r).resent, 2);
    batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 4, 2));
    hk_ring_acknowledge(r, 0);
    CHECK_SIZE(stats_of(r).sent, 6);
    CHECK_SIZE(stats_of(r).bytes, 600);
    hk_ring_free(r);
}

/* ---- limits ---- */

static void
test_refused_sizes(void)
{
    hk_ring *r = ring_of(4000);
    hk_reservation room;
    uint8_t frame[SMALL + 1] = {0};
    size_t dropped;
    CHECK_INT(hk_ring_put(r, frame, SMALL + 1), HK_ERR_TOO_BIG);
    CHECK_INT(hk_ring_put(r, frame, 0), HK_ERR_ARGUMENT);
    CHECK_INT(hk_ring_reserve(r, SMALL + 1, &room), HK_ERR_TOO_BIG);
    CHECK_INT(hk_ring_reserve(r, 0, &room), HK_ERR_ARGUMENT);
    CHECK_INT(hk_ring_drop_oldest(r, SMALL + 1, REASON, &dropped), HK_ERR_TOO_BIG);
    CHECK_INT(hk_ring_wait_room(r, SMALL + 1, -1), HK_ERR_TOO_BIG);
    CHECK_SIZE(stats_of(r).offered, 0);
    hk_ring_free(r);
}

static void
test_full_ring_counts_nothing_itself(void)
{
    hk_ring *r = ring_of(1000);
    while (put(r, 100) == HK_OK) {
    }
    const uint64_t offered = stats_of(r).offered;
    CHECK_SIZE(offered, 1000 / 112); /* 108 bytes, rounded up */
    CHECK_INT(put(r, 100), HK_ERR_FULL);
    CHECK_SIZE(stats_of(r).offered, offered);
    hk_ring_refuse(r, REASON);
    hk_ring_refuse(r, HK_RING_REASONS - 1);
    CHECK_SIZE(stats_of(r).offered, offered + 2);
    CHECK_SIZE(stats_of(r).dropped[REASON], 1);
    CHECK_SIZE(stats_of(r).dropped[HK_RING_REASONS - 1], 1);
    hk_ring_free(r);
}

static void
test_dropping_spares_what_is_under_way(void)
{
    hk_ring *r = ring_of(1000);
    size_t dropped;
    made = 0;
    for (size_t i = 0; i < 8; i++) {
        CHECK_INT(put(r, 100), HK_OK);
    }
    const hk_ring_batch under_way = hk_ring_take(r, 200);
    CHECK(holds(&under_way, 0, 2));
    CHECK_INT(hk_ring_drop_oldest(r, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 0); /* what was taken has left its room */
    while (put(r, 100) == HK_OK) {
    }
    const unsigned count = made;
    CHECK_INT(hk_ring_drop_oldest(r, 150, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 2);
    CHECK_INT(put(r, 150), HK_OK);
    CHECK(holds(&under_way, 0, 2));
    CHECK_SIZE(stats_of(r).dropped[REASON], 2);
    hk_ring_rewind(r, 0);
    hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 2));
    hk_ring_acknowledge(r, 0);
    batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 4, count - 4 + 1));
    hk_ring_free(r);
}

/* A peer that acknowledges nothing: the newest frames are kept all the same. */
static void
test_stuck_peer_costs_the_queue_nothing(void)
{
    hk_ring *r = ring_of(1000);
    size_t dropped;
    made = 0;
    for (size_t i = 0; i < 500; i++) {
        while (put(r, 100) == HK_ERR_FULL) {
            CHECK_INT(hk_ring_drop_oldest(r, 100, REASON, &dropped), HK_OK);
            CHECK_SIZE(dropped, 1);
        }
        (void)hk_ring_take(r, SIZE_MAX);
    }
    hk_ring_stats s = stats_of(r);
    CHECK_SIZE(s.in_flight, 10);
    CHECK_SIZE(s.queued, 10 + 8);
    CHECK_SIZE(s.dropped[REASON], 500 - 18);
    hk_ring_acknowledge(r, 0);
    const hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 492, 8));
    hk_ring_free(r);
}

static void
test_dropping_what_is_under_way(void)
{
    hk_ring *r = ring_of(1000);
    made = 0;
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_SIZE(hk_ring_take(r, 200).frames, 2);
    hk_ring_rewind(r, 0);
    CHECK_SIZE(hk_ring_take(r, 1).frames, 1);
    CHECK_SIZE(hk_ring_drop_in_flight(r, REASON), 1); /* the second is to be taken again */
    CHECK_SIZE(stats_of(r).dropped[REASON], 1);
    hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 1, 1));
    CHECK_SIZE(hk_ring_drop_in_flight(r, REASON), 1);
    CHECK_SIZE(hk_ring_drop_in_flight(r, REASON), 0);
    batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 2, 1));
    CHECK_SIZE(hk_ring_drop_all(r, REASON), 1);
    CHECK_SIZE(stats_of(r).queued, 0);
    hk_ring_free(r);
}

/* ---- reservations ---- */

static void
test_reservation(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation first;
    hk_reservation second;
    made = 0;
    CHECK_INT(hk_ring_reserve(r, 200, &first), HK_OK);
    CHECK_INT(hk_ring_reserve(r, 200, &second), HK_OK);
    CHECK_SIZE(stats_of(r).offered, 0);
    frames_write(second.data + 37, 100, 1, 1); /* not at its beginning */
    CHECK_INT(hk_ring_commit(r, &second, second.data + 37, 100), HK_OK);
    made = 2;
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_SIZE(stats_of(r).queued, 2);
    CHECK_SIZE(hk_ring_take(r, SIZE_MAX).frames, 0); /* the first stands in the way */
    CHECK_INT(hk_ring_wait(r, 0, MS), HK_RING_WOKEN);
    frames_write(first.data, 200, 1, 0);
    CHECK_INT(hk_ring_commit(r, &first, first.data, 200), HK_OK);
    const hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 3));
    hk_ring_acknowledge(r, 0);
    CHECK_SIZE(stats_of(r).sent, 3);
    hk_ring_free(r);
}

static void
test_aborted_reservation_leaves_nothing(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation room;
    size_t dropped;
    made = 0;
    CHECK_INT(hk_ring_reserve(r, 200, &room), HK_OK);
    CHECK_INT(put(r, 200), HK_OK);
    hk_ring_abort(r, &room);
    CHECK_SIZE(stats_of(r).offered, 1);
    hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 1));

    CHECK_INT(hk_ring_reserve(r, 200, &room), HK_OK); /* the oldest cannot be dropped now */
    while (put(r, 200) == HK_OK) {
    }
    CHECK_INT(hk_ring_drop_oldest(r, 200, REASON, &dropped), HK_ERR_FULL);
    CHECK_SIZE(dropped, 0);
    CHECK_SIZE(hk_ring_drop_all(r, REASON), 1 + made - 1);
    hk_ring_abort(r, &room);
    CHECK_SIZE(stats_of(r).queued, 0);
    made = 0;
    for (size_t i = 0; i < 4; i++) {
        CHECK_INT(put(r, 200), HK_OK);
    }
    hk_ring_free(r);
}

/* ---- the end ---- */

static void
test_closed_ring_takes_nothing_in(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation room;
    hk_reservation other;
    size_t dropped;
    made = 0;
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(hk_ring_reserve(r, 100, &room), HK_OK);
    hk_ring_close(r);
    CHECK_INT(put(r, 100), HK_ERR_CLOSED);
    CHECK_INT(hk_ring_reserve(r, 100, &other), HK_ERR_CLOSED);
    CHECK_INT(hk_ring_wait_room(r, 100, -1), HK_ERR_CLOSED);
    CHECK_INT(hk_ring_commit(r, &room, room.data, 10), HK_ERR_CLOSED);
    CHECK_INT(hk_ring_drop_oldest(r, 100, REASON, &dropped), HK_OK);
    CHECK_INT(hk_ring_wait(r, 1000, -1), HK_RING_READY); /* no more will come */
    const hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 1));
    CHECK_INT(hk_ring_wait(r, 1000, -1), HK_RING_DRAINED);
    hk_ring_rewind(r, 0);
    CHECK_INT(hk_ring_wait(r, 1000, -1), HK_RING_READY);
    (void)hk_ring_take(r, SIZE_MAX);
    hk_ring_acknowledge(r, 0);
    CHECK_INT(hk_ring_wait(r, 0, -1), HK_RING_DRAINED);
    CHECK_SIZE(stats_of(r).offered, 1);
    CHECK_SIZE(stats_of(r).queued, 0);
    hk_ring_free(r);
}

static void
test_closed_ring_waits_for_what_is_reserved(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation room;
    made = 0;
    CHECK_INT(hk_ring_reserve(r, 100, &room), HK_OK);
    CHECK_INT(put(r, 100), HK_OK); /* behind it */
    hk_ring_close(r);
    CHECK_INT(hk_ring_wait(r, 0, -1), HK_RING_WOKEN); /* by that */
    CHECK_INT(hk_ring_wait(r, 0, MS), HK_RING_WOKEN);
    hk_ring_abort(r, &room);
    CHECK_INT(hk_ring_wait(r, 0, -1), HK_RING_READY);
    hk_ring_free(r);
}

static void
test_flush(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation room;
    CHECK_INT(flush(r, 0), HK_RING_FLUSHED); /* nothing is there */
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(flush(r, MS), HK_RING_PENDING);
    (void)hk_ring_take(r, SIZE_MAX);
    CHECK_INT(flush(r, MS), HK_RING_PENDING);
    hk_ring_acknowledge(r, 1);
    CHECK_INT(flush(r, MS), HK_RING_PENDING);
    hk_ring_acknowledge(r, 0);
    CHECK_INT(flush(r, -1), HK_RING_FLUSHED);
    CHECK_INT(hk_ring_reserve(r, 100, &room), HK_OK);
    CHECK_INT(flush(r, MS), HK_RING_PENDING);
    hk_ring_abort(r, &room);
    CHECK_INT(flush(r, -1), HK_RING_FLUSHED);
    hk_ring_free(r);
}

/* What comes behind the goal is not waited for, and its drops count nothing. */
static void
test_goal_does_not_move(void)
{
    hk_ring *r = ring_of(1000);
    hk_ring_goal goal;
    hk_ring_goal other;
    size_t dropped;
    CHECK_INT(put(r, 100), HK_OK);
    hk_ring_set_goal(r, &goal);
    CHECK_INT(put(r, 100), HK_OK);
    hk_ring_set_goal(r, &other);
    CHECK_INT(hk_ring_flush(r, &goal, MS), HK_RING_PENDING);
    (void)hk_ring_take(r, 100);
    CHECK_INT(hk_ring_flush(r, &goal, MS), HK_RING_PENDING);
    hk_ring_acknowledge(r, 0);
    CHECK_INT(hk_ring_flush(r, &goal, MS), HK_RING_FLUSHED);
    CHECK_INT(hk_ring_flush(r, &other, MS), HK_RING_PENDING);
    while (put(r, 100) == HK_OK) {
    }
    CHECK_INT(hk_ring_drop_oldest(r, 100, REASON, &dropped), HK_OK);
    CHECK_INT(hk_ring_flush(r, &other, MS), HK_RING_LOST);
    hk_ring_free(r);
}

/* Dropping what is newer does not make up for what is under way. */
static void
test_flush_waits_for_what_is_under_way(void)
{
    hk_ring *r = ring_of(1000);
    hk_ring_goal goal;
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(put(r, 100), HK_OK);
    (void)hk_ring_take(r, 100);
    hk_ring_set_goal(r, &goal);
    for (size_t i = 0; i < 40; i++) {
        size_t dropped;
        CHECK_INT(hk_ring_drop_oldest(r, 150, REASON, &dropped), HK_OK);
        CHECK_INT(put(r, 150), HK_OK);
    }
    CHECK_INT(hk_ring_flush(r, &goal, MS), HK_RING_PENDING);
    hk_ring_acknowledge(r, 0);
    CHECK_INT(hk_ring_flush(r, &goal, MS), HK_RING_LOST);
    hk_ring_free(r);
}

/* ---- waking ---- */

static void
test_waiting(void)
{
    hk_ring *r = ring_of(1000);
    CHECK_INT(hk_ring_wait(r, 0, 0), HK_RING_WOKEN);
    CHECK_INT(hk_ring_wait(r, 0, 5 * MS), HK_RING_WOKEN);
    hk_ring_wake(r);
    CHECK_INT(hk_ring_wait(r, 0, -1), HK_RING_WOKEN); /* at once, and once */
    CHECK_INT(hk_ring_wait(r, 0, 5 * MS), HK_RING_WOKEN);
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(hk_ring_wait(r, 0, -1), HK_RING_READY);
    CHECK_INT(hk_ring_wait(r, 100, -1), HK_RING_READY);
    CHECK_INT(hk_ring_wait(r, 101, 5 * MS), HK_RING_WOKEN);
    (void)hk_ring_take(r, SIZE_MAX);
    CHECK_INT(hk_ring_wait(r, 0, 5 * MS), HK_RING_WOKEN);
    hk_ring_rewind(r, 0);
    CHECK_INT(hk_ring_wait(r, 1000, -1),
              HK_RING_READY); /* what is to be sent again does not wait for more */

    CHECK_INT(hk_ring_wait_room(r, 100, -1), HK_OK);
    while (put(r, 100) == HK_OK) {
    }
    CHECK_INT(hk_ring_wait_room(r, 100, 0), HK_ERR_FULL);
    CHECK_INT(hk_ring_wait_room(r, 100, 5 * MS), HK_ERR_FULL);
    hk_ring_free(r);
}

static void
test_no_signal_to_those_who_are_awake(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation room;
    size_t dropped;
    atomic_store(&signals, 0);
    for (size_t i = 0; i < 1000; i++) {
        CHECK_INT(hk_ring_drop_oldest(r, 100, REASON, &dropped), HK_OK);
        CHECK_INT(put(r, 100), HK_OK);
        if (hk_ring_reserve(r, 50, &room) == HK_OK) {
            CHECK_INT(hk_ring_commit(r, &room, room.data, 50), HK_OK);
        }
        (void)hk_ring_take(r, 100);
        hk_ring_acknowledge(r, i % 100);
        (void)hk_ring_wait(r, 0, 0);
    }
    CHECK_SIZE(atomic_load(&signals), 0);
    hk_ring_free(r);
}

int
main(void)
{
    test_sizes();
    test_block_is_no_larger_than_said();
    test_capacity_is_for_waiting_frames();
    test_frame_goes_through();
    test_batch_is_bounded();
    test_full_window_gives_no_batch();
    test_lost_connection();
    test_refused_sizes();
    test_full_ring_counts_nothing_itself();
    test_dropping_spares_what_is_under_way();
    test_stuck_peer_costs_the_queue_nothing();
    test_dropping_what_is_under_way();
    test_reservation();
    test_aborted_reservation_leaves_nothing();
    test_closed_ring_takes_nothing_in();
    test_closed_ring_waits_for_what_is_reserved();
    test_flush();
    test_goal_does_not_move();
    test_flush_waits_for_what_is_under_way();
    test_waiting();
    test_no_signal_to_those_who_are_awake();
    return check_report();
}
