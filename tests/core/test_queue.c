/* test_queue.c -- records at every offset of memory, and a plain list that agrees. */
#include "core/queue/hk_queue.h"

#include <stdlib.h>

#include "check.h"
#include "frames.h"

#define MOST 64u /* records of the list; more than the memory below holds */

/* What a queue is, without its memory. */
typedef struct {
    struct {
        enum { RESERVED, WHOLE, GONE } state;
        uint8_t *data;
        size_t at;
        size_t len;
        size_t cost;
        unsigned number;
    } records[MOST];
    size_t count;
    unsigned made;
} list;

static size_t
frames_of(const list *l, size_t *bytes)
{
    size_t frames = 0;
    *bytes = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (l->records[i].state == WHOLE) {
            frames++;
            *bytes += l->records[i].len;
        }
    }
    return frames;
}

static void
forget(list *l, size_t i)
{
    l->count--;
    memmove(&l->records[i], &l->records[i + 1], (l->count - i) * sizeof l->records[0]);
}

/* What is gone is forgotten when it is the oldest, or the newest (once it was reserved). */
static void
settle(list *l)
{
    while (l->count > 0 && l->records[0].state == GONE) {
        forget(l, 0);
    }
}

static bool
agree(const hk_queue *q, const list *l)
{
    size_t bytes;
    const size_t frames = frames_of(l, &bytes);
    bool ok = q->frames == frames && q->bytes == bytes && hk_queue_recount(q) == frames;
    const bool ready = l->count > 0 && l->records[0].state == WHOLE;
    ok = ok && hk_queue_ready(q) == ready && q->placed - q->passed == l->count;
    if (ok && ready) {
        const hk_slice oldest = hk_queue_oldest(q);
        ok = oldest.data == l->records[0].data && oldest.len == l->records[0].len;
    }
    for (size_t i = 0; ok && i < l->count; i++) {
        if (l->records[i].state == WHOLE) {
            ok = frames_match(l->records[i].data, l->records[i].len, 1, l->records[i].number);
        }
    }
    return ok;
}

/* Where the next record could lie, by where the others do. */
static bool
has_room(const hk_queue *q, const list *l, size_t cost)
{
    if (l->count == 0) {
        return cost <= q->size;
    }
    const size_t first = (size_t)(l->records[0].data - q->data) - HK_QUEUE_RECORD;
    const size_t last = (size_t)(l->records[l->count - 1].data - q->data) - HK_QUEUE_RECORD;
    const size_t end = last + l->records[l->count - 1].cost;
    return end > first ? cost <= q->size - end || cost <= first : cost <= first - end;
}

/* Adds a frame to both. False when they do not agree on whether it fits. */
static bool
add(hk_queue *q, list *l, size_t len, bool reserve, bool *added)
{
    size_t at = 0;
    const bool room = has_room(q, l, hk_queue_cost(len));
    const bool fits = hk_queue_fits(q, len);
    uint8_t *data = reserve ? hk_queue_reserve(q, len, &at) : hk_queue_put(q, len);
    *added = data != NULL;
    if (data != NULL) {
        l->records[l->count].state = reserve ? RESERVED : WHOLE;
        l->records[l->count].data = data;
        l->records[l->count].at = at;
        l->records[l->count].len = len;
        l->records[l->count].cost = hk_queue_cost(len);
        l->records[l->count].number = l->made;
        frames_write(data, len, 1, l->made++);
        l->count++;
    }
    /* A filler stays when the record behind it, at the beginning of memory, was given back. */
    return fits == (data != NULL) && (fits == room || (room && q->tail == 0));
}

/* Not when a record behind it, at the beginning of memory, was given back: the tail stays there. */
static bool
is_newest(const hk_queue *q, const list *l, size_t i)
{
    return i + 1 == l->count && l->records[i].at + l->records[i].cost == q->tail;
}

static void
commit(hk_queue *q, list *l, size_t i, size_t len)
{
    const bool newest = is_newest(q, l, i);
    hk_queue_commit(q, l->records[i].at, len);
    frames_write(l->records[i].data, len, 1, l->records[i].number);
    l->records[i].state = WHOLE;
    l->records[i].len = len;
    l->records[i].cost = newest ? hk_queue_cost(len) : l->records[i].cost;
}

static void
cancel(hk_queue *q, list *l, size_t i)
{
    const bool newest = is_newest(q, l, i);
    hk_queue_abort(q, l->records[i].at);
    if (newest || i == 0) {
        forget(l, i);
    } else {
        l->records[i].state = GONE;
    }
    settle(l);
}

static void
clear(hk_queue *q, list *l)
{
    size_t bytes;
    CHECK_SIZE(hk_queue_clear(q), frames_of(l, &bytes));
    for (size_t i = 0; i < l->count; i++) {
        l->records[i].state = l->records[i].state == WHOLE ? GONE : l->records[i].state;
    }
    settle(l);
}

/* A queue whose oldest record begins at `start`, with one frame in it. */
static bool
begin_at(hk_queue *q, list *l, size_t start)
{
    bool first = true;
    bool second = true;
    bool ok = start == 0 || add(q, l, start - HK_QUEUE_RECORD, false, &first);
    ok = ok && add(q, l, 1, false, &second);
    if (start > 0) {
        hk_queue_pop(q);
        forget(l, 0);
    }
    return ok && first && second && q->head == start;
}

/* Frames of every length from every offset on, as many as fit: all come out whole, in order. */
static bool
fill_and_drain(hk_queue *q, list *l, size_t len, size_t *wraps)
{
    bool added = true;
    bool ok = true;
    while (ok && added) {
        ok = add(q, l, len, false, &added) && agree(q, l);
        *wraps += added && q->tail < q->head;
    }
    while (ok && l->count > 0) {
        hk_queue_pop(q);
        forget(l, 0);
        ok = agree(q, l);
    }
    return ok && q->used == 0;
}

static void
test_every_offset(void)
{
    size_t runs = 0;
    size_t good = 0;
    size_t wraps = 0;
    for (size_t size = 32; size <= 128; size += 8) {
        for (size_t start = 0; start + 16 <= size; start += start == 0 ? 16 : 8) {
            for (size_t len = 1; hk_queue_cost(len) <= size; len++) {
                uint8_t *memory = malloc(size); /* to the byte: a sanitizer sees what is beyond */
                hk_queue q;
                list l = {.count = 0};
                hk_queue_init(&q, memory, size);
                good += begin_at(&q, &l, start) && fill_and_drain(&q, &l, len, &wraps);
                runs++;
                free(memory);
            }
        }
    }
    CHECK_SIZE(good, runs);
    CHECK(runs > 1000 && wraps > 1000);
}

/* What comes to mind, in any order: the list agrees after each step. */
static void
test_any_order(void)
{
    static uint8_t memory[256];
    size_t good = 0;
    size_t done[7] = {0};
    const size_t steps = 300000;
    uint64_t seed = 4;
    hk_queue q;
    list l = {.count = 0};
    bool ok = true;
    hk_queue_init(&q, memory, sizeof memory);
    for (size_t step = 0; step < steps && ok; step++) {
        const uint32_t what = frames_random(&seed) % 64;
        const size_t most = frames_random(&seed) % 8 == 0 ? 248 : 40;
        const size_t len = 1 + frames_random(&seed) % most;
        const size_t i = l.count == 0 ? 0 : frames_random(&seed) % l.count;
        const bool open = l.count > 0 && l.records[i].state == RESERVED;
        bool added = false;
        if (what < 18) {
            ok = add(&q, &l, len, false, &added);
            done[0] += added;
        } else if (what < 28) {
            ok = add(&q, &l, len, true, &added);
            done[1] += added;
        } else if (what < 40 && open) {
            commit(&q, &l, i, 1 + len % l.records[i].len);
            done[2]++;
        } else if (what < 46 && open) {
            cancel(&q, &l, i);
            done[3]++;
        } else if (what < 63 && hk_queue_ready(&q)) {
            hk_queue_pop(&q);
            forget(&l, 0);
            settle(&l);
            done[4]++;
        } else if (what == 63) {
            done[5] += l.count > 1;
            clear(&q, &l);
        }
        done[6] += q.tail < q.head;
        ok = ok && agree(&q, &l);
        good += ok;
    }
    CHECK_SIZE(good, steps);
    for (size_t i = 0; i < sizeof done / sizeof done[0]; i++) {
        CHECK(done[i] > steps / 300);
    }
}

/* ---- one fact each ---- */

static void
test_costs(void)
{
    CHECK_SIZE(hk_queue_cost(1), 16);
    CHECK_SIZE(hk_queue_cost(8), 16);
    CHECK_SIZE(hk_queue_cost(9), 24);
    CHECK_SIZE(hk_queue_cost(120), 128);
}

static void
test_commit_gives_back_what_it_does_not_use(void)
{
    static uint8_t memory[256];
    size_t at;
    size_t other;
    hk_queue q;
    hk_queue_init(&q, memory, sizeof memory);
    CHECK(hk_queue_reserve(&q, 200, &at) != NULL);
    CHECK(!hk_queue_fits(&q, 100));
    hk_queue_commit(&q, at, 10);
    CHECK_SIZE(q.used, hk_queue_cost(10));

    CHECK(hk_queue_reserve(&q, 50, &at) != NULL); /* but not when another lies behind it */
    CHECK(hk_queue_reserve(&q, 50, &other) != NULL);
    hk_queue_commit(&q, at, 10);
    CHECK_SIZE(q.used, hk_queue_cost(10) + 2 * hk_queue_cost(50));
    hk_queue_abort(&q, other);
    CHECK_SIZE(q.used, hk_queue_cost(10) + hk_queue_cost(50));
    CHECK_SIZE(q.frames, 2);
}

static void
test_frames_wait_for_what_is_reserved_before_them(void)
{
    static uint8_t memory[256];
    size_t at;
    hk_queue q;
    hk_queue_init(&q, memory, sizeof memory);
    CHECK(hk_queue_reserve(&q, 20, &at) != NULL);
    CHECK(hk_queue_put(&q, 20) != NULL);
    CHECK(!hk_queue_ready(&q));
    CHECK_SIZE(q.frames, 1);
    hk_queue_abort(&q, at);
    CHECK(hk_queue_ready(&q));
    CHECK_SIZE(hk_queue_clear(&q), 1);
    CHECK_SIZE(q.used, 0);
}

int
main(void)
{
    test_costs();
    test_commit_gives_back_what_it_does_not_use();
    test_frames_wait_for_what_is_reserved_before_them();
    test_every_offset();
    test_any_order();
    return check_report();
}
