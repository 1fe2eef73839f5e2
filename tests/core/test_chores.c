/* test_chores.c -- lazy queues: segments that are parked, and looked through when they are reached.
 */
#include "core/queue/hk_chores.h"

#include <sys/resource.h>

#include "check.h"
#include "queues.h"

#define CAPACITY 20000u
#define SPARSE ((off_t)64 * 1024 * 1024) /* bytes */

static size_t
count_mapped(const hk_queue *q)
{
    size_t mapped = 0;
    for (const hk_segment *s = q->in.store.disk.journal.oldest; s != NULL; s = s->next) {
        mapped += s->data != NULL || s->fd >= 0;
        CHECK(s->parked == (s->data == NULL && s->fd < 0));
    }
    return mapped;
}

static void
path_of(const char *directory, unsigned number, char path[300])
{
    (void)snprintf(path, 300, "%s/%020u.heka", directory, number);
}

/* Overwrites the frame of 100 bytes there. */
static void
spoil(const char *directory, unsigned number, off_t at)
{
    char path[300];
    uint8_t bytes[100];
    memset(bytes, 0xff, sizeof bytes);
    path_of(directory, number, path);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK_INT(pwrite(fd, bytes, sizeof bytes, at), (int)sizeof bytes);
    (void)close(fd);
}

/* Puts `frames` frames of 100 bytes, ten in a segment; with `again`, closes and opens the queue. */
static hk_queue *
filled(const char *directory, size_t frames, bool again)
{
    hk_queue *q = open_queue(directory, CAPACITY);
    made = 0;
    put_many(q, 100, frames);
    if (again) {
        hk_queue_free(q);
        q = open_queue(directory, CAPACITY);
    }
    return q;
}

/* Takes and acknowledges frames from number `first` on, to `end`; at most 3 segments are mapped. */
static bool
drains(hk_queue *q, unsigned first, unsigned end)
{
    for (hk_queue_batch batch; (batch = hk_queue_take(q, 300)).frames > 0;) {
        if (!holds(&batch, first, batch.frames) || !CHECK(count_mapped(q) <= 3)) {
            return false;
        }
        first += (unsigned)batch.frames;
        hk_queue_acknowledge(q, first % 2 == 0 ? 100 : 0);
    }
    hk_queue_acknowledge(q, 0);
    return first == end;
}

static void
test_what_waits_is_not_mapped(const char *directory)
{
    hk_queue *q = filled(directory, 95, false);
    CHECK_SIZE(count_mapped(q), 1); /* the one that is written */
    CHECK_SIZE(stats_of(q).queued, 95);
    CHECK(drains(q, 0, 95));
    CHECK_SIZE(stats_of(q).sent, 95);
    put_many(q, 100, 25);
    CHECK(takes_at_once(q, 300, 95, 3)); /* in flight: those segments stay */
    put_many(q, 100, 30);
    hk_queue_rewind(q, 0);
    CHECK(drains(q, 95, 150));
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
}

static void
test_opening_reads_no_segment(const char *directory)
{
    hk_queue *q = filled(directory, 95, true);
    CHECK_SIZE(count_mapped(q), 0);
    hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.recovered, 95);
    CHECK_SIZE(s.queued_bytes, 9500);
    CHECK(takes_at_once(q, 300, 0, 3));
    CHECK_SIZE(count_mapped(q), 1);
    hk_queue_acknowledge(q, 0);
    put_many(q, 100, 5);
    hk_queue_free(q);
    q = open_queue(directory, CAPACITY);
    CHECK_SIZE(stats_of(q).recovered, 97); /* three of the first segment are acknowledged */
    CHECK(drains(q, 3, 100));
    s = stats_of(q);
    CHECK_SIZE(s.recovered, 97);
    CHECK_SIZE(s.dropped[CORRUPT], 0);
    hk_queue_free(q);
}

/* Names of files alone: were they read, this would take minutes. */
static void
test_800_segments(const char *directory)
{
    char path[300];
    hk_queue_settings settings = settings_of((size_t)1 << 40);
    settings.segment = (size_t)SPARSE;
    for (unsigned i = 0; i < 800; i++) {
        path_of(directory, i * 1000, path);
        const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK_INT(ftruncate(fd, i < 799 ? SPARSE : 0), 0);
        (void)close(fd);
    }
    hk_queue *q = open_with(directory, &settings);
    hk_queue_stats s;
    hk_queue_get_stats(q, &s);
    CHECK_SIZE(s.queued, 799000);
    CHECK_SIZE(hk_queue_drop_all(q, REASON), 799000);
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
}

/* A broken frame costs itself: it is left out and counted when the output comes there. */
static void
test_damaged_frames(const char *directory)
{
    hk_queue *q = filled(directory, 40, true);
    hk_queue_free(q);
    spoil(directory, 10, 300);
    spoil(directory, 20, 0);
    q = open_queue(directory, CAPACITY);
    hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.queued, 40);
    CHECK_SIZE(s.dropped[CORRUPT], 0);
    CHECK(takes(q, 0, 10));
    hk_queue_acknowledge(q, 0);
    CHECK(takes_at_once(q, 1000, 10, 3));
    CHECK(takes_at_once(q, 600, 14, 6));
    hk_queue_acknowledge(q, 0);
    CHECK(takes_at_once(q, 1000, 21, 9));
    hk_queue_acknowledge(q, 0);
    CHECK(drains(q, 30, 40));
    s = stats_of(q);
    CHECK_SIZE(s.recovered, 40); /* each piece is one */
    CHECK_SIZE(s.dropped[CORRUPT], 2);
    CHECK_SIZE(s.sent, 38);
    hk_queue_free(q);
}

static void
test_files_that_are_gone(const char *directory)
{
    char path[300];
    hk_queue *q = filled(directory, 40, true);
    path_of(directory, 0, path);
    CHECK_INT(unlink(path), 0); /* never read: nobody knows what it had */
    CHECK(drains(q, 10, 40));
    hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.dropped[CORRUPT], 1);
    CHECK_SIZE(s.recovered, 31);
    hk_queue_free(q);
    q = filled(directory, 40, false);
    path_of(directory, 10 + (unsigned)(q->in.store.disk.journal.number - 40), path);
    CHECK_INT(unlink(path), 0); /* written by this process */
    CHECK(takes(q, 0, 10));
    hk_queue_acknowledge(q, 0);
    CHECK(drains(q, 20, 40));
    s = stats_of(q);
    CHECK_SIZE(s.dropped[CORRUPT], 10);
    CHECK_SIZE(s.offered, 40);
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
}

/* Without a descriptor nothing is given up. */
static void
test_no_descriptor_is_left(const char *directory)
{
    struct rlimit before;
    hk_queue *q = filled(directory, 40, true);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}), 0);
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    CHECK_SIZE(stats_of(q).queued, 40);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK(drains(q, 0, 40));
    hk_queue_free(q);
}

/* What was dropped in the middle leaves a gap in the numbers: the guess is corrected, and nothing
 * counts as damaged. */
static void
test_gaps_are_no_damage(const char *directory)
{
    size_t dropped = 0;
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    fill(q, 100);
    CHECK_SIZE(made, 40);
    CHECK(takes_at_once(q, 300, 0, 3));
    CHECK_INT(hk_queue_drop_oldest(q, LARGEST, REASON, &dropped), HK_OK); /* 3 to 9 */
    put_many(q, 100, 7);
    CHECK_INT(hk_queue_drop_oldest(q, LARGEST, REASON, &dropped), HK_OK); /* 10 to 19 */
    CHECK_SIZE(stats_of(q).queued, 30);
    hk_queue_free(q);
    q = open_queue(directory, 4000);
    CHECK(takes(q, 0, 3));
    hk_queue_acknowledge(q, 0);
    CHECK(drains(q, 20, 47));
    const hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.recovered, 30);
    CHECK_SIZE(s.sent, 30);
    CHECK_SIZE(s.dropped[CORRUPT], 0);
    hk_queue_free(q);
}

static void
test_parked_segments_are_dropped(const char *directory)
{
    size_t dropped = 0;
    hk_queue *q = filled(directory, 40, true);
    uint8_t frame[LARGEST];
    unsigned maker;
    unsigned number = 7;
    CHECK(hk_queue_peek(q, frame, 100) == 100);
    CHECK(heka_frame_read(frame, 100, &maker, &number) == 100 && number == 0);
    hk_queue_free(q);
    q = open_queue(directory, 4000);
    CHECK_INT(put(q, 100), HK_ERR_FULL);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 10);
    put_many(q, 100, 1);
    CHECK(drains(q, 10, 41));
    hk_queue_free(q);
}

/* Names that nobody has written, and marks that say too much: the file is looked through. */
static void
test_guesses_that_cannot_be(const char *directory)
{
    char path[300];
    char to[300];
    hk_queue *q = filled(directory, 30, true);
    hk_queue_free(q);
    path_of(directory, 20, path);
    path_of(directory, 5000, to);
    CHECK_INT(rename(path, to), 0); /* 4990 frames in 1000 bytes */
    q = open_queue(directory, CAPACITY);
    hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.queued, 30);
    CHECK_SIZE(s.recovered, 30);
    CHECK(drains(q, 0, 30));
    hk_queue_free(q);
}

static void
use_and_end(void *directory)
{
    hk_queue *q = open_queue(directory, CAPACITY);
    made = 0;
    put_many(q, 100, 37);
    CHECK(takes_at_once(q, 300, 0, 3));
    hk_queue_acknowledge(q, 0);
    _exit(check_failed == 0 ? 0 : 1); /* no file is cut or closed in good order */
}

static void
test_the_last_file_of_a_process_that_was_killed(const char *directory)
{
    char path[300];
    in_child(use_and_end, (void *)(uintptr_t)directory);
    hk_queue *q = open_queue(directory, CAPACITY);
    CHECK_SIZE(count_mapped(q), 0);
    CHECK_SIZE(stats_of(q).queued, 34);
    CHECK(drains(q, 3, 37));
    CHECK_SIZE(stats_of(q).recovered, 34);
    hk_queue_free(q);
    in_child(use_and_end, (void *)(uintptr_t)directory);
    path_of(directory, 30, path);
    CHECK_INT(truncate(path, 250), 0); /* less than the cursor has */
    q = open_queue(directory, CAPACITY);
    const hk_queue_stats s = stats_of(q);
    CHECK_SIZE(s.queued, 29);
    CHECK_SIZE(s.dropped[CORRUPT], 5);
    CHECK(drains(q, 3, 32));
    hk_queue_free(q);
}

/* Pages that were written, or read, are released by pieces; what is in them is there. */
static void
test_pages_are_released(const char *directory)
{
    hk_queue_settings settings = settings_of(64u << 20);
    uint8_t run[10 * LARGEST];
    size_t frames = 0;
    settings.segment = 16u << 20;
    hk_queue *q = open_with(directory, &settings);
    made = 0;
    for (unsigned i = 0; i < 3200; i++) { /* 12 MiB */
        for (unsigned k = 0; k < 10; k++) {
            heka_frame_write(run + k * LARGEST, LARGEST, 1, made++);
        }
        CHECK_INT(hk_queue_put_run(q, run, sizeof run, &frames), HK_OK);
    }
    CHECK_SIZE(q->in.store.disk.journal.newest->written_out, 12588000);
    bool whole = true;
    for (unsigned i = 0; i < 32000; i += 2) {
        const hk_queue_batch batch = hk_queue_take(q, 2 * LARGEST);
        whole = whole && holds(&batch, i, 2);
        hk_queue_acknowledge(q, i == 31998 ? LARGEST : 0);
    }
    CHECK(whole);
    CHECK_SIZE(q->in.store.disk.journal.newest->read_out, 12583200);
    hk_queue_free(q);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    lazy = true;
    for (int i = 0; i < 2; i++) {
        unmapped = i == 1;
        on_disk(test_what_waits_is_not_mapped);
        on_disk(test_opening_reads_no_segment);
        on_disk(test_damaged_frames);
        on_disk(test_files_that_are_gone);
        on_disk(test_no_descriptor_is_left);
        on_disk(test_gaps_are_no_damage);
        on_disk(test_parked_segments_are_dropped);
        on_disk(test_guesses_that_cannot_be);
        on_disk(test_the_last_file_of_a_process_that_was_killed);
    }
    unmapped = false;
    on_disk(test_pages_are_released);
    on_disk(test_800_segments);
    return check_report();
}
