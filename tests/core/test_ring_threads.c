/* test_ring_threads.c -- many producers, a consumer that loses connections, and a look at each
 * frame.
 *
 * Every accepted frame arrives whole, once (what is taken again is what was taken before), in the
 * order of its producer, or is counted as dropped; the counters balance whenever they are read.
 * Built with ThreadSanitizer too: make run-test_ring_threads CONFIG=gcc-threads */
#include <time.h>
#include <unistd.h>

#include "core/queue/hk_ring.h"
#include "check.h"
#include "frames.h"

#define MS INT64_C(1000000) /* ns */
#define PRODUCERS 3u
#define FRAMES 6000u /* offered by each */
#define LONGEST 300u /* bytes of a frame */
#define UNDER_WAY 128u
#define DEADLINE 240u /* seconds; who hangs is ended by a signal */

enum { FULL, ABORTED }; /* reasons */

typedef enum { DROP_NEW, DROP_OLD, BLOCK } overflow;

typedef struct {
    hk_ring *ring;
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

static hk_status
put_or_reserve(world *w, unsigned maker, unsigned number, size_t len, uint32_t how)
{
    uint8_t frame[LONGEST];
    hk_reservation room;
    if (how % 3 > 0) {
        frames_write(frame, len, maker, number);
        return hk_ring_put(w->ring, frame, len);
    }
    const size_t before = how / 8 % 50;
    const hk_status status = hk_ring_reserve(w->ring, LONGEST, &room);
    if (status != HK_OK) {
        return status;
    }
    if (how / 512 % 8 == 0) { /* as if it could not be encoded, the first time */
        hk_ring_abort(w->ring, &room);
        return put_or_reserve(w, maker, number, len, 1);
    }
    const size_t at = before < LONGEST - len ? before : 0;
    frames_write(room.data + at, len, maker, number);
    return hk_ring_commit(w->ring, &room, room.data + at, len);
}

static void *
produce(void *arg)
{
    const producer *p = arg;
    world *w = p->world;
    uint64_t seed = p->maker + 1000u * (unsigned)w->policy;
    size_t dropped;
    for (unsigned number = 0; number < FRAMES;) {
        const size_t len = FRAMES_HEAD + frames_random(&seed) % (LONGEST - FRAMES_HEAD);
        const uint32_t how = frames_random(&seed);
        hk_status status;
        while ((status = put_or_reserve(w, p->maker, number, len, how)) == HK_ERR_FULL) {
            if (w->policy == DROP_OLD) {
                status = hk_ring_drop_oldest(w->ring, len, FULL, &dropped);
                atomic_fetch_add(&w->dropped, dropped);
                if (status == HK_ERR_FULL) { /* a reservation is in the way, until it is written */
                    EXPECT(w, hk_ring_wait_room(w->ring, len, MS) != HK_ERR_CLOSED);
                }
            } else if (w->policy == BLOCK) {
                EXPECT(w, hk_ring_wait_room(w->ring, len, -1) == HK_OK);
            } else {
                hk_ring_refuse(w->ring, FULL);
                atomic_fetch_add(&w->dropped, 1);
                break;
            }
        }
        EXPECT(w, status == HK_OK || w->policy == DROP_NEW);
        number++;
        if (how % 1024 == 0 && w->policy != DROP_NEW) { /* the consumer catches up and sleeps */
            const int64_t timeout = w->policy == BLOCK ? -1 : MS;
            hk_ring_goal goal;
            hk_ring_set_goal(w->ring, &goal);
            atomic_fetch_add(&w->flushes,
                             hk_ring_flush(w->ring, &goal, timeout) == HK_RING_FLUSHED);
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

static size_t
bytes_taken(const connection *c)
{
    size_t bytes = 0;
    for (size_t i = 0; i < c->taken; i++) {
        bytes += c->frames[i].len;
    }
    return bytes;
}

static void
acknowledge(world *w, connection *c, size_t outstanding)
{
    size_t gone = 0;
    size_t left = bytes_taken(c);
    while (gone < c->taken && left - c->frames[gone].len >= outstanding) {
        left -= c->frames[gone++].len;
    }
    c->count -= gone;
    c->taken -= gone;
    memmove(c->frames, c->frames + gone, c->count * sizeof c->frames[0]);
    hk_ring_acknowledge(w->ring, outstanding);
}

/* Sends one batch, in a manner of speaking. False when there was none. */
static bool
take(world *w, connection *c)
{
    const size_t most =
        frames_random(&c->seed) % 4 == 0 ? frames_random(&c->seed) % 2000 : SIZE_MAX;
    const hk_ring_batch batch = hk_ring_take(w->ring, most);
    size_t frames = 0;
    for (size_t at = 0; at < batch.len;) {
        unsigned maker = 0;
        unsigned number = 0;
        const size_t len = frames_read(batch.data + at, batch.len - at, &maker, &number);
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
        const hk_ring_event event = hk_ring_wait(w->ring, w->linger, -1);
        while (take(w, &c)) {
        }
        const bool last = event == HK_RING_DRAINED;
        ending = last && c.count == 0;
        if (frames_random(&c.seed) % 4 == 0) {
            hk_ring_rewind(w->ring, frames_random(&c.seed) % 2000);
            c.taken = 0;
        } else {
            const bool all = last || frames_random(&c.seed) % 2 == 0;
            acknowledge(w, &c, all ? 0 : frames_random(&c.seed) % (bytes_taken(&c) + 1));
        }
        if (c.count > 0) { /* else nobody says that it may take again */
            hk_ring_wake(w->ring);
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
    while (!atomic_load(&w->done)) {
        hk_ring_stats s;
        hk_ring_get_stats(w->ring, &s);
        EXPECT(w, balanced(&s));
    }
    return NULL;
}

static size_t repeated; /* frames that were taken again, in all runs */

static void
test_policy(overflow policy, size_t linger)
{
    world w = {.policy = policy, .linger = linger};
    pthread_t threads[PRODUCERS];
    pthread_t watcher;
    pthread_t consumer;
    producer producers[PRODUCERS];
    hk_ring_goal goal;
    hk_ring_stats s;
    if (!CHECK_INT(hk_ring_new(6000, LONGEST, 2000, &w.ring, NULL), HK_OK)) {
        return;
    }
    CHECK_INT(pthread_create(&watcher, NULL, watch, &w), 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (producer){&w, i};
        CHECK_INT(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (policy != BLOCK && atomic_load(&w.dropped) == 0) { /* so that some are, on any machine */
        (void)nanosleep(&(struct timespec){0, MS}, NULL);
    }
    CHECK_INT(pthread_create(&consumer, NULL, consume, &w), 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    }
    hk_ring_set_goal(w.ring, &goal); /* nothing is dropped any more: all producers are at the end */
    CHECK_INT(hk_ring_flush(w.ring, &goal, -1), HK_RING_FLUSHED);
    atomic_store(&w.done, true);
    hk_ring_close(w.ring);
    CHECK_INT(pthread_join(consumer, NULL), 0);
    CHECK_INT(pthread_join(watcher, NULL), 0);

    if (!CHECK_SIZE(w.wrong, 0)) {
        printf("  first at line %zu\n", (size_t)w.first_wrong);
    }
    hk_ring_get_stats(w.ring, &s);
    CHECK(balanced(&s));
    CHECK_SIZE(s.offered, (size_t)PRODUCERS * FRAMES);
    CHECK_SIZE(s.queued, 0);
    CHECK_SIZE(hk_ring_count(w.ring), 0);
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
    hk_ring_free(w.ring);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    test_policy(BLOCK, 0);
    test_policy(BLOCK, 3000);
    test_policy(DROP_NEW, 0);
    test_policy(DROP_OLD, 0);
    test_policy(DROP_OLD, 3000);
    CHECK(repeated > 0);
    return check_report();
}
