/* hk_chores.c -- what a journal leaves for later: files that are cut, prepared, and woken. */
#include "hk_chores.h"

#include <errno.h>

#include "core/base/hk_monitor.h"
#include "core/base/hk_point.h"
#include "hk_recover.h"

hk_chores
hk_journal_ask_chores(hk_journal *j)
{
    hk_chores chores = {.prepare = false};
    if (hk_journal_wants_spare(j) && hk_deadline(0) >= j->retry_at) {
        chores.prepare = j->preparing = true;
    }
    const hk_segment *parked = j->taken.segment;
    if (j->wants && parked != NULL && parked->parked) {
        chores.wake = true;
        chores.parked = parked->number;
        chores.begin = parked->begin;
        chores.parked_end = parked->end;
        chores.inode = parked->inode;
        chores.unread = parked->unread;
    }
    j->wants = false;
    for (hk_segment *s = j->oldest; j->uncut > 0 && s != NULL; s = s->next) {
        if (!s->open && !s->cut) {
            s->cut = true;
            j->uncut--;
            chores.cut = true;
            chores.number = s->number;
            chores.end = s->end;
            break;
        }
    }
    return chores;
}

/* Opens the file: one that was never read is looked through. */
static void
wake(const hk_journal *j, hk_chores *chores)
{
    hk_error err = {.offset = 0};
    if (!chores->unread) {
        chores->waked = hk_segment_wake(j->directory, chores->parked, chores->parked_end,
                                        chores->inode, j->mapped, &chores->woken, &err);
        return;
    }
    const bool is_short = hk_recover_is_short(j->directory, chores->parked, chores->begin);
    chores->waked = hk_segment_open(j->directory, chores->parked, chores->begin, SIZE_MAX,
                                    j->mapped, &chores->woken, &chores->pieces, &err);
    if (chores->woken != NULL && chores->woken->data != NULL) { /* it is sent piece by piece */
        hk_file_release(chores->woken->data, 0, chores->woken->end);
    }
    const bool is_gone =
        chores->waked == HK_ERR_SYSTEM && (err.offset == ENOENT || err.offset == ELOOP);
    if (is_gone || (chores->waked == HK_OK && is_short)) {
        chores->waked = HK_OK;
        chores->pieces = 1;
    }
}

void
hk_journal_do_chores(const hk_journal *j, hk_chores *chores)
{
    hk_error err = {.offset = 0};
    if (chores->cut) {
        char name[HK_SEGMENT_NAME];
        hk_segment_name(chores->number, name);
        HK_POINT();
        hk_file_cut(j->directory, name, chores->end);
    }
    if (chores->prepare &&
        hk_journal_create(j, HK_JOURNAL_SPARE, !j->lazy, &chores->spare, &err) != HK_OK) {
        chores->spare = NULL;
        chores->failure = (int)err.offset;
    }
    if (chores->wake) {
        wake(j, chores);
    }
}

/* Moves what was opened into the parked segment, which places refer to. */
static void
fill(hk_segment *s, hk_segment *from, bool unread)
{
    s->data = from->data;
    s->fd = from->fd;
    s->size = from->size;
    s->parked = false;
    if (unread) {
        s->inode = from->inode;
        s->end = from->end;
        s->frames = from->frames;
        s->holes = from->holes;
        s->hole_count = from->hole_count;
        s->hole_bytes = from->hole_bytes;
        s->unread = false;
    }
    from->data = NULL;
    from->fd = -1;
    from->holes = NULL;
}

/* It may have been dropped meanwhile. */
static hk_waking
end_waking(hk_journal *j, hk_chores *chores)
{
    hk_waking waking = {.unread = false};
    hk_segment *s = j->oldest;
    while (s != NULL && s->number != chores->parked) {
        s = s->next;
    }
    if (s == NULL || !s->parked || chores->waked != HK_OK) {
        return waking;
    }
    waking.before = waking.now = (hk_tally){s->frames, hk_segment_bytes(s)};
    waking.unread = chores->unread;
    waking.pieces = chores->pieces;
    if (chores->woken != NULL) {
        fill(s, chores->woken, chores->unread);
        waking.now = (hk_tally){s->frames, hk_segment_bytes(s)};
    } else {
        waking.pieces = chores->unread ? chores->pieces : s->frames;
        waking.now = (hk_tally){0, 0};
        hk_journal_remove(j, s);
        waking.done = s;
    }
    return waking;
}

hk_waking
hk_journal_end_chores(hk_journal *j, hk_chores *chores)
{
    hk_waking waking = {.unread = false};
    if (chores->prepare) {
        j->preparing = false;
        j->spare = chores->spare;
        if (chores->spare == NULL) {
            j->retry_at = hk_deadline(0) + HK_JOURNAL_PAUSE;
            j->failure = chores->failure;
        }
    }
    if (chores->wake) {
        waking = end_waking(j, chores);
        hk_segment_close(chores->woken);
    }
    return waking;
}
