/* hk_cursor.h -- where a queue on disk ends and what is acknowledged: one mapped file.
 *
 *     offset  size  value
 *     0       16    "heka cursor 1\n", for people
 *     64      32    the end, one of two marks        128     32    acknowledged, one of two marks
 *     96      32    the end, the other one           160     32    acknowledged, the other one
 *
 *     a mark: number of the frame, number of its segment, offset in that, checksum: 8 bytes each,
 *     in the machine's order
 *
 * A mark is written over the older of the two. Places only grow, so of two that are right the
 * further one counts; one that was torn, or rotted, has a wrong checksum, and the older one counts.
 * It costs four stores. Without a map, which is the caller's choice, and where the file system
 * cannot reserve, a mark is written by pwrite(2).
 * No lock, no allocation; one owner at a time. Includes: hk_status.h, hk_point.h. */
#ifndef HK_CURSOR_H
#define HK_CURSOR_H

#include <unistd.h>

#include "core/base/hk_point.h"
#include "core/base/hk_status.h"

#define HK_CURSOR_FILE "cursor"
#define HK_CURSOR_SIZE 4096u /* bytes */
#define HK_CURSOR_MARKS 64u  /* offset of the first mark */

/* A place between two frames. */
typedef struct {
    uint64_t frame;   /* number of the frame that begins there */
    uint64_t segment; /* number of the segment's first frame */
    uint64_t offset;  /* bytes */
} hk_mark;

typedef enum { HK_CURSOR_END, HK_CURSOR_ACKNOWLEDGED } hk_cursor_mark;

typedef struct {
    uint64_t *map;      /* owned, NULL: written by pwrite */
    int fd;             /* owned, -1 when mapped */
    unsigned newest[2]; /* of each kind: which one was written last */
} hk_cursor;

/* Opens the cursor in this directory, or makes one. HK_ERR_SYSTEM: errno in err->offset, the text
 * without the path. */
HK_CHECK hk_status hk_cursor_open(int directory, bool mapped, hk_cursor *c, hk_error *err);
void hk_cursor_close(hk_cursor *c);

/* In a forked child: closes what is the parent's, and touches nothing else. */
void hk_cursor_forget(hk_cursor *c);

/* The mark as the file has it; false: none that is right. */
bool hk_cursor_read(const hk_cursor *c, hk_cursor_mark which, hk_mark *mark);

/* What is in the file is on the disk. HK_ERR_SYSTEM. */
HK_CHECK hk_status hk_cursor_sync(int directory, hk_error *err);

/* Odd factors, so that each bit of each number counts; not 0 for zeros. */
static inline uint64_t
hk_cursor_checksum(const hk_mark *mark)
{
    const uint64_t sum = mark->frame * UINT64_C(0x9e3779b97f4a7c15) +
                         mark->segment * UINT64_C(0xc2b2ae3d27d4eb4f) +
                         mark->offset * UINT64_C(0x165667b19e3779f9);
    return (sum ^ sum >> 32) + UINT64_C(0x68656b612063757a);
}

HK_COLD void hk_cursor_write_file(const hk_cursor *c, size_t offset, const uint64_t mark[4]);

/* Moves the mark there. Whoever is killed meanwhile leaves this one or the one before. */
static inline void
hk_cursor_move(hk_cursor *c, hk_cursor_mark which, hk_mark mark)
{
    const unsigned slot = c->newest[which] ^= 1;
    const size_t at = HK_CURSOR_MARKS + 64u * (size_t)which + 32u * slot;
    const uint64_t checksum = hk_cursor_checksum(&mark);
    if (HK_UNLIKELY(c->map == NULL)) {
        hk_cursor_write_file(c, at, (uint64_t[4]){mark.frame, mark.segment, mark.offset, checksum});
        return;
    }
    uint64_t *to = c->map + at / sizeof *to;
    HK_POINT();
    to[0] = mark.frame;
    HK_POINT();
    to[1] = mark.segment;
    HK_POINT();
    to[2] = mark.offset;
    HK_POINT();
    to[3] = checksum;
    HK_POINT();
}

#endif
