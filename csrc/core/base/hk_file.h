/* hk_file.h -- files that are reserved, mapped, cut and synced; what the system refuses.
 *
 * Maps are shared with the file, and not with forked children. No locks; reentrant.
 * Includes: hk_status.h. */
#ifndef HK_FILE_H
#define HK_FILE_H

#include "hk_status.h"

/* Fills *err with `what` and errno's words; err->offset is errno. HK_ERR_SYSTEM. */
HK_COLD hk_status hk_file_fail(hk_error *err, const char *what);

/* Reserves the first `size` bytes on the disk: writing there cannot fail for want of room any more
 * (through a map that would be a SIGBUS). HK_ERR_ARGUMENT: this file system cannot reserve, or
 * copies what is written again; nothing was done. HK_ERR_SYSTEM: it has no room. */
HK_CHECK hk_status hk_file_reserve(int fd, size_t size, hk_error *err);

/* Writes zeros over the first `size` bytes, which are reserved. The kernel then has them in memory
 * in large pieces, and a map of them costs little where it is first written: 23 us a MiB instead of
 * 870 (ext4). HK_ERR_SYSTEM. */
HK_CHECK hk_status hk_file_fill(int fd, size_t size, hk_error *err);

/* Maps the first `size` bytes, to be read or to be written too; NULL: errno says why. */
void *hk_file_map(int fd, size_t size, bool writable);

/* Brings the pages of a map that is written soon into memory, so that the writer need not. */
void hk_file_populate(void *map, size_t size);

/* Cuts the named file to `size` bytes, if it is there and longer. What cannot be cut stays. */
void hk_file_cut(int directory, const char *name, size_t size);

/* What is in the named file is on the disk; HK_OK too when it is not there (any more). */
HK_CHECK hk_status hk_file_sync(int directory, const char *name, hk_error *err);

#endif
