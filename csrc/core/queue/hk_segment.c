/* hk_segment.c -- one file of frames: made, written, opened again. */
#include "hk_segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/hk_monitor.h"
#include "core/base/hk_point.h"
#include "core/wire/hk_reader.h"

#define LARGEST_FRAME (HK_MESSAGE_MAX + HK_FRAME_ROOM) /* bytes */
/* At the end of a file, looks behind what might be the beginning of a frame. */
#define TAILS 1024u
#define PIECE ((size_t)64 * 1024) /* bytes of a file that are read at once */

/* ---- names, lengths ---- */

void
hk_segment_name(uint64_t number, char name[HK_SEGMENT_NAME])
{
    (void)snprintf(name, HK_SEGMENT_NAME, "%020" PRIu64 ".heka", number);
}

bool
hk_segment_parse(const char *name, uint64_t *number)
{
    size_t at = 0;
    *number = 0;
    for (; at < 20 && name[at] >= '0' && name[at] <= '9'; at++) {
        *number = *number * 10 + (uint64_t)(name[at] - '0');
    }
    /* Nineteen digits cannot overflow; a first one that is not 0 is none of ours. */
    return at == 20 && name[0] == '0' && strcmp(name + at, ".heka") == 0;
}

size_t
hk_segment_measure_any(const uint8_t *data, size_t left)
{
    hk_header header;
    if (left < HK_FRAME_OVERHEAD || data[0] != HK_RS) {
        return 0;
    }
    const size_t len = data[1];
    if (len == 0 || len > left - HK_FRAME_OVERHEAD || data[2 + len] != HK_US ||
        hk_header_read(data + 2, len, len, &header) != HK_OK) {
        return 0;
    }
    const size_t start = HK_FRAME_OVERHEAD + len;
    return header.message_length <= left - start ? start + header.message_length : 0;
}

/* ---- making, closing ---- */

static hk_segment *
new_segment(void)
{
    hk_segment *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->fd = -1;
    }
    return s;
}

hk_status
hk_segment_create(int directory, const char *name, size_t size, bool mapped, bool populate,
                  hk_segment **out, hk_error *err)
{
    hk_status status = HK_ERR_NOMEM;
    hk_segment *s = new_segment();
    struct stat now;
    int fd = -1;
    *out = NULL;
    if (s == NULL) {
        (void)hk_fail(err, status, 0, "no memory for a segment");
        goto done;
    }
    HK_POINT();
    fd = openat(directory, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                S_IRUSR | S_IWUSR);
    if (fd < 0 || fstat(fd, &now) != 0) {
        status = hk_file_fail_open(err, "cannot make a segment", name);
        goto done;
    }
    HK_POINT();
    status = mapped ? hk_file_reserve(fd, size, err) : HK_ERR_ARGUMENT;
    const bool reserved = status == HK_OK;
    HK_POINT();
    if (reserved) {
        status = hk_file_fill(fd, size, err);
        HK_POINT();
    }
    if (status == HK_OK) {
        s->data = hk_file_map(fd, size, true);
        status = s->data != NULL ? HK_OK : hk_file_fail(err, "cannot map a segment");
    }
    if (status != HK_OK && status != HK_ERR_ARGUMENT) {
        (void)unlinkat(directory, name, 0);
        goto done;
    }
    status = HK_OK;
    s->size = size;
    s->inode = now.st_ino;
    s->open = true;
    if (!reserved) { /* the file is as long as what is written */
        s->cut = true;
        s->fd = fd;
        fd = -1;
    } else if (populate) {
        hk_file_populate(s->data, size);
    }
    *out = s;
    s = NULL;
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    hk_segment_close(s);
    return status;
}

static void
let_go(hk_segment *s)
{
    if (s->data != NULL) {
        (void)munmap(s->data, s->size);
        s->data = NULL;
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
        s->fd = -1;
    }
}

void
hk_segment_close(hk_segment *s)
{
    if (s != NULL) {
        let_go(s);
        free(s->holes);
        free(s);
    }
}

/* ---- writing ---- */

static HK_COLD hk_status
write_file(hk_segment *s, const uint8_t *frame, size_t len)
{
    size_t done = 0;
    while (done < len) {
        HK_POINT();
        const ssize_t n = pwrite(s->fd, frame + done, len - done, (off_t)(s->end + done));
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            s->failure = n == 0 ? ENOSPC : errno;
            s->retry_at = hk_deadline(0) + HK_SEGMENT_PAUSE;
            const int refused = ftruncate(s->fd, (off_t)s->end);
            (void)refused;
            return HK_ERR_FULL;
        }
    }
    s->failure = 0;
    s->retry_at = 0;
    return HK_OK;
}

static inline void
copy(uint8_t *to, const uint8_t *from, size_t len)
{
#ifdef HK_CRASH_POINTS
    memcpy(to, from, len / 2);
    HK_POINT();
    to += len / 2;
    from += len / 2;
    len -= len / 2;
#endif
    memcpy(to, from, len);
}

hk_status
hk_segment_append_run(hk_segment *s, const uint8_t *frame, size_t len, size_t frames)
{
    assert(hk_segment_fits(s, len) && len > 1);
    if (HK_UNLIKELY(s->fd >= 0)) {
        const hk_status status = write_file(s, frame, len);
        if (status != HK_OK) {
            return status;
        }
    } else {
        uint8_t *to = s->data + s->end;
        HK_POINT();
        copy(to + 1, frame + 1, len - 1);
        HK_POINT();
        /* A process that is killed has done its stores in this order; so no other is needed. */
        atomic_signal_fence(memory_order_seq_cst);
        to[0] = frame[0];
        atomic_signal_fence(memory_order_seq_cst);
    }
    HK_POINT();
    s->end += len;
    s->frames += frames;
    return HK_OK;
}

void
hk_segment_trim(const hk_segment *s, size_t *from, size_t to)
{
    if (s->data != NULL && to > *from && to - *from >= HK_SEGMENT_TRIM) {
        hk_file_release(s->data, *from, to);
        *from = to;
    }
}

void
hk_segment_end(hk_segment *s)
{
    s->open = false;
}

/* ---- reading ---- */

size_t
hk_segment_look(int directory, const hk_segment *s)
{
    struct stat now;
    if (HK_UNLIKELY(fstatat(directory, s->name, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
                    now.st_ino != s->inode)) {
        return hk_file_readable(s->data, s->end); /* removed, or renamed */
    }
    return now.st_size >= (off_t)s->end ? s->end : (size_t)now.st_size;
}

static int
open_file(int directory, uint64_t number)
{
    char name[HK_SEGMENT_NAME];
    hk_segment_name(number, name);
    return openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

size_t
hk_segment_read(int directory, const hk_segment *s, size_t at, uint8_t *to, size_t len)
{
    const int fd = s->parked ? open_file(directory, s->number) : s->fd;
    size_t done = 0;
    while (done < len && fd >= 0) {
        const ssize_t n = pread(fd, to + done, len - done, (off_t)(at + done));
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break; /* what is missing, or cannot be read, is not there */
        }
    }
    if (s->parked && fd >= 0) {
        (void)close(fd);
    }
    return done;
}

/* ---- opening again ---- */

/* Takes in the frame at `at`, behind the last one; what lies between them is a hole. */
static hk_status
add_frame(hk_segment *s, size_t at, size_t len)
{
    assert(at >= s->end);
    if (at > s->end) {
        if ((s->hole_count & (s->hole_count - 1)) == 0) { /* 0 or a power of two: all are used */
            const size_t room = s->hole_count > 0 ? 2 * s->hole_count : 1;
            hk_hole *holes = realloc(s->holes, room * sizeof *holes);
            if (holes == NULL) {
                return HK_ERR_NOMEM;
            }
            s->holes = holes;
        }
        s->holes[s->hole_count++] = (hk_hole){s->end, at - s->end};
        s->hole_bytes += at - s->end;
    }
    s->end = at + len;
    s->frames++;
    return HK_OK;
}

/* The bytes of a file that is looked through: the whole map, or piece after piece. */
typedef struct {
    const hk_segment *segment;
    uint8_t *piece; /* borrowed: PIECE bytes; NULL: the segment is mapped */
} source;

/* The next bytes from `from` to `to`, at least one; empty: they cannot be read. */
static hk_slice
next_bytes(const source *in, size_t from, size_t to)
{
    const size_t left = to - from;
    if (in->piece == NULL) {
        return (hk_slice){in->segment->data + from, left};
    }
    const size_t len = left < PIECE ? left : PIECE;
    return (hk_slice){in->piece, hk_segment_read(-1, in->segment, from, in->piece, len)};
}

/* Takes in what one stream reader finds in the bytes from `from` to `to`; with `strictly`, as long
 * as each frame begins where the one before ended. *rest: where it has stopped, behind the bytes
 * that are frames or surely none. */
static hk_status
read_frames(hk_segment *s, const source *in, size_t from, size_t to, bool strictly, size_t *rest)
{
    hk_reader reader;
    hk_frame frame;
    size_t expected = from;
    size_t fed = from;
    hk_status status;
    hk_reader_init(&reader, HK_LENGTH_MAX, NULL, false); /* so that no frame is refused */
    for (;;) {
        const uint64_t before = reader.delivered_bytes;
        status = hk_reader_next(&reader, &frame, NULL);
        if (status == HK_ERR_TRUNCATED && fed < to) {
            const hk_slice bytes = next_bytes(in, fed, to);
            if (bytes.len == 0) { /* as if the file ended here */
                to = fed;
                continue;
            }
            hk_reader_feed(&reader, bytes.data, bytes.len);
            fed += bytes.len;
            continue;
        }
        if (status != HK_OK) {
            break;
        }
        const size_t len = (size_t)(reader.delivered_bytes - before);
        const size_t end = from + (size_t)(reader.delivered_bytes + reader.discarded_bytes);
        if (strictly && end - len != expected) {
            break;
        }
        expected = end;
        if (len <= LARGEST_FRAME) { /* none that is larger was ever put */
            status = add_frame(s, end - len, len);
        }
        if (status != HK_OK) {
            break;
        }
    }
    *rest = to - hk_reader_pending(&reader);
    hk_reader_clear(&reader);
    return status == HK_ERR_NOMEM ? status : HK_OK;
}

static hk_status
scan(hk_segment *s, const source *in, size_t from, size_t to, bool strictly)
{
    size_t rest = to;
    hk_status status = HK_OK;
    for (unsigned tails = 0; from < to && tails < TAILS && status == HK_OK; tails++) {
        status = read_frames(s, in, from, to, strictly, &rest);
        /* There the reader waits for more of what begins like a frame, and no more will come. */
        from = strictly ? to : rest + 1;
    }
    return status;
}

static bool
only_zeros(const source *in, size_t from, size_t to)
{
    while (from < to) {
        const hk_slice bytes = next_bytes(in, from, to);
        if (bytes.len == 0) {
            break;
        }
        if (bytes.data[0] != 0 || memcmp(bytes.data, bytes.data + 1, bytes.len - 1) != 0) {
            return false;
        }
        from += bytes.len;
    }
    return true;
}

/* Looks through the file from s->begin to `size`. */
static hk_status
look_through(hk_segment *s, size_t size, size_t known, uint8_t *piece, size_t *cut)
{
    const source in = {s, piece};
    const size_t middle = known < s->begin ? s->begin : known < size ? known : size;
    hk_status status = scan(s, &in, s->begin, middle, false);
    if (status == HK_OK) {
        status = scan(s, &in, middle, size, true);
    }
    *cut = s->hole_count + !only_zeros(&in, s->end, size);
    return status;
}

hk_status
hk_segment_open(int directory, uint64_t number, size_t begin, size_t known, bool mapped,
                hk_segment **out, size_t *cut, hk_error *err)
{
    hk_status status = HK_ERR_NOMEM;
    hk_segment *s = new_segment();
    uint8_t *piece = mapped ? NULL : malloc(PIECE);
    struct stat now;
    char name[HK_SEGMENT_NAME];
    hk_segment_name(number, name);
    *out = NULL;
    *cut = 0;
    int fd = open_file(directory, number);
    if (fd < 0 || fstat(fd, &now) != 0) {
        status = hk_file_fail_open(err, "cannot open a segment", name);
        goto done;
    }
    const size_t size = now.st_size > 0 ? (size_t)now.st_size : 0;
    if (!S_ISREG(now.st_mode) || begin >= size) {
        status = HK_OK;
        goto done;
    }
    if (s == NULL || (piece == NULL && !mapped)) {
        goto done;
    }
    if (mapped) {
        s->data = hk_file_map(fd, size, false);
        if (s->data == NULL) {
            status = hk_file_fail(err, "cannot map a segment");
            goto done;
        }
    } else {
        s->fd = fd;
        fd = -1;
    }
    s->size = size;
    s->inode = now.st_ino;
    s->number = number;
    memcpy(s->name, name, sizeof name);
    s->begin = s->end = begin;
    status = look_through(s, size, known, piece, cut);
    if (status != HK_OK) {
        goto done;
    }
    s->cut = true;
    if (size > s->end) {
        hk_file_cut(directory, name, s->end);
    }
    if (s->frames > 0) {
        *out = s;
        s = NULL;
    }
done:
    if (status == HK_ERR_NOMEM) {
        (void)hk_fail(err, status, 0, "no memory to look through a segment");
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(piece);
    hk_segment_close(s);
    return status;
}

/* ---- parked ---- */

hk_status
hk_segment_guess(int directory, uint64_t number, size_t begin, uint64_t frames, hk_segment **out,
                 hk_error *err)
{
    struct stat now;
    char name[HK_SEGMENT_NAME];
    hk_segment_name(number, name);
    *out = NULL;
    if (frames == 0 || fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(now.st_mode) || now.st_size <= (off_t)begin ||
        now.st_size > (off_t)HK_SEGMENT_LIMIT ||
        frames > ((uint64_t)now.st_size - begin) / HK_FRAME_OVERHEAD) {
        return HK_OK;
    }
    hk_segment *s = new_segment();
    if (s == NULL) {
        return hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a segment");
    }
    s->number = number;
    memcpy(s->name, name, sizeof name);
    s->begin = begin;
    s->size = s->end = (size_t)now.st_size;
    s->frames = (size_t)frames;
    s->inode = now.st_ino;
    s->parked = s->unread = s->cut = true;
    *out = s;
    return HK_OK;
}

void
hk_segment_park(hk_segment *s)
{
    let_go(s);
    s->parked = true;
}

hk_status
hk_segment_wake(int directory, uint64_t number, size_t end, ino_t inode, bool mapped,
                hk_segment **out, hk_error *err)
{
    hk_status status = HK_OK;
    hk_segment *s = NULL;
    struct stat now;
    *out = NULL;
    int fd = open_file(directory, number);
    if (fd < 0 || fstat(fd, &now) != 0) {
        const bool gone = errno == ENOENT || errno == ELOOP;
        status = gone ? HK_OK : hk_file_fail(err, "cannot open a segment");
        goto done;
    }
    if (now.st_ino != inode) {
        goto done;
    }
    s = new_segment();
    if (s == NULL) {
        status = hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a segment");
        goto done;
    }
    s->size = end;
    if (mapped) {
        s->data = hk_file_map(fd, end, false);
        status = s->data != NULL ? HK_OK : hk_file_fail(err, "cannot map a segment");
    } else {
        s->fd = fd;
        fd = -1;
    }
    if (status == HK_OK) {
        *out = s;
        s = NULL;
    }
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    hk_segment_close(s);
    return status;
}

size_t
hk_segment_skip(const hk_segment *s, size_t at)
{
    size_t low = 0;
    size_t high = s->hole_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->holes[middle].at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < s->hole_count && s->holes[low].at == at ? at + s->holes[low].len : at;
}
