/* test_typo.c -- which names are typing errors of which. */
#include "core/base/hk_typo.h"

#include <stdlib.h>

#include "check.h"

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

int
main(void)
{
    test_each_kind_of_edit_is_one();
    test_two_fifths_of_the_longer_name_may_differ();
    test_a_beginning_stands_for_the_name();
    test_long_names_resemble_nothing();
    return check_report();
}
