/* test_match_time.c -- RFC 3339 times: the edges of their form, of the calendar and of the range.
 */
#include "core/match/hk_match_time.h"

#include <stdlib.h>

#include "check.h"
#include "sample.h"

static void
check_time(const char *text, int64_t expected)
{
    int64_t ns = 0;
    if (!CHECK(hk_match_time(slice_of(text), &ns)) || !CHECK_INT(ns, expected)) {
        printf("  %s\n", text);
    }
}

static void
check_refused(const char *text)
{
    int64_t ns;
    if (!CHECK(!hk_match_time(slice_of(text), &ns))) {
        printf("  %s\n", text);
    }
}

static void
test_times(void)
{
    const int64_t second = 1000000000;
    check_time("1970-01-01T00:00:00Z", 0);
    check_time("1970-01-01t00:00:01z", second);
    check_time("1969-12-31T23:59:59Z", -second);
    check_time("1969-12-31T23:59:59.999999999Z", -1);
    check_time("1970-01-01T00:00:00.5Z", second / 2);
    check_time("2000-02-29T12:00:00Z", 951825600 * second);
    check_time("2001-09-09T01:46:40.000000001Z", second * second + 1);
    check_time("2001-09-09T03:16:40+01:30", second * second);
    check_time("2001-09-08T19:46:40-06:00", second * second);
    check_time("2024-12-31T23:59:59-00:00", 1735689599 * second);
    check_time("2100-03-01T00:00:00Z", 4107542400 * second);
    check_time("2262-04-11T23:47:16.854775807Z", INT64_MAX);
    check_time("1677-09-21T00:12:43.145224192Z", INT64_MIN);
}

static void
test_no_times(void)
{
    const char *refused[] = {
        "",
        "2023",
        "2023-11-14",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.0123456789Z",
        "2023-11-14T22:13:20Z ",
        " 2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+01:60",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:00Z",
        "2016-12-31T23:59:60Z",
        "2023-00-14T22:13:20Z",
        "2023-13-14T22:13:20Z",
        "2023-11-00T22:13:20Z",
        "2023-11-31T22:13:20Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "+023-11-14T22:13:20Z",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224191Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        check_refused(refused[i]);
    }
}

/* Every beginning of a time, in memory of exactly its size: nothing is read past the end. */
static void
test_cut_times(void)
{
    const char *text = "2023-11-14T22:13:20.123456789+01:00";
    for (size_t len = 1; len < strlen(text); len++) {
        uint8_t *exact = malloc(len);
        int64_t ns;
        if (exact == NULL) {
            abort();
        }
        memcpy(exact, text, len);
        CHECK(!hk_match_time((hk_slice){exact, len}, &ns));
        free(exact);
    }
}

int
main(void)
{
    test_times();
    test_no_times();
    test_cut_times();
    return check_report();
}
