/* test_ring_fork.c -- a forked child has an empty ring, whatever its parent was doing to it. */
#include "core/queue/hk_ring.h"

#include <sys/wait.h>
#include <unistd.h>

#include "core/base/hk_clock.h"
#include "rings.h"

/* Runs `work` in a forked child; all it checks must hold. */
static void
in_child(void (*work)(hk_ring *r, const hk_reservation *room), hk_ring *r,
         const hk_reservation *room)
{
    int status = -1;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        check_failed = 0;
        work(r, room);
        (void)fflush(stdout);
        _exit(check_failed == 0 ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
}

static void
use_in_child(hk_ring *r, const hk_reservation *room)
{
    const hk_ring_stats s = stats_of(r); /* the mutex is free, whoever had it */
    CHECK_SIZE(s.offered, 0);
    CHECK_SIZE(s.high_water, 0);
    CHECK_SIZE(hk_ring_take(r, SIZE_MAX).frames, 0);
    CHECK_INT(hk_ring_commit(r, room, room->data + 5, 95), HK_ERR_CLOSED);
    hk_ring_abort(r, room);
    made = 0;
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(put(r, 200), HK_OK);
    const hk_ring_batch batch = hk_ring_take(r, SIZE_MAX);
    CHECK(holds(&batch, 0, 2));
    hk_ring_acknowledge(r, 0);
    CHECK_SIZE(stats_of(r).sent, 2);
    CHECK_INT(flush(r, 0), HK_RING_FLUSHED);
    CHECK_INT(put(r, 200), HK_OK);
    if (room->owner == hk_fork_generation() - 1) { /* and once more, in a child of this one */
        in_child(use_in_child, r, room);
        CHECK_SIZE(stats_of(r).offered, 3);
    }
}

static void
test_forked_child_starts_empty(void)
{
    hk_ring *r = ring_of(1000);
    hk_reservation room;
    CHECK_INT(put(r, 100), HK_OK);
    CHECK_INT(put(r, 100), HK_OK);
    (void)hk_ring_take(r, 100);
    CHECK_INT(hk_ring_reserve(r, 100, &room), HK_OK);
    in_child(use_in_child, r, &room);
    CHECK_INT(pthread_mutex_lock(&r->monitor.mutex), 0); /* by whom the child does not have */
    r->in.sleepers = 3;
    in_child(use_in_child, r, &room);
    r->in.sleepers = 0;
    CHECK_INT(pthread_mutex_unlock(&r->monitor.mutex), 0);
    CHECK_INT(hk_ring_commit(r, &room, room.data, 100), HK_OK); /* the parent's is untouched */
    CHECK_SIZE(stats_of(r).queued, 3);
    hk_ring_free(r);
}

static void *
sleep_in(void *ring)
{
    (void)hk_ring_wait(ring, 0, -1);
    return NULL;
}

static void
wake_and_free_in_child(hk_ring *r, const hk_reservation *room)
{
    (void)room;
    hk_ring_wake(r);
    CHECK_INT(hk_ring_wait(r, 0, -1), HK_RING_WOKEN);
    CHECK_INT(hk_ring_wait(r, 0, MS), HK_RING_WOKEN);
    hk_ring_free(r); /* does not wait for the sleeper */
}

static void
test_sleeper_stays_with_the_parent(void)
{
    hk_ring *r = ring_of(1000);
    pthread_t thread;
    bool idle = false;
    CHECK_INT(pthread_create(&thread, NULL, sleep_in, r), 0);
    while (!idle) {
        (void)pthread_mutex_lock(&r->monitor.mutex);
        idle = r->in.idle;
        (void)pthread_mutex_unlock(&r->monitor.mutex);
    }
    in_child(wake_and_free_in_child, r, NULL);
    hk_ring_wake(r);
    CHECK_INT(pthread_join(thread, NULL), 0);
    hk_ring_free(r);
}

#define CHILD_THREADS 3u
#define CHILD_FRAMES 20u

typedef struct {
    hk_ring *ring;
    atomic_uint *waiting; /* threads that are not here yet */
} starter;

static void *
put_in_child(void *arg)
{
    const starter *s = arg;
    uint8_t frame[20] = {0};
    size_t put_in = 0;
    atomic_fetch_sub(s->waiting, 1);
    while (atomic_load(s->waiting) > 0) {
    }
    for (size_t i = 0; i < CHILD_FRAMES; i++) {
        put_in += hk_ring_put(s->ring, frame, sizeof frame) == HK_OK;
    }
    return put_in == CHILD_FRAMES ? arg : NULL;
}

/* Whichever thread comes first empties the ring, once. */
static void
threads_in_child(hk_ring *r, const hk_reservation *room)
{
    pthread_t threads[CHILD_THREADS];
    atomic_uint waiting = CHILD_THREADS;
    starter s = {r, &waiting};
    (void)room;
    for (size_t i = 0; i < CHILD_THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, put_in_child, &s), 0);
    }
    for (size_t i = 0; i < CHILD_THREADS; i++) {
        void *result = NULL;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        CHECK(result != NULL);
    }
    CHECK_SIZE(stats_of(r).queued, (size_t)CHILD_THREADS * CHILD_FRAMES);
}

static void
test_threads_of_a_child(void)
{
    hk_ring *r = ring_of(4000);
    CHECK_INT(put(r, 100), HK_OK);
    for (size_t i = 0; i < 20; i++) {
        in_child(threads_in_child, r, NULL);
    }
    CHECK_SIZE(stats_of(r).queued, 1);
    hk_ring_free(r);
}

static hk_ring_goal parents_goal;

static void
flush_in_child(hk_ring *r, const hk_reservation *room)
{
    (void)room;
    CHECK_INT(hk_ring_flush(r, &parents_goal, -1), HK_RING_LOST); /* the parent may yet send it */
}

static void
test_child_does_not_wait_for_the_parents_frames(void)
{
    hk_ring *r = ring_of(1000);
    CHECK_INT(put(r, 100), HK_OK);
    hk_ring_set_goal(r, &parents_goal);
    in_child(flush_in_child, r, NULL);
    CHECK_INT(hk_ring_flush(r, &parents_goal, 0), HK_RING_PENDING);
    hk_ring_free(r);
}

static void
closed_in_child(hk_ring *r, const hk_reservation *room)
{
    (void)room;
    CHECK_INT(put(r, 100), HK_ERR_CLOSED);
    CHECK_SIZE(stats_of(r).queued, 0);
}

static void
test_closed_ring_is_closed_in_the_child(void)
{
    hk_ring *r = ring_of(1000);
    CHECK_INT(put(r, 100), HK_OK);
    hk_ring_close(r);
    in_child(closed_in_child, r, NULL);
    hk_ring_free(r);
}

int
main(void)
{
    test_forked_child_starts_empty();
    test_threads_of_a_child(); /* before there are other threads: a sanitizer wants that */
    test_sleeper_stays_with_the_parent();
    test_child_does_not_wait_for_the_parents_frames();
    test_closed_ring_is_closed_in_the_child();
    return check_report();
}
