/* test_queue_crash.c -- a process that ends between any two stores or system calls of a queue on
 * disk.
 *
 * A child runs a script of puts, takes, acknowledgements and drops; the core here calls
 * hk_crash_point at each place that a crash may strike (hk_point.h), and at the n-th the child
 * kills itself, for every n. Before and after each call the child writes down what it does, in
 * memory that it shares with its parent, which then opens the queue and looks: each frame that was
 * accepted, and neither acknowledged nor dropped, is there, once, in order; what was in the middle
 * of a call may be either way; and nothing else is there. Built with objects of its own: see the
 * Makefile. */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "core/base/hk_point.h"
#include "check.h"
#include "queues.h"

#define FRAMES 200u
#define CAPACITY 3000u

/* From point to point with a lazy queue: a fork under AddressSanitizer costs 5 ms. */
#if defined(__SANITIZE_ADDRESS__)
#define LAZY_STRIDE 5u
#else
#define LAZY_STRIDE 1u
#endif

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);

static int refusal; /* errno of fallocate; 0: none */

int
__wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
    if (refusal != 0) {
        errno = refusal;
        return -1;
    }
    return __real_fallocate(fd, mode, offset, len);
}

typedef enum { NOT_YET, BEING_PUT, THERE, LEAVING, GONE } state;

typedef struct {
    size_t points;         /* how many were passed */
    bool finished;         /* the script came to its end */
    unsigned count;        /* frames that were put, the last one maybe not whole */
    uint8_t state[FRAMES]; /* of each */
    unsigned run;          /* number of the first frame of the last run */
    unsigned run_end;      /* of the first frame behind it */
} diary;

static diary *book; /* shared with the child */
static size_t last_point;

void
hk_crash_point(void)
{
    if (++book->points == last_point) {
        (void)kill(getpid(), SIGKILL);
    }
}

/* ---- the child ---- */

static void
give(hk_queue *q, unsigned count)
{
    uint8_t frame[LARGEST];
    for (unsigned i = 0; i < count; i++) {
        const unsigned number = book->count;
        const size_t len = 75 + number * 37 % 200;
        heka_frame_write(frame, len, 1, number);
        book->state[number] = BEING_PUT;
        book->count++;
        if (hk_queue_put(q, frame, len) == HK_OK) {
            book->state[number] = THERE;
        } else {
            book->state[number] = GONE;
        }
    }
}

/* The same together: a crash leaves all of them or none. */
static void
give_run(hk_queue *q, unsigned count)
{
    uint8_t frames[8 * LARGEST];
    size_t len = 0;
    size_t counted = 0;
    const unsigned first = book->count;
    for (unsigned number = first; number < first + count; number++) {
        heka_frame_write(frames + len, 75 + number * 7 % 20, 1, number);
        len += 75 + number * 7 % 20;
        book->state[number] = BEING_PUT;
    }
    book->run = first;
    book->run_end = first + count;
    book->count += count;
    const hk_status status = hk_queue_put_run(q, frames, len, &counted);
    for (unsigned number = first; number < first + count; number++) {
        book->state[number] = status == HK_OK ? THERE : GONE;
    }
    if (counted != count) {
        _exit(6);
    }
}

/* Marks the oldest `count` frames from `first` on that are THERE. */
static void
mark(unsigned first, size_t count, state now)
{
    for (unsigned i = first; i < book->count && count > 0; i++) {
        if (book->state[i] == THERE || book->state[i] == LEAVING) {
            book->state[i] = (uint8_t)now;
            count--;
        }
    }
}

/* Takes batches and acknowledges all but the last frame of them. */
static void
send_some(hk_queue *q, size_t most, bool all)
{
    unsigned maker;
    unsigned number = 0;
    size_t frames = 0;
    size_t last = 0;
    for (hk_queue_batch batch; frames < 20 && (batch = hk_queue_take(q, most)).frames > 0;) {
        for (size_t at = 0; at < batch.len; at += last) {
            last = heka_frame_read(batch.data + at, batch.len - at, &maker, &number);
            if (last == 0) {
                _exit(5);
            }
        }
        frames += batch.frames;
    }
    frames -= all || frames == 0 ? 0 : 1;
    mark(0, frames, LEAVING);
    hk_queue_acknowledge(q, all ? 0 : last);
    mark(0, frames, GONE);
}

/* The frames that are dropped are known afterwards: until then all may be. */
static void
drop(hk_queue *q, size_t in_flight)
{
    size_t dropped = 0;
    unsigned first = 0;
    for (size_t skip = in_flight; skip > 0 && first < book->count; first++) {
        skip -= book->state[first] == THERE;
    }
    mark(first, FRAMES, LEAVING);
    const hk_status status = hk_queue_drop_oldest(q, LARGEST, REASON, &dropped);
    for (unsigned i = first; i < book->count; i++) {
        if (book->state[i] == LEAVING) {
            book->state[i] = dropped > 0 ? GONE : THERE;
            dropped -= dropped > 0;
        }
    }
    if (status != HK_OK) {
        _exit(3);
    }
}

static hk_queue *
start(const char *directory)
{
    hk_queue_settings settings = settings_of(CAPACITY);
    hk_queue *q = NULL;
    settings.lazy = lazy;
    if (hk_queue_open(directory, &settings, &q, NULL) != HK_OK) {
        _exit(2);
    }
    return q;
}

static void
script(const char *directory)
{
    hk_queue *q = start(directory);
    give(q, 14);
    send_some(q, 300, false);
    give(q, 12); /* the consumer has prepared a segment */
    hk_queue_rewind(q, 0);
    send_some(q, SIZE_MAX, true);
    give(q, 12);
    hk_queue_free(q);

    q = start(directory); /* in good order */
    give(q, 16);          /* until it is full */
    drop(q, 0);
    give(q, 6);
    const size_t in_flight = hk_queue_take(q, 200).frames;
    give(q, 20);
    drop(q, in_flight); /* the rest of a segment that is in flight in part */
    give(q, 10);
    drop(q, in_flight); /* a whole one in the middle */
    hk_queue_rewind(q, 0);
    send_some(q, 500, false);
    mark(0, FRAMES, LEAVING);
    (void)hk_queue_drop_all(q, REASON);
    mark(0, FRAMES, GONE);
    give(q, 9);
    if (hk_queue_sync(q, NULL) != HK_OK) {
        _exit(4);
    }
    hk_queue_free(q);

    q = start(directory);
    give_run(q, 3);
    give_run(q, 8); /* in the next segment */
    send_some(q, SIZE_MAX, false);
    hk_queue_rewind(q, 0);
    give_run(q, 4);
    give_run(q, 8);
    hk_queue_free(q);

    q = start(directory);
    hk_queue_close(q);
    send_some(q, SIZE_MAX, true);
    send_some(q, SIZE_MAX, true);
    hk_queue_free(q);
    book->finished = true;
}

/* ---- the parent ---- */

/* Runs the script up to the n-th point; false when it came to its end. */
static bool
crash_at(const char *directory, size_t n)
{
    int status = -1;
    memset(book, 0, sizeof *book);
    last_point = n;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        script(directory);
        _exit(0);
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    last_point = 0;
    if (!CHECK(book->finished ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
        printf("  status %d at point %zu\n", status, n);
        return false;
    }
    return !book->finished;
}

/* What the queue holds agrees with the diary. */
static void
look(const char *directory, size_t n)
{
    hk_queue *q = open_queue(directory, CAPACITY);
    hk_queue_stats stats = stats_of(q);
    bool right = true;
    unsigned next = 0;
    size_t found = 0;
    size_t of_run = 0;
    for (hk_queue_batch batch; right && (batch = hk_queue_take(q, SIZE_MAX)).frames > 0;) {
        for (size_t at = 0, len; right && at < batch.len; at += len) {
            unsigned maker = 0;
            unsigned number = 0;
            len = heka_frame_read(batch.data + at, batch.len - at, &maker, &number);
            right = len > 0 && number >= next && number < book->count;
            for (; right && next < number; next++) { /* what is not there may be missing */
                right = book->state[next] != THERE;
            }
            right = right && book->state[number] != GONE;
            next = number + 1;
            found++;
            of_run += number >= book->run && number < book->run_end;
        }
        hk_queue_acknowledge(q, 0);
    }
    for (; right && next < book->count; next++) {
        right = book->state[next] != THERE;
    }
    const size_t run = book->run_end - book->run;
    const bool in_run = run > 0 && book->state[book->run] == BEING_PUT;
    right = right && (!in_run || of_run == 0 || of_run == run);
    stats = stats_of(q);                          /* a lazy queue has found out by now */
    right = right && stats.dropped[CORRUPT] <= 1; /* the frame that was being put */
    right = right && found == stats.recovered - stats.dropped[CORRUPT];
    if (!CHECK(right)) {
        printf("  at point %zu: frame %u of %u, %zu found\n", n, next, book->count, found);
    }
    hk_queue_free(q);
    CHECK_SIZE(files_in(directory, ""), 0);
}

static void
test_every_crash(size_t least, size_t stride)
{
    const char *directory = fresh_directory();
    size_t n = 1;
    for (; crash_at(directory, n) && check_failed < 20; n += stride) {
        look(directory, n);
    }
    CHECK(n > least);
    remove_directory(directory);
}

/* Crash upon crash: what was found is found again, whatever happens while it is opened. */
static void
test_crashes_while_it_is_opened(void)
{
    const char *directory = fresh_directory();
    for (size_t n = 1; n < 60; n++) {
        hk_queue *q = open_queue(directory, CAPACITY);
        made = 0;
        put_many(q, 100, 22);
        CHECK(takes(q, 0, 10));
        hk_queue_acknowledge(q, 0);
        hk_queue_free(q);
        for (size_t again = 0; again < 3; again++) {
            memset(book, 0, sizeof *book);
            last_point = n;
            (void)fflush(stdout);
            const pid_t child = fork();
            if (child == 0) {
                q = open_queue(directory, CAPACITY);
                kill(getpid(), SIGKILL);
            }
            CHECK_INT(waitpid(child, NULL, 0), child);
            last_point = 0;
        }
        q = open_queue(directory, CAPACITY);
        CHECK_SIZE(stats_of(q).recovered, 12);
        CHECK(takes(q, 10, 10));
        hk_queue_acknowledge(q, 0);
        CHECK(takes(q, 20, 2));
        hk_queue_acknowledge(q, 0);
        hk_queue_free(q);
    }
    remove_directory(directory);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    book = mmap(NULL, sizeof *book, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (book == MAP_FAILED) {
        return 1;
    }
    test_every_crash(500, 1);
    lazy = true;
    test_every_crash(500, LAZY_STRIDE);
    lazy = false;
    refusal = EOPNOTSUPP;
    test_every_crash(250, 1);
    refusal = 0;
    test_crashes_while_it_is_opened();
    return check_report();
}
