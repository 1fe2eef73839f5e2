/* test_clock.c -- the wall clock, the host name, the fork generation. */
#include "core/base/hk_clock.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static void
test_now_is_the_wall_clock(void)
{
    const int64_t second = INT64_C(1000000000);
    const int64_t before = (int64_t)time(NULL) * second;
    const int64_t now = hk_clock_now();
    const int64_t after = ((int64_t)time(NULL) + 1) * second;
    /* time() may be behind clock_gettime by one kernel tick. */
    CHECK(now >= before && now <= after + second / 10);

    bool sub_millisecond = false;
    for (int i = 0; i < 100; i++) {
        sub_millisecond |= hk_clock_now() % 1000000 != 0;
    }
    CHECK(sub_millisecond);
}

static void
test_hostname_is_the_systems(void)
{
    char expected[HK_HOSTNAME_MAX] = "";
    char got[HK_HOSTNAME_MAX];
    memset(got, 'x', sizeof got);
    CHECK_INT(gethostname(expected, sizeof expected), 0);
    CHECK_SIZE(hk_hostname(got), strlen(expected));
    CHECK_TEXT(got, expected);
}

/* A child and its own child return the generations that they see in their exit codes. */
static void
test_a_fork_is_counted_in_the_child_only(void)
{
    CHECK_INT(hk_clock_init(), HK_OK);
    CHECK_INT(hk_clock_init(), HK_OK); /* registers nothing: a second handler would count twice */
    const unsigned here = hk_fork_generation();

    const pid_t child = fork();
    if (child == 0) {
        const unsigned in_child = hk_fork_generation();
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            _exit((int)(hk_fork_generation() - in_child));
        }
        int status = 0;
        (void)waitpid(grandchild, &status, 0);
        _exit((int)(in_child - here) * 10 + WEXITSTATUS(status));
    }
    int status = 0;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 11);
    CHECK_SIZE(hk_fork_generation(), here);
}

int
main(void)
{
    test_now_is_the_wall_clock();
    test_hostname_is_the_systems();
    test_a_fork_is_counted_in_the_child_only();
    return check_report();
}
