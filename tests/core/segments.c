/* segments.c -- the segments of a queue on disk, in a pool in memory: for the model. */
#include "segments.h"

#include <string.h>

#define SEGMENTS 9u /* in the pool */

/* ---- the linker hands these calls to us ---- */

hk_status __wrap_hk_journal_open(const char *directory, size_t segment_size, bool mapped, bool lazy,
                                 hk_journal *j, size_t *frames, size_t *bytes, size_t *cut,
                                 hk_error *err);
hk_status __wrap_hk_segment_create(int directory, const char *name, size_t size, bool mapped,
                                   bool populate, hk_segment **out, hk_error *err);
size_t __wrap_hk_segment_look(int directory, const hk_segment *s);
void __wrap_hk_segment_park(hk_segment *s);
hk_status __wrap_hk_segment_wake(int directory, uint64_t number, size_t end, ino_t inode,
                                 bool mapped, hk_segment **out, hk_error *err);
void __wrap_hk_segment_close(hk_segment *s);
void __wrap_hk_file_cut(int directory, const char *name, size_t end);
int __wrap_unlinkat(int directory, const char *name, int flags);
int __wrap_renameat(int old_directory, const char *old, int directory, const char *name);

static struct {
    hk_segment segments[SEGMENTS];
    bool used[SEGMENTS];
    uint8_t data[SEGMENTS][SEGMENT_BYTES];
    uint64_t cursor[HK_CURSOR_SIZE / 8 / 16]; /* its marks */
} pool;

hk_status
__wrap_hk_journal_open(const char *directory, size_t segment_size, bool mapped, bool lazy,
                       hk_journal *j, size_t *frames, size_t *bytes, size_t *cut, hk_error *err)
{
    (void)mapped;
    (void)directory;
    (void)err;
    memset(&pool, 0, sizeof pool);
    *frames = *bytes = *cut = 0;
    *j = (hk_journal){.directory = 1 << 20, /* no descriptor has this number */
                      .segment_size = segment_size,
                      .lazy = lazy,
                      .cursor = {.map = pool.cursor, .fd = -1}};
    return HK_OK;
}

static hk_segment *
allocate(void)
{
    size_t i = 0;
    while (i < SEGMENTS && pool.used[i]) {
        i++;
    }
    MODEL_CHECK(i < SEGMENTS);
    pool.used[i] = true;
    pool.segments[i] = (hk_segment){.fd = -1};
    return &pool.segments[i];
}

static uint8_t *
data_of(const hk_segment *s)
{
    return pool.data[s - pool.segments];
}

/* The bytes stay where they are. */
void
__wrap_hk_segment_park(hk_segment *s)
{
    s->data = NULL;
    s->parked = true;
}

hk_status
__wrap_hk_segment_wake(int directory, uint64_t number, size_t end, ino_t inode, bool mapped,
                       hk_segment **out, hk_error *err)
{
    (void)directory;
    (void)inode;
    (void)mapped;
    (void)err;
    *out = NULL;
    model_step("wake a segment"); /* without the lock */
    for (size_t i = 0; i < SEGMENTS; i++) {
        const hk_segment *s = &pool.segments[i];
        if (pool.used[i] && s->parked && s->number == number) {
            *out = allocate();
            (*out)->data = data_of(s);
            (*out)->size = end;
        }
    }
    return HK_OK;
}

hk_status
__wrap_hk_segment_create(int directory, const char *name, size_t size, bool mapped, bool populate,
                         hk_segment **out, hk_error *err)
{
    (void)mapped;
    (void)directory;
    (void)name;
    (void)err;
    if (populate) { /* without the lock */
        model_step("prepare a segment");
    }
    hk_segment *s = allocate();
    s->data = data_of(s);
    memset(s->data, 0, SEGMENT_BYTES);
    s->size = size;
    s->open = true;
    *out = s;
    return HK_OK;
}

void
__wrap_hk_segment_close(hk_segment *s)
{
    if (s != NULL) {
        const size_t i = (size_t)(s - pool.segments);
        MODEL_CHECK(i < SEGMENTS && pool.used[i]);
        pool.used[i] = false;
        memset(s, 0x5a, sizeof *s);
        memset(pool.data[i], 0x5a, SEGMENT_BYTES);
    }
}

/* Nobody cuts them. */
size_t
__wrap_hk_segment_look(int directory, const hk_segment *s)
{
    (void)directory;
    return s->end;
}

void
__wrap_hk_file_cut(int directory, const char *name, size_t end)
{
    (void)directory;
    (void)name;
    (void)end;
}

int
__wrap_unlinkat(int directory, const char *name, int flags)
{
    (void)directory;
    (void)name;
    (void)flags;
    return 0;
}

int
__wrap_renameat(int old_directory, const char *old, int directory, const char *name)
{
    (void)old_directory;
    (void)old;
    (void)directory;
    (void)name;
    return 0;
}

static size_t
length_of(const hk_segment *list)
{
    size_t n = 0;
    for (; list != NULL; list = list->next) {
        n++;
    }
    return n;
}

void
segments_check(const struct hk_queue_guarded *in, bool at_end)
{
    const hk_journal *j = &in->store.disk.journal;
    hk_mark mark = {0, 0, 0};
    size_t used = 0;
    size_t frames = 0;
    for (const hk_segment *s = j->oldest; s != NULL; s = s->next) {
        frames += s->frames - s->taken;
        MODEL_CHECK(s->next != NULL || s == j->newest);
    }
    MODEL_CHECK(frames == in->waiting.frames);
    MODEL_CHECK(hk_journal_count(j) == in->waiting.frames + in->flight.count);
    if (hk_cursor_read(&j->cursor, HK_CURSOR_ACKNOWLEDGED, &mark)) {
        MODEL_CHECK(mark.frame + in->waiting.frames + in->flight.count <= j->number);
    }
    if (at_end) {
        for (size_t i = 0; i < SEGMENTS; i++) {
            used += pool.used[i];
        }
        MODEL_CHECK(used == length_of(j->oldest) + length_of(j->unlinked) + length_of(j->spare));
    }
}

static void
mix_segments(model_hash *at, const hk_journal *j, const hk_segment *list)
{
    for (const hk_segment *s = list; s != NULL; s = s->next) {
        const size_t from = s == j->first.segment ? j->first.at : 0;
        const uint64_t known[] = {1,
                                  s->number,
                                  s->begin,
                                  s->end,
                                  s->frames,
                                  from,
                                  s->taken,
                                  s->taken_bytes,
                                  s->open,
                                  s->cut,
                                  s->parked,
                                  s == j->first.segment,
                                  s == j->next.segment,
                                  s == j->taken.segment};
        model_mix(at, known, sizeof known);
        model_mix(at, data_of(s) + from, s->end - from);
    }
    model_mix(at, &(uint64_t){0}, sizeof(uint64_t));
}

void
segments_mix(model_hash *at, const hk_journal *j)
{
    const uint64_t known[] = {j->number, j->first.at,  j->next.at,           j->taken.at,
                              j->uncut,  j->preparing, (uint64_t)j->retry_at};
    model_mix(at, known, sizeof known);
    mix_segments(at, j, j->oldest);
    mix_segments(at, j, j->spare);
    mix_segments(at, j, j->unlinked);
    model_mix(at, pool.used, sizeof pool.used);
}

void
segments_keep(void)
{
    model_keep(&pool, sizeof pool, false);
}

void
segments_spoil(void)
{
    memset(&pool, 0x5a, sizeof pool);
}
