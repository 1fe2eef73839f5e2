/* hk_recover.h -- which segments a directory has, and what they lack by the marks of the cursor.
 *
 * Reads names and sizes only. Includes: hk_cursor.h, hk_segment.h. */
#ifndef HK_RECOVER_H
#define HK_RECOVER_H

#include "hk_cursor.h"
#include "hk_segment.h"

/* The numbers of all segments in the directory, ascending. The caller frees *numbers.
 * HK_ERR_SYSTEM, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_recover_list(int directory, uint64_t **numbers, size_t *count, hk_error *err);

/* How many frames the cursor has in this segment, the last one, beyond those that were found, if
 * the file ends before the cursor's end. */
size_t hk_recover_missing(const hk_mark *end, const hk_mark *done, uint64_t number, uint64_t found);

/* The file has at most `size` bytes. */
bool hk_recover_is_short(int directory, uint64_t number, size_t size);

#endif
