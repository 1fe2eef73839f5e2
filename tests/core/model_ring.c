/* model_ring.c -- the ring's protocol in every interleaving of a few threads.
 *
 *     model_ring                 every scenario; prints states and transitions
 *     model_ring long            the same with one call more in each script: minutes
 *     model_ring lose-signals    the same with signals that are lost: must fail
 *
 * In every state with the lock free the counters balance against the frames that lie there, and no
 * sleeper sleeps on what it waits for. Each frame arrives whole, in its producer's order, once, or
 * is counted. Nobody waits for ever. A child that is forked anywhere between two calls, or between
 * reserve and commit, whatever the others are doing, starts empty and does all that too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/queue/hk_ring.h"
#include "frames.h"
#include "model.h"

#define PRODUCERS 2u
#define LONGEST 24u  /* bytes of a frame: a record of 32 */
#define CAPACITY 64u /* bytes: four records of the smallest frame, two of the longest */
#define WINDOW 40u   /* bytes: two frames by its table */
#define UNDER_WAY 8u
#define REASON 1u

/* ---- scenarios ---- */

typedef enum { NOTHING, PUT, PUT_BLOCK, PUT_OLD, RESERVE, ABORT, FLUSH } kind;

typedef struct {
    kind what;
    size_t len; /* bytes */
} op;

typedef enum { AFTER_ALL, AFTER_FLUSH, ANY_TIME, ANY_TIME_DROP } closing;

typedef struct {
    const char *name;
    op scripts[PRODUCERS][4];
    size_t ops; /* of each script, as many; 0: two */
    closing close;
    size_t linger; /* bytes the consumer waits for */
    bool timed;    /* its sleep may end by itself */
    size_t most;   /* bytes it takes at once */
    unsigned rewinds;
    bool forks;
    bool wakings; /* sleepers may wake without a reason */
} scenario;

static const scenario scenarios[] = {
    {.name = "drop new",
     .scripts = {{{PUT, 8}, {RESERVE, 16}, {PUT, 24}, {PUT, 8}},
                 {{PUT, 16}, {ABORT, 8}, {RESERVE, 24}, {PUT, 8}}},
     .most = SIZE_MAX,
     .rewinds = 1,
     .wakings = true},
    {.name = "drop old",
     .scripts = {{{PUT_OLD, 24}, {PUT_OLD, 8}, {PUT_OLD, 24}},
                 {{PUT_OLD, 16}, {RESERVE, 8}, {PUT_OLD, 16}, {PUT_OLD, 8}}},
     .most = SIZE_MAX,
     .rewinds = 1},
    {.name = "block",
     .scripts = {{{PUT_BLOCK, 24}, {PUT_BLOCK, 8}, {PUT_BLOCK, 24}, {PUT_BLOCK, 8}},
                 {{PUT_BLOCK, 16}, {RESERVE, 24}, {PUT_BLOCK, 8}, {PUT_BLOCK, 24}}},
     .ops = 3,
     .close = AFTER_FLUSH,
     .most = 1},
    {.name = "block, linger",
     .scripts = {{{PUT_BLOCK, 24}, {PUT_BLOCK, 8}, {FLUSH, 0}, {PUT_BLOCK, 24}},
                 {{PUT_BLOCK, 16}, {PUT_BLOCK, 8}, {ABORT, 24}, {FLUSH, 0}}},
     .ops = 3,
     .close = AFTER_FLUSH,
     .linger = 48,
     .most = SIZE_MAX},
    {.name = "linger, timed",
     .scripts = {{{PUT, 24}, {PUT_OLD, 8}, {FLUSH, 0}, {PUT, 24}},
                 {{PUT_OLD, 16}, {PUT, 8}, {PUT_BLOCK, 8}}},
     .linger = 32,
     .timed = true,
     .most = SIZE_MAX,
     .rewinds = 1},
    {.name = "close at any time",
     .scripts = {{{PUT_BLOCK, 24}, {RESERVE, 8}, {PUT_BLOCK, 24}},
                 {{RESERVE, 24}, {PUT_OLD, 8}, {PUT_BLOCK, 8}}},
     .close = ANY_TIME,
     .most = SIZE_MAX,
     .rewinds = 1},
    {.name = "close and drop",
     .scripts = {{{PUT_BLOCK, 24}, {RESERVE, 8}, {PUT, 24}},
                 {{RESERVE, 24}, {ABORT, 8}, {PUT_BLOCK, 8}}},
     .close = ANY_TIME_DROP,
     .most = SIZE_MAX},
    {.name = "fork",
     .scripts = {{{PUT, 24}, {RESERVE, 8}, {PUT, 8}, {PUT, 24}}, {{RESERVE, 24}, {PUT_OLD, 8}}},
     .most = SIZE_MAX,
     .forks = true},
};

/* ---- what is known of the frames ---- */

static const scenario *sc;
static size_t more; /* ops than the scenario says */
static hk_ring *ring;
static unsigned closer; /* numbers of threads, as the next */
static unsigned heir;   /* the child's consumer */

static struct {
    unsigned generation; /* of the process */
    unsigned accepted;
    unsigned refused;
    unsigned dropped; /* after they were accepted */
    unsigned received;
    unsigned rewinds;
    unsigned number[PRODUCERS];   /* of the next frame */
    unsigned expected[PRODUCERS]; /* the least number that may come */
    unsigned count;               /* under way */
    unsigned taken;               /* of those, since the last rewind */
    struct {
        unsigned maker;
        unsigned number;
        size_t len;
    } frames[UNDER_WAY];
    bool between[MODEL_THREADS]; /* the thread is in no call of the ring */
    bool child;
} w;

unsigned __wrap_hk_fork_generation(void);
int64_t __wrap_hk_deadline(int64_t timeout_ns);
hk_status __wrap_hk_monitor_init(hk_monitor *m);
int __wrap_nanosleep(const struct timespec *span, struct timespec *left);

unsigned
__wrap_hk_fork_generation(void)
{
    if (w.child) {
        model_step("look for a fork"); /* the heir may do it at the same time */
    }
    return w.generation;
}

int64_t
__wrap_hk_deadline(int64_t timeout_ns)
{
    return timeout_ns < 0 ? HK_NEVER : 1; /* passes when the search wants it */
}

hk_status
__wrap_hk_monitor_init(hk_monitor *m)
{
    (void)m;
    if (w.child) {
        model_step("renew the lock");
    }
    model_free_lock();
    return HK_OK;
}

int
__wrap_nanosleep(const struct timespec *span, struct timespec *left)
{
    (void)span;
    (void)left;
    model_step("nap");
    return 0;
}

/* ---- producers ---- */

static void
pause_between(unsigned self, const char *what)
{
    if (sc->forks) { /* else what follows until the next lock is nobody else's business */
        w.between[self] = true;
        model_step(what);
        w.between[self] = false;
    }
}

static hk_status
reserve(unsigned self, unsigned number, size_t len, bool abort)
{
    hk_reservation room;
    const hk_status status = hk_ring_reserve(ring, LONGEST, &room);
    if (status != HK_OK) {
        return status;
    }
    const size_t at = LONGEST - len;
    const bool child = w.child;
    frames_write(room.data + at, len, self, number);
    pause_between(self, "encode");
    if (child == w.child) { /* else the parent's room is anybody's here */
        MODEL_CHECK(frames_match(room.data + at, len, self, number));
    }
    if (abort) {
        hk_ring_abort(ring, &room);
        return HK_OK;
    }
    const hk_status committed = hk_ring_commit(ring, &room, room.data + at, len);
    MODEL_CHECK(child == w.child || committed == HK_ERR_CLOSED);
    return committed;
}

static hk_status
offer(unsigned self, const op *o)
{
    uint8_t frame[LONGEST];
    size_t dropped = 0;
    hk_status status;
    if (o->what == RESERVE || o->what == ABORT) {
        return reserve(self, w.number[self], o->len, o->what == ABORT);
    }
    frames_write(frame, o->len, self, w.number[self]);
    while ((status = hk_ring_put(ring, frame, o->len)) == HK_ERR_FULL && o->what != PUT) {
        if (o->what == PUT_BLOCK) {
            status = hk_ring_wait_room(ring, o->len, -1);
        } else {
            status = hk_ring_drop_oldest(ring, o->len, REASON, &dropped);
            w.dropped += (unsigned)dropped;
        }
        if (status != HK_OK) {
            break;
        }
    }
    return status;
}

static hk_ring_outcome
flush(void)
{
    hk_ring_goal goal;
    hk_ring_set_goal(ring, &goal);
    return hk_ring_flush(ring, &goal, -1);
}

static size_t
ops_of(const scenario *s)
{
    return (s->ops == 0 ? 2 : s->ops) + more;
}

static void
produce(void *arg)
{
    const unsigned self = *(const unsigned *)arg;
    for (size_t i = 0; i < ops_of(sc) && sc->scripts[self][i].what != NOTHING; i++) {
        const op *o = &sc->scripts[self][i];
        pause_between(self, "next");
        if (o->what == FLUSH) {
            (void)flush();
            continue;
        }
        const hk_status status = offer(self, o);
        MODEL_CHECK(status == HK_OK || status == HK_ERR_FULL || status == HK_ERR_CLOSED);
        w.number[self]++;
        if (status == HK_OK) {
            w.accepted += o->what != ABORT;
        } else {
            w.refused++;
            hk_ring_refuse(ring, REASON);
        }
    }
    if (w.child) {
        hk_ring_close(ring);
    }
}

static void
end_it(void *arg)
{
    (void)arg;
    if (sc->close < ANY_TIME) {
        model_join((1u << PRODUCERS) - 1);
    }
    if (sc->close == AFTER_FLUSH) {
        MODEL_CHECK(flush() == HK_RING_FLUSHED);
        MODEL_CHECK(w.received == w.accepted);
    }
    hk_ring_close(ring);
    if (sc->close == ANY_TIME_DROP) {
        w.dropped += (unsigned)hk_ring_drop_all(ring, REASON);
    }
}

/* ---- the consumer ---- */

static void
receive(const uint8_t *data, size_t left, size_t *len)
{
    unsigned maker = PRODUCERS;
    unsigned number = 0;
    *len = frames_read(data, left, &maker, &number);
    MODEL_CHECK(*len > 0 && maker < PRODUCERS);
    if (w.taken < w.count) { /* again, and the same */
        MODEL_CHECK(w.frames[w.taken].maker == maker && w.frames[w.taken].number == number &&
                    w.frames[w.taken].len == *len);
    } else {
        MODEL_CHECK(number >= w.expected[maker] && w.count < UNDER_WAY);
        w.expected[maker] = number + 1;
        w.received++;
        w.frames[w.count].maker = maker;
        w.frames[w.count].number = number;
        w.frames[w.count++].len = *len;
    }
    w.taken++;
}

static void
forget_frames(unsigned gone)
{
    memmove(w.frames, w.frames + gone, (w.count - gone) * sizeof w.frames[0]);
    memset(w.frames + w.count - gone, 0, gone * sizeof w.frames[0]);
    w.count -= gone;
    w.taken -= gone;
}

static bool
take(void)
{
    const hk_ring_batch batch = hk_ring_take(ring, sc->most);
    size_t len = 0;
    size_t frames = 0;
    if (batch.frames == 0) {
        return false;
    }
    model_step("send"); /* the others are at work, and touch none of it */
    for (size_t at = 0; at < batch.len; at += len) {
        receive(batch.data + at, batch.len - at, &len);
        frames++;
    }
    MODEL_CHECK(frames == batch.frames);
    return true;
}

static void
consume(void *arg)
{
    (void)arg;
    for (;;) {
        const hk_ring_event event = hk_ring_wait(ring, sc->linger, sc->timed ? 1 : -1);
        while (take()) {
        }
        if (event == HK_RING_DRAINED && w.count == 0) {
            break;
        }
        const bool all = w.count == 0 || event == HK_RING_DRAINED || sc->close == ANY_TIME_DROP;
        const unsigned how = all ? 0 : model_choose(w.rewinds > 0 ? 3 : 2);
        if (how == 0) { /* all has arrived */
            hk_ring_acknowledge(ring, 0);
            forget_frames(w.taken);
        } else if (how == 1) { /* all but the last */
            hk_ring_acknowledge(ring, w.frames[w.count - 1].len);
            forget_frames(w.count - 1);
        } else {
            w.rewinds--;
            w.taken = 0;
            hk_ring_rewind(ring, 0);
        }
        if (w.count > 0) {
            hk_ring_wake(ring); /* it asks again whether that has arrived */
        }
    }
}

/* ---- what holds ---- */

static bool
ring_is_known(void)
{
    return atomic_load(&ring->owner) == w.generation;
}

static void
check(void)
{
    const struct hk_ring_guarded *in = &ring->in;
    uint64_t dropped = 0;
    if (!ring_is_known()) {
        return;
    }
    for (size_t i = 0; i < HK_RING_REASONS; i++) {
        dropped += in->stats.dropped[i];
    }
    MODEL_CHECK(in->stats.offered ==
                in->stats.sent + dropped + in->queue.frames + in->window.count);
    MODEL_CHECK(hk_queue_recount(&in->queue) == in->queue.frames);
    MODEL_CHECK(hk_window_recount(&in->window) == in->window.count);
    MODEL_CHECK(!in->idle || !hk_queue_ready(&in->queue) || in->queue.bytes < in->wake_at);
    MODEL_CHECK(!in->idle || !ring->closed || (in->queue.used > 0 && !hk_queue_ready(&in->queue)));
    MODEL_CHECK(in->queue.used <= CAPACITY && in->sleepers <= PRODUCERS + 1);
}

static void
check_end(void)
{
    const struct hk_ring_guarded *in = &ring->in;
    if (!ring_is_known()) {
        model_fail("the ring is not that of this process");
    }
    MODEL_CHECK(in->stats.offered == w.accepted + w.refused);
    MODEL_CHECK(in->stats.dropped[REASON] == w.refused + w.dropped);
    MODEL_CHECK(in->queue.frames + in->window.count == 0 && in->sleepers == 0);
    MODEL_CHECK(w.child || sc->close == ANY_TIME_DROP || in->stats.sent == w.received);
    MODEL_CHECK(w.child || sc->close == ANY_TIME_DROP || w.accepted == w.received + w.dropped);
    MODEL_CHECK(!w.child || w.received + w.dropped == w.accepted);
}

/* What is left of frames that are gone, and counters that only say so, make no difference. */
static void
digest(model_hash *at)
{
    struct hk_ring_guarded in = ring->in;
    const unsigned known[] = {atomic_load(&ring->owner), ring->closed};
    model_mix(at, known, sizeof known);
    if (!ring_is_known()) {
        return; /* it will be emptied before anybody looks */
    }
    if (in.queue.used == 0) {
        in.queue.head = in.queue.tail = 0;
    }
    in.stats.high_water = in.stats.resent = in.stats.bytes = 0;
    model_mix(at, &in, sizeof in);
    size_t pos = in.queue.head;
    for (size_t seen = 0; seen < in.queue.used;) { /* hk_queue.h has the layout */
        uint32_t words[2];
        memcpy(words, in.queue.data + pos, sizeof words);
        const size_t room = words[0] & ~7u;
        model_mix(at, in.queue.data + pos, sizeof words + words[1]);
        seen += room;
        pos = pos + room == in.queue.size ? 0 : pos + room;
    }
    pos = in.window.first;
    for (size_t i = 0; i < in.window.count; i++) {
        const size_t len = in.window.lengths[(in.window.slot + i) % in.window.slots];
        model_mix(at, in.window.data + pos, len);
        pos += len;
        pos = in.window.wrapped && pos == in.window.wrap_end ? 0 : pos;
    }
}

static bool
can_fork(unsigned self)
{
    return sc->forks && !w.child && self < PRODUCERS && w.between[self];
}

/* The child of `self`: nobody else is there, and whatever the others were doing to the ring at that
 * moment is what it finds. */
static void
make_child(unsigned self)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        if (t != self) {
            model_kill(t);
            w.between[t] = false;
        }
    }
    w.child = true;
    w.generation++;
    w.accepted = w.refused = w.dropped = w.received = 0;
    w.count = w.taken = 0;
    memset(w.frames, 0, sizeof w.frames);
    memcpy(w.expected, w.number, sizeof w.expected);
    memset(&ring->in, 0x5a, sizeof ring->in);
    model_lose_lock();
    model_start(heir);
}

int
main(int argc, char **argv)
{
    static unsigned makers[PRODUCERS];
    unsigned long states = 0;
    unsigned long transitions = 0;
    const char *how = argc > 1 ? argv[1] : "";
    more = strcmp(how, "long") == 0;
    if (strcmp(how, "lose-signals") == 0) {
        model_lose_signals();
    }
    printf("\n%-20s %9s %12s %9s %6s\n", "scenario", "states", "transitions", "ends", "depth");
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        sc = &scenarios[i];
        memset(&w, 0, sizeof w);
        w.rewinds = sc->rewinds;
        if (hk_ring_new(CAPACITY, LONGEST, WINDOW, &ring, NULL) != HK_OK) {
            return 1;
        }
        model_clear();
        model_keep(ring, hk_ring_block_size(CAPACITY, LONGEST, WINDOW), false);
        model_keep(&w, sizeof w, true);
        for (unsigned p = 0; p < PRODUCERS; p++) {
            makers[p] = p;
            (void)model_thread(produce, &makers[p], false);
        }
        (void)model_thread(consume, NULL, false);
        closer = model_thread(end_it, NULL, false);
        heir = model_thread(consume, NULL, true);
        const model_hooks hooks = {check, check_end, digest, can_fork, make_child, sc->wakings};
        const model_counts c = model_run(&hooks);
        printf("%-20s %9lu %12lu %9lu %6zu\n", sc->name, c.states, c.transitions, c.ends, c.depth);
        states += c.states;
        transitions += c.transitions;
        free(ring);
    }
    printf("%lu states, %lu transitions, 0 wrong\n", states, transitions);
    return 0;
}
