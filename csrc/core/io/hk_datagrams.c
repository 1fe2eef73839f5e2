/* hk_datagrams.c -- reads many datagrams from a socket with one system call. */
#include "hk_datagrams.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONTROL_SIZE CMSG_SPACE(sizeof(uint32_t))

#if defined(__linux__)
typedef struct mmsghdr message;
#else
typedef struct {
    struct msghdr msg_hdr;
    unsigned msg_len;
} message;
#endif

struct hk_datagrams {
    message messages[HK_DATAGRAMS_BATCH];
    struct iovec parts[HK_DATAGRAMS_BATCH];
    union {
        char bytes[CONTROL_SIZE];
        struct cmsghdr align;
    } controls[HK_DATAGRAMS_BATCH];
    size_t count;
    size_t size;
    uint32_t lost;
    uint8_t room[]; /* `size` bytes for each */
};

hk_datagrams *
hk_datagrams_new(size_t size)
{
    assert(size > 0 && size <= HK_DATAGRAM_MAX);
    hk_datagrams *reader = malloc(sizeof *reader + size * HK_DATAGRAMS_BATCH);
    if (reader != NULL) {
        memset(reader, 0, sizeof *reader);
        reader->size = size;
    }
    return reader;
}

void
hk_datagrams_free(hk_datagrams *reader)
{
    free(reader);
}

/* The kernel writes lengths and flags into the headers: they are made anew for each reading. */
static void
prepare(hk_datagrams *reader)
{
    for (size_t i = 0; i < HK_DATAGRAMS_BATCH; i++) {
        struct msghdr *header = &reader->messages[i].msg_hdr;
        reader->parts[i].iov_base = reader->room + i * reader->size;
        reader->parts[i].iov_len = reader->size;
        memset(header, 0, sizeof *header);
        header->msg_iov = &reader->parts[i];
        header->msg_iovlen = 1;
        header->msg_control = reader->controls[i].bytes;
        header->msg_controllen = CONTROL_SIZE;
    }
}

static int
receive(hk_datagrams *reader, int fd)
{
#if defined(__linux__)
    return recvmmsg(fd, reader->messages, HK_DATAGRAMS_BATCH, MSG_DONTWAIT, NULL);
#else
    int count = 0;
    for (; count < (int)HK_DATAGRAMS_BATCH; count++) {
        const ssize_t len = recvmsg(fd, &reader->messages[count].msg_hdr, MSG_DONTWAIT);
        if (len < 0) {
            return count > 0 ? count : -1;
        }
        reader->messages[count].msg_len = (unsigned)len;
    }
    return count;
#endif
}

/* Keeps what the kernel says of dropped datagrams. */
static void
read_control(hk_datagrams *reader, struct msghdr *header)
{
#if defined(SO_RXQ_OVFL)
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&reader->lost, CMSG_DATA(c), sizeof reader->lost);
        }
    }
#else
    (void)reader;
    (void)header;
#endif
}

int
hk_datagrams_read(hk_datagrams *reader, int fd)
{
    int count;
    prepare(reader);
    do {
        count = receive(reader, fd);
    } while (count < 0 && errno == EINTR);
    reader->count = count > 0 ? (size_t)count : 0;
    if (count < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    }
    for (size_t i = 0; i < reader->count; i++) {
        read_control(reader, &reader->messages[i].msg_hdr);
    }
    return count;
}

hk_slice
hk_datagrams_at(const hk_datagrams *reader, size_t i, bool *is_cut)
{
    assert(i < reader->count);
    *is_cut = (reader->messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    return (hk_slice){reader->room + i * reader->size, reader->messages[i].msg_len};
}

uint32_t
hk_datagrams_lost(const hk_datagrams *reader)
{
    return reader->lost;
}

int
hk_datagrams_wait(int fd, int wake, int64_t timeout_ns)
{
    struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
    const int64_t ms = timeout_ns <= 0 ? 0 : timeout_ns / 1000000 + 1;
    const int found = poll(both, 2, ms > INT_MAX ? INT_MAX : (int)ms);
    if (found < 0) {
        return -1;
    }
    return both[0].revents != 0 ? 1 : 0;
}
