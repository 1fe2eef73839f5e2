/* bench_ring.c -- what a frame costs on its way through the ring, in ns; instructions by callgrind.
 *
 *     make bench-ring CONFIG=gcc-release     the table, and instructions where valgrind is here
 *     bench_ring CASE SIZE ROUNDS            one case, for callgrind
 *
 * One thread; a round is 500 frames in, taken in batches of 64 KiB, acknowledged. A frame is
 * written first, as an encoder would: into a block on the stack, or into the reservation. Minimum
 * of all repeats: noise only adds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/queue/hk_ring.h"

#define ROUND 500u
#define REPEATS 15u

static uint8_t source[HK_RING_FRAME_MAX];

static void
fail(const char *what)
{
    (void)fprintf(stderr, "bench_ring: %s\n", what);
    exit(1);
}

static void
take_all(hk_ring *r)
{
    while (hk_ring_take(r, SIZE_MAX).frames > 0) {
        hk_ring_acknowledge(r, 0);
    }
}

/* Stands for the encoder; the compiler must not see that the bytes are copied again. */
static void
encode(uint8_t *to, size_t size)
{
    memcpy(to, source, size);
    __asm__ volatile("" : : "r"(to) : "memory");
}

static void
encode_only(hk_ring *r, size_t size)
{
    uint8_t block[HK_RING_FRAME_MAX];
    (void)r;
    for (unsigned i = 0; i < ROUND; i++) {
        encode(block, size);
    }
}

static void
put_all(hk_ring *r, size_t size)
{
    uint8_t block[HK_RING_FRAME_MAX];
    for (unsigned i = 0; i < ROUND; i++) {
        encode(block, size);
        if (hk_ring_put(r, block, size) != HK_OK) {
            fail("the ring is full");
        }
    }
}

static void
put_only(hk_ring *r, size_t size)
{
    put_all(r, size);
    (void)hk_ring_drop_all(r, 0);
}

static void
by_put(hk_ring *r, size_t size)
{
    put_all(r, size);
    take_all(r);
}

static void
by_reserve(hk_ring *r, size_t size)
{
    hk_reservation room;
    for (unsigned i = 0; i < ROUND; i++) {
        if (hk_ring_reserve(r, HK_RING_FRAME_MAX, &room) != HK_OK) {
            fail("the ring is full");
        }
        encode(room.data, size);
        if (hk_ring_commit(r, &room, room.data, size) != HK_OK) {
            fail("not committed");
        }
    }
    take_all(r);
}

static const struct {
    const char *name;
    void (*run)(hk_ring *r, size_t size);
} cases[] = {
    {"encode", encode_only},
    {"encode+put", put_only},
    {"encode+put+take", by_put},
    {"reserve+commit+take", by_reserve},
};
#define CASES (sizeof cases / sizeof cases[0])

static double
now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int
main(int argc, char **argv)
{
    static const size_t sizes[] = {120, 1000, 4000, 16000};
    hk_ring *r = NULL;
    if (hk_ring_new(16u << 20, HK_RING_FRAME_MAX, HK_RING_WINDOW, &r, NULL) != HK_OK) {
        fail("no memory");
    }
    if (argc == 4) {
        for (size_t c = 0; c < CASES; c++) {
            for (long i = 0; strcmp(argv[1], cases[c].name) == 0 && i < atol(argv[3]); i++) {
                cases[c].run(r, (size_t)atol(argv[2]));
            }
        }
        hk_ring_free(r);
        return 0;
    }
    printf("%-22s", "ns a frame of bytes");
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        printf("%10zu", sizes[s]);
    }
    printf("\n");
    for (size_t c = 0; c < CASES; c++) {
        printf("%-22s", cases[c].name);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            double best = 1e18;
            for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
                const double start = now();
                for (unsigned i = 0; i < 10; i++) {
                    cases[c].run(r, sizes[s]);
                }
                const double took = now() - start;
                best = took < best ? took : best;
            }
            printf("%10.1f", best / 10 / ROUND);
        }
        printf("\n");
    }
    hk_ring_free(r);
    return 0;
}
