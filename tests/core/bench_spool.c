/* bench_spool.c -- what a frame costs on its way to the disk, beside the ring in memory, in ns.
 *
 *     make bench-spool CONFIG=gcc-release
 *
 * One thread, frames of 120 and 1000 bytes, put until 6 MiB are there, taken in batches,
 * acknowledged. Ring and spool by turns; the least and the median of all rounds. `alone`: nobody
 * takes meanwhile, so the producer makes the segments. `drained`: after each 64 KiB all is taken,
 * and the consumer prepares them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/queue/hk_ring.h"
#include "spools.h"

#define BYTES (6u << 20)
#define ROUNDS 15u

static double
now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int
ascending(const void *a, const void *b)
{
    const double one = *(const double *)a;
    const double other = *(const double *)b;
    return (one > other) - (one < other);
}

static void
must_be(hk_status status)
{
    if (status != HK_OK) {
        (void)fprintf(stderr, "bench_spool: status %d\n", (int)status);
        exit(1);
    }
}

static void
drain(hk_ring *r, hk_spool *s)
{
    if (r != NULL) {
        while (hk_ring_take(r, SIZE_MAX).frames > 0) {
            hk_ring_acknowledge(r, 0);
        }
    } else {
        while (hk_spool_take(s, SIZE_MAX).frames > 0) {
            hk_spool_acknowledge(s, 0);
        }
    }
}

/* ns of a put; the taking is measured apart. */
static double
fill(hk_ring *r, hk_spool *s, const uint8_t *frame, size_t len, size_t each)
{
    const size_t count = BYTES / len;
    double spent = 0;
    for (size_t done = 0; done < count;) {
        const double start = now();
        size_t n = 0;
        for (; n < each && done < count; n++, done++) {
            must_be(r != NULL ? hk_ring_put(r, frame, len) : hk_spool_put(s, frame, len));
        }
        spent += now() - start;
        if (each < count) {
            drain(r, s);
        }
    }
    return spent / (double)count;
}

int
main(void)
{
    static const size_t sizes[] = {120, 1000};
    char directory[] = "/tmp/bench-spool-XXXXXX";
    const hk_spool_settings settings = {
        .capacity = 8u << 20, .frame_max = HK_RING_FRAME_MAX, .window = HK_RING_WINDOW};
    hk_ring *r = NULL;
    hk_spool *s = NULL;
    static uint8_t frame[1000];
    if (mkdtemp(directory) == NULL) {
        return 1;
    }
    must_be(hk_ring_new(8u << 20, HK_RING_FRAME_MAX, HK_RING_WINDOW, &r, NULL));
    must_be(hk_spool_open(directory, &settings, &s, NULL));
    printf("%-6s %-8s %16s %16s %16s %16s\n", "bytes", "", "ring put", "take", "spool put", "take");
    for (size_t i = 0; i < 2; i++) {
        const size_t len = sizes[i];
        spools_write(frame, len, 1, 1);
        for (unsigned prepared = 0; prepared < 2; prepared++) {
            double times[4][ROUNDS];
            for (unsigned round = 0; round < ROUNDS; round++) {
                for (unsigned which = 0; which < 2; which++) {
                    hk_ring *ring = which == 0 ? r : NULL;
                    times[which][round] = fill(ring, s, frame, len, prepared ? 65536 / len : BYTES);
                    const double start = now();
                    drain(ring, s);
                    times[2 + which][round] = (now() - start) / (double)(BYTES / len);
                }
            }
            for (size_t k = 0; k < 4; k++) {
                qsort(times[k], ROUNDS, sizeof times[k][0], ascending);
            }
            printf("%-6zu %-8s", len, prepared ? "drained" : "alone");
            for (size_t k = 0; k < 4; k++) {
                printf(" %7.1f %8.1f", times[k / 2 + k % 2 * 2][0],
                       times[k / 2 + k % 2 * 2][ROUNDS / 2]);
            }
            printf("\n");
        }
    }
    hk_ring_free(r);
    hk_spool_free(s);
    remove_directory(directory);
    return 0;
}
