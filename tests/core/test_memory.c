/* test_memory.c -- what a queue in memory does in its own way: its block, its room, its wakings. */
#include "check.h"
#include "queues.h"

/* ---- the linker hands these calls to us ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);

static size_t allocated; /* bytes, by the last call */
static atomic_uint broadcasts;

void *
__wrap_malloc(size_t size)
{
    allocated = size;
    return __real_malloc(size);
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    atomic_fetch_add(&broadcasts, 1);
    return __real_pthread_cond_broadcast(cond);
}

/* ---- the block ---- */

static void
test_largest_frame_has_to_fit(void)
{
    hk_queue *q = NULL;
    hk_queue_settings settings = {.capacity = 1000, .frame_max = 993, .window = 1000};
    CHECK_INT(hk_queue_open(NULL, &settings, &q, NULL), HK_ERR_ARGUMENT); /* and its 8 bytes */
    settings.frame_max = 992;
    CHECK_INT(hk_queue_open(NULL, &settings, &q, NULL), HK_OK);
    hk_queue_free(q);
    settings.capacity = SIZE_MAX;
    CHECK_INT(hk_queue_open(NULL, &settings, &q, NULL), HK_ERR_ARGUMENT);
    settings.capacity = SIZE_MAX / 4 + 1;
    CHECK_INT(hk_queue_open(NULL, &settings, &q, NULL), HK_ERR_ARGUMENT);
}

static void
test_block_is_no_larger_than_said(void)
{
    static const size_t windows[] = {HK_FRAME_MAX, HK_QUEUE_WINDOW, 320u * 1024, 1u << 20};
    hk_queue *q = NULL;
    hk_queue_settings settings = {.frame_max = HK_FRAME_MAX};
    for (size_t capacity = 128u * 1024; capacity <= 64u << 20; capacity *= 2) {
        for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
            settings.capacity = capacity;
            settings.window = windows[i];
            allocated = 0;
            if (hk_queue_open(NULL, &settings, &q, NULL) != HK_OK) {
                CHECK(windows[i] > capacity / 2);
                continue;
            }
            CHECK(allocated <= capacity + HK_QUEUE_EXTRA);
            CHECK(allocated > capacity || windows[i] > HK_QUEUE_WINDOW);
            hk_queue_free(q);
        }
    }
    settings.capacity = 1u << 20;
    settings.window = 2u << 20;
    CHECK_INT(hk_queue_open(NULL, &settings, &q, NULL), HK_ERR_ARGUMENT);
}

/* A window of HK_QUEUE_WINDOW leaves the whole capacity to waiting frames, a larger one takes. */
static void
test_capacity_is_for_waiting_frames(void)
{
    hk_queue_settings settings = {
        .capacity = 256u * 1024, .frame_max = 120, .window = HK_QUEUE_WINDOW};
    hk_queue *q = open_with(NULL, &settings);
    made = 0;
    fill(q, 120);
    CHECK_SIZE(made, 256u * 1024 / 128);
    hk_queue_free(q);
    settings.window += 64u * 1024;
    q = open_with(NULL, &settings);
    made = 0;
    fill(q, 120);
    CHECK(made <= (256u - 72) * 1024 / 128 + 32 && made >= (256u - 74) * 1024 / 128);
    hk_queue_free(q);
}

/* ---- frames ---- */

static void
test_frame_may_be_larger_than_a_batch(void)
{
    static uint8_t large[HK_FRAME_MAX];
    const hk_queue_settings settings = {
        .capacity = 1 << 20, .frame_max = HK_FRAME_MAX, .window = 1 << 18};
    hk_queue *q = open_with(NULL, &settings);
    memset(large, 7, sizeof large); /* in memory any bytes are a frame */
    CHECK_INT(hk_queue_put(q, large, sizeof large), HK_OK);
    CHECK_INT(put(q, 100), HK_OK);
    const hk_queue_batch batch = hk_queue_take(q, SIZE_MAX);
    CHECK_BYTES(batch.data, batch.len, large, sizeof large);
    CHECK_SIZE(batch.frames, 1);
    hk_queue_free(q);
}

static void
test_dropping_no_more_than_needed(void)
{
    hk_queue *q = open_queue(NULL, 1000);
    size_t dropped;
    made = 0;
    put_many(q, 100, 8);
    const hk_queue_batch in_flight = hk_queue_take(q, 200);
    CHECK(holds(&in_flight, 0, 2));
    CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 0); /* what was taken has left its room */
    fill(q, 100);
    const unsigned count = made;
    CHECK_INT(hk_queue_drop_oldest(q, 150, REASON, &dropped), HK_OK);
    CHECK_SIZE(dropped, 2);
    CHECK_INT(put(q, 150), HK_OK);
    CHECK(holds(&in_flight, 0, 2));
    CHECK_SIZE(stats_of(q).dropped[REASON], 2);
    hk_queue_rewind(q, 0);
    CHECK(takes_at_once(q, SIZE_MAX, 0, 2));
    hk_queue_acknowledge(q, 0);
    CHECK(takes_at_once(q, SIZE_MAX, 4, count - 4 + 1));
    hk_queue_free(q);
}

/* ---- waking ---- */

static void *
wait_for_room(void *queue)
{
    return hk_queue_wait_room(queue, 100, -1) == HK_OK ? queue : NULL;
}

static void
test_producer_is_woken_when_an_eighth_is_free(void)
{
    hk_queue *q = open_queue(NULL, 16 * 112);
    pthread_t thread;
    void *result = NULL;
    size_t sleepers = 0;
    made = 0;
    fill(q, 100);
    CHECK_SIZE(made, 16);
    CHECK_INT(pthread_create(&thread, NULL, wait_for_room, q), 0);
    while (sleepers == 0) {
        (void)pthread_mutex_lock(&q->monitor.mutex);
        sleepers = q->in.sleepers;
        (void)pthread_mutex_unlock(&q->monitor.mutex);
    }
    atomic_store(&broadcasts, 0);
    CHECK(takes_at_once(q, 1, 0, 1));
    hk_queue_acknowledge(q, 0);
    CHECK_SIZE(atomic_load(&broadcasts), 0);
    CHECK(takes_at_once(q, 1, 1, 1));
    CHECK_SIZE(atomic_load(&broadcasts), 1);
    CHECK_INT(pthread_join(thread, &result), 0);
    CHECK(result == q);
    hk_queue_free(q);
}

int
main(void)
{
    (void)alarm(DEADLINE);
    test_largest_frame_has_to_fit();
    test_block_is_no_larger_than_said();
    test_capacity_is_for_waiting_frames();
    test_frame_may_be_larger_than_a_batch();
    test_dropping_no_more_than_needed();
    test_producer_is_woken_when_an_eighth_is_free();
    return check_report();
}
