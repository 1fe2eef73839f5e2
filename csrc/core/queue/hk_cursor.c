/* hk_cursor.c -- the two marks of a queue on disk in one small file. */
#include "hk_cursor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/hk_file.h"

static const char title[16] = "heka cursor 1\n";

/* Makes the file as long as it has to be, with its title; what is there already stays. */
static hk_status
prepare(int fd, hk_error *err)
{
    struct stat now;
    if (fstat(fd, &now) != 0) {
        return hk_file_fail(err, "cannot look at the cursor");
    }
    if (now.st_size < (off_t)HK_CURSOR_SIZE && ftruncate(fd, HK_CURSOR_SIZE) != 0) {
        return hk_file_fail(err, "cannot make the cursor");
    }
    HK_POINT();
    if (pwrite(fd, title, sizeof title, 0) != (ssize_t)sizeof title) {
        return hk_file_fail(err, "cannot write the cursor");
    }
    HK_POINT();
    return HK_OK;
}

static bool
read_slot(const hk_cursor *c, hk_cursor_mark which, unsigned slot, hk_mark *mark)
{
    const size_t at = HK_CURSOR_MARKS + 64u * (size_t)which + 32u * slot;
    uint64_t raw[4];
    if (c->map != NULL) {
        memcpy(raw, c->map + at / sizeof *c->map, sizeof raw);
    } else if (pread(c->fd, raw, sizeof raw, (off_t)at) != (ssize_t)sizeof raw) {
        return false;
    }
    *mark = (hk_mark){raw[0], raw[1], raw[2]};
    return raw[3] == hk_cursor_checksum(mark);
}

static bool
is_further(const hk_mark *mark, const hk_mark *than)
{
    return mark->segment != than->segment ? mark->segment > than->segment
           : mark->offset != than->offset ? mark->offset > than->offset
                                          : mark->frame > than->frame;
}

/* Which of the two counts: 0, 1, or -1 when none is right. */
static int
newest_slot(const hk_cursor *c, hk_cursor_mark which, hk_mark *mark)
{
    hk_mark one;
    const bool first = read_slot(c, which, 0, mark);
    const bool second = read_slot(c, which, 1, &one);
    if (second && (!first || is_further(&one, mark))) {
        *mark = one;
        return 1;
    }
    return first ? 0 : -1;
}

hk_status
hk_cursor_open(int directory, bool mapped, hk_cursor *c, hk_error *err)
{
    hk_mark mark;
    *c = (hk_cursor){.map = NULL, .fd = -1};
    const int fd = openat(directory, HK_CURSOR_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                          S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return hk_file_fail_open(err, "cannot open the cursor", HK_CURSOR_FILE);
    }
    HK_POINT();
    hk_status status = prepare(fd, err);
    if (status == HK_OK) {
        status = mapped ? hk_file_reserve(fd, HK_CURSOR_SIZE, err) : HK_ERR_ARGUMENT;
    }
    if (status == HK_OK) {
        c->map = hk_file_map(fd, HK_CURSOR_SIZE, true);
        status = c->map != NULL ? HK_OK : hk_file_fail(err, "cannot map the cursor");
    } else if (status == HK_ERR_ARGUMENT) { /* not wanted, or not this file system */
        c->fd = fd;
        status = HK_OK;
    }
    if (c->fd < 0) {
        (void)close(fd);
    }
    for (unsigned which = 0; which < 2 && status == HK_OK; which++) {
        c->newest[which] = newest_slot(c, (hk_cursor_mark)which, &mark) == 1;
    }
    return status;
}

void
hk_cursor_forget(hk_cursor *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
    }
    *c = (hk_cursor){.map = NULL, .fd = -1};
}

void
hk_cursor_close(hk_cursor *c)
{
    if (c->map != NULL) {
        (void)munmap(c->map, HK_CURSOR_SIZE);
    }
    hk_cursor_forget(c);
}

bool
hk_cursor_read(const hk_cursor *c, hk_cursor_mark which, hk_mark *mark)
{
    return newest_slot(c, which, mark) >= 0;
}

void
hk_cursor_write_file(const hk_cursor *c, size_t offset, const uint64_t mark[4])
{
    HK_POINT();
    /* Refused, as by a disk that fails: the older one counts, so more is sent again. */
    const ssize_t written = pwrite(c->fd, mark, 4 * sizeof mark[0], (off_t)offset);
    HK_POINT();
    (void)written;
}

hk_status
hk_cursor_sync(int directory, hk_error *err)
{
    return hk_file_sync(directory, HK_CURSOR_FILE, err);
}
