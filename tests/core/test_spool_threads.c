/* test_spool_threads.c -- four producers, a consumer that loses connections, segments that come and
 * go.
 *
 * Every accepted frame arrives whole, once (what is taken again is what was taken before), in the
 * order of its producer, or is counted as dropped; the counters balance whenever they are read.
 * Built with ThreadSanitizer too: make run-test_spool_threads CONFIG=gcc-threads */
#include "check.h"
#include "spools.h"

#define PRODUCERS 4u
#define FRAMES 4000u /* offered by each */
#define UNDER_WAY 64u

enum { FULL }; /* reasons */

typedef enum { DROP_NEW, DROP_OLD, BLOCK } overflow;

typedef struct {
    hk_spool *spool;
    overflow policy;
    atomic_bool done;
    atomic_size_t wrong; /* of anything that anybody looks at */
    atomic_size_t first_wrong;
    atomic_size_t dropped;
    size_t received;
    size_t again;
    unsigned expected[PRODUCERS]; /* the least number that may come */
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

static uint32_t
pick(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

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
        const size_t len = LEAST + pick(&seed) % (LARGEST - LEAST);
        hk_status status;
        spools_write(frame, len, p->maker, number);
        while ((status = hk_spool_put(w->spool, frame, len)) == HK_ERR_FULL) {
            if (w->policy == DROP_OLD) {
                status = hk_spool_drop_oldest(w->spool, len, FULL, &dropped);
                atomic_fetch_add(&w->dropped, dropped);
                EXPECT(w, status == HK_OK);
            } else if (w->policy == BLOCK) {
                EXPECT(w, hk_spool_wait_room(w->spool, len, -1) == HK_OK);
            } else {
                hk_spool_refuse(w->spool, FULL);
                atomic_fetch_add(&w->dropped, 1);
                break;
            }
        }
        EXPECT(w, status == HK_OK || w->policy == DROP_NEW);
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
    const size_t outstanding = all ? 0 : pick(&c->seed) % (left + 1);
    size_t gone = 0;
    while (gone < c->taken && left - c->frames[gone].len >= outstanding) {
        left -= c->frames[gone++].len;
    }
    c->count -= gone;
    c->taken -= gone;
    memmove(c->frames, c->frames + gone, c->count * sizeof c->frames[0]);
    hk_spool_acknowledge(w->spool, outstanding);
}

/* Sends one batch, in a manner of speaking. False when there was none. */
static bool
take(world *w, connection *c)
{
    const size_t most = pick(&c->seed) % 4 == 0 ? pick(&c->seed) % 900 : SIZE_MAX;
    const hk_ring_batch batch = hk_spool_take(w->spool, most);
    size_t frames = 0;
    for (size_t at = 0; at < batch.len;) {
        unsigned maker = 0;
        unsigned number = 0;
        const size_t len = spools_read(batch.data + at, batch.len - at, &maker, &number);
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
        const hk_ring_event event = hk_spool_wait(w->spool, 0, -1);
        while (take(w, &c)) {
        }
        const bool last = event == HK_RING_DRAINED;
        ending = last && c.count == 0;
        if (pick(&c.seed) % 4 == 0) {
            hk_spool_rewind(w->spool, pick(&c.seed) % 900);
            c.taken = 0;
        } else {
            acknowledge(w, &c, last || pick(&c.seed) % 2 == 0);
        }
        if (c.count > 0) { /* else nobody says that it may take again */
            hk_spool_wake(w->spool);
        }
    }
    return NULL;
}

/* ---- who looks on ---- */

static bool
balanced(const hk_ring_stats *s)
{
    uint64_t dropped = 0;
    for (size_t i = 0; i < HK_RING_REASONS; i++) {
        dropped += s->dropped[i];
    }
    return s->offered + s->recovered == s->sent + dropped + s->queued &&
           s->in_flight <= s->queued && s->queued <= s->high_water;
}

static void *
watch(void *arg)
{
    world *w = arg;
    for (size_t i = 0; !atomic_load(&w->done); i++) {
        hk_ring_stats s;
        hk_spool_get_stats(w->spool, &s);
        EXPECT(w, balanced(&s));
        if (i % 16 == 0) {
            EXPECT(w, hk_spool_sync(w->spool, NULL) == HK_OK);
        }
        (void)usleep(200);
    }
    return NULL;
}

static void
test_policy(overflow policy)
{
    const char *directory = fresh_directory();
    world w = {.policy = policy};
    pthread_t threads[PRODUCERS];
    pthread_t watcher;
    pthread_t consumer;
    producer producers[PRODUCERS];
    hk_ring_stats s;
    w.spool = open_spool(directory, 6000);
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
    CHECK_INT(flush(w.spool, -1), HK_RING_FLUSHED);
    atomic_store(&w.done, true);
    hk_spool_close(w.spool);
    CHECK_INT(pthread_join(consumer, NULL), 0);
    CHECK_INT(pthread_join(watcher, NULL), 0);

    if (!CHECK_SIZE(w.wrong, 0)) {
        printf("  first at line %zu\n", (size_t)w.first_wrong);
    }
    hk_spool_get_stats(w.spool, &s);
    CHECK(balanced(&s));
    CHECK_SIZE(s.offered, (size_t)PRODUCERS * FRAMES);
    CHECK_SIZE(s.queued, 0);
    CHECK_SIZE(hk_spool_count(w.spool), 0);
    CHECK_SIZE(s.sent, w.received);
    CHECK_SIZE(s.dropped[FULL], w.dropped);
    CHECK_SIZE(w.received + w.dropped, (size_t)PRODUCERS * FRAMES);
    CHECK(s.resent <= w.again && w.again > 0);
    CHECK((w.dropped > 0) == (policy != BLOCK));
    hk_spool_free(w.spool);
    CHECK_SIZE(files_in(directory, ""), 0);
    remove_directory(directory);
}

/* ---- somebody drops all while the sender reads ---- */

static void *
put_always(void *arg)
{
    world *w = arg;
    uint8_t frame[LARGEST];
    for (unsigned number = 0; !atomic_load(&w->done); number++) {
        spools_write(frame, 100, 1, number);
        if (hk_spool_put(w->spool, frame, 100) != HK_OK) {
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
        atomic_fetch_add(&w->dropped, hk_spool_drop_all(w->spool, FULL));
        if (hk_spool_drop_oldest(w->spool, LARGEST, FULL, &dropped) == HK_OK) {
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
    const char *directory = fresh_directory();
    world w = {.policy = DROP_OLD};
    pthread_t threads[2];
    hk_ring_stats s;
    w.spool = open_spool(directory, 6000);
    CHECK_INT(pthread_create(&threads[0], NULL, put_always, &w), 0);
    CHECK_INT(pthread_create(&threads[1], NULL, drop_always, &w), 0);
    for (unsigned i = 0; i < 2000 || w.received < 100; i++) {
        const hk_ring_batch batch = hk_spool_take(w.spool, SIZE_MAX);
        (void)usleep(20);
        for (size_t at = 0; at < batch.len; at += 100) {
            unsigned maker;
            unsigned number;
            EXPECT(&w, spools_read(batch.data + at, batch.len - at, &maker, &number) == 100);
        }
        w.received += batch.frames;
        if (i % 3 == 0) {
            hk_spool_rewind(w.spool, 0);
        } else if (i % 7 == 0) {
            atomic_fetch_add(&w.dropped, hk_spool_drop_in_flight(w.spool, FULL));
        } else {
            hk_spool_acknowledge(w.spool, i % 5 * 60);
        }
    }
    atomic_store(&w.done, true);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    CHECK_SIZE(w.wrong, 0);
    hk_spool_get_stats(w.spool, &s);
    CHECK(balanced(&s));
    CHECK_SIZE(s.dropped[FULL], w.dropped);
    CHECK_SIZE(hk_spool_count(w.spool), s.queued);
    hk_spool_free(w.spool);
    remove_directory(directory);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    test_policy(BLOCK);
    test_policy(DROP_NEW);
    test_policy(DROP_OLD);
    test_dropping_all_beside_a_sender();
    return check_report();
}
