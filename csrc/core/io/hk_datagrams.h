/* hk_datagrams.h -- reads many datagrams from a socket with one system call.
 *
 * recvmmsg() on Linux, recvmsg() for each elsewhere. With SO_RXQ_OVFL set on the socket, the kernel
 * says with each datagram how many it has dropped before it, because the socket's buffer was full.
 * A reader belongs to one thread. Includes: hk_status.h. */
#ifndef HK_DATAGRAMS_H
#define HK_DATAGRAMS_H

#include "core/base/hk_status.h"

#define HK_DATAGRAMS_BATCH 64u /* datagrams of one call */
#define HK_DATAGRAM_MAX 65535u /* bytes of the longest, over any IP */

typedef struct hk_datagrams hk_datagrams;

/* A new reader of datagrams of at most `size` bytes; longer ones are cut. NULL without memory. */
hk_datagrams *hk_datagrams_new(size_t size);
void hk_datagrams_free(hk_datagrams *reader); /* may be NULL */

/* Reads the datagrams that are there, without waiting: their number; 0 when there are none; -1 with
 * errno. */
int hk_datagrams_read(hk_datagrams *reader, int fd);

/* Datagram i of the last reading, until the next one; *is_cut: it was longer. */
hk_slice hk_datagrams_at(const hk_datagrams *reader, size_t i, bool *is_cut);

/* How many datagrams the kernel has dropped since the socket was made, modulo 2^32, when it last
 * said so; 0: it never did. */
uint32_t hk_datagrams_lost(const hk_datagrams *reader);

/* Waits until fd can be read, or `wake`, at most timeout_ns. 1: fd can be read; 0: not; -1 with
 * errno. */
int hk_datagrams_wait(int fd, int wake, int64_t timeout_ns);

#endif
