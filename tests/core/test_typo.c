/* test_typo.c -- which names are typing errors of which; edits as their definition counts them. */
#include "core/base/hk_typo.h"

#include <stdlib.h>

#include "check.h"

#define LONGEST 5 /* letters of the names that are compared with the definition */

static unsigned
edits(const char *given, const char *known)
{
    return hk_typo_edits((hk_slice){(const uint8_t *)given, strlen(given)},
                         (hk_slice){(const uint8_t *)known, strlen(known)});
}

static void
test_each_kind_of_edit_is_one(void)
{
    CHECK_INT(edits("severity", "severity"), 0);
    CHECK_INT(edits("SEVERITY", "severity"), 0);
    CHECK_INT(edits("severity", "Severity"), 0);
    CHECK_INT(edits("serverity", "severity"), 1); /* inserted */
    CHECK_INT(edits("sverity", "severity"), 1);   /* removed */
    CHECK_INT(edits("sewerity", "severity"), 1);  /* replaced */
    CHECK_INT(edits("sevreity", "severity"), 1);  /* swapped */
    CHECK_INT(edits("xseverity", "severity"), 1);
    CHECK_INT(edits("severityx", "severity"), 1);
    CHECK_INT(edits("hots", "host"), 1);
    CHECK_INT(edits("ucp", "udp"), 1);
    CHECK_INT(edits("lvl", "level"), 2);
}

static void
test_two_fifths_of_the_longer_name_may_differ(void)
{
    CHECK_INT(edits("abcde", "abcxy"), 2);
    CHECK_INT(edits("abcd", "abxy"), HK_TYPO_NONE);
    CHECK_INT(edits("ab", "ax"), HK_TYPO_NONE);
    CHECK_INT(edits("user", "severity"), HK_TYPO_NONE);
    CHECK_INT(edits("", "severity"), HK_TYPO_NONE);
    CHECK_INT(edits("severity", ""), HK_TYPO_NONE);
    CHECK_INT(edits("", ""), HK_TYPO_NONE);
}

static void
test_a_beginning_stands_for_the_name(void)
{
    CHECK_INT(edits("sev", "severity"), 3); /* what two fifths are */
    CHECK_INT(edits("SEV", "severity"), 3);
    CHECK_INT(edits("se", "severity"), HK_TYPO_NONE);
    CHECK_INT(edits("severity_of_all_messages", "severity"), HK_TYPO_NONE);
}

/* On the heap, at its exact size, so that a sanitizer sees a read past it. */
static void
test_long_names_resemble_nothing(void)
{
    const size_t size = 1u << 20;
    uint8_t *big = malloc(size);
    CHECK(big != NULL);
    memset(big, 'a', size);
    const hk_slice most = {big, HK_TYPO_NAME_MAX};
    const hk_slice more = {big, HK_TYPO_NAME_MAX + 1};
    CHECK_INT(hk_typo_edits(most, most), 0);
    CHECK_INT(hk_typo_edits(more, most), HK_TYPO_NONE);
    CHECK_INT(hk_typo_edits(most, more), HK_TYPO_NONE);
    CHECK_INT(hk_typo_edits((hk_slice){big, size}, (hk_slice){big, size}), HK_TYPO_NONE);
    CHECK_INT(hk_typo_edits((hk_slice){NULL, 0}, most), HK_TYPO_NONE);
    free(big);
}

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Between the first i letters of a and the first j of b, as the distance is defined. */
static unsigned
defined(const char *a, size_t i, const char *b, size_t j)
{
    if (i == 0 || j == 0) {
        return (unsigned)(i + j);
    }
    unsigned found = defined(a, i - 1, b, j - 1) + (a[i - 1] != b[j - 1]);
    found = least(found, defined(a, i - 1, b, j) + 1);
    found = least(found, defined(a, i, b, j - 1) + 1);
    if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        found = least(found, defined(a, i - 2, b, j - 2) + 1);
    }
    return found;
}

/* The name with that number: letters of {a, b, c}. False when the number has no name. */
static bool
name_of(unsigned number, char name[LONGEST + 1])
{
    size_t len = 0;
    for (; number > 0 && len < LONGEST; number /= 4) {
        const unsigned digit = number % 4;
        if (digit == 0) {
            return false;
        }
        name[len++] = (char)('a' + (int)digit - 1);
    }
    name[len] = '\0';
    return number == 0 && len > 0;
}

static void
test_every_pair_of_short_names(void)
{
    unsigned compared = 0;
    char a[LONGEST + 1];
    char b[LONGEST + 1];
    for (unsigned i = 0; i < 1u << (2 * LONGEST); i++) {
        for (unsigned j = 0; name_of(i, a) && j < 1u << (2 * LONGEST); j += 3) {
            if (!name_of(j, b)) {
                continue;
            }
            const size_t len_a = strlen(a);
            const size_t len_b = strlen(b);
            const unsigned most = (unsigned)(len_a > len_b ? len_a : len_b) * 2 / 5;
            const unsigned expected = defined(a, len_a, b, len_b);
            const bool is_beginning = len_a >= HK_TYPO_PREFIX && strncmp(a, b, len_a) == 0;
            const unsigned found = edits(a, b);
            compared++;
            if (found != (expected <= most ? expected : is_beginning ? most : HK_TYPO_NONE)) {
                printf("  '%s' and '%s':\n", a, b);
                CHECK_INT(found, expected);
            }
        }
    }
    CHECK(compared > 30000);
}

int
main(void)
{
    test_each_kind_of_edit_is_one();
    test_two_fifths_of_the_longer_name_may_differ();
    test_a_beginning_stands_for_the_name();
    test_long_names_resemble_nothing();
    test_every_pair_of_short_names();
    return check_report();
}
