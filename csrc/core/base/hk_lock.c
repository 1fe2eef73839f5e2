/* hk_lock.c -- locked files, and the handler that closes them in a forked child. */
#include "hk_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FREE (-1)
#define TAKEN (-2) /* by a call that has no descriptor yet, or not any more */

/* Slots are never freed: the handler may walk over them at any moment. */
typedef struct slot {
    atomic_int fd; /* FREE, TAKEN, or a descriptor that a child closes */
    struct slot *next;
} slot;

static _Atomic(slot *) slots;
static atomic_uint forks; /* begun in this process */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int handler_missing;

static void
before_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void
in_child(void)
{
    const int code = errno;
    for (slot *s = atomic_load(&slots); s != NULL; s = s->next) {
        const int fd = atomic_exchange(&s->fd, FREE);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    errno = code;
}

static void
register_handlers(void)
{
    atomic_store(&handler_missing, pthread_atfork(before_fork, NULL, in_child) != 0);
}

/* A slot of that state, which becomes TAKEN; NULL: there is none. */
static slot *
find(int fd)
{
    for (slot *s = atomic_load(&slots); s != NULL; s = s->next) {
        int expected = fd;
        if (atomic_compare_exchange_strong(&s->fd, &expected, TAKEN)) {
            return s;
        }
    }
    return NULL;
}

static slot *
take_slot(void)
{
    slot *s = find(FREE);
    if (s == NULL && (s = malloc(sizeof *s)) != NULL) {
        atomic_init(&s->fd, TAKEN);
        s->next = atomic_load(&slots);
        while (!atomic_compare_exchange_weak(&slots, &s->next, s)) {
        }
    }
    return s;
}

/* 0: the descriptor has the lock, and the path is still its file's; or errno. */
static int
try_to_lock(int fd, const char *path)
{
    struct stat ours;
    struct stat named;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &ours) != 0 || lstat(path, &named) != 0) {
        return errno;
    }
    return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino ? 0 : ENOENT;
}

int
hk_lock_file(const char *path)
{
    (void)pthread_once(&once, register_handlers);
    slot *s = atomic_load(&handler_missing) == 0 ? take_slot() : NULL;
    if (s == NULL) {
        errno = ENOMEM;
        return -1;
    }
    for (;;) {
        const unsigned before = atomic_load(&forks);
        const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (fd < 0) {
            atomic_store(&s->fd, FREE);
            return -1;
        }
        atomic_store(&s->fd, fd);
        const int code = try_to_lock(fd, path);
        if (code == 0 && atomic_load(&forks) == before) {
            return fd;
        }
        /* After a fork meanwhile, a child may have the open file without knowing it: unlocked, it
         * is harmless there. */
        (void)flock(fd, LOCK_UN);
        atomic_store(&s->fd, TAKEN);
        (void)close(fd);
        if (code != 0) {
            atomic_store(&s->fd, FREE);
            errno = code;
            return -1;
        }
    }
}

bool
hk_lock_release(int fd)
{
    slot *s = fd >= 0 ? find(fd) : NULL;
    if (s == NULL) {
        return false;
    }
    (void)flock(fd, LOCK_UN); /* a child that is forked now has the open file, but no lock */
    (void)close(fd);
    atomic_store(&s->fd, FREE);
    return true;
}
