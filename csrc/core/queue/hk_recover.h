/* hk_recover.h -- which segments a directory has, what they hold, and what they lack by the marks
 * of the cursor.
 *
 * Includes: hk_cursor.h, hk_segment.h. */
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

#define HK_RECOVER_LAST UINT64_MAX

typedef struct {
    int directory; /* borrowed */
    bool mapped;   /* segments are, where that is possible */
    bool lazy;     /* only what is behind the cursor's end is looked through */
    bool has_end;  /* `end` is right */
    hk_mark end;   /* of the cursor */
    hk_mark done;
} hk_recovery;

/* Opens the segment `number`, the one in front of `next` (HK_RECOVER_LAST: it is the last one).
 * With `lazy` it is parked: `next` says how many frames it has, or the cursor's end, and it is
 * looked through only if that cannot be. *s: NULL when there are none. *pieces: what is no frame,
 * and frames that the cursor has and the last file has not. HK_ERR_SYSTEM, HK_ERR_NOMEM. */
HK_CHECK hk_status hk_recover_open(const hk_recovery *r, uint64_t number, uint64_t next,
                                   hk_segment **s, size_t *pieces, hk_error *err);

#endif
