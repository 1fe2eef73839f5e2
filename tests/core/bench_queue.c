/* bench_queue.c -- what a frame costs on its way through a queue, in memory and on disk.
 *
 *     make bench-queue CONFIG=gcc-release           the tables; instructions where valgrind is here
 *     bench_queue memory|disk CASE SIZE ROUNDS      one case, for callgrind
 *
 * One thread. First table: a round is 500 frames put, taken in batches of 64 KiB, acknowledged; a
 * frame is written first into a block on the stack, as an encoder does. ns, the least of all
 * repeats: noise only adds. Second table: frames put until 6 MiB are there, then taken and
 * acknowledged; ns, the least and the median of all rounds. `filled`: nobody takes meanwhile, so
 * the producer makes the segments. `drained`: after each 64 KiB all is taken, and the consumer
 * prepares them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "queues.h"

#define ROUND 500u
#define REPEATS 15u
#define BYTES (6u << 20)

static uint8_t source[HK_FRAME_MAX];

static void
fail(const char *what)
{
    (void)fprintf(stderr, "bench_queue: %s\n", what);
    exit(1);
}

static void
take_all(hk_queue *q)
{
    while (hk_queue_take(q, SIZE_MAX).frames > 0) {
        hk_queue_acknowledge(q, 0);
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
encode_only(hk_queue *q, size_t size)
{
    uint8_t block[HK_FRAME_MAX];
    (void)q;
    for (unsigned i = 0; i < ROUND; i++) {
        encode(block, size);
    }
}

static void
put_all(hk_queue *q, size_t size)
{
    uint8_t block[HK_FRAME_MAX];
    for (unsigned i = 0; i < ROUND; i++) {
        encode(block, size);
        if (hk_queue_put(q, block, size) != HK_OK) {
            fail("the queue is full");
        }
    }
}

static void
put_only(hk_queue *q, size_t size)
{
    put_all(q, size);
    (void)hk_queue_drop_all(q, 0);
}

static void
put_and_take(hk_queue *q, size_t size)
{
    put_all(q, size);
    take_all(q);
}

static const struct {
    const char *name;
    void (*run)(hk_queue *q, size_t size);
} cases[] = {
    {"encode", encode_only},
    {"encode+put", put_only},
    {"encode+put+take", put_and_take},
};
#define CASES (sizeof cases / sizeof cases[0])

static double
now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void
print_ways(hk_queue *q, const char *name)
{
    static const size_t sizes[] = {120, 1000, 4000, 16000};
    printf("%-22s", name);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        printf("%10zu", sizes[s]);
    }
    printf("\n");
    for (size_t c = 0; c < CASES; c++) {
        printf("%-22s", cases[c].name);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            double best = 1e18;
            heka_frame_write(source, sizes[s], 1, 1);
            for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
                const double start = now();
                for (unsigned i = 0; i < 10; i++) {
                    cases[c].run(q, sizes[s]);
                }
                const double took = now() - start;
                best = took < best ? took : best;
            }
            printf("%10.1f", best / 10 / ROUND);
        }
        printf("\n");
    }
}

static int
ascending(const void *a, const void *b)
{
    const double one = *(const double *)a;
    const double other = *(const double *)b;
    return (one > other) - (one < other);
}

/* ns of a put; the taking is measured apart. */
static double
fill_up(hk_queue *q, size_t len, size_t each)
{
    const size_t count = BYTES / len;
    double spent = 0;
    for (size_t done = 0; done < count;) {
        const double start = now();
        for (size_t n = 0; n < each && done < count; n++, done++) {
            if (hk_queue_put(q, source, len) != HK_OK) {
                fail("the queue is full");
            }
        }
        spent += now() - start;
        if (each < count) {
            take_all(q);
        }
    }
    return spent / (double)count;
}

static void
print_fills(hk_queue *queues[2], size_t len, bool drained)
{
    double times[4][REPEATS];
    heka_frame_write(source, len, 1, 1);
    for (unsigned round = 0; round < REPEATS; round++) {
        for (unsigned which = 0; which < 2; which++) {
            times[which][round] = fill_up(queues[which], len, drained ? 65536 / len : BYTES);
            const double start = now();
            take_all(queues[which]);
            times[2 + which][round] = (now() - start) / (double)(BYTES / len);
        }
    }
    printf("%-6zu %-8s", len, drained ? "drained" : "filled");
    for (size_t k = 0; k < 4; k++) {
        double *of = times[k / 2 + k % 2 * 2];
        qsort(of, REPEATS, sizeof of[0], ascending);
        printf(" %7.1f %8.1f", of[0], of[REPEATS / 2]);
    }
    printf("\n");
}

int
main(int argc, char **argv)
{
    const char *directory = fresh_directory();
    const hk_queue_settings settings = {
        .capacity = 16u << 20, .frame_max = HK_FRAME_MAX, .window = HK_QUEUE_WINDOW};
    hk_queue *queues[2] = {NULL, NULL};
    if (hk_queue_open(NULL, &settings, &queues[0], NULL) != HK_OK ||
        hk_queue_open(directory, &settings, &queues[1], NULL) != HK_OK) {
        fail("a queue cannot be opened");
    }
    if (argc == 5) {
        hk_queue *q = queues[strcmp(argv[1], "disk") == 0];
        heka_frame_write(source, (size_t)atol(argv[3]), 1, 1);
        for (size_t c = 0; c < CASES; c++) {
            for (long i = 0; strcmp(argv[2], cases[c].name) == 0 && i < atol(argv[4]); i++) {
                cases[c].run(q, (size_t)atol(argv[3]));
            }
        }
    } else {
        print_ways(queues[0], "memory: ns a frame of");
        print_ways(queues[1], "disk: ns a frame of");
        printf("%-6s %-8s %16s %16s %16s %16s\n", "bytes", "", "memory put", "take", "disk put",
               "take");
        for (unsigned i = 0; i < 4; i++) {
            print_fills(queues, i < 2 ? 120 : 1000, i % 2 == 1);
        }
    }
    hk_queue_free(queues[0]);
    hk_queue_free(queues[1]);
    remove_directory(directory);
    return 0;
}
