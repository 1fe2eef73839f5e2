/* hk_spool.c -- the queue of frames on disk. */
#include "hk_spool.h"

/* The files come next (hk_segment, hk_cursor); until then no spool can be opened. */
hk_status
hk_spool_open(const char *directory, const hk_spool_settings *settings, hk_spool **spool,
              hk_error *err)
{
    (void)settings;
    *spool = NULL;
    return hk_fail(err, HK_ERR_SYSTEM, 0, "cannot open a spool in %s: not built in", directory);
}

void
hk_spool_free(hk_spool *s)
{
    (void)s;
}

hk_status
hk_spool_put(hk_spool *s, const uint8_t *frame, size_t len)
{
    (void)s, (void)frame, (void)len;
    return HK_ERR_CLOSED;
}

void
hk_spool_refuse(hk_spool *s, unsigned reason)
{
    (void)s, (void)reason;
}

hk_status
hk_spool_drop_oldest(hk_spool *s, size_t len, unsigned reason, size_t *dropped)
{
    (void)s, (void)len, (void)reason;
    *dropped = 0;
    return HK_ERR_FULL;
}

hk_status
hk_spool_wait_room(hk_spool *s, size_t len, int64_t timeout_ns)
{
    (void)s, (void)len, (void)timeout_ns;
    return HK_ERR_CLOSED;
}

hk_ring_event
hk_spool_wait(hk_spool *s, size_t bytes, int64_t timeout_ns)
{
    (void)s, (void)bytes, (void)timeout_ns;
    return HK_RING_DRAINED;
}

hk_ring_batch
hk_spool_take(hk_spool *s, size_t most)
{
    (void)s, (void)most;
    return (hk_ring_batch){NULL, 0, 0};
}

void
hk_spool_acknowledge(hk_spool *s, size_t outstanding)
{
    (void)s, (void)outstanding;
}

void
hk_spool_rewind(hk_spool *s, size_t unsent)
{
    (void)s, (void)unsent;
}

size_t
hk_spool_drop_in_flight(hk_spool *s, unsigned reason)
{
    (void)s, (void)reason;
    return 0;
}

hk_status
hk_spool_sync(hk_spool *s, hk_error *err)
{
    (void)s, (void)err;
    return HK_OK;
}

void
hk_spool_wake(hk_spool *s)
{
    (void)s;
}

void
hk_spool_close(hk_spool *s)
{
    (void)s;
}

size_t
hk_spool_drop_all(hk_spool *s, unsigned reason)
{
    (void)s, (void)reason;
    return 0;
}

void
hk_spool_set_goal(hk_spool *s, hk_ring_goal *goal)
{
    (void)s;
    *goal = (hk_ring_goal){0};
}

hk_ring_outcome
hk_spool_flush(hk_spool *s, hk_ring_goal *goal, int64_t timeout_ns)
{
    (void)s, (void)goal, (void)timeout_ns;
    return HK_RING_LOST;
}

void
hk_spool_get_stats(hk_spool *s, hk_ring_stats *out)
{
    (void)s;
    *out = (hk_ring_stats){0};
}

size_t
hk_spool_count(hk_spool *s)
{
    (void)s;
    return 0;
}

void
hk_spool_after_fork(hk_spool *s)
{
    (void)s;
}
