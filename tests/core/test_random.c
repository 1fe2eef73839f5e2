/* test_random.c -- bits that differ between calls, threads and forks; numbers below 1. */
#include "core/base/hk_random.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/hk_clock.h"
#include "check.h"

#define DRAWS 100000u

static void
test_unit_is_uniform(void)
{
    size_t tenths[10] = {0};
    bool in_range = true;
    bool ok = true;
    double sum = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        double unit = -1;
        ok &= hk_random_unit(&unit) == HK_OK;
        in_range &= unit >= 0 && unit < 1;
        sum += unit;
        tenths[(size_t)(unit * 10) % 10]++;
    }
    CHECK(ok);
    CHECK(in_range);
    CHECK(sum > 0.49 * DRAWS && sum < 0.51 * DRAWS); /* eleven standard deviations */
    size_t fair = 0;
    for (size_t i = 0; i < 10; i++) { /* ten standard deviations of 95 */
        fair += tenths[i] > DRAWS / 10 - 950 && tenths[i] < DRAWS / 10 + 950;
    }
    CHECK_SIZE(fair, 10);
}

static void
test_bits_are_set_in_half_of_the_draws(void)
{
    size_t set[128] = {0};
    bool ok = true;
    for (size_t i = 0; i < DRAWS; i++) {
        uint64_t bits[2];
        ok &= hk_random_bits(bits) == HK_OK;
        for (size_t bit = 0; bit < 128; bit++) {
            set[bit] += bits[bit / 64] >> bit % 64 & 1;
        }
    }
    CHECK(ok);
    size_t fair = 0;
    for (size_t bit = 0; bit < 128; bit++) { /* nine standard deviations of 158 */
        fair += set[bit] > DRAWS / 2 - 1423 && set[bit] < DRAWS / 2 + 1423;
    }
    CHECK_SIZE(fair, 128);
}

static void *
draw(void *out)
{
    return hk_random_bits(out) == HK_OK ? out : NULL;
}

static void
test_threads_differ(void)
{
    uint64_t here[2];
    uint64_t there[2];
    pthread_t thread;
    void *result = NULL;
    CHECK_INT(hk_random_bits(here), HK_OK);
    CHECK_INT(pthread_create(&thread, NULL, draw, there), 0);
    CHECK_INT(pthread_join(thread, &result), 0);
    CHECK(result != NULL);
    CHECK(here[0] != there[0] && here[1] != there[1]);
}

/* Parent and child start with the same generator state, so only a new seed makes them differ. */
static void
test_forked_child_differs(void)
{
    int ends[2];
    uint64_t here[2];
    uint64_t there[2] = {0, 0};
    int status = -1;
    CHECK_INT(hk_clock_init(), HK_OK);
    CHECK_INT(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const bool ok = hk_random_bits(there) == HK_OK &&
                        write(ends[1], there, sizeof there) == (ssize_t)sizeof there;
        _exit(ok ? 0 : 1);
    }
    CHECK_INT(read(ends[0], there, sizeof there), sizeof there);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    CHECK_INT(hk_random_bits(here), HK_OK);
    CHECK(here[0] != there[0] && here[1] != there[1]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int
main(void)
{
    test_unit_is_uniform();
    test_bits_are_set_in_half_of_the_draws();
    test_threads_differ();
    test_forked_child_differs();
    return check_report();
}
