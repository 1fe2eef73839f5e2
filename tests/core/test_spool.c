/* test_spool.c -- what each call of the spool does, one fact each.
 *
 * What is found again: test_spool_life.c; crashes: test_spool_crash.c; threads:
 * test_spool_threads.c. */
#include "core/queue/hk_spool.h"

#include "check.h"
#include "spools.h"

#define START(capacity)                              \
    const char *directory = fresh_directory();       \
    hk_spool *s = open_spool(directory, (capacity)); \
    made = 0

static void
end(hk_spool *s, const char *directory)
{
    hk_spool_free(s);
    remove_directory(directory);
}

/* ---- frames on their way ---- */

static void
test_frame_goes_through(void)
{
    START(4000);
    CHECK_INT(put(s, 80), HK_OK);
    CHECK_INT(put(s, 90), HK_OK);
    hk_ring_stats stats = stats_of(s);
    CHECK_SIZE(stats.offered, 2);
    CHECK_SIZE(stats.queued, 2);
    CHECK_SIZE(stats.in_flight, 0);

    hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 0, 2));
    CHECK_SIZE(batch.len, 170);
    CHECK_SIZE(hk_spool_take(s, SIZE_MAX).frames, 0);
    stats = stats_of(s);
    CHECK_SIZE(stats.queued, 2); /* they stay until they are acknowledged */
    CHECK_SIZE(stats.in_flight, 2);
    CHECK_SIZE(stats.sent, 0);

    hk_spool_acknowledge(s, 89);
    stats = stats_of(s);
    CHECK_SIZE(stats.sent, 1);
    CHECK_SIZE(stats.bytes, 80);
    hk_spool_acknowledge(s, 0);
    stats = stats_of(s);
    CHECK_SIZE(stats.sent, 2);
    CHECK_SIZE(stats.bytes, 170);
    CHECK_SIZE(stats.queued, 0);
    CHECK_SIZE(stats.high_water, 2);
    CHECK_SIZE(stats.resent, 0);
    end(s, directory);
}

static void
test_batch_is_bounded(void)
{
    const char *directory = fresh_directory();
    const hk_spool_settings settings = {
        .capacity = 1 << 20, .frame_max = LARGEST, .window = 1 << 18, .segment = 1 << 20};
    hk_spool *s = NULL;
    CHECK_INT(hk_spool_open(directory, &settings, &s, NULL), HK_OK);
    made = 0;
    for (size_t i = 0; i < 2000; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    hk_ring_batch batch = hk_spool_take(s, 1400);
    CHECK(holds(&batch, 0, 14));
    batch = hk_spool_take(s, 1399);
    CHECK(holds(&batch, 14, 13));
    batch = hk_spool_take(s, 1); /* one at least */
    CHECK(holds(&batch, 27, 1));
    batch = hk_spool_take(s, 0);
    CHECK(holds(&batch, 28, 1));
    batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 29, HK_RING_BATCH_MAX / 100));
    CHECK_SIZE(hk_spool_drop_all(s, REASON), 2000);
    end(s, directory);
}

/* A batch ends with its segment; nothing is copied. */
static void
test_frames_over_many_segments(void)
{
    START(20000);
    for (size_t i = 0; i < 100; i++) {
        CHECK_INT(put(s, 100 + i), HK_OK);
    }
    CHECK(files_in(directory, "0") >= 14);
    for (unsigned n = 0; n < 100;) {
        const hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
        CHECK(batch.frames > 0 && batch.frames <= 10);
        if (!CHECK(holds(&batch, n, batch.frames))) {
            break;
        }
        n += (unsigned)batch.frames;
        hk_spool_acknowledge(s, 0);
    }
    CHECK_SIZE(files_in(directory, "0"), 1); /* what is acknowledged is gone */
    CHECK_SIZE(stats_of(s).sent, 100);
    CHECK_INT(put(s, 100), HK_OK);
    CHECK(takes(s, 100, 1));
    end(s, directory);
}

static void
test_full_window_gives_no_batch(void)
{
    START(4000);
    for (size_t i = 0; i < 12; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    CHECK(takes(s, 0, 10)); /* 1000 bytes */
    CHECK_SIZE(hk_spool_take(s, SIZE_MAX).frames, 0);
    CHECK_INT(hk_spool_wait(s, 0, 0), HK_RING_READY); /* frames wait nevertheless */
    hk_spool_acknowledge(s, 900);
    CHECK(takes(s, 10, 1));
    end(s, directory);
}

static void
test_lost_connection(void)
{
    START(4000);
    for (size_t i = 0; i < 6; i++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    (void)hk_spool_take(s, 400);
    hk_spool_acknowledge(s, 250); /* one has arrived, one by half */
    hk_spool_rewind(s, 150);      /* the last was not written, the one before by half */
    CHECK_SIZE(stats_of(s).resent, 0);
    CHECK_SIZE(stats_of(s).in_flight, 3);
    hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 1, 3)); /* and only then new ones */
    CHECK_SIZE(stats_of(s).resent, 2);
    batch = hk_spool_take(s, SIZE_MAX);
    CHECK(holds(&batch, 4, 2));
    hk_spool_acknowledge(s, 0);
    CHECK_SIZE(stats_of(s).sent, 6);
    CHECK_SIZE(stats_of(s).bytes, 600);
    end(s, directory);
}

/* ---- limits ---- */

static void
test_refused_sizes(void)
{
    START(4000);
    uint8_t frame[LARGEST + 1] = {0};
    size_t dropped;
    CHECK_INT(hk_spool_put(s, frame, LARGEST + 1), HK_ERR_TOO_BIG);
    CHECK_INT(hk_spool_put(s, frame, 0), HK_ERR_ARGUMENT);
    CHECK_INT(hk_spool_drop_oldest(s, LARGEST + 1, REASON, &dropped), HK_ERR_TOO_BIG);
    CHECK_INT(hk_spool_wait_room(s, LARGEST + 1, -1), HK_ERR_TOO_BIG);
    CHECK_SIZE(stats_of(s).offered, 0);
    end(s, directory);
}

static void
test_only_frames_are_taken_in(void)
{
    START(4000);
    uint8_t frame[LARGEST];
    static const size_t lens[] = {70, 100, 132, 133, 134, 140, 300};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        const size_t len = lens[i];
        spools_write(frame, len, 1, 1);
        CHECK_INT(hk_spool_put(s, frame, len - 1), HK_ERR_ARGUMENT);
        CHECK_INT(hk_spool_put(s, frame, len + 1), HK_ERR_ARGUMENT);
        CHECK_INT(hk_spool_put(s, frame + 1, len - 1), HK_ERR_ARGUMENT);
        static const size_t parts[] = {0, 1, 3,
                                       4}; /* separator, lengths, and the other separator */
        for (size_t k = 0; k < 4; k++) {
            frame[parts[k]] ^= 1;
            CHECK_INT(hk_spool_put(s, frame, len), HK_ERR_ARGUMENT);
            frame[parts[k]] ^= 1;
        }
        CHECK_INT(hk_spool_put(s, frame, len), HK_OK);
    }
    /* A header as others may write it: the length in more bytes than it needs, and a name. */
    const uint8_t header[] = {0x1e, 9, 0x08, 0x94, 0x80, 0x00, 0x22, 3, 'b', 'o', 'b', 0x1f};
    memcpy(frame, header, sizeof header);
    memcpy(frame + sizeof header, small_frame + 5, 20);
    CHECK_INT(hk_spool_put(s, frame, sizeof header + 20), HK_OK);
    CHECK_INT(hk_spool_put(s, frame, sizeof header + 19), HK_ERR_ARGUMENT);
    CHECK_SIZE(stats_of(s).queued, 8);
    end(s, directory);
}

static void
test_frame_costs_its_bytes(void)
{
    START(4000);
    while (put(s, 100) == HK_OK) {
    }
    CHECK_SIZE(made, 40);
    CHECK_INT(put(s, 100), HK_ERR_FULL);
    CHECK_SIZE(stats_of(s).offered, 40);
    hk_spool_refuse(s, REASON);
    CHECK_SIZE(stats_of(s).offered, 41);
    CHECK_SIZE(stats_of(s).dropped[REASON], 1);
    end(s, directory);
}

/* The oldest segment goes whole, but for what is under way. */
static void
test_dropping_spares_what_is_under_way(void)
{
    START(4000);
    size_t dropped;
    while (put(s, 100) == HK_OK) {
    }
    const hk_ring_batch under_way = hk_spool_take(s, 200);
    CHECK(holds(&under_way, 0, 2));
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 0); /* what was taken has left its room */
    while (put(s, 100) == HK_OK) {
    }
    CHECK_SIZE(made, 42);
    CHECK_INT(hk_spool_drop_oldest(s, 150, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 8); /* the rest of the first segment */
    CHECK(holds(&under_way, 0, 2));
    CHECK_SIZE(stats_of(s).dropped[REASON], 8);
    while (put(s, 100) == HK_OK) {
    }
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 10); /* the second, in the middle of the list */
    CHECK(holds(&under_way, 0, 2));
    hk_spool_rewind(s, 0);
    CHECK(takes(s, 0, 2));
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 20, 10));
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 30, 10));
    end(s, directory);
}

/* All that waits is in the segment that is being written. */
static void
test_dropping_the_newest_segment(void)
{
    START(500);
    size_t dropped;
    for (unsigned round = 0; round < 20; round++) {
        while (put(s, 100) == HK_OK) {
        }
        CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
        CHECK_SIZE(dropped, 5);
        CHECK_SIZE(stats_of(s).queued, 0 + (size_t)(round % 2));
        CHECK_INT(put(s, 100), HK_OK);
        if (round % 2 == 0) {
            CHECK(takes(s, made - 1, 1));
        } else {
            hk_spool_acknowledge(s, 0);
            CHECK(takes(s, made - 1, 1));
            hk_spool_acknowledge(s, 0);
        }
    }
    end(s, directory);
}

/* All of the first segment was acknowledged before a second one began, and that one is dropped: the
 * first one goes, too. */
static void
test_dropping_leaves_no_empty_segment(void)
{
    START(500);
    size_t dropped;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 5; k++) {
            CHECK_INT(put(s, 100), HK_OK);
        }
        CHECK(takes(s, (unsigned)i * 5, 5));
        hk_spool_acknowledge(s, 0);
    }
    for (size_t k = 0; k < 5; k++) {
        CHECK_INT(put(s, 100), HK_OK);
    }
    CHECK_SIZE(files_in(directory, "0"), 2);
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(files_in(directory, "0"), 0);
    CHECK_SIZE(stats_of(s).queued, 0);
    CHECK_INT(put(s, 100), HK_OK);
    CHECK(takes(s, 15, 1));
    end(s, directory);
}

/* A peer that acknowledges nothing: the newest frames are kept all the same. */
static void
test_stuck_peer_costs_the_queue_nothing(void)
{
    START(4000);
    size_t dropped;
    for (size_t i = 0; i < 500; i++) {
        while (put(s, 100) == HK_ERR_FULL) {
            CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
            CHECK(dropped > 0);
        }
        (void)hk_spool_take(s, SIZE_MAX);
    }
    const hk_ring_stats stats = stats_of(s);
    CHECK_SIZE(stats.in_flight, 10);
    CHECK(stats.queued > 10 + 30);
    CHECK(files_in(directory, "0") <= 8);
    hk_spool_acknowledge(s, 0);
    CHECK(takes(s, 500 - (unsigned)stats.queued + 10, 10));
    end(s, directory);
}

static void
test_dropping_what_is_under_way(void)
{
    START(4000);
    CHECK_INT(put(s, 100), HK_OK);
    CHECK_INT(put(s, 100), HK_OK);
    CHECK_INT(put(s, 100), HK_OK);
    CHECK_SIZE(hk_spool_take(s, 200).frames, 2);
    hk_spool_rewind(s, 0);
    CHECK_SIZE(hk_spool_take(s, 1).frames, 1);
    CHECK_SIZE(hk_spool_drop_in_flight(s, REASON), 1); /* the second is to be taken again */
    CHECK_SIZE(stats_of(s).dropped[REASON], 1);
    CHECK(takes(s, 1, 1));
    CHECK_SIZE(hk_spool_drop_in_flight(s, REASON), 1);
    CHECK(takes(s, 2, 1));
    CHECK_SIZE(hk_spool_drop_all(s, REASON), 1);
    CHECK_SIZE(stats_of(s).queued, 0);
    CHECK_SIZE(hk_spool_drop_in_flight(s, REASON), 0);
    end(s, directory);
}

/* Whoever drops all cannot take the bytes away from a sender that is at work. */
static void
test_batch_outlives_dropping_all(void)
{
    START(4000);
    while (put(s, 100) == HK_OK) {
    }
    const hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
    CHECK_SIZE(hk_spool_drop_all(s, REASON), made);
    CHECK_SIZE(files_in(directory, "0"), 0);
    CHECK(holds(&batch, 0, 10));
    CHECK_SIZE(stats_of(s).queued, 0);
    made = 0;
    CHECK_INT(put(s, 100), HK_OK);
    CHECK(holds(&batch, 0, 10));
    CHECK(takes(s, 0, 1));
    hk_spool_acknowledge(s, 0);
    CHECK_SIZE(stats_of(s).sent, 1);
    end(s, directory);
}

/* ---- the end ---- */

static void
test_closed_spool_takes_nothing_in(void)
{
    START(4000);
    size_t dropped;
    CHECK_INT(put(s, 100), HK_OK);
    hk_spool_close(s);
    CHECK_INT(put(s, 100), HK_ERR_CLOSED);
    CHECK_INT(hk_spool_wait_room(s, 100, -1), HK_ERR_CLOSED);
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_INT(hk_spool_wait(s, 1000, -1), HK_RING_READY); /* no more will come */
    CHECK(takes(s, 0, 1));
    CHECK_INT(hk_spool_wait(s, 1000, -1), HK_RING_DRAINED);
    hk_spool_rewind(s, 0);
    CHECK_INT(hk_spool_wait(s, 1000, -1), HK_RING_READY);
    (void)hk_spool_take(s, SIZE_MAX);
    hk_spool_acknowledge(s, 0);
    CHECK_INT(hk_spool_wait(s, 0, -1), HK_RING_DRAINED);
    CHECK_SIZE(stats_of(s).offered, 1);
    CHECK_SIZE(stats_of(s).queued, 0);
    end(s, directory);
}

static void
test_flush(void)
{
    START(4000);
    CHECK_INT(flush(s, 0), HK_RING_FLUSHED); /* nothing is there */
    CHECK_INT(put(s, 100), HK_OK);
    CHECK_INT(flush(s, MS), HK_RING_PENDING);
    (void)hk_spool_take(s, SIZE_MAX);
    CHECK_INT(flush(s, MS), HK_RING_PENDING);
    hk_spool_acknowledge(s, 1);
    CHECK_INT(flush(s, MS), HK_RING_PENDING);
    hk_spool_acknowledge(s, 0);
    CHECK_INT(flush(s, -1), HK_RING_FLUSHED);
    end(s, directory);
}

/* What comes behind the goal is not waited for, and its drops count nothing. */
static void
test_goal_does_not_move(void)
{
    START(4000);
    hk_ring_goal goal;
    hk_ring_goal other;
    size_t dropped;
    CHECK_INT(put(s, 100), HK_OK);
    hk_spool_set_goal(s, &goal);
    CHECK_INT(put(s, 100), HK_OK);
    hk_spool_set_goal(s, &other);
    CHECK_INT(hk_spool_flush(s, &goal, MS), HK_RING_PENDING);
    (void)hk_spool_take(s, 100);
    CHECK_INT(hk_spool_flush(s, &goal, MS), HK_RING_PENDING);
    hk_spool_acknowledge(s, 0);
    CHECK_INT(hk_spool_flush(s, &goal, MS), HK_RING_FLUSHED);
    CHECK_INT(hk_spool_flush(s, &other, MS), HK_RING_PENDING);
    while (put(s, 100) == HK_OK) {
    }
    CHECK_INT(hk_spool_drop_oldest(s, 100, REASON, &dropped), HK_OK);
    CHECK_INT(hk_spool_flush(s, &other, MS), HK_RING_LOST);
    end(s, directory);
}

/* Dropping what is newer does not make up for what is under way. */
static void
test_flush_waits_for_what_is_under_way(void)
{
    START(1000);
    hk_ring_goal goal;
    CHECK_INT(put(s, 100), HK_OK);
    CHECK_INT(put(s, 100), HK_OK);
    (void)hk_spool_take(s, 100);
    hk_spool_set_goal(s, &goal);
    for (size_t i = 0; i < 40; i++) {
        size_t dropped;
        CHECK_INT(hk_spool_drop_oldest(s, 150, REASON, &dropped), HK_OK);
        CHECK_INT(put(s, 150), HK_OK);
    }
    CHECK_INT(hk_spool_flush(s, &goal, MS), HK_RING_PENDING);
    hk_spool_acknowledge(s, 0);
    CHECK_INT(hk_spool_flush(s, &goal, MS), HK_RING_LOST);
    end(s, directory);
}

/* ---- waking ---- */

static void
test_waiting(void)
{
    START(1000);
    CHECK_INT(hk_spool_wait(s, 0, 0), HK_RING_WOKEN);
    CHECK_INT(hk_spool_wait(s, 0, 5 * MS), HK_RING_WOKEN);
    hk_spool_wake(s);
    CHECK_INT(hk_spool_wait(s, 0, -1), HK_RING_WOKEN); /* at once, and once */
    CHECK_INT(hk_spool_wait(s, 0, 5 * MS), HK_RING_WOKEN);
    CHECK_INT(put(s, 100), HK_OK);
    CHECK_INT(hk_spool_wait(s, 0, -1), HK_RING_READY);
    CHECK_INT(hk_spool_wait(s, 100, -1), HK_RING_READY);
    CHECK_INT(hk_spool_wait(s, 101, 5 * MS), HK_RING_WOKEN);
    (void)hk_spool_take(s, SIZE_MAX);
    CHECK_INT(hk_spool_wait(s, 0, 5 * MS), HK_RING_WOKEN);
    hk_spool_rewind(s, 0);
    CHECK_INT(hk_spool_wait(s, 1000, -1), HK_RING_READY); /* it does not wait for more */

    CHECK_INT(hk_spool_wait_room(s, 100, -1), HK_OK);
    while (put(s, 100) == HK_OK) {
    }
    CHECK_INT(hk_spool_wait_room(s, 100, 0), HK_ERR_FULL);
    CHECK_INT(hk_spool_wait_room(s, 100, 5 * MS), HK_ERR_FULL);
    end(s, directory);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    test_frame_goes_through();
    test_batch_is_bounded();
    test_frames_over_many_segments();
    test_full_window_gives_no_batch();
    test_lost_connection();
    test_refused_sizes();
    test_only_frames_are_taken_in();
    test_frame_costs_its_bytes();
    test_dropping_spares_what_is_under_way();
    test_dropping_the_newest_segment();
    test_dropping_leaves_no_empty_segment();
    test_stuck_peer_costs_the_queue_nothing();
    test_dropping_what_is_under_way();
    test_batch_outlives_dropping_all();
    test_closed_spool_takes_nothing_in();
    test_flush();
    test_goal_does_not_move();
    test_flush_waits_for_what_is_under_way();
    test_waiting();
    return check_report();
}
