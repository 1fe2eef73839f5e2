/* hk_recover.c -- which segments a directory has, and what they lack. */
#include "hk_recover.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a;
    const uint64_t other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

hk_status
hk_recover_list(int directory, uint64_t **numbers, size_t *count, hk_error *err)
{
    size_t room = 0;
    *numbers = NULL;
    *count = 0;
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        const hk_status status = hk_file_fail(err, "cannot list the directory");
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    hk_status status = HK_OK;
    for (const struct dirent *entry; status == HK_OK && (entry = readdir(dir)) != NULL;) {
        uint64_t number;
        if (!hk_segment_parse(entry->d_name, &number)) {
            continue;
        }
        if (*count == room) {
            room = room > 0 ? 2 * room : 16;
            uint64_t *more = realloc(*numbers, room * sizeof *more);
            if (more == NULL) {
                status = hk_fail(err, HK_ERR_NOMEM, 0, "no memory for a list of segments");
                break;
            }
            *numbers = more;
        }
        (*numbers)[(*count)++] = number;
    }
    (void)closedir(dir);
    if (*count > 1) {
        qsort(*numbers, *count, sizeof **numbers, compare_numbers);
    }
    return status;
}

/* The marks may be forged: a frame takes bytes, and a segment has a limit. */
size_t
hk_recover_missing(const hk_mark *end, const hk_mark *done, uint64_t number, uint64_t found)
{
    const uint64_t first = done->segment == number ? done->frame : number;
    if (end->segment != number || end->frame <= first || end->offset > HK_SEGMENT_LIMIT ||
        end->frame - first > end->offset / HK_FRAME_OVERHEAD) {
        return 0;
    }
    const uint64_t expected = end->frame - first;
    return expected > found ? (size_t)(expected - found) : 0;
}

bool
hk_recover_is_short(int directory, uint64_t number, size_t size)
{
    char name[HK_SEGMENT_NAME];
    struct stat now;
    hk_segment_name(number, name);
    return fstatat(directory, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(now.st_mode) &&
           (uint64_t)now.st_size <= size;
}

/* Guesses the frames of a segment by the numbers of the frames before and behind it. NULL: it is to
 * be looked through. */
static hk_status
guess(const hk_recovery *r, uint64_t number, uint64_t next, hk_segment **s, hk_error *err)
{
    const bool is_first = number == r->done.segment;
    const uint64_t first = is_first ? (number > r->done.frame ? number : r->done.frame) : number;
    *s = NULL;
    return first < next
               ? hk_segment_guess(r->directory, number, is_first ? (size_t)r->done.offset : 0,
                                  next - first, s, err)
               : HK_OK;
}

/* The last segment, which the cursor's end is in: looks through what is behind that. */
static hk_status
guess_last(const hk_recovery *r, uint64_t number, hk_segment **s, size_t *pieces, hk_error *err)
{
    hk_segment *more = NULL;
    const size_t known = (size_t)r->end.offset;
    char name[HK_SEGMENT_NAME];
    hk_status status = guess(r, number, r->end.frame, s, err);
    if (status != HK_OK || *s == NULL || known <= (*s)->begin || known > (*s)->end ||
        (*s)->frames > (known - (*s)->begin) / HK_FRAME_OVERHEAD) {
        hk_segment_close(*s);
        *s = NULL;
        return status;
    }
    if ((*s)->end > known) {
        status = hk_segment_open(r->directory, number, known, 0, r->mapped, &more, pieces, err);
    }
    if (status != HK_OK) {
        hk_segment_close(*s);
        *s = NULL;
        return status;
    }
    (*s)->end = (*s)->size = more != NULL ? more->end : known;
    (*s)->frames += more != NULL ? more->frames : 0;
    hk_segment_close(more);
    hk_segment_name(number, name);
    hk_file_cut(r->directory, name, (*s)->end);
    return HK_OK;
}

/* Looks through a segment; the marks say how far it is to be trusted. */
static hk_status
look_through(const hk_recovery *r, uint64_t number, bool is_last, hk_segment **s, size_t *pieces,
             hk_error *err)
{
    const size_t begin = number == r->done.segment ? (size_t)r->done.offset : 0;
    size_t known = SIZE_MAX;
    if (r->has_end && number >= r->end.segment && is_last) {
        known = number == r->end.segment ? (size_t)r->end.offset : 0;
    }
    /* Before it is opened, which cuts what is behind the last frame. */
    const bool is_short =
        hk_recover_is_short(r->directory, number, known == SIZE_MAX ? begin : known - 1);
    const hk_status status =
        hk_segment_open(r->directory, number, begin, known, r->mapped, s, pieces, err);
    if (status != HK_OK) {
        return status;
    }
    if (!is_last) {
        *pieces += *s == NULL && *pieces == 0 && is_short;
    } else if (known > 0 && known != SIZE_MAX && is_short) {
        const uint64_t found = (*s == NULL ? 0 : (*s)->frames) + *pieces;
        *pieces += hk_recover_missing(&r->end, &r->done, number, found);
    }
    return HK_OK;
}

hk_status
hk_recover_open(const hk_recovery *r, uint64_t number, uint64_t next, hk_segment **s,
                size_t *pieces, hk_error *err)
{
    const bool is_last = next == HK_RECOVER_LAST;
    hk_status status = HK_OK;
    *s = NULL;
    *pieces = 0;
    if (r->lazy && is_last && r->has_end && r->end.offset == 0 && r->end.segment > number) {
        next = r->end.segment; /* where the queue was opened last, or its end was dropped */
    }
    if (r->lazy && next != HK_RECOVER_LAST) {
        status = guess(r, number, next, s, err);
    } else if (r->lazy && r->has_end && number == r->end.segment) {
        status = guess_last(r, number, s, pieces, err);
    }
    return status == HK_OK && *s == NULL ? look_through(r, number, is_last, s, pieces, err)
                                         : status;
}
