/* hk_clock.c -- wall clock, host name, fork generation. */
#include "hk_clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_uint fork_generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int handler_missing;

static void
count_fork(void)
{
    atomic_fetch_add_explicit(&fork_generation, 1, memory_order_relaxed);
}

static void
register_handler(void)
{
    if (pthread_atfork(NULL, NULL, count_fork) != 0) {
        atomic_store(&handler_missing, 1);
    }
}

hk_status
hk_clock_init(void)
{
    (void)pthread_once(&once, register_handler);
    return atomic_load(&handler_missing) != 0 ? HK_ERR_NOMEM : HK_OK;
}

unsigned
hk_fork_generation(void)
{
    return atomic_load_explicit(&fork_generation, memory_order_relaxed);
}

int64_t
hk_clock_now(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock and a valid pointer */
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

size_t
hk_hostname(char out[HK_HOSTNAME_MAX])
{
    if (gethostname(out, HK_HOSTNAME_MAX) != 0) {
        out[0] = '\0';
    }
    out[HK_HOSTNAME_MAX - 1] = '\0'; /* POSIX leaves a truncated name unterminated */
    return strlen(out);
}
