/* hk_journal.c -- the segments and the cursor of one directory. */
#include "hk_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/hk_monitor.h"
#include "core/base/hk_point.h"
#include "hk_recover.h"

/* ---- opened ---- */

static void
remove_segment(int directory, uint64_t number)
{
    char name[HK_SEGMENT_NAME];
    hk_segment_name(number, name);
    HK_POINT();
    (void)unlinkat(directory, name, 0);
    HK_POINT();
}

static void
append_segment(hk_journal *j, hk_segment *s)
{
    s->next = NULL;
    if (j->newest != NULL) {
        j->newest->next = s;
    } else {
        j->oldest = s;
    }
    j->newest = s;
}

static inline uint64_t
later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Where no end is known: what was found counts; of what comes now, what is whole. */
static void
mark_end(hk_journal *j)
{
    hk_cursor_move(&j->cursor, HK_CURSOR_END, (hk_mark){j->number, j->number, 0});
}

static hk_status
recover(hk_journal *j, const uint64_t *numbers, size_t count, size_t *cut, hk_error *err)
{
    hk_recovery r = {.directory = j->directory, .mapped = j->mapped, .lazy = j->lazy};
    r.has_end = hk_cursor_read(&j->cursor, HK_CURSOR_END, &r.end);
    (void)hk_cursor_read(&j->cursor, HK_CURSOR_ACKNOWLEDGED, &r.done); /* else nothing is */
    j->number = later(later(r.end.frame, r.end.segment + (r.end.offset > 0)),
                      later(r.done.frame, r.done.segment + (r.done.offset > 0)));
    for (size_t i = 0; i < count; i++) {
        hk_segment *s = NULL;
        size_t pieces = 0;
        if (numbers[i] >= r.done.segment) {
            const uint64_t next = i < count - 1 ? numbers[i + 1] : HK_RECOVER_LAST;
            const hk_status status = hk_recover_open(&r, numbers[i], next, &s, &pieces, err);
            if (status != HK_OK) {
                return status;
            }
        }
        *cut += pieces;
        j->number = later(j->number, numbers[i] + 1);
        if (s == NULL) {
            remove_segment(j->directory, numbers[i]);
        } else {
            j->number = later(j->number, numbers[i] + s->frames);
            append_segment(j, s);
        }
    }
    mark_end(j);
    return HK_OK;
}

static void
close_all(hk_journal *j)
{
    hk_journal_discard(-1, j->oldest);
    hk_journal_discard(-1, j->unlinked);
    hk_segment_close(j->spare);
    hk_cursor_close(&j->cursor);
    free(j->buffer);
    (void)close(j->directory);
}

hk_status
hk_journal_open(const char *directory, size_t segment_size, bool mapped, bool lazy, hk_journal *j,
                size_t *frames, size_t *bytes, size_t *cut, hk_error *err)
{
    uint64_t *numbers = NULL;
    size_t count;
    hk_error inner = {.text = ""};
    *frames = *bytes = *cut = 0;
    *j = (hk_journal){
        .segment_size = segment_size, .mapped = mapped, .lazy = lazy, .cursor = {.fd = -1}};
    j->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    hk_status status = j->directory >= 0 ? hk_cursor_open(j->directory, mapped, &j->cursor, &inner)
                                         : hk_file_fail(&inner, "cannot open the directory");
    if (status == HK_OK) {
        j->buffer = malloc(HK_JOURNAL_BUFFER); /* costs nothing until it is used */
        status = j->buffer != NULL ? HK_OK
                                   : hk_fail(&inner, HK_ERR_NOMEM, 0, "no memory to read segments");
    }
    if (status == HK_OK) {
        status = hk_recover_list(j->directory, &numbers, &count, &inner);
    }
    if (status == HK_OK) {
        (void)unlinkat(j->directory, HK_JOURNAL_SPARE, 0);
        status = recover(j, numbers, count, cut, &inner);
    }
    free(numbers);
    for (const hk_segment *s = j->oldest; s != NULL; s = s->next) {
        *frames += s->frames;
        *bytes += hk_segment_bytes(s);
    }
    if (status != HK_OK) {
        if (j->directory >= 0) {
            close_all(j);
        }
        return hk_fail(err, status, inner.offset, "%s, in the spool %s", inner.text, directory);
    }
    return HK_OK;
}

/* ---- the end, the child ---- */

void
hk_journal_close(hk_journal *j, bool empty)
{
    char name[HK_SEGMENT_NAME];
    for (const hk_segment *s = j->oldest; s != NULL; s = s->next) {
        hk_segment_name(s->number, name);
        if (empty || s->frames == 0) {
            HK_POINT();
            (void)unlinkat(j->directory, name, 0);
        } else if (!s->cut) {
            HK_POINT();
            hk_file_cut(j->directory, name, s->end);
        }
    }
    if (j->spare != NULL) {
        HK_POINT();
        (void)unlinkat(j->directory, HK_JOURNAL_SPARE, 0);
    }
    if (empty) {
        HK_POINT();
        (void)unlinkat(j->directory, HK_CURSOR_FILE, 0);
    }
    close_all(j);
}

void
hk_journal_forget(hk_journal *j)
{
    (void)close(j->directory);
    hk_cursor_forget(&j->cursor);
    *j = (hk_journal){.directory = -1, .cursor = j->cursor};
}

void
hk_journal_discard(int directory, hk_segment *list)
{
    while (list != NULL) {
        hk_segment *s = list;
        list = s->next;
        if (directory >= 0) {
            remove_segment(directory, s->number);
        }
        hk_segment_close(s);
    }
}

/* ---- appending ---- */

/* The spare, under its name; NULL: there is none. */
static hk_segment *
use_spare(hk_journal *j, const char *name)
{
    hk_segment *s = j->spare;
    j->spare = NULL;
    if (s == NULL) {
        return NULL;
    }
    HK_POINT();
    if (renameat(j->directory, HK_JOURNAL_SPARE, j->directory, name) == 0) {
        HK_POINT();
        return s;
    }
    hk_segment_close(s);
    return NULL;
}

hk_status
hk_journal_create(const hk_journal *j, const char *name, bool populate, hk_segment **s,
                  hk_error *err)
{
    *s = NULL;
    if (!hk_file_leaves(j->directory, j->segment_size, j->min_free)) {
        errno = ENOSPC;
        return hk_file_fail(err, "too little space is left");
    }
    return hk_segment_create(j->directory, name, j->segment_size, j->mapped, populate, s, err);
}

hk_status
hk_journal_turn(hk_journal *j)
{
    char name[HK_SEGMENT_NAME];
    hk_segment *old = j->newest;
    hk_error err = {.offset = 0};
    const int64_t now = hk_deadline(0);
    if (j->spare == NULL && now < j->retry_at) {
        return HK_ERR_FULL;
    }
    hk_segment_name(j->number, name);
    hk_segment *s = use_spare(j, name);
    if (s == NULL && (hk_journal_create(j, name, false, &s, &err) != HK_OK || s == NULL)) {
        j->failure = (int)err.offset; /* see hk_file_fail */
        j->retry_at = now + HK_JOURNAL_PAUSE;
        return HK_ERR_FULL;
    }
    j->failure = 0;
    s->number = j->number;
    memcpy(s->name, name, sizeof name);
    if (old != NULL && old->open) {
        hk_segment_end(old);
        j->uncut += !old->cut;
        if (j->lazy && old != j->first.segment && old != j->taken.segment) {
            hk_segment_park(old); /* nothing of it was handed out */
        }
    }
    append_segment(j, s);
    return HK_OK;
}

bool
hk_journal_has_room(const hk_journal *j, size_t len)
{
    const hk_segment *s = j->newest;
    return (s != NULL && hk_segment_fits(s, len) && s->failure == 0) || j->spare != NULL ||
           hk_deadline(0) >= hk_journal_retry_at(j);
}

/* ---- places ---- */

bool
hk_journal_move(const hk_journal *j, hk_place *place)
{
    bool moved = false;
    if (place->segment == NULL) {
        if (j->oldest == NULL) {
            return false;
        }
        *place = (hk_place){j->oldest, j->oldest->begin};
        moved = true;
    }
    for (;;) {
        const hk_segment *s = place->segment;
        const size_t at = s->hole_count > 0 ? hk_segment_skip(s, place->at) : place->at;
        moved = moved || at != place->at;
        place->at = at;
        if (at != s->end || s->next == NULL) {
            return moved;
        }
        *place = (hk_place){s->next, s->next->begin};
        moved = true;
    }
}

/* The same for a segment that is not mapped. What was read before is used while it has a frame. */
static HK_COLD hk_slice
read_file(hk_journal *j, const hk_segment *s, size_t at)
{
    if (j->read.segment == s->number && j->read.from <= at && at - j->read.from < j->read.len) {
        const size_t skip = at - j->read.from;
        const hk_slice kept = {j->buffer + skip, j->read.len - skip};
        if (hk_segment_measure(kept.data, kept.len) > 0) {
            return kept;
        }
    }
    const size_t left = s->end - at;
    j->read.segment = s->number;
    j->read.from = at;
    j->read.len =
        hk_segment_read(-1, s, at, j->buffer, left < HK_JOURNAL_BUFFER ? left : HK_JOURNAL_BUFFER);
    return (hk_slice){j->buffer, j->read.len};
}

hk_slice
hk_journal_look(hk_journal *j, const hk_place *place)
{
    const hk_segment *s = place->segment;
    if (HK_UNLIKELY(s->data == NULL)) {
        return read_file(j, s, place->at);
    }
    const size_t end = hk_segment_look(j->directory, s);
    return (hk_slice){s->data + place->at, end > place->at ? end - place->at : 0};
}

const uint8_t *
hk_journal_again(hk_journal *j, size_t len, bool follows)
{
    const bool moved = hk_journal_settle(j, &j->next);
    if (!follows) {
        j->view = hk_journal_look(j, &j->next);
    }
    if ((follows && moved) || j->view.len < len) {
        return NULL;
    }
    const uint8_t *data = j->view.data;
    j->view.data += len;
    j->view.len -= len;
    j->next.at += len;
    return data;
}

size_t
hk_journal_read_at(const hk_journal *j, hk_place place, uint8_t *to, size_t room)
{
    (void)hk_journal_settle(j, &place);
    const hk_segment *s = place.segment;
    if (s == NULL) {
        return 0;
    }
    size_t left = s->end - place.at;
    if (s->data == NULL) {
        return hk_segment_read(j->directory, s, place.at, to, left < room ? left : room);
    }
    const size_t end = hk_segment_look(j->directory, s);
    left = end > place.at ? end - place.at : 0;
    memcpy(to, s->data + place.at, left < room ? left : room);
    return left < room ? left : room;
}

/* Length of the frame at a place; 0: none is there. */
static size_t
measure_at(const hk_journal *j, const hk_place *place)
{
    const hk_segment *s = place->segment;
    uint8_t head[HK_FRAME_ROOM] = {0};
    if (s == NULL || hk_journal_read_at(j, *place, head, sizeof head) == 0) {
        return 0;
    }
    return hk_segment_measure(head, s->end - place->at); /* looks at the header only */
}

size_t
hk_journal_count(const hk_journal *j)
{
    hk_place place = j->first;
    size_t frames = 0;
    for (size_t len = 1; len > 0; frames += len > 0) {
        (void)hk_journal_settle(j, &place);
        if (place.segment != NULL && place.segment->parked && place.at != place.segment->end) {
            frames += place.segment->frames - 1; /* and one by `len` */
            place.at = place.segment->end;
            continue;
        }
        len = measure_at(j, &place);
        place.at += len;
    }
    return frames;
}

static void
settle_all(hk_journal *j)
{
    (void)hk_journal_settle(j, &j->first);
    (void)hk_journal_settle(j, &j->next);
    (void)hk_journal_settle(j, &j->taken);
}

static void
mark_acknowledged(hk_journal *j, uint64_t frame)
{
    const hk_place *first = &j->first;
    hk_mark mark = {frame, j->number, 0};
    if (first->segment != NULL) {
        mark.segment = first->segment->number;
        mark.offset = first->at;
    }
    hk_cursor_move(&j->cursor, HK_CURSOR_ACKNOWLEDGED, mark);
}

/* Takes the segment behind `before` (NULL: the oldest) out of the list. */
static hk_segment *
unlink_segment(hk_journal *j, hk_segment *before)
{
    hk_segment *s = before != NULL ? before->next : j->oldest;
    if (before != NULL) {
        before->next = s->next;
    } else {
        j->oldest = s->next;
    }
    j->newest = j->newest == s ? before : j->newest;
    j->uncut -= !s->open && !s->cut;
    s->next = NULL;
    return s;
}

hk_segment *
hk_journal_acknowledge(hk_journal *j, uint64_t frame)
{
    hk_segment *done = NULL;
    settle_all(j);
    const hk_segment *last = j->first.segment;
    const bool all = last != NULL && !last->open && last->next == NULL && j->first.at == last->end;
    if (all) { /* and nobody appends to it: nothing is left */
        j->first = j->next = j->taken = (hk_place){NULL, 0};
    }
    mark_acknowledged(j, frame);
    while (j->oldest != NULL && (all || j->oldest != last)) {
        hk_segment *s = unlink_segment(j, NULL);
        s->next = done;
        done = s;
    }
    return done;
}

hk_segment *
hk_journal_waiting(const hk_journal *j)
{
    hk_segment *s = j->taken.segment != NULL ? j->taken.segment : j->oldest;
    while (s != NULL && s->taken == s->frames) {
        s = s->next;
    }
    return s;
}

/* Ends the segment at that offset, behind the frames that were handed out. */
static void
cut_at(hk_journal *j, hk_segment *s, size_t at, bool later)
{
    if (s == j->newest) { /* what the cursor has of it is no more */
        mark_end(j);
    }
    s->end = at;
    s->frames = s->taken;
    while (s->hole_count > 0 && s->holes[s->hole_count - 1].at >= s->end) {
        s->hole_bytes -= s->holes[--s->hole_count].len;
    }
    j->uncut -= !s->open && !s->cut;
    j->uncut += later;
    s->open = false;
    s->cut = !later;
}

void
hk_journal_cut(hk_journal *j, bool later)
{
    cut_at(j, j->taken.segment, j->taken.at, later);
}

void
hk_journal_cut_taken(hk_journal *j, size_t taken, size_t taken_bytes)
{
    hk_segment *s = j->next.segment;
    s->taken -= taken;
    s->taken_bytes -= taken_bytes;
    cut_at(j, s, j->next.at, true);
    if (j->taken.segment == s) {
        j->taken.at = s->end;
    }
}

/* A place in a segment that goes is the end of the one before it, or the beginning of all. */
static void
move_away(hk_place *place, const hk_segment *from, hk_segment *before)
{
    if (place->segment == from) {
        *place = (hk_place){before, before != NULL ? before->end : 0};
    }
}

void
hk_journal_remove(hk_journal *j, hk_segment *s)
{
    hk_segment *before = NULL;
    for (hk_segment *one = j->oldest; one != s; one = one->next) {
        before = one;
    }
    if (s == j->newest) { /* what the cursor has of it is no more */
        mark_end(j);
    }
    move_away(&j->first, s, before);
    move_away(&j->next, s, before);
    move_away(&j->taken, s, before);
    (void)unlink_segment(j, before);
}

void
hk_journal_clear(hk_journal *j)
{
    const bool keep = j->newest != NULL && j->newest->frames == 0;
    j->first = j->next = j->taken = (hk_place){NULL, 0};
    mark_acknowledged(j, j->number);
    while (j->oldest != NULL && !(keep && j->oldest == j->newest)) {
        hk_segment *s = unlink_segment(j, NULL);
        remove_segment(j->directory, s->number);
        s->next = j->unlinked;
        j->unlinked = s;
    }
    j->retry_at = 0;
}

bool
hk_journal_next_unsynced(hk_journal *j, uint64_t from, uint64_t to, char name[HK_SEGMENT_NAME],
                         uint64_t *next)
{
    hk_segment *s = j->oldest;
    while (s != NULL && (s->number < from || s->synced == s->end)) {
        s = s->next;
    }
    if (s == NULL || s->number >= to) {
        return false;
    }
    s->synced = s->end;
    hk_segment_name(s->number, name);
    *next = s->number + 1;
    return true;
}
