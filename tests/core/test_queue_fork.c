/* test_queue_fork.c -- a forked child has an empty queue, whatever its parent was doing to it.
 *
 * In memory it can be used; on disk it is closed. What becomes of the files: test_disk.c. */
#include "check.h"
#include "core/base/hk_clock.h"
#include "queues.h"

static unsigned first_generation; /* of the parent */

static void
use_in_child(void *queue)
{
    hk_queue *q = queue;
    const hk_queue_stats s = stats_of(q); /* the mutex is free, whoever had it */
    CHECK_SIZE(s.offered, 0);
    CHECK_SIZE(s.high_water, 0);
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    made = 0;
    if (q->on_disk) {
        CHECK_INT(put(q, 100), HK_ERR_CLOSED);
        CHECK_INT(hk_queue_wait(q, 0, -1), HK_QUEUE_DRAINED);
        return;
    }
    CHECK_INT(put(q, 100), HK_OK);
    CHECK_INT(put(q, 200), HK_OK);
    CHECK(takes_at_once(q, SIZE_MAX, 0, 2));
    hk_queue_acknowledge(q, 0);
    CHECK_SIZE(stats_of(q).sent, 2);
    CHECK_INT(flush(q, 0), HK_QUEUE_FLUSHED);
    CHECK_INT(put(q, 200), HK_OK);
    if (hk_fork_generation() == first_generation + 1) { /* once more, in a child of this one */
        in_child(use_in_child, q);
        CHECK_SIZE(stats_of(q).offered, 3);
    }
}

static void
test_forked_child_starts_empty(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    put_many(q, 100, 2);
    (void)hk_queue_take(q, 100);
    first_generation = hk_fork_generation();
    in_child(use_in_child, q);
    CHECK_INT(pthread_mutex_lock(&q->monitor.mutex), 0); /* by whom the child does not have */
    q->in.sleepers = 3;
    in_child(use_in_child, q);
    q->in.sleepers = 0;
    CHECK_INT(pthread_mutex_unlock(&q->monitor.mutex), 0);
    CHECK_SIZE(stats_of(q).queued, 2); /* the parent's is untouched */
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_free(q);
}

static void *
sleep_in(void *queue)
{
    (void)hk_queue_wait(queue, 0, -1);
    return NULL;
}

static void
wake_and_free_in_child(void *queue)
{
    hk_queue *q = queue;
    const hk_queue_event event = q->on_disk ? HK_QUEUE_DRAINED : HK_QUEUE_WOKEN;
    hk_queue_wake(q);
    CHECK_INT(hk_queue_wait(q, 0, -1), event);
    CHECK_INT(hk_queue_wait(q, 0, MS), event);
    hk_queue_free(q); /* does not wait for the sleeper */
}

static void
test_sleeper_stays_with_the_parent(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    pthread_t thread;
    bool idle = false;
    CHECK_INT(pthread_create(&thread, NULL, sleep_in, q), 0);
    while (!idle) {
        (void)pthread_mutex_lock(&q->monitor.mutex);
        idle = q->in.idle;
        (void)pthread_mutex_unlock(&q->monitor.mutex);
    }
    in_child(wake_and_free_in_child, q);
    hk_queue_wake(q);
    CHECK_INT(pthread_join(thread, NULL), 0);
    hk_queue_free(q);
}

#define CHILD_THREADS 3u
#define CHILD_FRAMES 12u

typedef struct {
    hk_queue *queue;
    atomic_uint *waiting; /* threads that are not here yet */
} starter;

static void *
put_in_child(void *arg)
{
    const starter *s = arg;
    uint8_t frame[LEAST];
    size_t wrong = 0;
    heka_frame_write(frame, sizeof frame, 1, 1);
    atomic_fetch_sub(s->waiting, 1);
    while (atomic_load(s->waiting) > 0) {
    }
    for (size_t i = 0; i < CHILD_FRAMES; i++) {
        wrong += hk_queue_put(s->queue, frame, sizeof frame) !=
                 (s->queue->on_disk ? HK_ERR_CLOSED : HK_OK);
    }
    return wrong == 0 ? arg : NULL;
}

/* Whichever thread comes first empties the queue, once. */
static void
threads_in_child(void *queue)
{
    hk_queue *q = queue;
    pthread_t threads[CHILD_THREADS];
    atomic_uint waiting = CHILD_THREADS;
    starter s = {q, &waiting};
    for (size_t i = 0; i < CHILD_THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, put_in_child, &s), 0);
    }
    for (size_t i = 0; i < CHILD_THREADS; i++) {
        void *result = NULL;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        CHECK(result != NULL);
    }
    CHECK_SIZE(stats_of(q).queued, q->on_disk ? 0 : (size_t)CHILD_THREADS * CHILD_FRAMES);
}

static void
test_threads_of_a_child(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    CHECK_INT(put(q, 100), HK_OK);
    for (size_t i = 0; i < 20; i++) {
        in_child(threads_in_child, q);
    }
    CHECK_SIZE(stats_of(q).queued, 1);
    hk_queue_free(q);
}

static hk_queue_goal parents_goal;

static void
flush_in_child(void *queue)
{
    hk_queue *q = queue; /* the parent may yet send it */
    CHECK_INT(hk_queue_flush(q, &parents_goal, -1), HK_QUEUE_LOST);
}

static void
test_child_does_not_wait_for_the_parents_frames(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_set_goal(q, &parents_goal);
    in_child(flush_in_child, q);
    CHECK_INT(hk_queue_flush(q, &parents_goal, 0), HK_QUEUE_PENDING);
    hk_queue_free(q);
}

static void
closed_in_child(void *queue)
{
    hk_queue *q = queue;
    CHECK_INT(put(q, 100), HK_ERR_CLOSED);
    CHECK_SIZE(stats_of(q).queued, 0);
}

static void
test_closed_queue_is_closed_in_the_child(const char *directory)
{
    hk_queue *q = open_queue(directory, 1000);
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_close(q);
    in_child(closed_in_child, q);
    hk_queue_free(q);
}

int
main(void)
{
    both(test_forked_child_starts_empty);
    both(test_threads_of_a_child); /* before there are other threads: a sanitizer wants that */
    both(test_sleeper_stays_with_the_parent);
    both(test_child_does_not_wait_for_the_parents_frames);
    both(test_closed_queue_is_closed_in_the_child);
    return check_report();
}
