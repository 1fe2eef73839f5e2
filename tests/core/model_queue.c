/* model_queue.c -- the queue's protocol in every interleaving of a few threads, for both stores.
 *
 *     model_queue                         every scenario; prints states and transitions
 *     model_queue memory|disk             for one store
 *     model_queue STORE long              the same with one call more in each script: minutes
 *     model_queue STORE lose-signals      the same with signals that are lost: must fail
 *
 * In every state with the lock free, the counters match the frames in the queue, and no thread
 * waits for a condition that is true. Each frame arrives whole, in its producer's order, and once,
 * or is counted as dropped. No thread waits for ever. A child that is forked between two calls of
 * its thread, whatever the other threads are doing, starts empty, and the same holds in it.
 *
 * The disk is the real one down to hk_journal.c, over the segments of segments.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/queue/hk_queue.h"
#include "frames.h"
#include "model.h"
#include "segments.h"

#define PRODUCERS 2u
#define LONGEST 24u  /* bytes of a frame, without HEAD: in memory a record of 32 */
#define HEAD 5u      /* bytes in front of it, so that it is a Heka frame, on disk */
#define CAPACITY 64u /* bytes: four of the smallest frame, two of the longest */
#define WINDOW 40u   /* bytes: two frames by the table */
#define UNDER_WAY 8u
#define REASON 1u

/* ---- scenarios ---- */

/* The last three put two frames together. */
typedef enum { NOTHING, PUT, PUT_BLOCK, PUT_OLD, FLUSH, RUN, RUN_BLOCK, RUN_OLD } kind;

typedef struct {
    kind what;
    size_t len; /* bytes */
} op;

typedef enum { AFTER_ALL, AFTER_FLUSH, ANY_TIME, ANY_TIME_DROP } closing;

typedef struct {
    const char *name;
    op scripts[PRODUCERS][4];
    size_t ops; /* calls of each script that are run; 0: two */
    closing close;
    size_t linger; /* bytes the consumer waits for */
    bool timed;    /* its wait has a timeout */
    size_t most;   /* bytes it takes at once */
    unsigned rewinds;
    bool forks;
    bool wakings; /* waits may wake spuriously */
    bool framed;  /* frames are Heka's in memory too: runs are */
    bool lazy;    /* on disk only: two short frames a segment, and segments that wait are parked */
} scenario;

static const scenario scenarios[] = {
    {.name = "drop new",
     .scripts = {{{PUT, 8}, {PUT, 16}, {PUT, 24}, {PUT, 8}},
                 {{PUT, 16}, {PUT, 24}, {PUT, 24}, {PUT, 8}}},
     .most = SIZE_MAX,
     .rewinds = 1,
     .wakings = true},
    {.name = "drop old",
     .scripts = {{{PUT_OLD, 24}, {PUT_OLD, 8}, {PUT_OLD, 24}},
                 {{PUT_OLD, 16}, {PUT, 8}, {PUT_OLD, 16}, {PUT_OLD, 8}}},
     .most = SIZE_MAX,
     .rewinds = 1},
    {.name = "block",
     .scripts = {{{PUT_BLOCK, 24}, {PUT_BLOCK, 8}, {PUT_BLOCK, 24}, {PUT_BLOCK, 8}},
                 {{PUT_BLOCK, 16}, {PUT, 24}, {PUT_BLOCK, 8}, {PUT_BLOCK, 24}}},
     .ops = 3,
     .close = AFTER_FLUSH,
     .most = 1},
    {.name = "block, linger",
     .scripts = {{{PUT_BLOCK, 24}, {PUT_BLOCK, 8}, {FLUSH, 0}, {PUT_BLOCK, 24}},
                 {{PUT_BLOCK, 16}, {PUT_BLOCK, 8}, {PUT, 24}, {FLUSH, 0}}},
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
     .scripts = {{{PUT_BLOCK, 24}, {PUT, 8}, {PUT_BLOCK, 24}},
                 {{PUT, 24}, {PUT_OLD, 8}, {PUT_BLOCK, 8}}},
     .close = ANY_TIME,
     .most = SIZE_MAX,
     .rewinds = 1},
    {.name = "close and drop",
     .scripts = {{{PUT_BLOCK, 24}, {PUT, 8}, {PUT, 24}}, {{PUT, 24}, {PUT, 8}, {PUT_BLOCK, 8}}},
     .close = ANY_TIME_DROP,
     .most = SIZE_MAX},
    {.name = "fork",
     .scripts = {{{PUT, 24}, {PUT, 8}, {PUT, 8}, {PUT, 24}}, {{PUT, 24}, {PUT_OLD, 8}}},
     .most = SIZE_MAX,
     .forks = true},
    {.name = "runs",
     .scripts = {{{RUN_BLOCK, 8}, {PUT, 8}, {RUN_BLOCK, 8}}, {{RUN_BLOCK, 8}, {RUN, 8}, {PUT, 8}}},
     .close = AFTER_FLUSH,
     .most = SIZE_MAX,
     .framed = true},
    {.name = "runs, drop old",
     .scripts = {{{RUN_OLD, 8}, {RUN, 8}, {PUT, 8}}, {{RUN_OLD, 8}, {PUT_OLD, 8}, {RUN_OLD, 8}}},
     .most = SIZE_MAX,
     .rewinds = 1,
     .framed = true},
    {.name = "parked",
     .scripts = {{{RUN_BLOCK, 8}, {RUN, 8}, {PUT, 8}}, {{PUT_BLOCK, 8}, {RUN_OLD, 8}, {RUN, 8}}},
     .most = SIZE_MAX,
     .rewinds = 1,
     .framed = true,
     .lazy = true},
    {.name = "parked, drop",
     .scripts = {{{RUN, 8}, {RUN_OLD, 8}, {PUT, 8}}, {{RUN, 8}, {PUT_OLD, 8}, {RUN, 8}}},
     .close = ANY_TIME_DROP,
     .most = SIZE_MAX,
     .framed = true,
     .lazy = true},
};

/* ---- the expected state of the frames ---- */

static const scenario *sc;
static size_t more; /* ops than the scenario says */
static hk_queue *queue;
static bool on_disk;
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
    unsigned count;               /* in flight */
    unsigned taken;               /* of those, since the last rewind */
    struct {
        unsigned maker;
        unsigned number;
        size_t len;
    } frames[UNDER_WAY];
    bool between[MODEL_THREADS]; /* the thread is in no call of the queue */
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

/* Writes the frame: its length. */
static size_t
write_frame(uint8_t *to, size_t len, unsigned maker, unsigned number)
{
    const size_t head = on_disk || sc->framed ? HEAD : 0;
    if (head > 0) {
        const uint8_t start[HEAD] = {HK_RS, 2, 0x08, (uint8_t)len, HK_US};
        memcpy(to, start, HEAD);
    }
    frames_write(to + head, len, maker, number);
    return head + len;
}

static hk_status
offer(unsigned self, const op *o)
{
    uint8_t frame[HEAD + LONGEST];
    size_t dropped = 0;
    hk_status status;
    const size_t len = write_frame(frame, o->len, self, w.number[self]);
    while ((status = hk_queue_put(queue, frame, len)) == HK_ERR_FULL && o->what != PUT) {
        if (o->what == PUT_BLOCK) {
            status = hk_queue_wait_room(queue, len, -1);
        } else {
            status = hk_queue_drop_oldest(queue, len, REASON, &dropped);
            w.dropped += (unsigned)dropped;
        }
        if (status != HK_OK) {
            break;
        }
    }
    return status;
}

static bool
is_run(const op *o)
{
    return o->what >= RUN;
}

static hk_status
offer_run(unsigned self, const op *o)
{
    uint8_t frames[2 * (HEAD + LONGEST)];
    size_t dropped = 0;
    size_t count = 0;
    hk_status status;
    size_t len = write_frame(frames, o->len, self, w.number[self]);
    len += write_frame(frames + len, o->len, self, w.number[self] + 1);
    while ((status = hk_queue_put_run(queue, frames, len, &count)) == HK_ERR_FULL &&
           o->what != RUN) {
        if (o->what == RUN_BLOCK) {
            status = hk_queue_wait_room_for_run(queue, len, 2, -1);
        } else {
            status = hk_queue_drop_for_run(queue, len, 2, REASON, &dropped);
            w.dropped += (unsigned)dropped;
        }
        if (status != HK_OK) {
            break;
        }
    }
    MODEL_CHECK(count == 2);
    return status;
}

static hk_queue_outcome
flush(void)
{
    hk_queue_goal goal;
    hk_queue_set_goal(queue, &goal);
    return hk_queue_flush(queue, &goal, -1);
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
        const unsigned frames = is_run(o) ? 2 : 1;
        const hk_status status = is_run(o) ? offer_run(self, o) : offer(self, o);
        MODEL_CHECK(status == HK_OK || status == HK_ERR_FULL || status == HK_ERR_CLOSED);
        w.number[self] += frames;
        if (status == HK_OK) {
            w.accepted += frames;
        } else {
            w.refused += frames;
            hk_queue_refuse_run(queue, frames, REASON);
        }
    }
    if (w.child) {
        hk_queue_close(queue);
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
        MODEL_CHECK(flush() == HK_QUEUE_FLUSHED);
        MODEL_CHECK(w.received == w.accepted);
    }
    hk_queue_close(queue);
    if (sc->close == ANY_TIME_DROP) {
        w.dropped += (unsigned)hk_queue_drop_all(queue, REASON);
    }
}

/* ---- the consumer ---- */

static void
receive(const uint8_t *data, size_t left, size_t *len)
{
    unsigned maker = PRODUCERS;
    unsigned number = 0;
    const size_t head = on_disk || sc->framed ? HEAD : 0;
    MODEL_CHECK(head == 0 || (left > HEAD && hk_segment_measure(data, left) > HEAD));
    *len = frames_read(data + head, left - head, &maker, &number);
    MODEL_CHECK(*len > 0 && maker < PRODUCERS);
    *len += head;
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
    const hk_queue_batch batch = hk_queue_take(queue, sc->most);
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
        const hk_queue_event event = hk_queue_wait(queue, sc->linger, sc->timed ? 1 : -1);
        while (take()) {
        }
        if (event == HK_QUEUE_DRAINED && w.count == 0) {
            break;
        }
        const bool all = w.count == 0 || event == HK_QUEUE_DRAINED || sc->close == ANY_TIME_DROP;
        const unsigned how = all ? 0 : model_choose(w.rewinds > 0 ? 3 : 2);
        if (how == 0) { /* all has arrived */
            hk_queue_acknowledge(queue, 0);
            forget_frames(w.taken);
        } else if (how == 1) { /* all but the last */
            hk_queue_acknowledge(queue, w.frames[w.count - 1].len);
            forget_frames(w.count - 1);
        } else {
            w.rewinds--;
            w.taken = 0;
            hk_queue_rewind(queue, 0);
        }
        if (w.count > 0) {
            hk_queue_wake(queue); /* it asks again whether that has arrived */
        }
    }
}

/* ---- invariants ---- */

static bool
queue_is_known(void)
{
    return atomic_load(&queue->owner) == w.generation;
}

static void
check(void)
{
    const struct hk_queue_guarded *in = &queue->in;
    uint64_t dropped = 0;
    if (!queue_is_known()) {
        return;
    }
    for (size_t i = 0; i < HK_QUEUE_REASONS; i++) {
        dropped += in->stats.dropped[i];
    }
    MODEL_CHECK(in->stats.offered ==
                in->stats.sent + dropped + in->waiting.frames + in->flight.count);
    if (on_disk) {
        segments_check(in, false);
    } else {
        const hk_memory *m = &in->store.memory;
        MODEL_CHECK(hk_records_count(&m->records) == in->waiting.frames);
        MODEL_CHECK(hk_window_count(&m->window, &in->flight) == in->flight.count);
        MODEL_CHECK(m->records.used <= CAPACITY);
    }
    MODEL_CHECK(!in->idle || in->waiting.frames == 0 || in->waiting.bytes < in->wake_at);
    MODEL_CHECK(!in->idle || !queue->closed);
    MODEL_CHECK(in->waiting.bytes <= CAPACITY && in->sleepers <= PRODUCERS + 1);
}

static void
check_end(void)
{
    const struct hk_queue_guarded *in = &queue->in;
    if (!queue_is_known()) {
        model_fail("the queue is not that of this process");
    }
    MODEL_CHECK(in->stats.offered == w.accepted + w.refused);
    MODEL_CHECK(in->stats.dropped[REASON] == w.refused + w.dropped);
    MODEL_CHECK(in->waiting.frames + in->flight.count == 0 && in->sleepers == 0);
    MODEL_CHECK(w.child || sc->close == ANY_TIME_DROP || in->stats.sent == w.received);
    MODEL_CHECK(w.child || sc->close == ANY_TIME_DROP || w.accepted == w.received + w.dropped);
    MODEL_CHECK(!w.child || w.received + w.dropped == w.accepted);
    MODEL_CHECK(!w.child || !on_disk || w.accepted == 0);
    if (on_disk && !w.child) {
        segments_check(in, true);
    }
}

static void
mix_memory(model_hash *at, const struct hk_queue_guarded *in)
{
    const hk_records *r = &in->store.memory.records;
    const hk_window *window = &in->store.memory.window;
    const size_t known[] = {r->used > 0 ? r->head : 0,
                            r->used > 0 ? r->tail : 0,
                            r->used,
                            window->first,
                            window->next,
                            window->end,
                            window->wrap_end,
                            window->wrapped};
    model_mix(at, known, sizeof known);
    size_t pos = known[0];
    for (size_t seen = 0; seen < r->used;) {
        const hk_record *record = hk_records_at(r, pos);
        model_mix(at, record, sizeof *record + record->len);
        seen += record->room;
        pos = pos + record->room == r->size ? 0 : pos + record->room;
    }
    pos = window->first;
    for (size_t i = 0; i < in->flight.count; i++) {
        const size_t len = in->flight.lengths[hk_flight_slot(&in->flight, i)];
        model_mix(at, window->data + pos, len);
        pos += len;
        pos = window->wrapped && pos == window->wrap_end ? 0 : pos;
    }
}

/* Bytes of removed frames, and counters of these, do not belong to the state. */
static void
digest(model_hash *at)
{
    struct hk_queue_guarded in = queue->in;
    const unsigned known[] = {atomic_load(&queue->owner), queue->closed};
    model_mix(at, known, sizeof known);
    if (!queue_is_known()) {
        return; /* it will be emptied before anybody looks */
    }
    in.stats.high_water = in.stats.resent = in.stats.bytes = 0;
    memset(&in.store, 0, sizeof in.store);
    model_mix(at, &in, sizeof in);
    for (size_t i = 0; i < in.flight.count; i++) {
        const uint32_t len = in.flight.lengths[hk_flight_slot(&in.flight, i)];
        model_mix(at, &len, sizeof len);
    }
    if (on_disk) {
        segments_mix(at, &queue->in.store.disk.journal);
    } else {
        mix_memory(at, &queue->in);
    }
}

static bool
can_fork(unsigned self)
{
    return sc->forks && !w.child && self < PRODUCERS && w.between[self];
}

/* Spoils the memory that threads of the parent may have been writing, which the child must not use;
 * keeps sizes and pointers that never change. */
static void
spoil(struct hk_queue_guarded *in)
{
    const struct hk_queue_guarded was = *in;
    memset(in, 0x5a, sizeof *in);
    in->flight.lengths = was.flight.lengths;
    in->flight.slots = was.flight.slots;
    in->flight.most = was.flight.most;
    if (on_disk) {
        in->store.disk.capacity = was.store.disk.capacity;
        in->store.disk.journal.directory = was.store.disk.journal.directory;
        in->store.disk.journal.cursor.fd = was.store.disk.journal.cursor.fd;
    } else {
        in->store.memory.records.data = was.store.memory.records.data;
        in->store.memory.records.size = was.store.memory.records.size;
        in->store.memory.window.data = was.store.memory.window.data;
        in->store.memory.window.size = was.store.memory.window.size;
    }
}

/* Changes the state to that of the child of `self`: no other thread exists, and the queue is as the
 * other threads left it at that moment. */
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
    spoil(&queue->in);
    segments_spoil(); /* maps of the parent's files are not here */
    model_lose_lock();
    model_start(heir);
}

/* Bytes of the queue's block: what the test keeps of it. */
static size_t
block_size(const hk_queue_settings *settings)
{
    const size_t slots = settings->window / HK_QUEUE_FRAME_LEAST + 1;
    const size_t head = (sizeof *queue + slots * sizeof(uint32_t) + 7) & ~(size_t)7;
    return head + (on_disk ? 0 : hk_memory_size(settings, head));
}

static void
explore(const scenario *s)
{
    static unsigned makers[PRODUCERS];
    const hk_queue_settings settings = {.capacity = CAPACITY,
                                        .frame_max = LONGEST + (on_disk ? HEAD : 0),
                                        .window = WINDOW,
                                        .lazy = s->lazy,
                                        .segment = s->lazy ? SEGMENT_BYTES / 2 : SEGMENT_BYTES};
    sc = s;
    memset(&w, 0, sizeof w);
    w.rewinds = sc->rewinds;
    if (hk_queue_open(on_disk ? "" : NULL, &settings, &queue, NULL) != HK_OK) {
        model_fail("the queue cannot be opened");
    }
    model_clear();
    model_keep(queue, block_size(&settings), false);
    segments_keep();
    model_keep(&w, sizeof w, true);
    for (unsigned p = 0; p < PRODUCERS; p++) {
        makers[p] = p;
        (void)model_thread(produce, &makers[p], false);
    }
    (void)model_thread(consume, NULL, false);
    closer = model_thread(end_it, NULL, false);
    heir = model_thread(consume, NULL, true);
}

static void
explore_all(bool disk)
{
    unsigned long states = 0;
    unsigned long transitions = 0;
    const char *store = disk ? "disk" : "memory";
    on_disk = disk;
    printf("\n%-6s %-18s %9s %12s %9s %6s\n", store, "scenario", "states", "transitions", "ends",
           "depth");
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (scenarios[i].lazy && !disk) {
            continue;
        }
        explore(&scenarios[i]);
        const model_hooks hooks = {check, check_end, digest, can_fork, make_child, sc->wakings};
        const model_counts c = model_run(&hooks);
        printf("%-25s %9lu %12lu %9lu %6zu\n", sc->name, c.states, c.transitions, c.ends, c.depth);
        states += c.states;
        transitions += c.transitions;
        free(queue);
    }
    printf("%s: %lu states, %lu transitions, 0 wrong\n", store, states, transitions);
}

int
main(int argc, char **argv)
{
    const char *store = argc > 1 ? argv[1] : "";
    const char *how = argc > 2 ? argv[2] : "";
    more = strcmp(how, "long") == 0;
    if (strcmp(how, "lose-signals") == 0) {
        model_lose_signals();
    }
    if (strcmp(store, "disk") != 0) {
        explore_all(false);
    }
    if (strcmp(store, "memory") != 0) {
        explore_all(true);
    }
    return 0;
}
