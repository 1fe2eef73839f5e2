/* test_lock.c -- locked files: who has them, and that a forked child has none. */
#include "core/base/hk_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "queues.h"

static char path[300];

/* Whether somebody has the lock. */
static bool
is_locked(void)
{
    const int fd = open(path, O_RDWR);
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    (void)close(fd);
    return locked;
}

static void
test_one_has_it(void)
{
    const int fd = hk_lock_file(path);
    CHECK(fd >= 0 && is_locked());
    CHECK_INT(hk_lock_file(path), -1);
    CHECK_INT(errno, EWOULDBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK(hk_lock_release(fd));
    CHECK(!hk_lock_release(fd)); /* its number may be another's by now */
    CHECK(!hk_lock_release(-1) && !hk_lock_release(-2));
    CHECK(!is_locked());
}

static void
test_what_cannot_be_locked(void)
{
    char link[320];
    (void)snprintf(link, sizeof link, "%s.link", path);
    CHECK_INT(symlink(path, link), 0);
    CHECK_INT(hk_lock_file(link), -1);
    CHECK_INT(errno, ELOOP);
    CHECK_INT(unlink(link), 0);
    CHECK_INT(hk_lock_file("/nowhere/at/all"), -1);
    CHECK_INT(errno, ENOENT);
}

/* The child closes what is the parent's, and no more. */
static void
test_child_has_none(void)
{
    int ready[2];
    int fds[20];
    char paths[20][320];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s.%d", path, i);
        fds[i] = hk_lock_file(paths[i]);
        CHECK(fds[i] >= 0);
    }
    CHECK_INT(pipe(ready), 0);
    CHECK(hk_lock_release(fds[7]));
    const pid_t child = fork();
    if (child == 0) {
        bool closed = true;
        for (int i = 0; i < 20; i++) {
            closed = closed && fcntl(fds[i], F_GETFD) == -1 && !hk_lock_release(fds[i]);
        }
        const int own = hk_lock_file(path);
        closed = closed && own >= 0 && fcntl(ready[1], F_GETFD) >= 0;
        _exit(closed ? 0 : 1);
    }
    int status = -1;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    for (int i = 0; i < 20; i++) {
        CHECK(hk_lock_release(fds[i]) == (i != 7));
    }
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* Children that are forked at any moment of locking hold nothing. */
static atomic_bool stop;
static atomic_bool failed; /* not by CHECK, which is for one thread */

static void *
lock_again_and_again(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop)) {
        const int fd = hk_lock_file(path);
        if (fd < 0 || !hk_lock_release(fd)) {
            atomic_store(&failed, true);
        }
    }
    return NULL;
}

static void
test_forks_meanwhile(void)
{
    pthread_t thread;
    pid_t children[100];
    CHECK_INT(pthread_create(&thread, NULL, lock_again_and_again, NULL), 0);
    for (size_t i = 0; i < 100; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            (void)pause();
            _exit(0);
        }
    }
    atomic_store(&stop, true);
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK(!atomic_load(&failed));
    CHECK(!is_locked()); /* although all of them are alive */
    for (size_t i = 0; i < 100; i++) {
        (void)kill(children[i], SIGKILL);
        (void)waitpid(children[i], NULL, 0);
    }
}

int
main(void)
{
    const char *directory = fresh_directory();
    (void)alarm(DEADLINE);
    (void)snprintf(path, sizeof path, "%s/lock", directory);
    test_one_has_it();
    test_what_cannot_be_locked();
    test_child_has_none();
    test_forks_meanwhile();
    remove_directory(directory);
    return check_report();
}
