/* test_file.c -- reserving, mapping, truncating and syncing files; the texts of system errors. */
#include "core/base/hk_file.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "check.h"
#include "heka_frames.h"

/* ---- a file system that copies on write: the linker replaces fstatfs (--wrap) ---- */

int __real_fstatfs(int fd, struct statfs *fs);
int __wrap_fstatfs(int fd, struct statfs *fs);

static long kind; /* magic number to return; 0: the real one */

int
__wrap_fstatfs(int fd, struct statfs *fs)
{
    const int result = __real_fstatfs(fd, fs);
    if (kind != 0) {
        fs->f_type = kind;
    }
    return result;
}

static void
test_copies_on_write_cannot_be_reserved(int directory)
{
    const int fd = openat(directory, "copied", O_RDWR | O_CREAT, 0600);
    struct stat now;
    kind = BTRFS_SUPER_MAGIC;
    CHECK_INT(hk_file_reserve(fd, 100000, NULL), HK_ERR_ARGUMENT);
    kind = 0;
    CHECK_INT(fstat(fd, &now), 0);
    CHECK_INT(now.st_size, 0);
    CHECK_INT(hk_file_reserve(fd, 100000, NULL), HK_OK);
    (void)close(fd);
}

static off_t
size_of(int directory, const char *name)
{
    struct stat now;
    return fstatat(directory, name, &now, 0) == 0 ? now.st_size : -1;
}

static void
test_reserved_file_is_mapped(int directory)
{
    const int fd = openat(directory, "file", O_RDWR | O_CREAT, 0600);
    struct stat now;
    CHECK_INT(hk_file_reserve(fd, 100000, NULL), HK_OK);
    CHECK_INT(fstat(fd, &now), 0);
    CHECK_INT(now.st_size, 100000);
    CHECK(now.st_blocks * 512 >= 100000); /* blocks are allocated: the file has no hole */
    CHECK_INT(pwrite(fd, "x", 1, 99998), 1);
    CHECK_INT(hk_file_fill(fd, 100000, NULL), HK_OK);
    uint8_t *map = hk_file_map(fd, 100000, true);
    if (CHECK(map != NULL)) {
        hk_file_populate(map, 100000);
        map[99999] = 7;
        uint8_t *other = hk_file_map(fd, 100000, false);
        CHECK(other != NULL && other[99999] == 7 && other[99998] == 0 && other[0] == 0);
        (void)munmap(other, 100000);
        (void)munmap(map, 100000);
    }
    (void)close(fd);
}

static void
test_cutting(int directory)
{
    hk_file_cut(directory, "file", 200000);
    CHECK_INT(size_of(directory, "file"), 100000); /* never longer */
    hk_file_cut(directory, "file", 500);
    CHECK_INT(size_of(directory, "file"), 500);
    hk_file_cut(directory, "nothing", 0);
    CHECK_INT(size_of(directory, "nothing"), -1);
}

static void
test_syncing(int directory)
{
    CHECK_INT(hk_file_sync(directory, "file", NULL), HK_OK);
    CHECK_INT(hk_file_sync(directory, ".", NULL), HK_OK);
    CHECK_INT(hk_file_sync(directory, "nothing", NULL), HK_OK);
}

static void
test_errors_have_texts(int directory)
{
    hk_error err;
    const int fd = openat(directory, "file", O_RDONLY);
    CHECK_INT(hk_file_reserve(fd, 1000, &err), HK_ERR_SYSTEM);
    CHECK_SIZE(err.offset, EBADF);
    CHECK_TEXT(err.text, "cannot reserve disk space: Bad file descriptor");
    CHECK_INT(hk_file_fill(fd, 1000, &err), HK_ERR_SYSTEM);
    CHECK(hk_file_map(fd, 1000, true) == NULL);
    (void)close(fd);
    CHECK_INT(symlinkat("file", directory, "link"), 0); /* O_NOFOLLOW: a link is refused */
    CHECK_INT(hk_file_sync(directory, "link", &err), HK_ERR_SYSTEM);
    CHECK_SIZE(err.offset, ELOOP);
}

int
main(void)
{
    const char *path = fresh_directory();
    const int directory = open(path, O_RDONLY | O_DIRECTORY);
    test_copies_on_write_cannot_be_reserved(directory);
    test_reserved_file_is_mapped(directory);
    test_cutting(directory);
    test_syncing(directory);
    test_errors_have_texts(directory);
    (void)close(directory);
    remove_directory(path);
    return check_report();
}
