/* test_uuid.c -- version 4 bits, uniqueness across threads and forks, and the text form. */
#include "core/wire/hk_uuid.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/hk_clock.h"
#include "check.h"

#define THREADS 8
#define EACH 5000u /* uuids of a thread or of a process */

typedef uint8_t uuid_bytes[HK_UUID_SIZE];

static bool
fill(uuid_bytes *uuids, size_t n)
{
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        ok &= hk_uuid_make(uuids[i]) == HK_OK;
    }
    return ok;
}

static int
compare(const void *a, const void *b)
{
    return memcmp(a, b, HK_UUID_SIZE);
}

static bool
all_differ(uuid_bytes *uuids, size_t n)
{
    qsort(uuids, n, sizeof *uuids, compare);
    for (size_t i = 1; i < n; i++) {
        if (compare(uuids[i - 1], uuids[i]) == 0) {
            return false;
        }
    }
    return true;
}

static void
test_version_and_variant(void)
{
    static uuid_bytes uuids[EACH];
    size_t set[8 * HK_UUID_SIZE] = {0};

    CHECK(fill(uuids, EACH));
    bool marked = true;
    for (size_t i = 0; i < EACH; i++) {
        marked &= uuids[i][6] >> 4 == 4 && uuids[i][8] >> 6 == 2;
        for (size_t bit = 0; bit < 8 * HK_UUID_SIZE; bit++) {
            set[bit] += uuids[i][bit / 8] >> bit % 8 & 1;
        }
    }
    CHECK(marked);
    /* The 122 others are random: each is set in half of the uuids, within nine standard
     * deviations. */
    size_t random_bits = 0;
    for (size_t bit = 0; bit < 8 * HK_UUID_SIZE; bit++) {
        random_bits += set[bit] > EACH / 2 - 320 && set[bit] < EACH / 2 + 320;
    }
    CHECK_SIZE(random_bits, 122);
    CHECK(all_differ(uuids, EACH));
}

static void *
run_thread(void *arg)
{
    return fill(arg, EACH) ? arg : NULL;
}

static void
test_threads_differ(void)
{
    static uuid_bytes uuids[THREADS + 1][EACH];
    pthread_t threads[THREADS];

    CHECK(fill(uuids[THREADS], EACH));
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, run_thread, uuids[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        CHECK_INT(pthread_join(threads[i], &result), 0);
        CHECK(result != NULL);
    }
    CHECK(all_differ(uuids[0], (THREADS + 1) * EACH));
}

static bool
read_all(int fd, void *into, size_t len)
{
    size_t got = 0;
    while (got < len) {
        const ssize_t n = read(fd, (uint8_t *)into + got, len - got);
        if (n <= 0) {
            return false;
        }
        got += (size_t)n;
    }
    return true;
}

/* Two children and then their parent: all three start with the same generator state, which is
 * seeded already, so only a new seed makes them differ. */
static void
test_forked_children_differ(void)
{
    static uuid_bytes uuids[3][EACH];

    CHECK_INT(hk_clock_init(), HK_OK);
    CHECK(fill(uuids[2], 1));
    for (size_t i = 0; i < 2; i++) {
        int ends[2];
        CHECK_INT(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            static uuid_bytes mine[EACH];
            const bool ok = fill(mine, EACH) && write(ends[1], mine, sizeof mine) == sizeof mine;
            _exit(ok ? 0 : 1);
        }
        (void)close(ends[1]);
        CHECK(read_all(ends[0], uuids[i], sizeof uuids[i]));
        (void)close(ends[0]);
        int status = -1;
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK_INT(status, 0);
    }
    CHECK(fill(uuids[2], EACH));
    CHECK(all_differ(uuids[0], 3 * EACH));
}

/* In a child that starts threads, each thread has its own generator, and none the parent's. */
static void *
one_uuid(void *out)
{
    return hk_uuid_make(out) == HK_OK ? out : NULL;
}

static void
test_threads_of_a_child_differ(void)
{
    const pid_t child = fork();
    if (child == 0) {
        uuid_bytes uuids[2];
        pthread_t thread;
        void *result = NULL;
        const bool ok = pthread_create(&thread, NULL, one_uuid, uuids[0]) == 0 &&
                        pthread_join(thread, &result) == 0 && result != NULL && fill(uuids + 1, 1);
        _exit(ok && compare(uuids[0], uuids[1]) != 0 ? 0 : 1);
    }
    int status = -1;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
}

/* ---- the text ---- */

static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
static const uuid_bytes bytes = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void
test_format_and_parse(void)
{
    static const char *const forms[] = {text, "00112233-4455-6677-8899-AABBCCDDEEFF",
                                        "00112233445566778899aabbccddeeff",
                                        "00112233445566778899AaBbCcDdEeFf"};
    char formatted[HK_UUID_TEXT_SIZE];
    uuid_bytes parsed;

    hk_uuid_format(bytes, formatted);
    CHECK_TEXT(formatted, text);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        memset(parsed, 0xee, sizeof parsed);
        CHECK_INT(hk_uuid_parse(forms[i], strlen(forms[i]), parsed), HK_OK);
        CHECK_BYTES(parsed, sizeof parsed, bytes, sizeof bytes);
    }
    for (int i = 0; i < 1000; i++) {
        uuid_bytes made;
        CHECK_INT(hk_uuid_make(made), HK_OK);
        hk_uuid_format(made, formatted);
        CHECK_INT(hk_uuid_parse(formatted, HK_UUID_TEXT_SIZE - 1, parsed), HK_OK);
        CHECK_BYTES(parsed, sizeof parsed, made, sizeof made);
    }
}

/* Any byte at any index: only digits are accepted for digits, and only hyphens for hyphens. */
static void
test_parse_refuses_everything_else(void)
{
    static const char digits[] = "00112233445566778899aabbccddeeff";
    uuid_bytes parsed;
    char copy[64];

    for (int form = 0; form < 2; form++) {
        const char *good = form == 0 ? text : digits;
        const size_t len = strlen(good);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                memcpy(copy, good, len);
                copy[at] = (char)byte;
                const bool fits = good[at] == '-' ? byte == '-' : isxdigit(byte) != 0;
                CHECK_INT(hk_uuid_parse(copy, len, parsed), fits ? HK_OK : HK_ERR_ARGUMENT);
            }
        }
    }
    memset(copy, '0', sizeof copy);
    for (size_t len = 0; len < sizeof copy; len++) {
        CHECK_INT(hk_uuid_parse(copy, len, parsed), len == 32 ? HK_OK : HK_ERR_ARGUMENT);
    }
}

int
main(void)
{
    test_version_and_variant();
    test_threads_differ();
    test_forked_children_differ();
    test_threads_of_a_child_differ();
    test_format_and_parse();
    test_parse_refuses_everything_else();
    return check_report();
}
