/* hk_lock.h -- locked files, whose locks end with the process that has taken them.
 *
 * flock(2): the lock belongs to the open file, which a forked child has, too. So a child that lives
 * on would hold the lock of a parent that has died. A handler of fork closes the descriptors in the
 * child, however it was forked: by fork(3) from any language. Not after vfork and _Fork, which run
 * no handlers; there exec closes them (O_CLOEXEC).
 * Reentrant, any thread. The handler calls only what may be called in a signal handler. */
#ifndef HK_LOCK_H
#define HK_LOCK_H

#include <stdbool.h>

#include "hk_status.h"

/* Makes the file if it is missing, with mode 0600, and locks it. The descriptor, owned by the
 * caller until hk_lock_release; -1 with errno: EWOULDBLOCK: another open file has the lock; ENOENT:
 * the file was removed meanwhile; ELOOP: it is a symbolic link. */
int hk_lock_file(const char *path);

/* Unlocks and closes a descriptor of hk_lock_file. False, and nothing is done: this process has not
 * taken it (a child, after a fork). */
bool hk_lock_release(int fd);

#endif
