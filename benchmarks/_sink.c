/* _sink.c -- a fast receiver: it counts the frames that arrive at a loopback port.
 *
 *     _sink tcp|udp [PORT]
 *
 * The first line of output is "PORT NS": the port and the time at which it began to listen. It
 * answers each line of input with "FRAMES BYTES FIRST_NS LAST_NS": the counts so far, and the times
 * of the first and the last frame. The clock is CLOCK_MONOTONIC, which is Python's
 * time.monotonic_ns(). It exits at the end of its input, or with an error if it receives bytes that
 * are no frame. sinks.py compiles and starts it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX 62
#define BUFFER (1024 * 1024) /* bytes per connection */
#define BURST 64             /* datagrams per recvmmsg() */
#define DATAGRAM_MAX 65536
#define NAP_MS 1  /* a socket's buffer holds 15 ms of 3 million messages a second */
#define ROUNDS 64 /* reads of one socket before the next socket is read */

typedef struct {
    int fd;
    size_t held; /* bytes of an incomplete frame */
    uint8_t *data;
} peer;

static struct {
    uint64_t frames;
    uint64_t bytes;
    int64_t first;
    int64_t last;
} seen;

static int64_t
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
fail(const char *what)
{
    fprintf(stderr, "_sink: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Length of the unsigned frame at data, 0 while it is incomplete. */
static size_t
frame_length(const uint8_t *data, size_t len)
{
    size_t message = 0;
    size_t at = 3; /* offset after the tag of message_length */
    if (len < 2 || len < 3u + data[1]) {
        return 0;
    }
    if (data[0] != 0x1e || data[1] < 2 || data[2] != 0x08 || data[2 + data[1]] != 0x1f) {
        errno = EPROTO;
        fail("expected a frame");
    }
    for (unsigned shift = 0; at < 2u + data[1]; at++, shift += 7) {
        message |= (size_t)(data[at] & 0x7f) << shift;
        if ((data[at] & 0x80) == 0) {
            break;
        }
    }
    const size_t whole = 3u + data[1] + message;
    return whole <= len ? whole : 0;
}

/* Counts the complete frames in data; returns their bytes. */
static size_t
count(const uint8_t *data, size_t len)
{
    size_t at = 0;
    size_t length;
    while ((length = frame_length(data + at, len - at)) != 0) {
        at += length;
        seen.frames++;
    }
    seen.bytes += at;
    if (at > 0) {
        seen.last = now();
        seen.first = seen.first == 0 ? seen.last : seen.first;
    }
    return at;
}

/* Returns false if the peer has closed the connection. */
static bool
read_stream(peer *p)
{
    for (int round = 0; round < ROUNDS; round++) {
        const ssize_t n = recv(p->fd, p->data + p->held, BUFFER - p->held, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        if (n < 0) {
            break;
        }
        const size_t len = p->held + (size_t)n;
        const size_t done = count(p->data, len);
        p->held = len - done;
        memmove(p->data, p->data + done, p->held);
    }
    return true;
}

static void
read_datagrams(int fd)
{
    static uint8_t data[BURST][DATAGRAM_MAX];
    static struct iovec parts[BURST];
    static struct mmsghdr burst[BURST];
    for (int i = 0; i < BURST; i++) {
        parts[i] = (struct iovec){data[i], DATAGRAM_MAX};
        burst[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (int round = 0; round < ROUNDS; round++) {
        const int n = recvmmsg(fd, burst, BURST, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            if (count(data[i], burst[i].msg_len) != burst[i].msg_len) {
                errno = EPROTO;
                fail("expected complete frames in a datagram, got a part");
            }
        }
        if (n < BURST) {
            return;
        }
    }
}

static int
listen_on(bool stream, uint16_t port)
{
    const int one = 1;
    const int buffer = 8 * 1024 * 1024;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (fd < 0) {
        fail("socket");
    }
    if (stream) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    } else {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer,
                         sizeof buffer); /* the kernel caps it at net.core.rmem_max */
    }
    if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ||
        (stream && listen(fd, PEERS_MAX) < 0) ||
        getsockname(fd, (struct sockaddr *)&name, &size) < 0) {
        fail("bind");
    }
    printf("%u %lld\n", ntohs(name.sin_port), (long long)now());
    fflush(stdout);
    return fd;
}

/* Returns false at the end of the input. */
static bool
answer(void)
{
    char line[256];
    const ssize_t n = read(STDIN_FILENO, line, sizeof line);
    for (ssize_t i = 0; i < n; i++) {
        if (line[i] == '\n') {
            printf("%llu %llu %lld %lld\n", (unsigned long long)seen.frames,
                   (unsigned long long)seen.bytes, (long long)seen.first, (long long)seen.last);
        }
    }
    fflush(stdout);
    return n > 0;
}

int
main(int argc, char **argv)
{
    static peer peers[PEERS_MAX];
    struct pollfd watch[2 + PEERS_MAX];
    nfds_t count_of_peers = 0;
    if (argc < 2 || (strcmp(argv[1], "tcp") != 0 && strcmp(argv[1], "udp") != 0)) {
        fprintf(stderr, "usage: _sink tcp|udp [PORT]\n");
        return 2;
    }
    const bool stream = strcmp(argv[1], "tcp") == 0;
    const int door = listen_on(stream, argc > 2 ? (uint16_t)atoi(argv[2]) : 0);
    for (;;) {
        watch[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        watch[1] = (struct pollfd){.fd = door, .events = POLLIN};
        for (nfds_t i = 0; i < count_of_peers; i++) {
            watch[2 + i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
        }
        if (poll(watch, 2 + count_of_peers, -1) < 0 && errno != EINTR) {
            fail("poll");
        }
        for (nfds_t i = count_of_peers;
             i-- > 0;) { /* from the end, as the last peer replaces a closed one */
            if (watch[2 + i].revents != 0 && !read_stream(&peers[i])) {
                close(peers[i].fd);
                free(peers[i].data);
                peers[i] = peers[--count_of_peers];
            }
        }
        if (watch[1].revents != 0 && !stream) {
            read_datagrams(door);
            (void)poll(NULL, 0, NAP_MS); /* else each datagram wakes us, which slows its sender */
        } else if (watch[1].revents != 0 && count_of_peers < PEERS_MAX) {
            peer *p = &peers[count_of_peers++];
            *p = (peer){.fd = accept(door, NULL, NULL), .data = malloc(BUFFER)};
            if (p->fd < 0 || p->data == NULL) {
                fail("accept");
            }
        }
        if (watch[0].revents != 0 && !answer()) {
            return 0;
        }
    }
}
