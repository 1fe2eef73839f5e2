/* check.h -- assertions for the C tests: they count, and print the expected and the actual value.
 *
 * A failed check is printed and counted, and the program continues, so that one run shows all
 * failures. check_report() prints the totals and returns the exit code for main.
 * Includes: the C library only. One translation unit per program, because the counters are static.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned long check_count;
static unsigned long check_failed;

#define CHECK(condition) check_true((condition), #condition, __FILE__, __LINE__)
#define CHECK_INT(got, expected) \
    check_int((int64_t)(got), (int64_t)(expected), #got, __FILE__, __LINE__)
#define CHECK_SIZE(got, expected) \
    check_size((uint64_t)(got), (uint64_t)(expected), #got, __FILE__, __LINE__)
#define CHECK_BYTES(got, got_len, expected, expected_len) \
    check_bytes((got), (got_len), (expected), (expected_len), #got, __FILE__, __LINE__)
/* got must be NULL; otherwise it is a text that says what is wrong. */
#define CHECK_NONE(got) check_none((got), #got, __FILE__, __LINE__)
#define CHECK_TEXT(got, expected) check_text((got), (expected), #got, __FILE__, __LINE__)

static inline bool
check_note(bool ok, const char *what, const char *file, int line)
{
    check_count++;
    if (!ok) {
        check_failed++;
        printf("%s:%d: %s", file, line, what);
    }
    return ok;
}

static inline bool
check_true(bool ok, const char *what, const char *file, int line)
{
    if (!check_note(ok, what, file, line)) {
        printf(": expected true, got false\n");
    }
    return ok;
}

static inline bool
check_int(int64_t got, int64_t expected, const char *what, const char *file, int line)
{
    if (!check_note(got == expected, what, file, line)) {
        printf(": expected %" PRId64 ", got %" PRId64 "\n", expected, got);
    }
    return got == expected;
}

static inline bool
check_size(uint64_t got, uint64_t expected, const char *what, const char *file, int line)
{
    if (!check_note(got == expected, what, file, line)) {
        printf(": expected %" PRIu64 ", got %" PRIu64 "\n", expected, got);
    }
    return got == expected;
}

static inline void
check_print_bytes(const char *label, const uint8_t *data, size_t len)
{
    printf("  %s %zu bytes:", label, len);
    for (size_t i = 0; i < len && i < 96; i++) {
        printf("%s%02x", i % 8 == 0 ? " " : "", data[i]);
    }
    printf("%s\n", len > 96 ? " ..." : "");
}

static inline bool
check_bytes(const uint8_t *got, size_t got_len, const uint8_t *expected, size_t expected_len,
            const char *what, const char *file, int line)
{
    const bool ok =
        got_len == expected_len && (got_len == 0 || memcmp(got, expected, got_len) == 0);
    if (!check_note(ok, what, file, line)) {
        size_t at = 0;
        while (at < got_len && at < expected_len && got[at] == expected[at]) {
            at++;
        }
        printf(": differs at byte %zu\n", at);
        check_print_bytes("expected", expected, expected_len);
        check_print_bytes("got     ", got, got_len);
    }
    return ok;
}

static inline bool
check_none(const char *got, const char *what, const char *file, int line)
{
    if (!check_note(got == NULL, what, file, line)) {
        printf(": expected nothing to report, got \"%s\"\n", got);
    }
    return got == NULL;
}

static inline bool
check_text(const char *got, const char *expected, const char *what, const char *file, int line)
{
    const bool ok = got != NULL && strcmp(got, expected) == 0;
    if (!check_note(ok, what, file, line)) {
        printf(": expected \"%s\", got \"%s\"\n", expected, got == NULL ? "(null)" : got);
    }
    return ok;
}

/* Prints the totals and returns the exit code. A program without any check fails. */
static inline int
check_report(void)
{
    printf("%lu checks, %lu failed\n", check_count, check_failed);
    return check_failed == 0 && check_count > 0 ? 0 : 1;
}

#endif
