/* test_spool.c -- what each call of the spool does, one fact each. */
#include "hk_spool.h"

#include "check.h"

static void
test_path_that_is_not_there(void)
{
    const hk_spool_settings settings = {
        .capacity = 1u << 20, .frame_max = 1000, .window = 65536, .segment = 0, .corrupt = 15};
    hk_spool *s = NULL;
    hk_error err;
    CHECK_INT(hk_spool_open("/nowhere/at/all", &settings, &s, &err), HK_ERR_SYSTEM);
    CHECK(strstr(err.text, "/nowhere/at/all") != NULL);
    hk_spool_free(s);
}

int
main(void)
{
    test_path_that_is_not_there();
    return check_report();
}
