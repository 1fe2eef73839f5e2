/* test_monitor.c -- sleeping ends at a signal or at the deadline, and deadlines do not overflow. */
#include "core/base/hk_monitor.h"

#include <errno.h>
#include <time.h>

#include "check.h"

#define MS INT64_C(1000000) /* ns */

static void
test_deadlines(void)
{
    CHECK_INT(hk_deadline(-1), HK_NEVER);
    CHECK_INT(hk_deadline(INT64_MIN), HK_NEVER);
    CHECK_INT(hk_deadline(INT64_MAX), HK_NEVER);
    const int64_t now = hk_deadline(0);
    const int64_t later = hk_deadline(1000 * MS);
    CHECK(now > 0);
    CHECK(later >= now + 1000 * MS && later < now + 100000 * MS);
}

static void
test_sleep_ends_at_the_deadline(void)
{
    hk_monitor m;
    CHECK_INT(hk_monitor_init(&m), HK_OK);
    const int64_t start = hk_deadline(0);
    CHECK_INT(pthread_mutex_lock(&m.mutex), 0);
    while (hk_monitor_sleep(&m, &m.filled, start + 20 * MS)) {
    }
    CHECK(hk_deadline(0) >= start + 20 * MS);
    CHECK(!hk_monitor_sleep(&m, &m.left, start)); /* a deadline that has passed already */
    CHECK_INT(pthread_mutex_trylock(&m.mutex), EBUSY);
    CHECK_INT(pthread_mutex_unlock(&m.mutex), 0);
    hk_monitor_destroy(&m);
}

typedef struct {
    hk_monitor monitor;
    bool asleep;
    bool rung;
} bell;

static void *
ring_it(void *arg)
{
    bell *b = arg;
    (void)pthread_mutex_lock(&b->monitor.mutex);
    while (!b->asleep) { /* asleep when the mutex is free and this is set */
        (void)pthread_mutex_unlock(&b->monitor.mutex);
        (void)nanosleep(&(struct timespec){0, MS}, NULL);
        (void)pthread_mutex_lock(&b->monitor.mutex);
    }
    b->rung = true;
    (void)pthread_mutex_unlock(&b->monitor.mutex);
    (void)pthread_cond_signal(&b->monitor.left);
    return NULL;
}

static void
check_signal_wakes(int64_t deadline)
{
    bell b = {.asleep = false};
    pthread_t thread;
    bool in_time = true;
    CHECK_INT(hk_monitor_init(&b.monitor), HK_OK);
    CHECK_INT(pthread_create(&thread, NULL, ring_it, &b), 0);
    CHECK_INT(pthread_mutex_lock(&b.monitor.mutex), 0);
    b.asleep = true;
    while (!b.rung && in_time) {
        in_time = hk_monitor_sleep(&b.monitor, &b.monitor.left, deadline);
    }
    CHECK(b.rung && in_time);
    CHECK_INT(pthread_mutex_unlock(&b.monitor.mutex), 0);
    CHECK_INT(pthread_join(thread, NULL), 0);
    hk_monitor_destroy(&b.monitor);
}

int
main(void)
{
    test_deadlines();
    test_sleep_ends_at_the_deadline();
    check_signal_wakes(HK_NEVER);
    check_signal_wakes(hk_deadline(60000 * MS));
    return check_report();
}
