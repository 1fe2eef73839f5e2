/* test_match_error.c -- what stands in the text of an error: harmless, and cut off. */
#include "core/match/hk_match_error.h"

#include "check.h"

static void
check_seen(const char *text, size_t len, const char *expected)
{
    char seen[HK_MATCH_SEEN];
    hk_match_seen((hk_slice){(const uint8_t *)text, len}, 0, len, seen);
    CHECK_TEXT(seen, expected);
}

static void
test_what_is_seen(void)
{
    check_seen("", 0, "the end");
    check_seen("abc", 3, "'abc'");
    check_seen("\x1b[2J", 4, "'\\x1b[2J'");
    check_seen("\x7f\xff", 2, "'\\x7f\\xff'");
    check_seen("abcdefghijklmnopqrstuvwxyz0123456789", 36, "'abcdefghijklmnopqrstuvwxyz01234...'");
    check_seen("\1\2\3\4\5\6\7\10\11\12\13\14\15", 13,
               "'\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08...'");
    CHECK_INT(hk_match_fail(NULL, HK_ERR_TOO_BIG, "%d", 1), HK_ERR_TOO_BIG);
}

int
main(void)
{
    test_what_is_seen();
    return check_report();
}
