/* hk_file.h -- reserving, mapping, truncating and syncing files; errors of system calls.
 *
 * Mappings are MAP_SHARED, and a forked child does not inherit them. No locks; reentrant.
 * Includes: hk_status.h. */
#ifndef HK_FILE_H
#define HK_FILE_H

#include "hk_status.h"

/* Fills *err with "`what`: strerror(errno)" and err->offset with errno. Returns HK_ERR_SYSTEM. */
HK_COLD hk_status hk_file_fail(hk_error *err, const char *what);

/* The same for a file that was opened with O_NOFOLLOW, and is called `name`; where it is a symbolic
 * link, the text says so. */
HK_COLD hk_status hk_file_fail_open(hk_error *err, const char *what, const char *name);

/* Allocates disk blocks for the first `size` bytes: a later write there cannot fail because the
 * disk is full (through a mapping, that failure would be a SIGBUS). HK_ERR_ARGUMENT: this file
 * system has no fallocate, or copies on write; nothing was done. HK_ERR_SYSTEM: fallocate failed,
 * e.g. the disk is full. */
HK_CHECK hk_status hk_file_reserve(int fd, size_t size, hk_error *err);

/* After `size` more bytes, `floor` bytes of its file system are still free for this user. True
 * where the system cannot tell, and where the file system has no size. */
bool hk_file_leaves(int fd, size_t size, size_t floor);

/* Writes zeros over the first `size` bytes, which are reserved. The page cache then holds them in
 * large folios, so that the first writes through a mapping cost 23 us a MiB instead of 870 (ext4).
 * HK_ERR_SYSTEM. */
HK_CHECK hk_status hk_file_fill(int fd, size_t size, hk_error *err);

/* Maps the first `size` bytes, read-only or writable. NULL on failure, with errno set. */
void *hk_file_map(int fd, size_t size, bool writable);

/* Faults in the pages of a writable mapping ahead of time, so that the writer does not. */
void hk_file_populate(void *map, size_t size);

/* Takes the whole pages from one offset to another out of the process's memory; they stay in the
 * page cache, and are faulted in when they are used again. */
void hk_file_release(void *map, size_t from, size_t to);

/* How many of the first `size` bytes of a mapping can be read: fewer when the file was truncated,
 * whatever its name is now, or if it has none. Rounded up to pages; `size` where the system cannot
 * tell (before Linux 5.14). Slow: for when the file cannot be asked. */
size_t hk_file_readable(void *map, size_t size);

/* Truncates the named file to `size` bytes if it exists and is longer. Failures are ignored. */
void hk_file_cut(int directory, const char *name, size_t size);

/* Syncs the named file to the disk (fsync). HK_OK also when the file does not exist (any more). */
HK_CHECK hk_status hk_file_sync(int directory, const char *name, hk_error *err);

#endif
