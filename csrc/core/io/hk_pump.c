/* hk_pump.c -- sends frames from a queue to a connected socket, without an interpreter. */
#include "hk_pump.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#if defined(__linux__)
#include <linux/sockios.h>
#endif

#include "core/queue/hk_reasons.h"
#include "hk_send.h"

#if !defined(POLLRDHUP)
#define POLLRDHUP 0
#endif

#define MS INT64_C(1000000)   /* ns */
#define POLL_LEAST (MS / 2)   /* between two checks for acknowledgements */
#define POLL_MOST (20 * MS)   /* the peer may delay an acknowledgement by 40 ms */
#define WRITE_SLICE (50 * MS) /* of waiting for room, between two checks of `interrupted` */
#define NOBUFS_MS 10
/* Reads between two batches: a peer may send data without end. */
#define READS_MOST 16

/* The state of one run. */
typedef struct {
    hk_queue *queue;
    const heka_pump *p;
    bool is_local;       /* a unix socket */
    size_t in_flight;    /* bytes written, not acknowledged at the last check */
    int64_t end;         /* of this run */
    int64_t progress;    /* when a byte was taken or acknowledged */
    int64_t poll_ns;     /* until the next check for acknowledgements */
    size_t single;       /* frames that are sent one a datagram, as they were too large together */
    bool wants_data;     /* little or nothing is queued: wait for frames first */
    heka_pump_result at; /* the result so far */
} run;

static int64_t
now(void)
{
    return hk_deadline(0);
}

static int
to_ms(int64_t ns)
{
    const int64_t ms = (ns + MS - 1) / MS;
    return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The socket's own count, negative with errno when it has none. */
static int
count_unacknowledged(int fd)
{
    int bytes = 0;
#if defined(SIOCOUTQ)
    return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
#elif defined(SO_NWRITE)
    socklen_t size = sizeof bytes;
    return getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &size) == 0 ? bytes : -1;
#elif defined(FIONWRITE)
    return ioctl(fd, FIONWRITE, &bytes) == 0 ? bytes : -1;
#else
    return (void)fd, bytes;
#endif
}

bool
heka_pump_outstanding(int fd, size_t *left)
{
    const int bytes = count_unacknowledged(fd);
    *left = bytes > 0 ? (size_t)bytes : 0;
    return bytes >= 0 || (errno != EBADF && errno != ENOTSOCK);
}

bool
heka_pump_has_hung_up(int fd)
{
    struct pollfd watch = {.fd = fd, .events = POLLRDHUP};
    return poll(&watch, 1, 0) > 0 && (watch.revents & POLLERR) == 0 &&
           (watch.revents & (POLLHUP | POLLRDHUP)) != 0;
}

static bool
is_local(int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    return getsockname(fd, (struct sockaddr *)&name, &size) == 0 && name.ss_family == AF_UNIX;
}

int
heka_pump_pending_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

/* ---- the end of a connection ---- */

/* The connection is lost; the last `unsent` bytes taken were not written to it. */
static bool
lose(run *r, heka_pump_event event, int error, size_t unsent)
{
    /* TCP reports the outstanding bytes even after a reset. When the peer of a Unix socket closes,
     * the kernel discards what the peer has not read, and reports it as if it had been read. */
    size_t left;
    if (r->p->datagram == 0 && !r->is_local && heka_pump_outstanding(r->p->fd, &left)) {
        hk_queue_acknowledge(r->queue, left + unsent);
    }
    hk_queue_rewind(r->queue, unsent);
    r->in_flight = 0;
    r->at.event = event;
    r->at.error = error;
    return false;
}

static bool
leave(run *r, heka_pump_event event)
{
    r->at.event = event;
    return false;
}

static bool
is_interrupted(const run *r)
{
    return atomic_load_explicit(r->p->interrupted, memory_order_relaxed);
}

/* ---- streams ---- */

/* Whether the peer is still connected. Data from it is discarded: the protocol has no answers. */
static bool
is_connected(run *r, size_t unsent)
{
    uint8_t ignored[512];
    struct pollfd watch = {.fd = r->p->fd, .events = POLLIN | POLLRDHUP};
    for (int i = 0; i < READS_MOST && poll(&watch, 1, 0) > 0; i++) {
        if ((watch.revents & POLLNVAL) != 0) {
            return lose(r, HEKA_PUMP_FAILED, EBADF, unsent);
        }
        if ((watch.revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0) {
            const int error = heka_pump_pending_error(r->p->fd);
            return lose(r, error != 0 ? HEKA_PUMP_FAILED : HEKA_PUMP_CLOSED, error, unsent);
        }
        const ssize_t n = recv(r->p->fd, ignored, sizeof ignored, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            return lose(r, n == 0 ? HEKA_PUMP_CLOSED : HEKA_PUMP_FAILED, n == 0 ? 0 : errno,
                        unsent);
        }
        if (n < 0) {
            break;
        }
    }
    return true;
}

/* Acknowledges the frames that have arrived: all taken ones, except those that reach into what the
 * kernel holds or into the last `unsent` bytes. */
static void
acknowledge(run *r, size_t unsent)
{
    size_t left;
    if (!heka_pump_outstanding(r->p->fd, &left)) {
        return; /* the next send fails, and its frames are sent again */
    }
    if (r->is_local && left < r->in_flight) {
        /* In this order: a peer that closes first hangs up, and then its data is discarded. So
         * without a hang-up now, the bytes counted above were read. */
        struct pollfd watch = {.fd = r->p->fd, .events = POLLRDHUP};
        if (poll(&watch, 1, 0) != 0) {
            return;
        }
    }
    if (left < r->in_flight) {
        r->progress = now();
        r->poll_ns = POLL_LEAST;
    }
    r->in_flight = left;
    hk_queue_acknowledge(r->queue, left + unsent);
}

static bool
is_late(const run *r)
{
    return now() - r->progress > r->p->write_timeout_ns;
}

/* Waits until the socket has room for what is left of a batch. */
static bool
wait_writable(run *r, size_t unsent)
{
    struct pollfd watch = {.fd = r->p->fd, .events = POLLOUT};
    for (;;) {
        if (is_interrupted(r)) {
            return lose(r, HEKA_PUMP_FAILED, ECANCELED, unsent);
        }
        if (is_late(r)) {
            return lose(r, HEKA_PUMP_FAILED, ETIMEDOUT, unsent);
        }
        if (poll(&watch, 1, to_ms(least(r->p->write_timeout_ns, WRITE_SLICE))) > 0) {
            return true; /* send() reports an error */
        }
        acknowledge(r, unsent);
    }
}

static bool
send_stream(run *r, const hk_queue_batch *batch)
{
    size_t at = 0;
    if (r->in_flight == 0) {
        r->progress = now(); /* the write timeout begins here */
    }
    while (at < batch->len) {
        const ssize_t n = hk_send_now(r->p->fd, batch->data + at, batch->len - at);
        if (n > 0) {
            at += (size_t)n;
            r->at.bytes += (uint64_t)n;
            r->in_flight += (size_t)n;
            r->progress = now();
        } else if (n < 0 && !hk_send_is_passing(errno)) {
            return lose(r, HEKA_PUMP_FAILED, errno, batch->len - at);
        } else if (!wait_writable(r, batch->len - at)) {
            return false;
        }
    }
    acknowledge(r, 0);
    return true;
}

/* Nothing can be taken while the socket holds unacknowledged bytes. No event reports an
 * acknowledgement, so this polls, at increasing intervals. */
static bool
await_acknowledgement(run *r)
{
    if (is_late(r)) {
        return lose(r, HEKA_PUMP_FAILED, ETIMEDOUT, 0);
    }
    const int64_t poll_ns = r->poll_ns;
    r->poll_ns = least(2 * poll_ns, POLL_MOST);
    if (hk_queue_wait(r->queue, 1, 0) == HK_QUEUE_READY) { /* the window is full */
        struct pollfd watch = {.fd = r->p->fd, .events = POLLRDHUP};
        (void)poll(&watch, 1, to_ms(poll_ns));
    } else { /* frames that are put meanwhile are sent together */
        (void)hk_queue_wait(r->queue, HK_QUEUE_BATCH_MAX, poll_ns);
    }
    if (!is_connected(r, 0)) {
        return false;
    }
    acknowledge(r, 0);
    return true;
}

/* ---- datagrams ---- */

static bool
wait_for_room(run *r, size_t unsent)
{
    struct pollfd watch = {.fd = r->p->fd, .events = POLLOUT};
    if (is_interrupted(r)) {
        return lose(r, HEKA_PUMP_FAILED, ECANCELED, unsent);
    }
    if (is_late(r)) {
        return lose(r, HEKA_PUMP_FAILED, ETIMEDOUT, unsent);
    }
    const int timeout = to_ms(least(r->p->write_timeout_ns, WRITE_SLICE));
    if (poll(&watch, 1, timeout) > 0 && errno == ENOBUFS) {
        (void)poll(NULL, 0, NOBUFS_MS); /* no event reports that the interface has room */
    }
    return true;
}

/* Handles a datagram that is too large for the path: sends its frames one by one, and drops a
 * single frame that is too large. */
static void
split(run *r, const hk_queue_batch *batch)
{
    if (batch->frames > 1) {
        r->single = batch->frames;
        hk_queue_rewind(r->queue, batch->len);
    } else {
        (void)hk_queue_drop_in_flight(r->queue, HEKA_REASON_OVERSIZE);
        r->single -= r->single > 0;
    }
}

/* ECONNREFUSED belongs to an earlier datagram: this one was not sent, and stays queued. */
static bool
send_datagram(run *r, const hk_queue_batch *batch)
{
    r->progress = now();
    for (;;) {
        const ssize_t n = hk_send_now(r->p->fd, batch->data, batch->len);
        if (n >= 0) {
            r->at.bytes += (uint64_t)n;
            r->single -= r->single > 0;
            hk_queue_acknowledge(r->queue, 0);
            return true;
        }
        if (errno == EMSGSIZE) {
            split(r, batch);
            return true;
        }
        if (!hk_send_is_passing(errno)) {
            return lose(r, HEKA_PUMP_FAILED, errno, batch->len);
        }
        if (!wait_for_room(r, batch->len)) {
            return false;
        }
    }
}

/* ---- the loop ---- */

/* Waits until there is a frame, and then until there is a whole batch or the linger is over. */
static bool
await_frames(run *r)
{
    const int64_t left = r->end - now();
    const hk_queue_event event = hk_queue_wait(r->queue, 1, left > 0 ? left : 0);
    if (event == HK_QUEUE_DRAINED) {
        return leave(r, HEKA_PUMP_DRAINED);
    }
    if (event == HK_QUEUE_READY && r->p->linger_ns > 0) {
        (void)hk_queue_wait(r->queue, HK_QUEUE_BATCH_MAX, r->p->linger_ns);
    }
    return true;
}

/* One round: sends a batch, or waits. False: the run returns. */
static bool
step(run *r)
{
    if (is_interrupted(r)) {
        return leave(r, HEKA_PUMP_INTERRUPTED);
    }
    if (r->wants_data && r->in_flight == 0 && !await_frames(r)) {
        return false;
    }
    const size_t most = r->p->datagram == 0 ? HK_QUEUE_BATCH_MAX
                        : r->single > 0     ? 1
                                            : r->p->datagram;
    const hk_queue_batch batch = hk_queue_take(r->queue, most);
    if (batch.frames == 0) {
        r->wants_data = true;
        return r->in_flight == 0 || await_acknowledgement(r);
    }
    /* After a small batch, wait for more frames, so that the next one is larger. */
    r->wants_data = r->p->datagram == 0 && batch.len < HK_QUEUE_BATCH_MAX / 2;
    return r->p->datagram != 0 ? send_datagram(r, &batch)
                               : is_connected(r, batch.len) && send_stream(r, &batch);
}

heka_pump_result
heka_pump_run(hk_queue *queue, const heka_pump *p)
{
    run r = {
        .queue = queue,
        .p = p,
        .is_local = p->datagram == 0 && is_local(p->fd),
        .wants_data = true,
        .in_flight = p->state->in_flight,
        .progress = p->state->progress,
        .single = p->state->single,
        .poll_ns = POLL_LEAST,
        .end = now() + p->idle_ns,
    };
    if (r.in_flight > 0) {
        acknowledge(&r, 0); /* acknowledgements since the last run */
    }
    while (step(&r)) {
        if (now() >= r.end) {
            (void)leave(&r, HEKA_PUMP_TICK);
            if (p->datagram == 0) {
                (void)is_connected(&r, 0); /* detects a closed connection before the next frame */
            }
            break;
        }
    }
    *p->state = (heka_pump_state){r.in_flight, r.progress, r.single};
    return r.at;
}
