/* test_disk.c -- what a queue on disk does in its own way: segments, what is found again, full
 * disks.
 *
 * Crashes: test_queue_crash.c. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "check.h"
#include "queues.h"

/* ---- segments ---- */

/* A batch ends with its segment; nothing is copied. */
static void
test_frames_over_many_segments(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 100; i++) {
        CHECK_INT(put(q, 100 + i), HK_OK);
    }
    CHECK(files_in(directory, "0") >= 14);
    for (unsigned n = 0; n < 100;) {
        const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
        CHECK(batch.frames > 0 && batch.frames <= 10);
        if (!CHECK(holds(&batch, n, batch.frames))) {
            break;
        }
        n += (unsigned)batch.frames;
        hk_queue_acknowledge(q, 0);
    }
    CHECK_SIZE(files_in(directory, "0"), 1); /* what is acknowledged is gone */
    CHECK_SIZE(stats_of(q).sent, 100);
    CHECK_INT(put(q, 100), HK_OK);
    CHECK(takes(q, 100, 1));
    hk_queue_free(q);
}

static void
test_only_frames_are_put(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    uint8_t frame[LARGEST];
    static const size_t lens[] = {70, 100, 132, 133, 134, 140, 300};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        const size_t len = lens[i];
        heka_frame_write(frame, len, 1, 1);
        CHECK_INT(hk_queue_put(q, frame, len - 1), HK_ERR_ARGUMENT);
        CHECK_INT(hk_queue_put(q, frame, len + 1), HK_ERR_ARGUMENT);
        CHECK_INT(hk_queue_put(q, frame + 1, len - 1), HK_ERR_ARGUMENT);
        static const size_t parts[] = {0, 1, 3,
                                       4}; /* separator, lengths, and the other separator */
        for (size_t k = 0; k < 4; k++) {
            frame[parts[k]] ^= 1;
            CHECK_INT(hk_queue_put(q, frame, len), HK_ERR_ARGUMENT);
            frame[parts[k]] ^= 1;
        }
        CHECK_INT(hk_queue_put(q, frame, len), HK_OK);
    }
    /* A header as others may write it: the length in more bytes than it needs, and a name. */
    const uint8_t header[] = {0x1e, 9, 0x08, 0x94, 0x80, 0x00, 0x22, 3, 'b', 'o', 'b', 0x1f};
    memcpy(frame, header, sizeof header);
    memcpy(frame + sizeof header, small_frame + 5, 20);
    CHECK_INT(hk_queue_put(q, frame, sizeof header + 20), HK_OK);
    CHECK_INT(hk_queue_put(q, frame, sizeof header + 19), HK_ERR_ARGUMENT);
    CHECK_SIZE(stats_of(q).queued, 8);
    hk_queue_free(q);
}

/* The oldest segment goes whole, but for what is in flight. */
static void
test_dropping_spares_what_is_in_flight(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    size_t dropped;
    fill(q, 100);
    const hk_queue_batch in_flight = hk_queue_take(q, 200);
    CHECK(holds(&in_flight, 0, 2));
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 0); /* what was taken has left its room */
    fill(q, 100);
    CHECK_SIZE(made, 42);
    CHECK_INT(hk_queue_drop_oldest(q, 150, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 8); /* the rest of the first segment */
    CHECK(holds(&in_flight, 0, 2));
    CHECK_SIZE(stats_of(q).dropped[REASON], 8);
    fill(q, 100);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 10); /* the second, in the middle of the list */
    CHECK(holds(&in_flight, 0, 2));
    hk_queue_rewind(q, 0);
    CHECK(takes(q, 0, 2));
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 20, 10));
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 30, 10));
    hk_queue_free(q);
}

/* All that waits is in the segment that is being written. */
static void
test_dropping_the_newest_segment(const char *directory)
{
    hk_queue *q = open_queue(directory, 500);
    made = 0;
    size_t dropped;
    for (unsigned round = 0; round < 20; round++) {
        fill(q, 100);
        CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
        CHECK_SIZE(dropped, 5);
        CHECK_SIZE(stats_of(q).queued, 0 + (size_t)(round % 2));
        CHECK_INT(put(q, 100), HK_OK);
        if (round % 2 == 0) {
            CHECK(takes(q, made - 1, 1));
        } else {
            hk_queue_acknowledge(q, 0);
            CHECK(takes(q, made - 1, 1));
            hk_queue_acknowledge(q, 0);
        }
    }
    hk_queue_free(q);
}

/* All of the first segment was acknowledged before a second one began, and that one is dropped: the
 * first one goes, too. */
static void
test_dropping_leaves_no_empty_segment(const char *directory)
{
    hk_queue *q = open_queue(directory, 500);
    made = 0;
    size_t dropped;
    for (size_t i = 0; i < 2; i++) {
        put_many(q, 100, 5);
        CHECK(takes(q, (unsigned)i * 5, 5));
        hk_queue_acknowledge(q, 0);
    }
    put_many(q, 100, 5);
    CHECK_SIZE(files_in(directory, "0"), 2);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(files_in(directory, "0"), 0);
    CHECK_SIZE(stats_of(q).queued, 0);
    CHECK_INT(put(q, 100), HK_OK);
    CHECK(takes(q, 15, 1));
    hk_queue_free(q);
}

/* Whoever drops all cannot take the bytes away from a sender that is at work. */
static void
test_batch_outlives_dropping_all(const char *directory)
{
    hk_queue *q = open_queue(directory, 4000);
    made = 0;
    fill(q, 100);
    const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
    CHECK_SIZE(hk_queue_drop_all(q, REASON), made);
    CHECK_SIZE(files_in(directory, "0"), 0);
    CHECK(holds(&batch, 0, 10));
    CHECK_SIZE(stats_of(q).queued, 0);
    made = 0;
    CHECK_INT(put(q, 100), HK_OK);
    CHECK(holds(&batch, 0, 10));
    CHECK(takes(q, 0, 1));
    hk_queue_acknowledge(q, 0);
    CHECK_SIZE(stats_of(q).sent, 1);
    hk_queue_free(q);
}

/* ---- opened again ---- */

static void
test_frames_are_found_again(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    for (size_t i = 0; i < 55; i++) {
        CHECK_INT(put(q, 100 + i), HK_OK);
    }
    CHECK_SIZE(hk_queue_take(q, 510).frames, 5);
    hk_queue_acknowledge(q, 104); /* all but the last: what is in flight was not sent */
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, "next"), 0);

    q = open_queue(directory, 20000);
    hk_queue_stats stats = stats_of(q);
    CHECK_SIZE(stats.recovered, 51);
    CHECK_SIZE(stats.queued, 51);
    CHECK_SIZE(stats.dropped[CORRUPT], 0);
    CHECK_INT(flush(q, 0), HK_QUEUE_PENDING); /* covers them */
    CHECK_INT(put(q, 100), HK_OK);
    for (unsigned n = 4; n < 56;) {
        const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
        if (!CHECK(batch.frames > 0 && holds(&batch, n, batch.frames))) {
            break;
        }
        n += (unsigned)batch.frames;
        hk_queue_acknowledge(q, 0);
    }
    stats = stats_of(q);
    CHECK_SIZE(stats.sent, 52);
    CHECK_SIZE(stats.offered, 1);
    CHECK_SIZE(stats.resent, 0);
    CHECK_INT(flush(q, 0), HK_QUEUE_FLUSHED);
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0); /* nothing is left behind */
}

/* As a directory that is adopted: nothing is taken in, all is sent, no file is made. */
static void
test_closed_at_once_it_is_drained(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 30);
    hk_queue_free(q);
    q = open_queue(directory, 20000);
    hk_queue_close(q);
    for (unsigned n = 0; hk_queue_wait(q, 1000, -1) == HK_QUEUE_READY;) {
        const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
        if (!CHECK(batch.frames > 0 && holds(&batch, n, batch.frames))) {
            break;
        }
        n += (unsigned)batch.frames;
        CHECK(files_in(directory, "0") <= 3);
        hk_queue_acknowledge(q, 0);
    }
    CHECK_SIZE(stats_of(q).sent, 30);
    CHECK_SIZE(files_in(directory, "0"), 0);
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
}

/* More than the capacity was found: it is kept, and nothing is added. */
static void
test_smaller_than_before(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    size_t dropped;
    made = 0;
    put_many(q, 100, 50);
    hk_queue_free(q);
    q = open_queue(directory, 1000);
    CHECK_SIZE(stats_of(q).queued, 50);
    CHECK_INT(put(q, 100), HK_ERR_FULL);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 50); /* ten in each, and the last has to go too: 1000 are full */
    CHECK_INT(put(q, 100), HK_OK);
    hk_queue_free(q);
    q = open_queue(directory, 1000);
    CHECK(takes(q, 50, 1)); /* what was dropped does not come again */
    CHECK_SIZE(stats_of(q).recovered, 1);
    hk_queue_free(q);
}

/* Garbage between frames, and behind them: skipped, counted, and the frames around it are there. */
static void
test_damage_is_cut_and_counted(const char *directory)
{
    char path[300];
    uint8_t garbage[150];
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 25);
    hk_queue_free(q);
    memset(garbage, 0x1e, sizeof garbage);
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 10);
    int fd = open(path, O_RDWR);
    CHECK_INT(pwrite(fd, garbage, 150, 225), 150); /* frames 12 and 13 */
    CHECK_INT(pwrite(fd, garbage, 110, 901), 110); /* frame 19, and behind it */
    (void)close(fd);
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 20);
    CHECK_INT(truncate(path, 450), 0); /* frame 24 */

    for (unsigned again = 0; again < 2; again++) { /* the second time what was cut is gone */
        q = open_queue(directory, 20000);
        const hk_queue_stats stats = stats_of(q);
        CHECK_SIZE(stats.queued, 21);
        CHECK_SIZE(stats.dropped[CORRUPT], again == 0 ? 3 : 1);
        CHECK_SIZE(stats.recovered, again == 0 ? 24 : 22);
        hk_queue_free(q);
    }
    q = open_queue(directory, 20000);
    CHECK(takes(q, 0, 10));
    hk_queue_rewind(q, 0);
    CHECK(takes(q, 0, 10));
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 10, 2));
    hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
    CHECK(holds(&batch, 14, 5));
    hk_queue_rewind(q, 0); /* over the hole again */
    CHECK(takes(q, 10, 2));
    batch = hk_queue_take(q, SIZE_MAX);
    CHECK(holds(&batch, 14, 5));
    hk_queue_acknowledge(q, 0);
    batch = hk_queue_take(q, SIZE_MAX);
    CHECK(holds(&batch, 20, 4));
    hk_queue_free(q);
}

/* Files change under a queue that is open: what was a frame is none. */
static void
test_damage_while_it_is_open(const char *directory)
{
    char path[300];
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 25);
    CHECK(takes(q, 0, 10));
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 10);
    int fd = open(path, O_RDWR);
    CHECK_INT(pwrite(fd, "abc", 3, 500), 3); /* frame 15 */
    (void)close(fd);
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 10, 5));
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 20, 5));
    CHECK_SIZE(stats_of(q).dropped[CORRUPT], 5);
    hk_queue_acknowledge(q, 0);
    CHECK_SIZE(stats_of(q).queued, 0);

    put_many(q, 90, 5);
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 20);
    fd = open(path, O_RDWR); /* one frame becomes many, many become one */
    for (off_t at = 500; at < 590; at += 30) {
        CHECK_INT(pwrite(fd, small_frame, sizeof small_frame, at), (ssize_t)sizeof small_frame);
    }
    (void)close(fd);
    for (size_t i = 0; i < 10; i++) {
        (void)hk_queue_take(q, SIZE_MAX);
        hk_queue_acknowledge(q, 0);
    }
    CHECK_SIZE(stats_of(q).queued, 0);
    CHECK_INT(put(q, 90), HK_OK);
    CHECK(takes(q, 30, 1));
    hk_queue_free(q);
}

static void
cut_segment(const char *directory, unsigned number, off_t size)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, number);
    CHECK_INT(truncate(path, size), 0);
}

/* Somebody cuts files of a queue that is open: what is missing is counted, and never read. */
static void
test_cut_while_it_is_open(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 25);
    cut_segment(directory, 0, 0); /* all of it waits */
    CHECK(takes(q, 10, 10));
    CHECK_SIZE(stats_of(q).dropped[CORRUPT], 10);
    hk_queue_rewind(q, 0);
    cut_segment(directory, 10, 650); /* in flight: three are lost, and half of one */
    cut_segment(directory, 20, 200); /* the segment that is written */
    CHECK(takes(q, 10, 6));
    CHECK(takes(q, 20, 2));
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    hk_queue_stats stats = stats_of(q);
    CHECK_SIZE(stats.dropped[CORRUPT], 17);
    CHECK_SIZE(stats.queued, 8);
    put_many(q, 100, 3); /* into a segment of their own */
    hk_queue_rewind(q, 0);
    cut_segment(directory, 10, 0);
    cut_segment(directory, 20, 0);
    CHECK(takes(q, 25, 3)); /* nothing is left of what was in flight */
    hk_queue_acknowledge(q, 0);
    stats = stats_of(q);
    CHECK_SIZE(stats.dropped[CORRUPT], 25);
    CHECK_SIZE(stats.sent, 3);
    CHECK_SIZE(stats.queued, 0);
    CHECK_INT(flush(q, 0), HK_QUEUE_FLUSHED);
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
}

static void
test_cut_before_it_is_read(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 25);
    cut_segment(directory, 0, 250);
    cut_segment(directory, 20, 0);
    CHECK(takes(q, 0, 2));
    CHECK(takes_at_once(q, 500, 10, 5));
    hk_queue_rewind(q, 0);
    CHECK(takes(q, 0, 2));
    CHECK(takes(q, 10, 5));
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 15, 5));
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    hk_queue_acknowledge(q, 0);
    const hk_queue_stats stats = stats_of(q);
    CHECK_SIZE(stats.dropped[CORRUPT], 13);
    CHECK_SIZE(stats.sent, 12);
    CHECK_SIZE(stats.queued, 0);
    put_many(q, 100, 2);
    CHECK(takes(q, 25, 2));
    hk_queue_free(q);
}

/* The same while part of it is in flight, and more was never handed out. */
static void
test_cut_in_the_middle_of_a_segment(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 25);
    CHECK(takes_at_once(q, 400, 0, 4));
    cut_segment(directory, 0, 250);
    hk_queue_rewind(q, 0);
    CHECK(takes(q, 0, 2));
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 10, 10));
    const hk_queue_stats stats = stats_of(q);
    CHECK_SIZE(stats.dropped[CORRUPT], 8);
    CHECK_SIZE(stats.sent, 2);
    CHECK_SIZE(stats.queued, 15);
    hk_queue_free(q);
    q = open_queue(directory, 20000);
    CHECK_SIZE(files_in(directory, "0"), 2);
    CHECK(takes(q, 10, 10));
    CHECK_SIZE(stats_of(q).dropped[CORRUPT], 0); /* counted once */
    hk_queue_free(q);
}

/* Files are cut while nobody has them open: the cursor knows how many frames the last one had. */
static void
test_cut_while_nobody_has_it_open(const char *directory)
{
    static const struct {
        off_t size;
        size_t frames;
        size_t lost;
    } cuts[] = {{0, 0, 5}, {1, 0, 5}, {100, 0, 4}, {300, 2, 2}, {305, 2, 2}, {500, 4, 0}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        hk_queue *q = open_queue(directory, 20000);
        made = 0;
        const unsigned first = (unsigned)q->in.store.disk.journal.number;
        put_many(q, 100, 15);
        CHECK(takes(q, 0, 10));
        hk_queue_acknowledge(q, 0);
        const hk_queue_batch batch = hk_queue_take(q, 100);
        CHECK(holds(&batch, 10, 1));
        hk_queue_acknowledge(q, 0);
        hk_queue_free(q);
        cut_segment(directory, first + 10, cuts[i].size);
        q = open_queue(directory, 20000);
        const hk_queue_stats stats = stats_of(q);
        const size_t lost = cuts[i].size <= 1 ? 4 : cuts[i].lost; /* one was acknowledged */
        CHECK_SIZE(stats.queued, cuts[i].frames);
        CHECK_SIZE(stats.dropped[CORRUPT], lost);
        CHECK_SIZE(stats.recovered, cuts[i].frames + lost);
        (void)hk_queue_drop_all(q, REASON);
        hk_queue_free(q);
        q = open_queue(directory, 20000);
        CHECK_SIZE(stats_of(q).recovered, 0); /* counted once */
        hk_queue_free(q);
    }
}

/* In front of others, an empty file is one piece: nobody knows how much it had. */
static void
test_empty_file_in_front_of_others(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 35);
    hk_queue_free(q);
    cut_segment(directory, 10, 0);
    q = open_queue(directory, 20000);
    CHECK_SIZE(stats_of(q).queued, 25);
    CHECK_SIZE(stats_of(q).dropped[CORRUPT], 1);
    hk_queue_free(q);
}

/* Who waits for frames that turn out to be lost is woken. */
static void *
flush_for_ever(void *queue)
{
    CHECK_INT(flush(queue, -1), HK_QUEUE_LOST);
    return NULL;
}

static void
test_flush_ends_when_frames_are_cut(const char *directory)
{
    pthread_t thread;
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 5);
    cut_segment(directory, 0, 0);
    CHECK_INT(pthread_create(&thread, NULL, flush_for_ever, q), 0);
    for (bool sleeps = false; !sleeps; sched_yield()) {
        (void)pthread_mutex_lock(&q->monitor.mutex);
        sleeps = q->in.sleepers > 0;
        (void)pthread_mutex_unlock(&q->monitor.mutex);
    }
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_SIZE(stats_of(q).dropped[CORRUPT], 5);
    hk_queue_free(q);
}

static void
test_sync(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    CHECK_INT(hk_queue_sync(q, NULL), HK_OK);
    put_many(q, 100, 25);
    CHECK_INT(hk_queue_sync(q, NULL), HK_OK);
    CHECK(takes(q, 0, 10));
    hk_queue_acknowledge(q, 0);
    CHECK_INT(hk_queue_sync(q, NULL), HK_OK);
    hk_queue_free(q);
}

/* ---- what the system refuses ---- */

static void
test_segments_that_cannot_work(const char *directory)
{
    hk_queue *q = NULL;
    hk_queue_settings bad = settings_of(4000);
    bad.segment = LARGEST - 1;
    CHECK_INT(hk_queue_open(directory, &bad, &q, NULL), HK_ERR_ARGUMENT);
    bad.segment = HK_DISK_SEGMENT_LIMIT + 1;
    CHECK_INT(hk_queue_open(directory, &bad, &q, NULL), HK_ERR_ARGUMENT);
    CHECK(q == NULL);
    CHECK_SIZE(files_in(directory, ""), 0);
}

static void
test_directory_that_cannot_be_used(const char *directory)
{
    const hk_queue_settings settings = settings_of(4000);
    hk_queue *q = NULL;
    hk_error err;
    char path[300];
    CHECK_INT(hk_queue_open("/nowhere/at/all", &settings, &q, &err), HK_ERR_SYSTEM);
    CHECK(strstr(err.text, "/nowhere/at/all") != NULL);
    CHECK(strstr(err.text, strerror(ENOENT)) != NULL);
    CHECK_SIZE(err.offset, ENOENT);
    (void)snprintf(path, sizeof path, "%s/cursor", directory);
    CHECK_INT(mkdir(path, 0700), 0); /* root may write what is not writable */
    CHECK_INT(hk_queue_open(directory, &settings, &q, &err), HK_ERR_SYSTEM);
    CHECK_SIZE(err.offset, EISDIR);
    CHECK_INT(rmdir(path), 0);
    if (geteuid() != 0) {
        CHECK_INT(chmod(directory, 0500), 0);
        CHECK_INT(hk_queue_open(directory, &settings, &q, &err), HK_ERR_SYSTEM);
        CHECK_SIZE(err.offset, EACCES);
        CHECK_INT(chmod(directory, 0700), 0);
    }
    CHECK(q == NULL);
    hk_queue_free(q);
}

/* Puts until nothing goes any more: the queue of `capacity` is far from full, the disk is. */
static void
fill_the_disk(const char *directory, size_t capacity)
{
    hk_queue_settings settings = settings_of(capacity);
    hk_queue *q = NULL;
    size_t dropped;
    uint8_t frame[LARGEST];
    settings.segment = 64u * 1024;
    settings.unmapped = unmapped;
    if (!CHECK_INT(hk_queue_open(directory, &settings, &q, NULL), HK_OK)) {
        return;
    }
    unsigned number = 0;
    hk_status status;
    do {
        heka_frame_write(frame, LARGEST, 1, number);
        status = hk_queue_put(q, frame, LARGEST);
        number += status == HK_OK;
    } while (status == HK_OK && number < 100000);
    CHECK_INT(status, HK_ERR_FULL);
    CHECK(number * LARGEST < capacity / 2);
    CHECK_INT(hk_queue_wait_room(q, LARGEST, 5 * MS), HK_ERR_FULL);
    CHECK_SIZE(stats_of(q).queued, number);
    CHECK_INT(hk_queue_drop_oldest(q, LARGEST, REASON, &dropped), HK_OK); /* that makes room */
    CHECK(dropped > 0);
    CHECK_INT(hk_queue_wait_room(q, LARGEST, 1000 * MS), HK_OK);
    CHECK_INT(hk_queue_put(q, frame, LARGEST), HK_OK);
    CHECK(takes(q, (unsigned)dropped, 2));
    hk_queue_acknowledge(q, 0);
    hk_queue_free(q);
    CHECK_INT(hk_queue_open(directory, &settings, &q, NULL), HK_OK);
    CHECK_SIZE(stats_of(q).recovered, number + 1 - dropped - 2);
    CHECK_SIZE(stats_of(q).dropped[CORRUPT], 0);
    hk_queue_free(q);
}

static void
fill_a_small_disk(void *arg)
{
    const char *directory = fresh_directory();
    (void)arg;
    if (mount("queue", directory, "tmpfs", 0, "size=1m") == 0) { /* root only */
        fill_the_disk(directory, 16u << 20);
        (void)umount(directory);
    }
    remove_directory(directory);
}

static void
write_over_the_limit(void *arg)
{
    const char *directory = fresh_directory();
    hk_queue_settings settings = settings_of(1u << 20);
    hk_queue *q = NULL;
    (void)arg;
    settings.unmapped = unmapped;
    settings.window = 64u * 1024;
    settings.segment = 64u * 1024;
    (void)signal(SIGXFSZ, SIG_IGN); /* as Python does */
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &(struct rlimit){32u * 1024, 32u * 1024}), 0);
    CHECK_INT(hk_queue_open(directory, &settings, &q, NULL), HK_OK);
    made = 0;
    if (unmapped) { /* the file grows until it is as long as it may be */
        fill(q, 100);
        CHECK_SIZE(stats_of(q).queued, 32u * 1024 / 100);
        CHECK_INT(stats_of(q).disk_failure, EFBIG);
        CHECK_INT(hk_queue_wait_room(q, 100, 5 * MS), HK_ERR_FULL);
        CHECK(takes(q, 0, 32u * 1024 / 100));
        hk_queue_acknowledge(q, 0);
    } else {
        CHECK_INT(put(q, 100), HK_ERR_FULL);
        CHECK_INT(put(q, 100), HK_ERR_FULL);
        CHECK_INT(hk_queue_wait_room(q, 100, 5 * MS), HK_ERR_FULL);
        CHECK_SIZE(files_in(directory, "0"), 0);
    }
    CHECK_SIZE(stats_of(q).queued, 0);
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
    remove_directory(directory);
}

/* ---- forks ---- */

static void
use_in_child(void *queue)
{
    hk_queue *q = queue;
    hk_queue_goal goal;
    size_t dropped;
    const hk_queue_stats stats = stats_of(q);
    CHECK_SIZE(stats.offered, 0);
    CHECK_SIZE(stats.high_water, 0);
    CHECK_SIZE(hk_queue_take(q, SIZE_MAX).frames, 0);
    CHECK_INT(put(q, 100), HK_ERR_CLOSED);
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(hk_queue_drop_all(q, REASON), 0);
    CHECK_SIZE(hk_queue_drop_in_flight(q, REASON), 0);
    hk_queue_acknowledge(q, 0);
    hk_queue_rewind(q, 0);
    hk_queue_refuse(q, REASON);
    CHECK_SIZE(stats_of(q).offered, 1);
    CHECK_INT(hk_queue_sync(q, NULL), HK_OK);
    CHECK_INT(hk_queue_wait(q, 0, -1), HK_QUEUE_DRAINED);
    hk_queue_set_goal(q, &goal);
    CHECK_INT(hk_queue_flush(q, &goal, -1), HK_QUEUE_FLUSHED);
    hk_queue_free(q); /* and no file of the parent's goes with it */
}

static void
test_forked_child_leaves_the_files_alone(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    hk_queue_goal goal;
    made = 0;
    put_many(q, 100, 25);
    CHECK(takes(q, 0, 10));
    hk_queue_set_goal(q, &goal);
    const size_t files = files_in(directory, "");
    in_child(use_in_child, q);
    CHECK_SIZE(files_in(directory, ""), files);
    CHECK_SIZE(stats_of(q).queued, 25);
    hk_queue_acknowledge(q, 0);
    CHECK(takes(q, 10, 10));
    hk_queue_free(q);
    q = open_queue(directory, 20000);
    CHECK_SIZE(stats_of(q).recovered, 15);
    hk_queue_free(q);
}

/* Removed files hold no room in a child that lives on: it has no map of them, and no descriptor. */
static void
hold_nothing(void *path)
{
    char line[600];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        CHECK(strstr(line, path) == NULL);
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
}

static void
test_child_maps_no_file(const char *directory)
{
    hk_queue *q = open_queue(directory, 20000);
    made = 0;
    put_many(q, 100, 25);
    in_child(hold_nothing, (void *)(uintptr_t)directory);
    hk_queue_free(q);
}

/* The floor of the file system is a full disk: what waits is sent, and nothing new is taken. */
static void
test_a_floor_of_free_space(const char *directory)
{
    hk_queue_settings settings = settings_of(5000);
    hk_queue_stats s;
    settings.min_free = 1;
    hk_queue *q = open_with(directory, &settings);
    made = 0;
    put_many(q, 100, 4);
    hk_queue_free(q);
    settings.min_free = SIZE_MAX / 2;
    q = open_with(directory, &settings);
    CHECK_INT(put(q, 100), HK_ERR_FULL);
    hk_queue_get_stats(q, &s);
    CHECK_INT(s.disk_failure, ENOSPC);
    CHECK(takes(q, 0, 4));
    hk_queue_acknowledge(q, 0);
    hk_queue_free(q);
    settings.min_free = 0;
    q = open_with(directory, &settings);
    CHECK_INT(put(q, 100), HK_OK);
    CHECK(takes(q, 4, 1));
    hk_queue_acknowledge(q, 0);
    hk_queue_free(q);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    for (unsigned i = 0; i < 2; i++) {
        const unsigned failed = (unsigned)check_failed;
        unmapped = i == 1;
        on_disk(test_a_floor_of_free_space);
        on_disk(test_frames_over_many_segments);
        on_disk(test_only_frames_are_put);
        on_disk(test_dropping_spares_what_is_in_flight);
        on_disk(test_dropping_the_newest_segment);
        on_disk(test_dropping_leaves_no_empty_segment);
        on_disk(test_batch_outlives_dropping_all);
        on_disk(test_frames_are_found_again);
        on_disk(test_closed_at_once_it_is_drained);
        on_disk(test_smaller_than_before);
        on_disk(test_damage_is_cut_and_counted);
        on_disk(test_damage_while_it_is_open);
        if (!unmapped) { /* what was read from files is kept in a buffer, which nobody can cut */
            on_disk(test_cut_while_it_is_open);
            on_disk(test_cut_in_the_middle_of_a_segment);
        }
        on_disk(test_cut_before_it_is_read);
        on_disk(test_cut_while_nobody_has_it_open);
        on_disk(test_empty_file_in_front_of_others);
        on_disk(test_flush_ends_when_frames_are_cut);
        on_disk(test_sync);
        on_disk(test_segments_that_cannot_work);
        on_disk(test_directory_that_cannot_be_used);
        in_child(fill_a_small_disk, NULL);
        in_child(write_over_the_limit, NULL);
        on_disk(test_forked_child_leaves_the_files_alone);
        on_disk(test_child_maps_no_file);
        if ((unsigned)check_failed > failed) {
            printf("  that was %s\n", unmapped ? "without maps" : "with maps");
        }
    }
    return check_report();
}
