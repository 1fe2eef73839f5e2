/* test_queue.c -- what each call of a queue does, one fact each, in memory and on disk.
 *
 * What one store does in its own way: test_memory.c, test_disk.c. Threads: test_queue_threads.c;
 * forks: test_queue_fork.c; crashes: test_queue_crash.c; every interleaving: model_queue.c. */
#include "check.h"
#include "queues.h"

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

/* ---- opening one ---- */

static void
test_settings_that_cannot_work(const char *directory)
{
    hk_queue *q = NULL;
    hk_error err;
    const hk_queue_settings good = settings_of(4000);
    hk_queue_settings bad[] = {good, good, good, good, good};
    bad[0].frame_max = 0;
    bad[1].frame_max = HK_FRAME_MAX + 1;
    bad[2].window = LARGEST - 1;
    bad[3].window = SIZE_MAX;
    bad[4].capacity = LARGEST - 1;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(hk_queue_open(directory, &bad[i], &q, &err), HK_ERR_ARGUMENT);
        CHECK_INT(err.status, HK_ERR_ARGUMENT);
        CHECK(strstr(err.text, "raise them") != NULL && q == NULL);
    }
    CHECK(strstr(err.text, "queue of 399,") != NULL);
    CHECK(directory == NULL || files_in(directory, "") == 0);
    hk_queue_free(NULL);
}

/* ---- frames on their way ---- */

static void
test_frame_goes_through(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    CHECK_INT(put(q, 80), HK_OK);
    CHECK_INT(put(q, 90), HK_OK);
    hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.offered, 2);
    CHECK_SIZE(s.queued, 2);
    CHECK_SIZE(s.in_flight, 0);

    const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
    CHECK(holds(&batch, 0, 2));
    CHECK_SIZE(batch.len, 170);
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    s = stats_of(q);
    CHECK_SIZE(s.queued, 2); /* they stay until they are acknowledged */
    CHECK_SIZE(s.in_flight, 2);
    CHECK_SIZE(s.sent, 0);

    hk_queue_acknowledge(q, 89);
    s = stats_of(q);
    CHECK_SIZE(s.sent, 1);
    CHECK_SIZE(s.bytes, 80);
    hk_queue_acknowledge(q, 0);
    s = stats_of(q);
    CHECK_SIZE(s.sent, 2);
    CHECK_SIZE(s.bytes, 170);
    CHECK_SIZE(s.queued, 0);
    CHECK_SIZE(s.high_water, 2);
    CHECK_SIZE(s.resent, 0);
    hk_queue_free(q);
}

static void
test_batch_is_bounded(const char *directory)
{
    const hk_queue_settings settings = {
        .capacity = 1 << 20, .frame_max = LARGEST, .window = 1 << 18, .segment = 1 << 20};
    hk_queue *q = open_with(directory, &settings);
    made = 0;
    put_many(q, 100, 2000);
    CHECK(takes_at_once(q, 1400, 0, 14));
    CHECK(takes_at_once(q, 1399, 14, 13));
    CHECK(takes_at_once(q, 1, 27, 1)); /* one at least */
    CHECK(takes_at_once(q, 0, 28, 1));
    CHECK(takes_at_once(q, SIZE_MAX, 29, HK_QUEUE_BATCH_MAX / 100));
    CHECK_SIZE(hk_queue_drop_all(q, REASON), 2000);
    hk_queue_free(q);
}

static void
test_full_window_gives_no_batch(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    put_many(q, 100, 12);
    CHECK(takes(q, 0, 10)); /* 1000 bytes */
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    CHECK_INT(hk_queue_wait(q, 0, 0), HK_QUEUE_READY); /* frames wait nevertheless */
    hk_queue_acknowledge(q, 900);
    CHECK(takes(q, 10, 1));
    hk_queue_free(q);
}

static void
test_lost_connection(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    put_many(q, 100, 6);
    (void)hk_queue_take(q, 400);
    hk_queue_acknowledge(q, 250); /* one has arrived, one by half */
    hk_queue_rewind(q, 150);      /* the last was not written, the one before by half */
    CHECK_SIZE(stats_of(q).resent, 0);
    CHECK_SIZE(stats_of(q).in_flight, 3);
    CHECK(takes_at_once(q, SIZE_MAX, 1, 3)); /* and only then new ones */
    CHECK_SIZE(stats_of(q).resent, 2);
    CHECK(takes_at_once(q, SIZE_MAX, 4, 2));
    hk_queue_acknowledge(q, 0);
    CHECK_SIZE(stats_of(q).sent, 6);
    CHECK_SIZE(stats_of(q).bytes, 600);
    hk_queue_free(q);
}

/* What is taken again is bounded as what is taken for the first time, and goes over the end of the
 * window's memory, or of a segment. */
static void
test_taking_again(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    for (unsigned first = 0; first < 60; first += 6) {
        put_many(q, 130, 6);
        CHECK(takes(q, first, 6));
        hk_queue_rewind(q, 0);
        CHECK(takes_at_once(q, 1, first, 1));
        hk_queue_rewind(q, 0);
        CHECK(takes(q, first, 6));
        hk_queue_acknowledge(q, 130 * 3);
        hk_queue_rewind(q, SIZE_MAX);
        CHECK(takes(q, first + 3, 3));
        hk_queue_acknowledge(q, 0);
    }
    CHECK_SIZE(stats_of(q).sent, 60);
    CHECK_SIZE(stats_of(q).bytes, 7800);
    hk_queue_free(q);
}

/* ---- limits ---- */

static void
test_refused_sizes(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    uint8_t frame[LARGEST + 1] = {0};
    size_t dropped;
    CHECK_INT(hk_queue_put(q, frame, LARGEST + 1), HK_ERR_TOO_BIG);
    CHECK_INT(hk_queue_put(q, frame, 0), HK_ERR_ARGUMENT);
    CHECK_INT(hk_queue_drop_oldest(q, LARGEST + 1, REASON, &dropped), HK_ERR_TOO_BIG);
    CHECK_INT(hk_queue_wait_room(q, LARGEST + 1, -1), HK_ERR_TOO_BIG);
    CHECK_SIZE(stats_of(q).offered, 0);
    hk_queue_free(q);
}

static void
test_full_queue_counts_nothing_itself(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    fill(q, 100);
    const uint64_t offered = stats_of(q).offered;
    /* In memory 108 bytes, rounded up; on disk its bytes. */
    CHECK_SIZE(offered, directory == NULL ? 4000 / 112 : 4000 / 100);
    CHECK_INT(put(q, 100), HK_ERR_FULL);
    CHECK_SIZE(stats_of(q).offered, offered);
    hk_queue_refuse(q, REASON);
    hk_queue_refuse(q, HK_QUEUE_REASONS - 1);
    CHECK_SIZE(stats_of(q).offered, offered + 2);
    CHECK_SIZE(stats_of(q).dropped[REASON], 1);
    CHECK_SIZE(stats_of(q).dropped[HK_QUEUE_REASONS - 1], 1);
    hk_queue_free(q);
}

/* A peer that acknowledges nothing: the newest frames are kept all the same. */
static void
test_stuck_peer_costs_the_queue_nothing(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    const size_t most = directory == NULL ? 1 : 10; /* dropped at once: a frame, a segment */
    size_t dropped;
    made = 0;
    for (size_t i = 0; i < 500; i++) {
        while (put(q, 100) == HK_ERR_FULL) {
            CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
            CHECK(dropped > 0 && dropped <= most);
        }
        (void)hk_queue_take(q, SIZE_MAX);
    }
    const hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.in_flight, 10);
    CHECK(s.queued > 10 + 30 && s.queued <= 10 + 40);
    CHECK_SIZE(s.dropped[REASON], 500 - s.queued);
    CHECK(directory == NULL || files_in(directory, "0") <= 8);
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 500 - (unsigned)s.queued + 10, 10));
    hk_queue_free(q);
}

static void
test_dropping_what_is_in_flight(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    put_many(q, 100, 3);
    CHECK_SIZE(hk_queue_take(q, 200).frames, 2);
    hk_queue_rewind(q, 0);
    CHECK_SIZE(hk_queue_take(q, 1).frames, 1);
    CHECK_SIZE(hk_queue_drop_in_flight(q, REASON), 1); /* the second is to be taken again */
    CHECK_SIZE(stats_of(q).dropped[REASON], 1);
    CHECK(takes_at_once(q, SIZE_MAX, 1, 1));
    CHECK_SIZE(hk_queue_drop_in_flight(q, REASON), 1);
    CHECK_SIZE(hk_queue_drop_in_flight(q, REASON), 0);
    CHECK(takes_at_once(q, SIZE_MAX, 2, 1));
    CHECK_SIZE(hk_queue_drop_all(q, REASON), 1);
    CHECK_SIZE(stats_of(q).queued, 0);
    CHECK_SIZE(hk_queue_drop_in_flight(q, REASON), 0);
    hk_queue_free(q);
}

/* ---- the end ---- */

static void
test_closed_queue_refuses_frames(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    size_t dropped;
    made = 0;
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_close(q);
    CHECK_INT(put(q, 100), HK_ERR_CLOSED);
    CHECK_INT(hk_queue_wait_room(q, 100, -1), HK_ERR_CLOSED);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_INT(hk_queue_wait(q, 1000, -1), HK_QUEUE_READY); /* no more will come */
    CHECK(takes(q, 0, 1));
    CHECK_INT(hk_queue_wait(q, 1000, -1), HK_QUEUE_DRAINED);
    hk_queue_rewind(q, 0);
    CHECK_INT(hk_queue_wait(q, 1000, -1), HK_QUEUE_READY);
    (void)hk_queue_take(q, SIZE_MAX);
    hk_queue_acknowledge(q, 0);
    CHECK_INT(hk_queue_wait(q, 0, -1), HK_QUEUE_DRAINED);
    CHECK_SIZE(stats_of(q).offered, 1);
    CHECK_SIZE(stats_of(q).queued, 0);
    hk_queue_free(q);
}

static void
test_flush(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    CHECK_INT(flush(q, 0), HK_QUEUE_FLUSHED); /* nothing is there */
    CHECK_INT(put(q, 100), HK_OK);
    CHECK_INT(flush(q, MS), HK_QUEUE_PENDING);
    (void)hk_queue_take(q, SIZE_MAX);
    CHECK_INT(flush(q, MS), HK_QUEUE_PENDING);
    hk_queue_acknowledge(q, 1);
    CHECK_INT(flush(q, MS), HK_QUEUE_PENDING);
    hk_queue_acknowledge(q, 0);
    CHECK_INT(flush(q, -1), HK_QUEUE_FLUSHED);
    hk_queue_free(q);
}

/* What comes behind the goal is not waited for, and its drops count nothing. */
static void
test_goal_does_not_move(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    hk_queue_goal goal;
    hk_queue_goal other;
    size_t dropped;
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_set_goal(q, &goal);
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_set_goal(q, &other);
    CHECK_INT(hk_queue_flush(q, &goal, MS), HK_QUEUE_PENDING);
    (void)hk_queue_take(q, 100);
    CHECK_INT(hk_queue_flush(q, &goal, MS), HK_QUEUE_PENDING);
    hk_queue_acknowledge(q, 0);
    CHECK_INT(hk_queue_flush(q, &goal, MS), HK_QUEUE_FLUSHED);
    CHECK_INT(hk_queue_flush(q, &other, MS), HK_QUEUE_PENDING);
    fill(q, 100);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_INT(hk_queue_flush(q, &other, MS), HK_QUEUE_LOST);
    hk_queue_free(q);
}

/* Dropping what is newer does not make up for what is in flight. */
static void
test_flush_waits_for_what_is_in_flight(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    hk_queue_goal goal;
    size_t dropped;
    put_many(q, 100, 2);
    (void)hk_queue_take(q, 100);
    hk_queue_set_goal(q, &goal);
    for (size_t i = 0; i < 40; i++) {
        CHECK_INT(hk_queue_drop_oldest(q, 150, REASON, &dropped), HK_OK);
        CHECK_INT(put(q, 150), HK_OK);
    }
    CHECK_INT(hk_queue_flush(q, &goal, MS), HK_QUEUE_PENDING);
    hk_queue_acknowledge(q, 0);
    CHECK_INT(hk_queue_flush(q, &goal, MS), HK_QUEUE_LOST);
    hk_queue_free(q);
}

/* ---- waking ---- */

static void
test_waiting(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    CHECK_INT(hk_queue_wait(q, 0, 0), HK_QUEUE_WOKEN);
    CHECK_INT(hk_queue_wait(q, 0, 5 * MS), HK_QUEUE_WOKEN);
    hk_queue_wake(q);
    CHECK_INT(hk_queue_wait(q, 0, -1), HK_QUEUE_WOKEN); /* at once, and once */
    CHECK_INT(hk_queue_wait(q, 0, 5 * MS), HK_QUEUE_WOKEN);
    CHECK_INT(put(q, 100), HK_OK);
    CHECK_INT(hk_queue_wait(q, 0, -1), HK_QUEUE_READY);
    CHECK_INT(hk_queue_wait(q, 100, -1), HK_QUEUE_READY);
    CHECK_INT(hk_queue_wait(q, 101, 5 * MS), HK_QUEUE_WOKEN);
    (void)hk_queue_take(q, SIZE_MAX);
    CHECK_INT(hk_queue_wait(q, 0, 5 * MS), HK_QUEUE_WOKEN);
    hk_queue_rewind(q, 0);
    CHECK_INT(hk_queue_wait(q, 1000, -1), HK_QUEUE_READY); /* no waiting for more */

    CHECK_INT(hk_queue_wait_room(q, 100, -1), HK_OK);
    fill(q, 100);
    CHECK_INT(hk_queue_wait_room(q, 100, 0), HK_ERR_FULL);
    CHECK_INT(hk_queue_wait_room(q, 100, 5 * MS), HK_ERR_FULL);
    hk_queue_free(q);
}

static void
test_no_signal_to_those_who_are_awake(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    size_t dropped;
    atomic_store(&signals, 0);
    for (size_t i = 0; i < 1000; i++) {
        CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
        CHECK_INT(put(q, 100), HK_OK);
        (void)put(q, 80);
        (void)hk_queue_take(q, 100);
        hk_queue_acknowledge(q, i % 100);
        (void)hk_queue_wait(q, 0, 0);
    }
    CHECK_SIZE(atomic_load(&signals), 0);
    hk_queue_free(q);
}

/* What the peer has refused for good is dropped; the others of the batch are sent. */
static void
test_refused_frames(const char *directory)
{
    hk_queue *q = open_queue(directory, 3000);
    uint8_t frame[LARGEST];
    unsigned maker;
    unsigned number = 7;
    CHECK_SIZE(hk_queue_peek(q, frame, sizeof frame), 0);
    made = 0;
    put_many(q, 100, 6);
    CHECK(takes_at_once(q, 500, 0, 5));
    CHECK_SIZE(hk_queue_settle(q, 100, 3, REASON), 4);
    hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.sent, 1);
    CHECK_SIZE(s.dropped[REASON], 3);
    CHECK_SIZE(s.queued_bytes, 200);
    CHECK(hk_queue_peek(q, frame, sizeof frame) >= 100); /* one in flight */
    CHECK(heka_frame_read(frame, 100, &maker, &number) == 100 && number == 4);
    CHECK_SIZE(hk_queue_settle(q, 0, 9, REASON), 1); /* no more than have left */
    s = stats_of(q);
    CHECK_SIZE(s.sent, 1);
    CHECK_SIZE(s.dropped[REASON], 4);
    CHECK_SIZE(hk_queue_peek(q, frame, 50), 50); /* one that waits */
    CHECK_INT(hk_queue_drop_all(q, REASON), 1);
    hk_queue_free(q);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    both(test_refused_frames);
    both(test_settings_that_cannot_work);
    both(test_frame_goes_through);
    both(test_batch_is_bounded);
    both(test_full_window_gives_no_batch);
    both(test_lost_connection);
    both(test_taking_again);
    both(test_refused_sizes);
    both(test_full_queue_counts_nothing_itself);
    both(test_stuck_peer_costs_the_queue_nothing);
    both(test_dropping_what_is_in_flight);
    both(test_closed_queue_refuses_frames);
    both(test_flush);
    both(test_goal_does_not_move);
    both(test_flush_waits_for_what_is_in_flight);
    both(test_waiting);
    both(test_no_signal_to_those_who_are_awake);
    return check_report();
}
