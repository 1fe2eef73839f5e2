/* hk_disk.c -- the store on disk: the frames of a journal, by places. */
#include "hk_disk.h"

size_t
hk_disk_segment_size(const hk_queue_settings *settings)
{
    size_t size = settings->segment;
    if (size == 0) {
        size = settings->capacity / 8;
        size = size < HK_DISK_SEGMENT_MOST ? size : HK_DISK_SEGMENT_MOST;
        size = size > HK_DISK_SEGMENT_LEAST ? size : HK_DISK_SEGMENT_LEAST;
    }
    return settings->capacity < settings->frame_max || size < settings->frame_max ||
                   size > HK_DISK_SEGMENT_LIMIT
               ? 0
               : size;
}

hk_status
hk_disk_open(hk_disk *d, const char *directory, const hk_queue_settings *settings, hk_tally *found,
             size_t *cut, hk_error *err)
{
    d->capacity = settings->capacity;
    return hk_journal_open(directory, hk_disk_segment_size(settings), &d->journal, &found->frames,
                           &found->bytes, cut, err);
}

/* The frames of that segment that were never handed out. */
static hk_tally
waiting_in(const hk_segment *segment)
{
    return (hk_tally){segment->frames - segment->taken,
                      hk_segment_bytes(segment) - segment->taken_bytes};
}

hk_tally
hk_disk_drop_oldest(hk_disk *d, bool in_flight, hk_disk_work *work)
{
    hk_journal *j = &d->journal;
    hk_segment *segment = hk_journal_waiting(j);
    if (segment == NULL) {
        return (hk_tally){0, 0};
    }
    const hk_tally gone = waiting_in(segment);
    if (segment->taken > 0 && in_flight) { /* its first frames are */
        hk_journal_cut(j);
        work->cut = segment->number;
        work->cut_end = segment->end;
    } else {
        hk_journal_remove(j, segment);
        segment->next = work->done;
        work->done = segment;
    }
    j->retry_at = 0;
    return gone;
}

/* Somebody has changed what was a frame in the file: the rest of the segment is lost. */
static HK_COLD hk_tally
give_up_damaged(hk_journal *j, hk_tally waiting)
{
    const hk_tally gone = waiting_in(j->taken.segment);
    hk_journal_cut(j);
    return gone.frames > 0 ? gone : waiting; /* all: they became fewer in the last file */
}

hk_queue_batch
hk_disk_fetch(hk_disk *d, hk_flight *flight, hk_tally waiting, size_t most, hk_tally *lost)
{
    hk_journal *j = &d->journal;
    hk_queue_batch batch = {NULL, 0, 0};
    while (batch.frames < waiting.frames && hk_batch_goes_on(&batch, most)) {
        if (hk_journal_settle(j, &j->taken) && batch.frames > 0) {
            break;
        }
        hk_segment *segment = j->taken.segment;
        const uint8_t *data = segment->data + j->taken.at;
        const size_t len = hk_segment_measure(data, segment->end - j->taken.at);
        if (HK_UNLIKELY(len == 0 || segment->taken == segment->frames)) {
            const hk_tally left = {waiting.frames - batch.frames, waiting.bytes - batch.len};
            const hk_tally gone = give_up_damaged(j, left);
            waiting.frames -= gone.frames;
            waiting.bytes -= gone.bytes;
            lost->frames += gone.frames;
            lost->bytes += gone.bytes;
            continue;
        }
        if (!hk_batch_takes(&batch, len, most) || !hk_flight_takes(flight, len)) {
            break;
        }
        hk_flight_push(flight, len);
        hk_batch_add(&batch, data, len);
        j->taken.at += len;
        segment->taken++;
        segment->taken_bytes += len;
    }
    j->next = j->taken;
    return batch;
}

void
hk_disk_mark(hk_disk *d, size_t there, hk_disk_work *work)
{
    hk_segment *done = hk_journal_acknowledge(&d->journal, d->journal.number - there);
    while (done != NULL) {
        hk_segment *one = done;
        done = one->next;
        one->next = work->done;
        work->done = one;
    }
}

void
hk_disk_finish(const hk_disk *d, hk_disk_work *work)
{
    char name[HK_SEGMENT_NAME];
    hk_journal_discard(-1, work->unlinked);
    hk_journal_discard(d->journal.directory, work->done);
    if (work->cut_end > 0) {
        hk_segment_name(work->cut, name);
        hk_file_cut(d->journal.directory, name, work->cut_end);
    }
}
