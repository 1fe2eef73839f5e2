/* fuzz_spool.c -- a queue on disk, among files that are forged, cut and scribbled on.
 *
 * The input is a list of steps: kind, two bytes of arguments, and bytes that some kinds take more.
 * Files are forged while the queue is closed, changed while it is open, and the queue is used in
 * between. After each step the account has to balance; frames that are handed out are whole; and as
 * long as nobody has changed its files, the queue holds as many frames as it counts. A put into a
 * mapped file that was cut ends the process, so there is none until the queue is opened again. */
#include <stdio.h>
#include <stdlib.h>

#include "core/queue/hk_queue.h"
#include "heka_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define REASON 3u
#define CORRUPT 15u
#define STEPS_MAX 200u

enum kind {
    FORGE_FRAMES,
    FORGE_BYTES,
    FORGE_MARK,
    FORGE_CURSOR,
    OPEN,
    PUT,
    TAKE,
    ACKNOWLEDGE,
    REWIND,
    DROP_OLDEST,
    DROP_IN_FLIGHT,
    DROP_ALL,
    CUT,
    SCRIBBLE,
    REMOVE,
    SYNC,
    FREE,
    KINDS
};

/* The rest of the input. */
typedef struct {
    const uint8_t *data;
    size_t len;
} input;

typedef struct {
    hk_queue *queue; /* NULL: closed */
    unsigned made;   /* frames */
    bool mapped;
    bool changed; /* a file of the open queue was */
} state;

static int directory = -1;
static char path[200];

static void
expect(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_spool: %s\n", what);
        abort();
    }
}

static void
clean_up(void)
{
    (void)rmdir(path);
}

/* One directory for all runs, in memory where that is possible. */
static void
prepare(void)
{
    if (directory >= 0) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/heka-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    expect(mkdtemp(path) != NULL, "no directory");
    directory = open(path, O_RDONLY | O_DIRECTORY);
    expect(directory >= 0, "the directory cannot be opened");
    (void)atexit(clean_up);
}

/* The names of its files; with `which` the one of that number, counted round and round. */
static bool
name_of(size_t which, char name[64], bool remove_all)
{
    char names[64][64];
    size_t count = 0;
    DIR *dir = opendir(path);
    expect(dir != NULL, "the directory cannot be listed");
    for (const struct dirent *e; (e = readdir(dir)) != NULL && count < 64;) {
        if (e->d_name[0] != '.' && strlen(e->d_name) < 64) {
            (void)strcpy(names[count++], e->d_name);
        }
    }
    (void)closedir(dir);
    for (size_t i = 0; remove_all && i < count; i++) {
        (void)unlinkat(directory, names[i], 0);
    }
    if (count == 0 || remove_all) {
        return count > 0;
    }
    (void)strcpy(name, names[which % count]);
    return true;
}

/* Takes at most n bytes off the input. */
static input
take_bytes(input *in, size_t n)
{
    const input taken = {in->data, n < in->len ? n : in->len};
    in->data += taken.len;
    in->len -= taken.len;
    return taken;
}

/* ---- files ---- */

static void
write_at(const char *name, size_t at, const uint8_t *data, size_t len)
{
    const int fd = openat(directory, name, O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) {
        expect(pwrite(fd, data, len, (off_t)at) == (ssize_t)len, "cannot write");
        (void)close(fd);
    }
}

static void
forge_frames(state *s, size_t number, size_t count, input *in)
{
    char name[HK_SEGMENT_NAME];
    uint8_t frame[LARGEST];
    size_t at = 0;
    hk_segment_name(number, name);
    for (size_t i = 0; i < count; i++) {
        const input more = take_bytes(in, 1);
        const size_t len = LEAST + (more.len > 0 ? more.data[0] : 0);
        heka_frame_write(frame, len, 1, s->made++);
        write_at(name, at, frame, len);
        at += len;
    }
}

static void
forge_mark(size_t slot, size_t flags, input *in)
{
    uint64_t mark[4] = {0, 0, 0, 0};
    for (size_t i = 0; i < 3; i++) {
        const input more = take_bytes(in, 2);
        for (size_t k = 0; k < more.len; k++) {
            mark[i] |= (uint64_t)more.data[k] << 8 * k;
        }
        mark[i] <<= (flags >> i & 1) != 0 ? 48 : 0;
    }
    mark[3] = hk_cursor_checksum(&(hk_mark){mark[0], mark[1], mark[2]}) + (flags >> 3 & 1);
    write_at(HK_CURSOR_FILE, HK_CURSOR_MARKS + 32 * (slot % 4), (const uint8_t *)mark, sizeof mark);
}

/* ---- the queue ---- */

static void
close_queue(state *s)
{
    hk_queue_free(s->queue);
    s->queue = NULL;
}

static void
open_again(state *s, size_t how)
{
    const hk_queue_settings settings = {.capacity = 4000,
                                        .frame_max = LARGEST,
                                        .window = 1000,
                                        .segment = 1000,
                                        .corrupt = CORRUPT,
                                        .unmapped = (how & 1) != 0,
                                        .lazy = (how & 2) != 0};
    hk_error err;
    close_queue(s);
    s->mapped = !settings.unmapped;
    s->changed = false;
    const hk_status status = hk_queue_open(path, &settings, &s->queue, &err);
    expect(status == HK_OK || s->queue == NULL, "a queue that was not opened");
}

static void
check_account(state *s)
{
    hk_queue_stats stats;
    uint64_t dropped = 0;
    hk_queue_get_stats(s->queue, &stats);
    for (size_t i = 0; i < HK_QUEUE_REASONS; i++) {
        dropped += stats.dropped[i];
    }
    expect(stats.offered + stats.recovered == stats.sent + dropped + stats.queued,
           "the account does not balance");
    expect(stats.in_flight <= stats.queued && stats.queued <= stats.high_water,
           "more in flight than queued, or more queued than ever");
    expect(stats.recovered < 1u << 20, "more was found than there can be");
    expect(s->changed || hk_queue_count(s->queue) == stats.queued, "frames that are not there");
}

static void
take(state *s, size_t most)
{
    const hk_queue_batch batch = hk_queue_take(s->queue, most);
    size_t at = 0;
    size_t frames = 0;
    unsigned sum = 0;
    for (; at < batch.len; frames++) {
        const size_t len = hk_segment_measure(batch.data + at, batch.len - at);
        if (len == 0) {
            break;
        }
        for (size_t i = 0; i < len; i++) {
            sum += batch.data[at + i];
        }
        at += len;
    }
    /* After a rewind the bytes are handed out by their lengths: others may have changed them. */
    expect(s->changed || (at == batch.len && frames == batch.frames), "a batch of torn frames");
    expect(batch.frames == 0 || sum > 0, "a batch of zeros");
}

static void
put(state *s, size_t len, size_t times)
{
    uint8_t frame[LARGEST];
    if (s->mapped && s->changed) {
        return;
    }
    for (size_t i = 0; i < times; i++) {
        heka_frame_write(frame, len, 2, s->made);
        const hk_status status = hk_queue_put(s->queue, frame, len);
        expect(status == HK_OK || status == HK_ERR_FULL, "a frame that was refused");
        s->made += status == HK_OK;
    }
}

static void
use(state *s, enum kind kind, size_t one, size_t other, input *in)
{
    char name[64];
    size_t dropped;
    if (kind >= CUT && kind <= REMOVE && !name_of(one, name, false)) {
        return;
    }
    const bool is_cursor = kind >= CUT && kind <= REMOVE && strcmp(name, HK_CURSOR_FILE) == 0;
    switch (kind) {
        case PUT:
            put(s, LEAST + one, other % 16);
            break;
        case TAKE:
            take(s, one * 16);
            break;
        case ACKNOWLEDGE:
            hk_queue_acknowledge(s->queue, one * 8);
            break;
        case REWIND:
            hk_queue_rewind(s->queue, one * 8);
            break;
        case DROP_OLDEST:
            (void)!hk_queue_drop_oldest(s->queue, LEAST + one, REASON, &dropped);
            break;
        case DROP_IN_FLIGHT:
            (void)hk_queue_drop_in_flight(s->queue, REASON);
            break;
        case DROP_ALL:
            (void)hk_queue_drop_all(s->queue, REASON);
            break;
        case CUT:
            if (!is_cursor || !s->mapped) { /* a mark that moves in a cut map ends the process */
                s->changed = true;
                hk_file_cut(directory, name, other * 8);
            }
            break;
        case SCRIBBLE: {
            const input bytes = take_bytes(in, other % 32);
            s->changed = true;
            write_at(name, other * 8, bytes.data, bytes.len);
            break;
        }
        case REMOVE:
            s->changed = true;
            (void)unlinkat(directory, name, 0);
            break;
        case SYNC:
            (void)!hk_queue_sync(s->queue, NULL);
            break;
        default:
            break;
    }
}

static void
step(state *s, enum kind kind, size_t one, size_t other, input *in)
{
    input bytes;
    char name[HK_SEGMENT_NAME];
    if (kind <= FORGE_CURSOR || kind == FREE) {
        close_queue(s);
    }
    switch (kind) {
        case FORGE_FRAMES:
            forge_frames(s, one, other % 16, in);
            break;
        case FORGE_BYTES:
            hk_segment_name(one, name);
            bytes = take_bytes(in, other);
            write_at(name, one % 4 * 100, bytes.data, bytes.len);
            break;
        case FORGE_MARK:
            forge_mark(one, other, in);
            break;
        case FORGE_CURSOR:
            bytes = take_bytes(in, other);
            write_at(HK_CURSOR_FILE, one, bytes.data, bytes.len);
            break;
        case OPEN:
            open_again(s, one);
            break;
        default:
            if (s->queue != NULL) {
                use(s, kind, one, other, in);
            }
    }
    if (s->queue != NULL) {
        check_account(s);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    state s = {.queue = NULL};
    input in = {data, len};
    prepare();
    for (size_t i = 0; i < STEPS_MAX && in.len >= 3; i++) {
        const input head = take_bytes(&in, 3);
        step(&s, (enum kind)(head.data[0] % KINDS), head.data[1], head.data[2], &in);
    }
    close_queue(&s);
    (void)name_of(0, NULL, true);
    return 0;
}
