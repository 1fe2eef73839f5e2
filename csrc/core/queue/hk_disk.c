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
    const hk_status status =
        hk_journal_open(directory, hk_disk_segment_size(settings), !settings->unmapped,
                        settings->lazy, &d->journal, &found->frames, &found->bytes, cut, err);
    d->journal.min_free = settings->min_free;
    return status;
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
        hk_journal_cut(j, false);
        work->cut = segment->number;
        work->cut_end = segment->end;
    } else {
        hk_journal_remove(j, segment);
        segment->next = work->done;
        work->done = segment;
    }
    j->retry_at = 0;
    if (j->newest != NULL) {
        j->newest->retry_at = 0;
    }
    return gone;
}

/* Somebody has changed a frame in the file, or cut it off: the rest of the segment is lost. */
static HK_COLD hk_tally
give_up_damaged(hk_journal *j, hk_tally waiting)
{
    const hk_tally gone = waiting_in(j->taken.segment);
    hk_journal_cut(j, true);
    return gone.frames > 0 ? gone : waiting; /* all: they became fewer in the last file */
}

hk_queue_batch
hk_disk_fetch(hk_disk *d, hk_flight *flight, hk_tally waiting, size_t most, hk_tally *lost)
{
    hk_journal *j = &d->journal;
    hk_queue_batch batch = {NULL, 0, 0};
    hk_slice view = {NULL, 0};       /* from j->taken on */
    const hk_segment *viewed = NULL; /* what it is a view of */
    while (batch.frames < waiting.frames && hk_batch_goes_on(&batch, most)) {
        if (hk_journal_settle(j, &j->taken) && batch.frames > 0) {
            break;
        }
        hk_segment *segment = j->taken.segment;
        if (HK_UNLIKELY(segment->parked)) { /* the caller wakes it, and comes again */
            j->wants = true;
            break;
        }
        if (HK_UNLIKELY(segment != viewed)) {
            view = hk_journal_look(j, &j->taken);
            viewed = segment;
        }
        const size_t len = hk_segment_measure(view.data, view.len);
        if (HK_UNLIKELY(len == 0 || segment->taken == segment->frames)) {
            if (batch.frames > 0) { /* the next call looks from here on */
                break;
            }
            const hk_tally gone = give_up_damaged(j, waiting);
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
        hk_batch_add(&batch, view.data, len);
        view.data += len;
        view.len -= len;
        j->taken.at += len;
        segment->taken++;
        segment->taken_bytes += len;
    }
    j->next = j->taken;
    return batch;
}

size_t
hk_disk_peek(const hk_disk *d, uint8_t *to, size_t room)
{
    return hk_journal_read_at(&d->journal, d->journal.first, to, room);
}

hk_tally
hk_disk_give_up_next(hk_disk *d, hk_flight *flight, hk_tally *waiting)
{
    hk_journal *j = &d->journal;
    hk_segment *segment = j->next.segment;
    hk_place place = j->next;
    hk_tally gone = {0, 0};
    while (flight->out + gone.frames < flight->count && place.segment == segment) {
        const size_t len = flight->lengths[hk_flight_slot(flight, flight->out + gone.frames)];
        gone.frames++;
        gone.bytes += len;
        place.at += len;
        (void)hk_journal_settle(j, &place);
    }
    *waiting = waiting_in(segment);
    hk_flight_remove(flight, gone.frames);
    hk_journal_cut_taken(j, gone.frames, gone.bytes);
    return gone;
}

void
hk_disk_mark(hk_disk *d, size_t there, hk_disk_work *work)
{
    /* Segments that somebody has put into the directory may overlap: more frames than numbers. */
    const uint64_t end = d->journal.number;
    hk_segment *done = hk_journal_acknowledge(&d->journal, end > there ? end - there : 0);
    hk_segment *first = d->journal.first.segment;
    if (d->journal.lazy && first != NULL) {
        hk_segment_trim(first, &first->read_out, d->journal.first.at);
    }
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

hk_status
hk_disk_sync(hk_disk *d, hk_monitor *monitor, hk_error *err)
{
    hk_journal *j = &d->journal;
    hk_status status = HK_OK;
    char name[HK_SEGMENT_NAME];
    uint64_t next = 0;
    if (j->directory < 0) { /* the files are the parent's */
        return HK_OK;
    }
    (void)pthread_mutex_lock(&monitor->mutex);
    const uint64_t end = j->number;
    (void)pthread_mutex_unlock(&monitor->mutex);
    for (bool found = true; found && status == HK_OK;) {
        (void)pthread_mutex_lock(&monitor->mutex);
        found = hk_journal_next_unsynced(j, next, end, name, &next);
        (void)pthread_mutex_unlock(&monitor->mutex);
        status = found ? hk_file_sync(j->directory, name, err) : HK_OK;
    }
    status = status == HK_OK ? hk_cursor_sync(j->directory, err) : status;
    return status == HK_OK ? hk_file_sync(j->directory, ".", err) : status;
}
