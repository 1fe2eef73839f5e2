/* hk_memory.c -- the store in memory: records and a window in one block. */
#include "hk_memory.h"

size_t
hk_memory_size(const hk_queue_settings *settings, size_t head)
{
    const size_t beside = head + settings->window; /* which wraps round, with too large a window */
    const size_t missing = beside > HK_QUEUE_EXTRA ? beside - HK_QUEUE_EXTRA : 0;
    if (settings->window > SIZE_MAX / 4 || settings->capacity > SIZE_MAX / 4 ||
        missing > settings->capacity ||
        hk_records_cost(settings->frame_max) > settings->capacity - missing) {
        return 0;
    }
    const size_t records = (settings->capacity - missing) & ~((size_t)HK_RECORD_HEAD - 1);
    return records + settings->window;
}

void
hk_memory_init(hk_memory *m, const hk_queue_settings *settings, uint8_t *data, size_t size)
{
    const size_t records = size - settings->window;
    hk_records_init(&m->records, data, records);
    hk_window_init(&m->window, data + records, settings->window);
}

hk_tally
hk_memory_drop_oldest(hk_memory *m)
{
    const hk_slice frame = hk_records_oldest(&m->records);
    if (frame.len == 0) {
        return (hk_tally){0, 0};
    }
    hk_records_pop(&m->records);
    return (hk_tally){1, frame.len};
}

hk_queue_batch
hk_memory_fetch(hk_memory *m, hk_flight *flight, size_t most)
{
    hk_queue_batch batch = {NULL, 0, 0};
    while (hk_batch_goes_on(&batch, most)) {
        const hk_slice frame = hk_records_oldest(&m->records);
        if (frame.len == 0 || !hk_batch_takes(&batch, frame.len, most) ||
            flight->count == flight->slots) {
            break;
        }
        uint8_t *to = hk_window_push(&m->window, frame.len, batch.frames > 0);
        if (to == NULL) {
            break;
        }
        memcpy(to, frame.data, frame.len);
        hk_flight_push(flight, frame.len);
        hk_records_pop(&m->records);
        hk_batch_add(&batch, to, frame.len);
    }
    return batch;
}
