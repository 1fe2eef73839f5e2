/* spools.h -- small spools for tests: directories, numbered Heka frames, batches checked.
 *
 * The payload of a frame tells who made it and its number, and holds a whole small frame, which
 * must never come out of a larger one that is torn. As check.h: one translation unit a program.
 * Includes: check.h, hk_segment.h, hk_spool.h. */
#ifndef SPOOLS_H
#define SPOOLS_H

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/queue/hk_segment.h"
#include "core/queue/hk_spool.h"
#include "check.h"

#define MS INT64_C(1000000) /* ns */
#define DEADLINE 240u       /* seconds; who hangs is ended by a signal */
#define REASON 3u           /* any */
#define CORRUPT 15u
#define SEGMENT 1000u /* bytes of the segments here */
#define LEAST 70u     /* bytes of the smallest frame that spools_write makes */
#define LARGEST 400u  /* bytes of the largest frame of the spools here */

/* ---- frames ---- */

static const uint8_t small_frame[] = {0x1e, 2, 0x08, 20, 0x1f, 0x0a, 0x10, 0,  1,  2,  3,    4, 5,
                                      6,    7, 8,    9,  10,   11,   12,   13, 14, 15, 0x10, 1};

/* Writes a frame of `len` bytes, LEAST to 16000. */
static inline void
spools_write(uint8_t *to, size_t len, unsigned maker, unsigned number)
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

/* Offset of the payload's text in a frame that spools_write makes. */
static inline size_t
payload_of(const uint8_t *frame)
{
    const size_t at = 3u + frame[1] + 20;
    return at + (frame[at + 1] < 0x80 ? 2 : 3);
}

/* Reads the frame that begins at data: its length, 0 when it is none that spools_write makes. */
static inline size_t
spools_read(const uint8_t *data, size_t left, unsigned *maker, unsigned *number)
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
    spools_write(same, len, *maker, *number);
    return memcmp(data, same, len) == 0 ? len : 0;
}

/* ---- directories ---- */

static inline const char *
fresh_directory(void)
{
    static char path[64];
    const char *where =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* files by the thousand */
    (void)snprintf(path, sizeof path, "%s/hk-spool-XXXXXX", where);
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

/* ---- spools ---- */

static inline hk_spool_settings
settings_of(size_t capacity)
{
    return (hk_spool_settings){.capacity = capacity,
                               .frame_max = LARGEST,
                               .window = 1000,
                               .segment = SEGMENT,
                               .corrupt = CORRUPT};
}

static inline hk_spool *
open_spool(const char *directory, size_t capacity)
{
    const hk_spool_settings settings = settings_of(capacity);
    hk_spool *s = NULL;
    hk_error err = {.text = ""};
    if (!CHECK_INT(hk_spool_open(directory, &settings, &s, &err), HK_OK)) {
        printf("  %s\n", err.text);
        exit(check_report());
    }
    return s;
}

static unsigned made; /* frames that put() got in: the next one's number */

static inline hk_status
put(hk_spool *s, size_t len)
{
    uint8_t frame[LARGEST + 1];
    spools_write(frame, len, 1, made);
    const hk_status status = hk_spool_put(s, frame, len);
    made += status == HK_OK;
    return status;
}

/* The batch holds `frames` whole frames, from the number `first` on. */
static inline bool
holds(const hk_ring_batch *batch, unsigned first, size_t frames)
{
    size_t at = 0;
    size_t n = 0;
    unsigned maker = 0;
    unsigned number = 0;
    size_t len;
    while ((len = spools_read(batch->data + at, batch->len - at, &maker, &number)) > 0 &&
           number == first + n) {
        at += len;
        n++;
    }
    return batch->frames == frames && n == frames && at == batch->len;
}

/* Takes `frames` frames from number `first` on, in as many batches as it needs. */
static inline bool
takes(hk_spool *s, unsigned first, size_t frames)
{
    size_t n = 0;
    while (n < frames) {
        const hk_ring_batch batch = hk_spool_take(s, SIZE_MAX);
        if (batch.frames == 0 || !holds(&batch, first + (unsigned)n, batch.frames)) {
            return false;
        }
        n += batch.frames;
    }
    return n == frames;
}

/* The counters, which balance, with the frames that are really there. */
static inline hk_ring_stats
stats_of(hk_spool *s)
{
    hk_ring_stats stats;
    uint64_t dropped = 0;
    hk_spool_get_stats(s, &stats);
    for (size_t i = 0; i < HK_RING_REASONS; i++) {
        dropped += stats.dropped[i];
    }
    CHECK_SIZE(stats.offered + stats.recovered, stats.sent + dropped + stats.queued);
    CHECK_SIZE(hk_spool_count(s), stats.queued);
    return stats;
}

/* The outcome for what is there now. */
static inline hk_ring_outcome
flush(hk_spool *s, int64_t timeout_ns)
{
    hk_ring_goal goal;
    hk_spool_set_goal(s, &goal);
    return hk_spool_flush(s, &goal, timeout_ns);
}

#endif
