/* test_status.c -- hk_fail fills the record, cuts its text, and needs no record. */
#include "core/base/hk_status.h"

#include "check.h"

int
main(void)
{
    hk_error err = {HK_OK, 0, ""};
    char text[2 * HK_ERROR_TEXT];

    CHECK_INT(hk_fail(&err, HK_ERR_CORRUPT, 7, "expected %d, got %d", 1, 2), HK_ERR_CORRUPT);
    CHECK_INT(err.status, HK_ERR_CORRUPT);
    CHECK_SIZE(err.offset, 7);
    CHECK_TEXT(err.text, "expected 1, got 2");

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK_INT(hk_fail(&err, HK_ERR_TEXT, 0, "%s", text), HK_ERR_TEXT);
    CHECK_SIZE(strlen(err.text), HK_ERROR_TEXT - 1);

    CHECK_INT(hk_fail(NULL, HK_ERR_NOMEM, 0, "nobody reads this"), HK_ERR_NOMEM);
    return check_report();
}
