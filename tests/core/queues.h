/* queues.h -- small queues for tests, in memory and on disk: numbered Heka frames, batches checked.
 *
 * The payload of a frame tells who made it and its number, and holds a whole small frame, which
 * must never come out of a larger one that is torn. As check.h: one translation unit a program.
 * Includes: check.h, hk_queue.h. */
#ifndef QUEUES_H
#define QUEUES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/queue/hk_queue.h"
#include "check.h"

#define MS INT64_C(1000000) /* ns */
#define DEADLINE 240u       /* seconds; who hangs is ended by a signal */
#define REASON 3u           /* any */
#define CORRUPT 15u
#define SEGMENT 1000u /* bytes of the segments here */
#define LEAST 70u     /* bytes of the smallest frame that queues_write makes */
#define LARGEST 400u  /* bytes of the largest frame of the queues here */

/* ---- frames ---- */

static const uint8_t small_frame[] = {0x1e, 2, 0x08, 20, 0x1f, 0x0a, 0x10, 0,  1,  2,  3,    4, 5,
                                      6,    7, 8,    9,  10,   11,   12,   13, 14, 15, 0x10, 1};

/* Writes a frame of `len` bytes, LEAST to 16000. */
static inline void
queues_write(uint8_t *to, size_t len, unsigned maker, unsigned number)
{
    size_t header = 2;
    size_t message = len - 3 - header;
    if (message >= 0x80) {
        header = 3;
        message--;
    }
    *to++ = HK_RS;
    *to++ = (uint8_t)header;
    *to++ = 0x08;
    if (header == 3) {
        *to++ = (uint8_t)(message | 0x80);
        *to++ = (uint8_t)(message >> 7);
    } else {
        *to++ = (uint8_t)message;
    }
    *to++ = HK_US;
    memcpy(to, small_frame + 5, 20); /* uuid and timestamp */
    to += 20;
    const size_t wide = message - 22 >= 0x80; /* its length in two bytes, needed or not */
    const size_t payload = message - 22 - wide;
    *to++ = 6 << 3 | 2;
    *to++ = (uint8_t)((payload & 0x7f) | wide << 7);
    if (wide) {
        *to++ = (uint8_t)(payload >> 7);
    }
    char text[16];
    (void)snprintf(text, sizeof text, "%02u:%07u:", maker % 100, number % 10000000);
    memcpy(to, text, 11);
    memcpy(to + 11, small_frame, sizeof small_frame);
    for (size_t i = 11 + sizeof small_frame; i < payload; i++) {
        to[i] = (uint8_t)('a' + (i * 31 + number * 7 + maker) % 26);
    }
}

/* Offset of the payload's text in a frame that queues_write makes. */
static inline size_t
payload_of(const uint8_t *frame)
{
    const size_t at = 3u + frame[1] + 20;
    return at + (frame[at + 1] < 0x80 ? 2 : 3);
}

/* Reads the frame that begins at data: its length, 0 when it is none that queues_write makes. */
static inline size_t
queues_read(const uint8_t *data, size_t left, unsigned *maker, unsigned *number)
{
    uint8_t same[LARGEST];
    char text[12] = "";
    const size_t len = left < LEAST ? 0 : hk_segment_measure(data, left);
    if (len < LEAST || len > sizeof same || data[1] > 3) {
        return 0;
    }
    memcpy(text, data + payload_of(data), 11);
    *maker = (unsigned)strtoul(text, NULL, 10);
    *number = (unsigned)strtoul(text + 3, NULL, 10);
    queues_write(same, len, *maker, *number);
    return memcmp(data, same, len) == 0 ? len : 0;
}

/* ---- directories ---- */

static inline const char *
fresh_directory(void)
{
    static char path[64];
    const char *where =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* files by the thousand */
    (void)snprintf(path, sizeof path, "%s/hk-queue-XXXXXX", where);
    if (mkdtemp(path) == NULL) {
        perror("mkdtemp");
        exit(1);
    }
    return path;
}

/* How many files are there; with `prefix`, whose name begins so. */
static inline size_t
files_in(const char *directory, const char *prefix)
{
    DIR *dir = opendir(directory);
    size_t count = 0;
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            count++;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

static inline void
remove_directory(const char *directory)
{
    char path[512];
    DIR *dir = opendir(directory);
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, e->d_name);
        if (e->d_name[0] != '.') {
            (void)unlink(path);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(directory);
}

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

/* In memory when `directory` is NULL. */
static inline hk_queue *
open_with(const char *directory, const hk_queue_settings *settings)
{
    hk_queue *q = NULL;
    hk_error err = {.text = ""};
    if (!CHECK_INT(hk_queue_open(directory, settings, &q, &err), HK_OK)) {
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
    queues_write(frame, len, 1, made);
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
    while ((len = queues_read(batch->data + at, batch->len - at, &maker, &number)) > 0 &&
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
