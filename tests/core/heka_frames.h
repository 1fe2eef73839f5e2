/* heka_frames.h -- for tests: numbered Heka frames, and directories to put them into.
 *
 * The payload of a frame tells who made it and its number, and holds a whole small frame, which
 * must never come out of a larger one that is torn. As check.h: one translation unit a program.
 * Includes: hk_segment.h. */
#ifndef HEKA_FRAMES_H
#define HEKA_FRAMES_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/queue/hk_segment.h"

#define LEAST 70u    /* bytes of the smallest frame that heka_frame_write makes */
#define LARGEST 400u /* bytes of the largest frame that heka_frame_read reads */

/* ---- frames ---- */

static const uint8_t small_frame[] = {0x1e, 2, 0x08, 20, 0x1f, 0x0a, 0x10, 0,  1,  2,  3,    4, 5,
                                      6,    7, 8,    9,  10,   11,   12,   13, 14, 15, 0x10, 1};

/* Writes a frame of `len` bytes, LEAST to 16000. */
static inline void
heka_frame_write(uint8_t *to, size_t len, unsigned maker, unsigned number)
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

/* Offset of the payload's text in a frame that heka_frame_write makes. */
static inline size_t
payload_of(const uint8_t *frame)
{
    const size_t at = 3u + frame[1] + 20;
    return at + (frame[at + 1] < 0x80 ? 2 : 3);
}

/* Reads the frame that begins at data: its length, 0 when it is none that heka_frame_write makes.
 */
static inline size_t
heka_frame_read(const uint8_t *data, size_t left, unsigned *maker, unsigned *number)
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
    heka_frame_write(same, len, *maker, *number);
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

#endif
