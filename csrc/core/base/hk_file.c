/* hk_file.c -- reserving, mapping, truncating and syncing files. */
#include "hk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

#define FILL ((size_t)64 * 1024) /* bytes of zeros written at once */

hk_status
hk_file_fail(hk_error *err, const char *what)
{
    const int code = errno;
    return hk_fail(err, HK_ERR_SYSTEM, (size_t)code, "%s: %s", what, strerror(code));
}

hk_status
hk_file_fail_open(hk_error *err, const char *what, const char *name)
{
    return errno == ELOOP ? hk_fail(err, HK_ERR_SYSTEM, (size_t)errno,
                                    "%s is a symbolic link, which a spool does not follow", name)
                          : hk_file_fail(err, what);
}

#if defined(__linux__)

/* True when the file system copies on write: it allocates a new block whenever a block is
 * overwritten, so reserving blocks guarantees nothing there. */
static bool
copies_on_write(int fd)
{
    static const uint32_t kinds[] = {BTRFS_SUPER_MAGIC, 0xca451a4e /* bcachefs */,
                                     0x2fc12fc1 /* zfs */};
    struct statfs fs;
    bool found = false;
    if (fstatfs(fd, &fs) == 0) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            found = found || (uint32_t)fs.f_type == kinds[i];
        }
    }
    return found;
}

#endif

hk_status
hk_file_reserve(int fd, size_t size, hk_error *err)
{
#if defined(__linux__)
    if (copies_on_write(fd)) {
        return HK_ERR_ARGUMENT;
    }
    /* Not posix_fallocate: where the file system has no fallocate, glibc writes into each block
     * instead, which reserves nothing on a file system that compresses or copies on write. */
    int code;
    do {
        code = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : errno;
    } while (code == EINTR);
    if (code == 0) {
        return HK_OK;
    }
    errno = code;
    return code == EOPNOTSUPP || code == ENOSYS ? HK_ERR_ARGUMENT
                                                : hk_file_fail(err, "cannot reserve disk space");
#else
    (void)fd, (void)size, (void)err;
    return HK_ERR_ARGUMENT;
#endif
}

bool
hk_file_leaves(int fd, size_t size, size_t floor)
{
#if defined(__linux__)
    struct statfs fs;
    if (floor > 0 && fstatfs(fd, &fs) == 0 && fs.f_blocks > 0) {
        /* In blocks, which cannot overflow. */
        const size_t block = fs.f_bsize > 0 ? (size_t)fs.f_bsize : 512;
        return fs.f_bavail > 0 && size / block < (size_t)fs.f_bavail &&
               floor / block < (size_t)fs.f_bavail - size / block;
    }
#else
    (void)fd, (void)size, (void)floor;
#endif
    return true;
}

hk_status
hk_file_fill(int fd, size_t size, hk_error *err)
{
    static const uint8_t zeros[FILL];
    size_t done = 0;
    while (done < size) {
        const size_t piece = size - done < FILL ? size - done : FILL;
        const ssize_t n = pwrite(fd, zeros, piece, (off_t)done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            return hk_file_fail(err, "cannot write to the disk");
        }
    }
    return HK_OK;
}

void *
hk_file_map(int fd, size_t size, bool writable)
{
    const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *map = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
#if defined(MADV_DONTFORK)
    /* A child's mapping would keep the blocks of files that the parent deletes. */
    (void)madvise(map, size, MADV_DONTFORK);
#endif
    return map;
}

void
hk_file_populate(void *map, size_t size)
{
#if defined(MADV_POPULATE_WRITE)
    (void)madvise(map, size, MADV_POPULATE_WRITE); /* since Linux 5.14; else writes page-fault */
#else
    (void)map, (void)size;
#endif
}

void
hk_file_release(void *map, size_t from, size_t to)
{
    const long answer = sysconf(_SC_PAGESIZE);
    const size_t page = answer > 0 ? (size_t)answer : 4096;
    from -= from % page;
    to -= to % page;
    if (to > from) {
        (void)madvise((uint8_t *)map + from, to - from, MADV_DONTNEED);
    }
}

size_t
hk_file_readable(void *map, size_t size)
{
#if defined(MADV_POPULATE_READ)
    if (size == 0 || madvise(map, size, MADV_POPULATE_READ) == 0 || errno != EFAULT) {
        return size;
    }
    /* The last pages are those without a file: finds the first of them. */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t low = 0;
    size_t high = (size - 1) / page;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (madvise((uint8_t *)map + middle * page, page, MADV_POPULATE_READ) == 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low * page;
#else
    (void)map;
    return size;
#endif
}

void
hk_file_cut(int directory, const char *name, size_t size)
{
    struct stat now;
    const int fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &now) == 0 && now.st_size > (off_t)size) {
        const int refused = ftruncate(fd, (off_t)size);
        (void)refused;
    }
    (void)close(fd);
}

hk_status
hk_file_sync(int directory, const char *name, hk_error *err)
{
    const int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? HK_OK : hk_file_fail(err, "cannot open a file to sync it");
    }
    hk_status status = HK_OK;
#if defined(__APPLE__)
    const int refused = fcntl(fd, F_FULLFSYNC);
#else
    const int refused =
        fsync(fd); /* not fdatasync: "." is the directory, which has only metadata */
#endif
    if (refused != 0) {
        status = hk_file_fail(err, "cannot sync a file to the disk");
    }
    (void)close(fd);
    return status;
}
