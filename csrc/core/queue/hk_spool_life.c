/* hk_spool_life.c -- a spool opened, forked, written out to the disk, closed. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "hk_spool_state.h"

/* ---- birth, fork, death ---- */

/* The first call in a forked child, as in hk_ring.c. The files are the parent's: their maps are not
 * here, and nothing that its threads were doing to the list of them is read. */
void
hk_spool_renew(hk_spool *s, unsigned now)
{
    for (;;) {
        unsigned was = atomic_load_explicit(&s->owner, memory_order_acquire);
        if (was == now) {
            return;
        }
        if (was == (now | HK_SPOOL_RENEWING)) {
            (void)nanosleep(&(struct timespec){0, 1000}, NULL); /* another thread came first */
        } else if (atomic_compare_exchange_strong(&s->owner, &was, now | HK_SPOOL_RENEWING)) {
            const hk_status status = hk_monitor_init(&s->monitor);
            assert(status == HK_OK); /* what memory it takes, if any, was there in the parent */
            (void)status;
            hk_journal_forget(&s->in.journal);
            s->in = (hk_spool_guarded){.journal = s->in.journal, .flight = {.lengths = s->lengths}};
            s->closed = true;
            atomic_store_explicit(&s->owner, now, memory_order_release);
            return;
        }
    }
}

void
hk_spool_after_fork(hk_spool *s)
{
    (void)hk_spool_enter(s);
    hk_spool_leave(s, false, false);
}

static size_t
segment_size(const hk_spool_settings *settings)
{
    size_t size = settings->segment;
    if (size == 0) {
        size = settings->capacity / 8;
        size = size < HK_SPOOL_SEGMENT_MOST ? size : HK_SPOOL_SEGMENT_MOST;
        size = size > HK_SPOOL_SEGMENT_LEAST ? size : HK_SPOOL_SEGMENT_LEAST;
    }
    return size;
}

hk_status
hk_spool_open(const char *directory, const hk_spool_settings *settings, hk_spool **spool,
              hk_error *err)
{
    const size_t segment = segment_size(settings);
    assert(directory != NULL && spool != NULL && settings->corrupt < HK_RING_REASONS);
    *spool = NULL;
    if (settings->frame_max == 0 || settings->frame_max > HK_RING_FRAME_MAX ||
        settings->window < settings->frame_max || settings->window > SIZE_MAX / 4 ||
        settings->capacity < settings->frame_max || segment < settings->frame_max ||
        segment > HK_SPOOL_SEGMENT_LIMIT) {
        return hk_fail(err, HK_ERR_ARGUMENT, 0,
                       "expected room for a frame of %zu bytes (1 to %u) in a queue of %zu, a "
                       "window of %zu and a segment of %zu: raise them",
                       settings->frame_max, HK_RING_FRAME_MAX, settings->capacity, settings->window,
                       segment);
    }
    const size_t slots = settings->window / HK_RING_FRAME_LEAST + 1;
    hk_spool *s =
        hk_clock_init() == HK_OK ? calloc(1, sizeof *s + slots * sizeof s->lengths[0]) : NULL;
    if (s == NULL || hk_monitor_init(&s->monitor) != HK_OK) {
        free(s);
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a spool");
    }
    hk_spool_guarded *in = &s->in;
    size_t cut;
    const hk_status status = hk_journal_open(directory, segment, &in->journal, &in->waiting,
                                             &in->waiting_bytes, &cut, err);
    if (status != HK_OK) {
        hk_monitor_destroy(&s->monitor);
        free(s);
        return status;
    }
    s->capacity = settings->capacity;
    s->frame_max = settings->frame_max;
    s->corrupt = settings->corrupt;
    atomic_init(&s->owner, hk_fork_generation() & ~HK_SPOOL_RENEWING);
    in->flight = (hk_flight){.lengths = s->lengths, .slots = slots, .most = settings->window};
    in->placed = in->stats.high_water = in->waiting;
    in->stats.recovered = in->waiting + cut;
    in->stats.dropped[s->corrupt] = cut;
    *spool = s;
    return HK_OK;
}

void
hk_spool_free(hk_spool *s)
{
    if (s != NULL) {
        hk_spool_after_fork(s); /* locks that the parent's threads hold cannot be destroyed */
        if (s->in.journal.directory >= 0) {
            hk_journal_close(&s->in.journal, s->in.waiting == 0 && s->in.flight.count == 0);
        }
        hk_monitor_destroy(&s->monitor);
        free(s);
    }
}

/* ---- to the disk ---- */

hk_status
hk_spool_sync(hk_spool *s, hk_error *err)
{
    const hk_spool_guarded *in = hk_spool_enter(s);
    const int directory = in->journal.directory;
    uint64_t next = 0;
    const uint64_t end = in->journal.number;
    hk_spool_leave(s, false, false);
    hk_status status = HK_OK;
    char name[HK_SEGMENT_NAME];
    while (status == HK_OK && directory >= 0) {
        (void)hk_spool_enter(s);
        const bool found = hk_journal_next_unsynced(&s->in.journal, next, end, name, &next);
        hk_spool_leave(s, false, false);
        if (!found) {
            break;
        }
        status = hk_file_sync(directory, name, err);
    }
    if (status == HK_OK && directory >= 0) {
        status = hk_cursor_sync(directory, err);
    }
    return status == HK_OK && directory >= 0 ? hk_file_sync(directory, ".", err) : status;
}
