/* test_regex_property.c -- categories and scripts of Unicode: what is written for PCRE2, what is
 * refused. */
#include "regexes.h"

static void
test_properties(void)
{
    hk_status status;
    hk_regex_report report;
    hk_buffer out;
    uint8_t block[64];
    check_translated("\\pN\\p{Nd}\\PL\\p{^Lu}\\P{^Lu}", false,
                     "[\\p{N}][\\p{Nd}][\\P{L}][\\P{Lu}][\\p{Lu}]");
    check_translated("[\\p{Greek}\\P{Han}]", false, "[\\p{sc:Greek}\\P{sc:Han}]");
    check_translated("\\pC\\PC", false, "[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}][\\P{C}\\p{Cn}]");
    check_translated("\\p{Any}\\P{Any}[^\\P{Any}]", false,
                     "[\\x{0}-\\x{10ffff}][^\\x{0}-\\x{10ffff}][\\x{0}-\\x{10ffff}]");
    hk_buffer_init(&out, block, sizeof block, sizeof block);
    status = hk_regex_translate(text_of("\\p{Greek}"), (hk_regex_form){false, false, NULL}, &out,
                                &report);
    CHECK_INT(status, HK_OK);
    CHECK_BYTES(out.data, out.len, (const uint8_t *)"[\\p{Greek}]", 11);
    static const char *const unknown[] = {
        "\\p",    "\\pX",     "\\p{", "\\p{}",    "\\p{Cn}",       "\\p{L&}",       "\\p{greek}",
        "\\p{Lu", "\\p{L u}", "\\pl", "\\p{Xan}", "\\p{sc:Greek}", "\\p{Greek Han}"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        check_refused(unknown[i], HK_ERR_CORRUPT, 0, "a category such as");
    }
    check_refused("\\p{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
                  HK_ERR_CORRUPT, 0, "a category such as");
    check_refused("(?i)\\pL", HK_ERR_CORRUPT, 4, "no property of Unicode under (?i)");
}

int
main(void)
{
    test_properties();
    return check_report();
}
