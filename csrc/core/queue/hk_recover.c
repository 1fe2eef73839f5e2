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
