/* test_queue_run.c -- runs of frames: all of one is queued or none, in memory and on disk. */
#include "check.h"
#include "frames.h"
#include "queues.h"

#define MOST 12u /* frames of a run */

static uint8_t run[MOST * LARGEST];

/* Writes `frames` frames of `len` bytes, from the number `made` on: bytes of all. */
static size_t
write_run(size_t len, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        heka_frame_write(run + i * len, len, 1, made + i);
    }
    return len * frames;
}

static hk_status
put_run(hk_queue *q, size_t len, unsigned frames)
{
    size_t counted = 0;
    const hk_status status = hk_queue_put_run(q, run, write_run(len, frames), &counted);
    CHECK_SIZE(counted, frames);
    made += status == HK_OK ? frames : 0;
    return status;
}

/* Takes and acknowledges `frames` frames from number `first` on, and no more are there. */
static bool
drains(hk_queue *q, unsigned first, size_t frames)
{
    size_t n = 0;
    for (hk_queue_batch batch; (batch = hk_queue_take(q, SIZE_MAX)).frames > 0;) {
        if (!holds(&batch, first + (unsigned)n, batch.frames)) {
            return false;
        }
        n += batch.frames;
        hk_queue_acknowledge(q, 0);
    }
    return n == frames;
}

static void
test_a_run_counts_as_its_frames(const char *directory)
{
    hk_queue *q = open_queue(directory, 3000);
    made = 0;
    CHECK_INT(put(q, 90), HK_OK);
    CHECK_INT(put_run(q, 100, 8), HK_OK);
    CHECK_INT(put_run(q, 80, 5), HK_OK); /* on disk, in the next segment */
    const hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.offered, 14);
    CHECK_SIZE(s.queued, 14);
    CHECK_SIZE(s.high_water, 14);
    CHECK(takes_at_once(q, 890, 0, 9));
    hk_queue_rewind(q, 0);
    CHECK(drains(q, 0, 14));
    CHECK_SIZE(stats_of(q).sent, 14);
    hk_queue_free(q);
}

static void
test_what_is_no_run_changes_nothing(const char *directory)
{
    hk_queue *q = open_queue(directory, 3000);
    size_t frames = 0;
    size_t dropped = 7;
    made = 0;
    const size_t len = write_run(100, 3);
    CHECK_INT(hk_queue_put_run(q, run, 0, &frames), HK_ERR_ARGUMENT);
    CHECK_INT(hk_queue_put_run(q, run, len - 1, &frames),
              HK_ERR_ARGUMENT); /* the last one is cut */
    CHECK_INT(hk_queue_put_run(q, run + 1, len - 1, &frames), HK_ERR_ARGUMENT);
    run[200] = 'x'; /* where the third begins */
    CHECK_INT(hk_queue_put_run(q, run, len, &frames), HK_ERR_ARGUMENT);
    CHECK_SIZE(frames, 2);
    heka_frame_write(run, LARGEST + 1, 1, 0);
    CHECK_INT(hk_queue_put_run(q, run, LARGEST + 1, &frames), HK_ERR_TOO_BIG);
    CHECK_INT(hk_queue_drop_for_run(q, 3001, 1, REASON, &dropped), HK_ERR_TOO_BIG);
    CHECK_SIZE(dropped, 0);
    CHECK_INT(hk_queue_wait_room_for_run(q, 3001, 1, -1), HK_ERR_TOO_BIG);
    CHECK(directory == NULL || put_run(q, SEGMENT / 4 + 1, 4) == HK_ERR_TOO_BIG);
    hk_queue_close(q);
    CHECK_INT(put_run(q, 100, 3), HK_ERR_CLOSED);
    CHECK_INT(hk_queue_wait_room_for_run(q, 100, 3, -1), HK_ERR_CLOSED);
    CHECK_SIZE(stats_of(q).offered, 0);
    hk_queue_refuse_run(q, 3, REASON);
    const hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.offered, 3);
    CHECK_SIZE(s.dropped[REASON], 3);
    hk_queue_free(q);
}

/* Whatever lies in the queue, at whatever offset: a run that does not fit leaves no frame. */
static void
test_a_full_queue_takes_none(const char *directory)
{
    uint64_t seed = 11;
    hk_queue *q = open_queue(directory, 3000);
    unsigned next = 0;
    size_t full = 0;
    made = 0;
    for (unsigned round = 0; round < 3000; round++) {
        const size_t len = LEAST + frames_random(&seed) % 90;
        const unsigned frames = 1 + (unsigned)(frames_random(&seed) % 7);
        const hk_queue_stats before = stats_of(q);
        if (put_run(q, len, frames) != HK_OK) {
            const hk_queue_stats s = stats_of(q);
            CHECK(s.queued == before.queued && s.offered == before.offered);
            full++;
        }
        if (frames_random(&seed) % 4 == 0) {
            const hk_queue_batch batch = hk_queue_take(q, 1 + frames_random(&seed) % 900);
            CHECK(holds(&batch, next, batch.frames));
            next += (unsigned)batch.frames;
            hk_queue_acknowledge(q, 0);
        }
    }
    CHECK(full > 100 && next > 1000);
    CHECK(drains(q, next, made - next));
    hk_queue_free(q);
}

static void
test_room_for_a_run(const char *directory)
{
    hk_queue *q = open_queue(directory, 3000);
    size_t dropped = 0;
    made = 0;
    fill(q, 100);
    const unsigned first = made;
    CHECK_INT(hk_queue_wait_room_for_run(q, 800, 8, 0), HK_ERR_FULL);
    CHECK_INT(hk_queue_drop_for_run(q, 800, 8, REASON, &dropped), HK_OK);
    CHECK(dropped >= 8 && dropped <= 20);
    CHECK_INT(hk_queue_wait_room_for_run(q, 800, 8, 0), HK_OK);
    CHECK_INT(put_run(q, 100, 8), HK_OK);
    CHECK_SIZE(stats_of(q).queued, first - dropped + 8);
    CHECK(drains(q, (unsigned)dropped, made - dropped));
    hk_queue_free(q);
}

/* What a process that ended has put as runs is found again. */
static void
test_runs_are_found_again(const char *directory)
{
    hk_queue *q = open_queue(directory, 30000);
    made = 0;
    for (size_t i = 0; i < 10; i++) {
        CHECK_INT(put_run(q, 90, 4), HK_OK);
    }
    hk_queue_free(q);
    q = open_queue(directory, 30000);
    CHECK_SIZE(stats_of(q).recovered, 40);
    CHECK(drains(q, 0, 40));
    hk_queue_free(q);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    for (int i = 0; i < 3; i++) {
        unmapped = i == 1;
        lazy = i == 2;
        both(test_a_run_counts_as_its_frames);
        both(test_what_is_no_run_changes_nothing);
        both(test_a_full_queue_takes_none);
        both(test_room_for_a_run);
        on_disk(test_runs_are_found_again);
    }
    return check_report();
}
