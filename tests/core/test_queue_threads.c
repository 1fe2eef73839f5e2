/* test_queue_threads.c -- four producers, a consumer that loses connections, and a look at each
 * frame, in memory and on disk.
 *
 * Every accepted frame arrives whole, once (what is taken again is what was taken before), in the
 * order of its producer, or is counted as dropped; the counters balance whenever they are read.
 * Built with ThreadSanitizer too: make run-test_queue_threads CONFIG=gcc-threads */
#include "check.h"
#include "frames.h"
#include "queues.h"

#define PRODUCERS 4u
#define FRAMES 5000u /* offered by each */
#define UNDER_WAY 64u

enum { FULL }; /* reasons */

static const char *where; /* directory; NULL: in memory */
static size_t repeated;   /* frames that were taken again, in all runs */

typedef enum { DROP_NEW, DROP_OLD, BLOCK } overflow;

typedef struct {
    hk_queue *queue;
    overflow policy;
    size_t linger; /* bytes that the consumer waits for */
    atomic_bool done;
    atomic_size_t wrong; /* of anything that anybody looks at */
    atomic_size_t first_wrong;
    atomic_size_t dropped;
    atomic_size_t flushes;
    size_t received;
    size_t again;
    unsigned expected[PRODUCERS]; /* the least number that may come */
    unsigned gaps;
} world;

typedef struct {
    world *world;
    unsigned maker;
} producer;

static bool
expect(world *w, bool good, int line)
{
    if (!good && atomic_fetch_add(&w->wrong, 1) == 0) {
        atomic_store(&w->first_wrong, (size_t)line);
    }
    return good;
}
#define EXPECT(w, condition) expect((w), (condition), __LINE__)

/* ---- producers ---- */

static void *
produce(void *arg)
{
    const producer *p = arg;
    world *w = p->world;
    uint64_t seed = p->maker + 1000u * (unsigned)w->policy;
    size_t dropped;
    uint8_t frame[LARGEST];
    for (unsigned number = 0; number < FRAMES; number++) {
        const size_t len = LEAST + frames_random(&seed) % (LARGEST - LEAST);
        hk_status status;
        heka_frame_write(frame, len, p->maker, number);
        while ((status = hk_queue_put(w->queue, frame, len)) == HK_ERR_FULL) {
            if (w->policy == DROP_OLD) {
                status = hk_queue_drop_oldest(w->queue, len, FULL, &dropped);
                atomic_fetch_add(&w->dropped, dropped);
                EXPECT(w, status == HK_OK);
            } else if (w->policy == BLOCK) {
                EXPECT(w, hk_queue_wait_room(w->queue, len, -1) == HK_OK);
            } else {
                hk_queue_refuse(w->queue, FULL);
                atomic_fetch_add(&w->dropped, 1);
                break;
            }
        }
        EXPECT(w, status == HK_OK || w->policy == DROP_NEW);
        if (frames_random(&seed) % 1024 == 0 &&
            w->policy != DROP_NEW) { /* the consumer goes to sleep */
            const int64_t timeout = w->policy == BLOCK ? -1 : MS;
            atomic_fetch_add(&w->flushes, flush(w->queue, timeout) == HK_QUEUE_FLUSHED);
        }
    }
    return NULL;
}

/* ---- the consumer ---- */

typedef struct {
    struct {
        unsigned maker;
        unsigned number;
        size_t len;
    } frames[UNDER_WAY]; /* taken, not acknowledged */
    size_t count;
    size_t taken; /* since the last rewind */
    uint64_t seed;
} connection;

/* A frame that is taken again is the one that was taken before. */
static void
look(world *w, connection *c, unsigned maker, unsigned number, size_t len)
{
    if (c->taken < c->count) {
        EXPECT(w, c->frames[c->taken].maker == maker && c->frames[c->taken].number == number &&
                      c->frames[c->taken].len == len);
        w->again++;
    } else if (EXPECT(w, c->count < UNDER_WAY && maker < PRODUCERS) &&
               EXPECT(w, number >= w->expected[maker])) {
        w->gaps += number - w->expected[maker];
        w->expected[maker] = number + 1;
        c->frames[c->count].maker = maker;
        c->frames[c->count].number = number;
        c->frames[c->count].len = len;
        c->count++;
        w->received++;
    }
    c->taken++;
}

static void
acknowledge(world *w, connection *c, bool all)
{
    size_t left = 0;
    for (size_t i = 0; i < c->taken; i++) {
        left += c->frames[i].len;
    }
    const size_t outstanding = all ? 0 : frames_random(&c->seed) % (left + 1);
    size_t gone = 0;
    while (gone < c->taken && left - c->frames[gone].len >= outstanding) {
        left -= c->frames[gone++].len;
    }
    c->count -= gone;
    c->taken -= gone;
    memmove(c->frames, c->frames + gone, c->count * sizeof c->frames[0]);
    hk_queue_acknowledge(w->queue, outstanding);
}

/* Sends one batch, in a manner of speaking. False when there was none. */
static bool
take(world *w, connection *c)
{
    const size_t most = frames_random(&c->seed) % 4 == 0 ? frames_random(&c->seed) % 900 : SIZE_MAX;
    const hk_queue_batch batch = hk_queue_take(w->queue, most);
    size_t frames = 0;
    for (size_t at = 0; at < batch.len;) {
        unsigned maker = 0;
        unsigned number = 0;
        const size_t len = heka_frame_read(batch.data + at, batch.len - at, &maker, &number);
        if (!EXPECT(w, len > 0)) {
            break;
        }
        look(w, c, maker, number, len);
        at += len;
        frames++;
    }
    EXPECT(w, frames == batch.frames);
    return batch.frames > 0;
}

static void *
consume(void *arg)
{
    world *w = arg;
    connection c = {.seed = 7};
    for (bool ending = false; !ending;) {
        const hk_queue_event event = hk_queue_wait(w->queue, w->linger, -1);
        while (take(w, &c)) {
        }
        const bool last = event == HK_QUEUE_DRAINED;
        ending = last && c.count == 0;
        if (frames_random(&c.seed) % 4 == 0) {
            hk_queue_rewind(w->queue, frames_random(&c.seed) % 900);
            c.taken = 0;
        } else {
            acknowledge(w, &c, last || frames_random(&c.seed) % 2 == 0);
        }
        if (c.count > 0) { /* else nobody says that it may take again */
            hk_queue_wake(w->queue);
        }
    }
    return NULL;
}

/* ---- who looks on ---- */

static void *
watch(void *arg)
{
    world *w = arg;
    for (size_t i = 0; !atomic_load(&w->done); i++) {
        hk_queue_stats s;
        hk_queue_get_stats(w->queue, &s);
        EXPECT(w, is_balanced(&s));
        if (i % 16 == 0) {
            EXPECT(w, hk_queue_sync(w->queue, NULL) == HK_OK);
        }
        (void)usleep(200);
    }
    return NULL;
}

static void
test_policy(overflow policy, size_t linger)
{
    world w = {.policy = policy, .linger = linger};
    pthread_t threads[PRODUCERS];
    pthread_t watcher;
    pthread_t consumer;
    producer producers[PRODUCERS];
    hk_queue_stats s;
    w.queue = open_queue(where, 6000);
    CHECK_INT(pthread_create(&watcher, NULL, watch, &w), 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){&w, i};
        CHECK_INT(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (policy != BLOCK && atomic_load(&w.dropped) == 0) { /* so that some are, on any machine */
        (void)usleep(1000);
    }
    CHECK_INT(pthread_create(&consumer, NULL, consume, &w), 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    CHECK_INT(flush(w.queue, -1), HK_QUEUE_FLUSHED);
    atomic_store(&w.done, true);
    hk_queue_close(w.queue);
    CHECK_INT(pthread_join(consumer, NULL), 0);
    CHECK_INT(pthread_join(watcher, NULL), 0);

    if (!CHECK_SIZE(w.wrong, 0)) {
        printf("  first at line %zu\n", (size_t)w.first_wrong);
    }
    hk_queue_get_stats(w.queue, &s);
    CHECK(is_balanced(&s));
    CHECK_SIZE(s.offered, (size_t)PRODUCERS * FRAMES);
    CHECK_SIZE(s.queued, 0);
    CHECK_SIZE(hk_queue_count(w.queue), 0);
    CHECK_SIZE(s.sent, w.received);
    CHECK_SIZE(s.dropped[FULL], w.dropped);
    CHECK_SIZE(w.received + w.dropped, (size_t)PRODUCERS * FRAMES);
    CHECK(s.resent <= w.again);
    repeated += w.again;
    for (unsigned i = 0; i < PRODUCERS; i++) { /* what is missing at the end is a gap too */
        w.gaps += FRAMES - w.expected[i];
    }
    CHECK_SIZE(w.gaps, w.dropped);
    CHECK((w.dropped > 0) == (policy != BLOCK));
    CHECK(policy != BLOCK || w.flushes > 0);
    hk_queue_free(w.queue);
    CHECK(where == NULL || files_in(where, "") == 0);
}

/* ---- somebody drops all while the sender reads ---- */

static void *
put_always(void *arg)
{
    world *w = arg;
    uint8_t frame[LARGEST];
    for (unsigned number = 0; !atomic_load(&w->done); number++) {
        heka_frame_write(frame, 100, 1, number);
        if (hk_queue_put(w->queue, frame, 100) != HK_OK) {
            (void)usleep(50); /* or nobody else gets the lock */
        }
    }
    return NULL;
}

static void *
drop_always(void *arg)
{
    world *w = arg;
    size_t dropped;
    for (unsigned i = 0; !atomic_load(&w->done); i++) {
        atomic_fetch_add(&w->dropped, hk_queue_drop_all(w->queue, FULL));
        if (hk_queue_drop_oldest(w->queue, LARGEST, FULL, &dropped) == HK_OK) {
            atomic_fetch_add(&w->dropped, dropped);
        }
        (void)usleep(300);
    }
    return NULL;
}

/* What was taken can be read until the consumer calls again, whoever drops it. */
static void
test_dropping_all_beside_a_sender(void)
{
    world w = {.policy = DROP_OLD};
    pthread_t threads[2];
    hk_queue_stats s;
    w.queue = open_queue(where, 6000);
    CHECK_INT(pthread_create(&threads[0], NULL, put_always, &w), 0);
    CHECK_INT(pthread_create(&threads[1], NULL, drop_always, &w), 0);
    for (unsigned i = 0; i < 2000 || w.received < 100; i++) {
        const hk_queue_batch batch = hk_queue_take(w.queue, SIZE_MAX);
        (void)usleep(20);
        for (size_t at = 0; at < batch.len; at += 100) {
            unsigned maker;
            unsigned number;
            EXPECT(&w, heka_frame_read(batch.data + at, batch.len - at, &maker, &number) == 100);
        }
        w.received += batch.frames;
        if (i % 3 == 0) {
            hk_queue_rewind(w.queue, 0);
        } else if (i % 7 == 0) {
            atomic_fetch_add(&w.dropped, hk_queue_drop_in_flight(w.queue, FULL));
        } else {
            hk_queue_acknowledge(w.queue, i % 5 * 60);
        }
    }
    atomic_store(&w.done, true);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    CHECK_SIZE(w.wrong, 0);
    hk_queue_get_stats(w.queue, &s);
    CHECK(is_balanced(&s));
    CHECK_SIZE(s.dropped[FULL], w.dropped);
    CHECK_SIZE(hk_queue_count(w.queue), s.queued);
    hk_queue_free(w.queue);
}

static void
test_all(const char *directory)
{
    where = directory;
    repeated = 0;
    test_policy(BLOCK, 0);
    test_policy(BLOCK, 3000);
    test_policy(DROP_NEW, 0);
    test_policy(DROP_OLD, 0);
    test_policy(DROP_OLD, 3000);
    CHECK(repeated > 0);
    if (directory != NULL) { /* in memory the window is used again at once */
        test_dropping_all_beside_a_sender();
    }
}

int
main(void)
{
    (void)alarm(DEADLINE);
    both(test_all);
    lazy = true;
    on_disk(test_all);
    return check_report();
}
