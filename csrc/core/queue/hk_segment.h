/* hk_segment.h -- one file of frames: plain Heka frames one behind the other, and nothing else.
 *
 *     0          begin                     end             size
 *     |  frames that  |  frames of the      |  reserved, zeros  |
 *     |  are gone     |  queue, and holes   |  (until it is cut) |
 *
 * While it is written, the file is reserved and mapped as a whole; a frame's first byte, the record
 * separator, is stored when its others are there, so what is not whole does not begin like a frame.
 * Afterwards it is cut to its end. Without a map, which is the caller's choice, and where the file
 * system cannot reserve, frames are written by pwrite(2) and read by pread(2).
 * Whoever reads a map behind the end of its file is ended by a signal. So before a segment is read,
 * hk_segment_look asks how much of it is there: somebody else may have cut the file.
 * A segment that is opened again is looked through as the stream reader does (hk_reader.h): bytes
 * that are no frame become holes, and what follows the last whole frame is cut.
 * No lock; one owner at a time. Includes: hk_frame.h, hk_file.h. */
#ifndef HK_SEGMENT_H
#define HK_SEGMENT_H

#include <sys/types.h>

#include "core/base/hk_file.h"
#include "core/wire/hk_frame.h"

#define HK_SEGMENT_LIMIT (256u * 1024u * 1024u) /* bytes of a segment */
#define HK_SEGMENT_TRIM (4u * 1024u * 1024u)    /* bytes of pages that are released at once */
#define HK_SEGMENT_PAUSE INT64_C(50000000)      /* ns until a full disk is asked again */
#define HK_SEGMENT_NAME 26u                     /* bytes of a name: 20 digits, ".heka", NUL */

/* Bytes between frames that are no frame. */
typedef struct {
    size_t at;
    size_t len;
} hk_hole;

typedef struct hk_segment {
    struct hk_segment *next; /* the one after it, where its owner keeps several */
    uint64_t number;         /* of its first frame */
    uint8_t *data;           /* owned map; NULL: the file is read through `fd` */
    size_t size;             /* bytes of it, or that may be written */
    size_t begin;            /* offset of its first frame that belongs to the queue */
    size_t end;              /* offset behind its last one */
    size_t frames;           /* from begin to end */
    hk_hole *holes;          /* owned: `hole_count` of them in ascending order */
    size_t hole_count;
    size_t hole_bytes;
    size_t taken;               /* frames that its owner has handed out; for the owner */
    size_t taken_bytes;         /* of those */
    size_t synced;              /* offset up to which it was written out; for the owner */
    size_t written_out;         /* offset up to which pages that were written are released */
    size_t read_out;            /* the same of pages that were read */
    ino_t inode;                /* of the file */
    int fd;                     /* owned, -1: the file is mapped */
    int failure;                /* errno of the last write through fd; 0: it was done */
    int64_t retry_at;           /* not to write before (as hk_deadline), if somebody can wait */
    bool open;                  /* frames are appended */
    bool parked;                /* neither mapped nor open: to be woken before it is read */
    bool unread;                /* parked since it was found: frames and end are guesses */
    bool cut;                   /* what is behind the end was cut off the file, or will never be */
    char name[HK_SEGMENT_NAME]; /* of the file */
} hk_segment;

/* Bytes of frames from begin to end. */
static inline size_t
hk_segment_bytes(const hk_segment *s)
{
    return s->end - s->begin - s->hole_bytes;
}

void hk_segment_name(uint64_t number, char name[HK_SEGMENT_NAME]);

/* The number in a segment's name; false when it is no such name. */
bool hk_segment_parse(const char *name, uint64_t *number);

/* Length of the frame that data[0..left) begins with, by its separators and lengths; 0: there is
 * none, or not all of it. */
size_t hk_segment_measure_any(const uint8_t *data, size_t left);

static inline size_t
hk_segment_measure(const uint8_t *data, size_t left)
{
    /* The headers of unsigned frames: the length of the Message in one, two or three bytes. */
    if (HK_LIKELY(left > 7 && data[0] == HK_RS && data[2] == 0x08)) {
        size_t total = 0;
        if (data[1] == 3 && data[3] >= 0x80 && data[4] < 0x80 && data[5] == HK_US) {
            total = 6u + (data[3] & 0x7fu) + ((size_t)data[4] << 7);
        } else if (data[1] == 2 && data[3] < 0x80 && data[4] == HK_US) {
            total = 5u + data[3];
        }
        if (HK_LIKELY(total > 0)) {
            return total <= left ? total : 0;
        }
    }
    return hk_segment_measure_any(data, left);
}

/* Makes the file; with `mapped`, where that is possible, it is reserved and mapped, and with
 * `populate` its pages are in memory then. On failure no file is left. HK_ERR_SYSTEM,
 * HK_ERR_NOMEM. */
HK_CHECK hk_status hk_segment_create(int directory, const char *name, size_t size, bool mapped,
                                     bool populate, hk_segment **out, hk_error *err);

/* Opens the segment of that name to be read. Its frames begin at `begin`. All that lies before
 * `known` was taken in: frames are looked for in all of it. Behind, they count as long as they
 * follow each other. *cut: pieces that are no frame. *out: NULL when no frame is there.
 * HK_ERR_SYSTEM, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_segment_open(int directory, uint64_t number, size_t begin, size_t known,
                                   bool mapped, hk_segment **out, size_t *cut, hk_error *err);

/* A parked segment for a file that nobody has read: its frames begin at `begin`, are `frames` by
 * the names of files, and end with the file. *out is NULL where that cannot be; only HK_ERR_NOMEM.
 */
HK_CHECK hk_status hk_segment_guess(int directory, uint64_t number, size_t begin, uint64_t frames,
                                    hk_segment **out, hk_error *err);

/* Unmaps, or closes, a segment that nobody writes to and no batch points into. */
void hk_segment_park(hk_segment *s);

/* Opens the file of a parked segment that was read before: `end` bytes of it, and this inode. *out
 * has `data` or `fd`, and nothing else; NULL: the file is not there any more. HK_ERR_SYSTEM,
 * HK_ERR_NOMEM. */
HK_CHECK hk_status hk_segment_wake(int directory, uint64_t number, size_t end, ino_t inode,
                                   bool mapped, hk_segment **out, hk_error *err);

/* The offset up to which a mapped segment can be read: its end, or that of a file that became
 * shorter, also if it was removed or renamed then (hk_file_readable). */
size_t hk_segment_look(int directory, const hk_segment *s);

/* Reads the file of a segment that is not mapped, or parked: how many bytes, 0 to `len`. */
size_t hk_segment_read(int directory, const hk_segment *s, size_t at, uint8_t *to, size_t len);

/* Unmaps it. NULL is allowed. The file stays. */
void hk_segment_close(hk_segment *s);

static inline bool
hk_segment_fits(const hk_segment *s, size_t len)
{
    return s->open && len <= s->size - s->end;
}

/* Appends `frames` frames that follow each other and fit. The first byte of the first is stored
 * last, so who is killed before leaves none of them; without a map, those that were written.
 * HK_ERR_FULL: the disk is (with pwrite only); none is left then. */
HK_CHECK hk_status hk_segment_append_run(hk_segment *s, const uint8_t *data, size_t len,
                                         size_t frames);

static inline HK_CHECK hk_status
hk_segment_append(hk_segment *s, const uint8_t *frame, size_t len)
{
    return hk_segment_append_run(s, frame, len, 1);
}

/* Releases the pages from *from to `to`, if they are many, and moves *from there. */
void hk_segment_trim(const hk_segment *s, size_t *from, size_t to);

/* Nothing more is appended. */
void hk_segment_end(hk_segment *s);

/* Where the next frame is, from an offset between two frames: behind the holes, if any. */
size_t hk_segment_skip(const hk_segment *s, size_t at);

#endif
