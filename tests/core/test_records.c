/* test_records.c -- records at every offset of memory, and a plain list that agrees. */
#include "core/queue/hk_records.h"

#include <stdlib.h>

#include "check.h"
#include "frames.h"

#define MOST 64u /* frames of the list; more than the memory below holds */

/* What records are, without their memory. */
typedef struct {
    struct {
        uint8_t *data;
        size_t len;
        unsigned number;
    } frames[MOST];
    size_t count;
    unsigned made;
} list;

static bool
agree(const hk_records *r, const list *l)
{
    const hk_slice oldest = hk_records_oldest(r);
    bool ok = hk_records_count(r) == l->count && (r->used == 0) == (l->count == 0);
    ok = ok && oldest.len == (l->count > 0 ? l->frames[0].len : 0) &&
         (l->count == 0 || oldest.data == l->frames[0].data);
    for (size_t i = 0; ok && i < l->count; i++) {
        ok = frames_match(l->frames[i].data, l->frames[i].len, 1, l->frames[i].number);
    }
    return ok;
}

/* Where the next record could lie, by where the others do. */
static bool
has_room(const hk_records *r, const list *l, size_t cost)
{
    if (l->count == 0) {
        return cost <= r->size;
    }
    const size_t first = (size_t)(l->frames[0].data - r->data) - HK_RECORD_HEAD;
    const size_t last = (size_t)(l->frames[l->count - 1].data - r->data) - HK_RECORD_HEAD;
    const size_t end = last + hk_records_cost(l->frames[l->count - 1].len);
    return end > first ? cost <= r->size - end || cost <= first : cost <= first - end;
}

/* Adds a frame to both. False when they do not agree on whether it fits. */
static bool
add(hk_records *r, list *l, size_t len, bool *added)
{
    const bool room = has_room(r, l, hk_records_cost(len));
    const bool fits = hk_records_fit(r, len);
    uint8_t *data = hk_records_put(r, len);
    *added = data != NULL;
    if (data != NULL) {
        l->frames[l->count].data = data;
        l->frames[l->count].len = len;
        l->frames[l->count].number = l->made;
        frames_write(data, len, 1, l->made++);
        l->count++;
    }
    return fits == (data != NULL) && fits == room;
}

static void
pop(hk_records *r, list *l)
{
    hk_records_pop(r);
    l->count--;
    memmove(&l->frames[0], &l->frames[1], l->count * sizeof l->frames[0]);
}

/* Records whose oldest begins at `start`, with one frame in them. */
static bool
begin_at(hk_records *r, list *l, size_t start)
{
    bool first = true;
    bool second = true;
    bool ok = start == 0 || add(r, l, start - HK_RECORD_HEAD, &first);
    ok = ok && add(r, l, 1, &second);
    if (start > 0) {
        pop(r, l);
    }
    return ok && first && second && r->head == start;
}

/* Frames of every length from every offset on, as many as fit: all come out whole, in order. */
static bool
fill_and_drain(hk_records *r, list *l, size_t len, size_t *wraps)
{
    bool added = true;
    bool ok = true;
    while (ok && added) {
        ok = add(r, l, len, &added) && agree(r, l);
        *wraps += added && r->tail < r->head;
    }
    while (ok && l->count > 0) {
        pop(r, l);
        ok = agree(r, l);
    }
    return ok && r->used == 0;
}

static void
test_every_offset(void)
{
    size_t runs = 0;
    size_t good = 0;
    size_t wraps = 0;
    for (size_t size = 32; size <= 128; size += 8) {
        for (size_t start = 0; start + 16 <= size; start += start == 0 ? 16 : 8) {
            for (size_t len = 1; hk_records_cost(len) <= size; len++) {
                uint8_t *memory = malloc(size); /* to the byte: a sanitizer sees what is beyond */
                hk_records r;
                list l = {.count = 0};
                hk_records_init(&r, memory, size);
                good += begin_at(&r, &l, start) && fill_and_drain(&r, &l, len, &wraps);
                runs++;
                free(memory);
            }
        }
    }
    CHECK_SIZE(good, runs);
    CHECK(runs > 1000 && wraps > 1000);
}

/* Any calls, in any order: the list agrees after each step. */
static void
test_any_order(void)
{
    static uint8_t memory[256];
    size_t good = 0;
    size_t done[4] = {0};
    const size_t steps = 300000;
    uint64_t seed = 4;
    hk_records r;
    list l = {.count = 0};
    bool ok = true;
    hk_records_init(&r, memory, sizeof memory);
    for (size_t step = 0; step < steps && ok; step++) {
        const uint32_t what = frames_random(&seed) % 64;
        const size_t most = frames_random(&seed) % 8 == 0 ? 248 : 40;
        const size_t len = 1 + frames_random(&seed) % most;
        bool added = false;
        if (what < 34) {
            ok = add(&r, &l, len, &added);
            done[0] += added;
        } else if (what < 63 && l.count > 0) {
            pop(&r, &l);
            done[1]++;
        } else if (what == 63) {
            done[2] += l.count > 1;
            hk_records_clear(&r);
            l.count = 0;
        }
        done[3] += r.tail < r.head;
        ok = ok && agree(&r, &l);
        good += ok;
    }
    CHECK_SIZE(good, steps);
    for (size_t i = 0; i < sizeof done / sizeof done[0]; i++) {
        CHECK(done[i] > steps / 300);
    }
}

static void
test_costs(void)
{
    CHECK_SIZE(hk_records_cost(1), 16);
    CHECK_SIZE(hk_records_cost(8), 16);
    CHECK_SIZE(hk_records_cost(9), 24);
    CHECK_SIZE(hk_records_cost(120), 128);
}

int
main(void)
{
    test_costs();
    test_every_offset();
    test_any_order();
    return check_report();
}
