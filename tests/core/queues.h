/* queues.h -- small queues for tests, in memory and on disk: frames in, batches checked, counters.
 *
 * As check.h: one translation unit a program. Includes: check.h, heka_frames.h, hk_queue.h. */
#ifndef QUEUES_H
#define QUEUES_H

#include <sys/wait.h>

#include "check.h"
#include "core/queue/hk_queue.h"
#include "heka_frames.h"

#define MS INT64_C(1000000) /* ns */
#define DEADLINE 240u       /* seconds; who hangs is ended by a signal */
#define REASON 3u           /* any */
#define CORRUPT 15u
#define SEGMENT 1000u /* bytes of the segments here */

/* ---- queues ---- */

static inline hk_queue_settings
settings_of(size_t capacity)
{
    return (hk_queue_settings){.capacity = capacity,
                               .frame_max = LARGEST,
                               .window = 1000,
                               .segment = SEGMENT,
                               .corrupt = CORRUPT};
}

static bool unmapped; /* queues on disk are opened without maps */
static bool lazy;     /* segments are looked through when they are reached */

/* In memory when `directory` is NULL. */
static inline hk_queue *
open_with(const char *directory, const hk_queue_settings *settings)
{
    hk_queue *q = NULL;
    hk_error err = {.text = ""};
    hk_queue_settings all = *settings;
    all.unmapped = all.unmapped || unmapped;
    all.lazy = all.lazy || lazy;
    if (!CHECK_INT(hk_queue_open(directory, &all, &q, &err), HK_OK)) {
        printf("  %s\n", err.text);
        exit(check_report());
    }
    return q;
}

static inline hk_queue *
open_queue(const char *directory, size_t capacity)
{
    const hk_queue_settings settings = settings_of(capacity);
    return open_with(directory, &settings);
}

/* Runs a test in memory, then on disk, where it gets a directory of its own. */
static inline void
both(void (*test)(const char *directory))
{
    const unsigned failed = (unsigned)check_failed;
    test(NULL);
    const bool in_memory = (unsigned)check_failed > failed;
    const char *directory = fresh_directory();
    test(directory);
    remove_directory(directory);
    if ((unsigned)check_failed > failed) {
        printf("  that was %s\n", in_memory ? "in memory, and maybe on disk" : "on disk");
    }
}

/* A test of one store: with a directory of its own. */
static inline void
on_disk(void (*test)(const char *directory))
{
    const char *directory = fresh_directory();
    test(directory);
    remove_directory(directory);
}

static unsigned made; /* frames that put() got in: the next one's number */

static inline hk_status
put(hk_queue *q, size_t len)
{
    uint8_t frame[LARGEST + 1];
    heka_frame_write(frame, len, 1, made);
    const hk_status status = hk_queue_put(q, frame, len);
    made += status == HK_OK;
    return status;
}

static inline void
put_many(hk_queue *q, size_t len, size_t frames)
{
    for (size_t i = 0; i < frames; i++) {
        CHECK_INT(put(q, len), HK_OK);
    }
}

static inline void
fill(hk_queue *q, size_t len)
{
    while (put(q, len) == HK_OK) {
    }
}

/* The batch holds `frames` whole frames, from the number `first` on. */
static inline bool
holds(const hk_queue_batch *batch, unsigned first, size_t frames)
{
    size_t at = 0;
    size_t n = 0;
    unsigned maker = 0;
    unsigned number = 0;
    size_t len;
    while ((len = heka_frame_read(batch->data + at, batch->len - at, &maker, &number)) > 0 &&
           number == first + n) {
        at += len;
        n++;
    }
    return batch->frames == frames && n == frames && at == batch->len;
}

/* Takes one batch: it has to hold those frames. */
static inline bool
takes_at_once(hk_queue *q, size_t most, unsigned first, size_t frames)
{
    const hk_queue_batch batch = hk_queue_take(q, most);
    return holds(&batch, first, frames);
}

/* Takes `frames` frames from number `first` on, in as many batches as it needs. */
static inline bool
takes(hk_queue *q, unsigned first, size_t frames)
{
    size_t n = 0;
    while (n < frames) {
        const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
        if (batch.frames == 0 || !holds(&batch, first + (unsigned)n, batch.frames)) {
            return false;
        }
        n += batch.frames;
    }
    return n == frames;
}

static inline bool
is_balanced(const hk_queue_stats *s)
{
    uint64_t dropped = 0;
    for (size_t i = 0; i < HK_QUEUE_REASONS; i++) {
        dropped += s->dropped[i];
    }
    return s->offered + s->recovered == s->sent + dropped + s->queued &&
           s->in_flight <= s->queued && s->queued <= s->high_water;
}

/* The counters, which balance, with the frames that are really there. */
static inline hk_queue_stats
stats_of(hk_queue *q)
{
    hk_queue_stats stats;
    hk_queue_get_stats(q, &stats);
    CHECK(is_balanced(&stats));
    CHECK_SIZE(hk_queue_count(q), stats.queued);
    return stats;
}

/* The outcome for what is there now. */
static inline hk_queue_outcome
flush(hk_queue *q, int64_t timeout_ns)
{
    hk_queue_goal goal;
    hk_queue_set_goal(q, &goal);
    return hk_queue_flush(q, &goal, timeout_ns);
}

/* Runs `work` in a forked child; all it checks must hold. */
static inline void
in_child(void (*work)(void *arg), void *arg)
{
    int status = -1;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        check_failed = 0;
        work(arg);
        (void)fflush(stdout);
        _exit(check_failed == 0 ? 0 : 1);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
}

#endif
