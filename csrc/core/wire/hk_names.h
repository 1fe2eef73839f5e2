/* hk_names.h -- an index of encoded fields: whether a name, or a whole field, is among them.
 *
 * It is sorted, so that looking up each of n fields among n others takes n log n comparisons: a
 * comparison of each with each stalls on input with many thousand fields.
 *
 * The slices borrow from the fields, which must outlive the index. Not shared between threads.
 * Includes: hk_decode.h. */
#ifndef HK_NAMES_H
#define HK_NAMES_H

#include <stdlib.h>

#include "hk_decode.h"

typedef enum {
    HK_NAMES_ALL,       /* the name of each field */
    HK_NAMES_VALUELESS, /* the name of each field without values */
    HK_NAMES_WHOLE,     /* each field as a whole: tag, length and contents */
} hk_names_of;

typedef struct {
    hk_slice *items; /* owned, sorted; NULL when there are none */
    size_t count;
    size_t compared; /* comparisons of hk_names_hold so far */
    bool made;
} hk_names;

/* Makes the index of the fields, unless it is made; *names is all zero before the first call.
 * HK_ERR_NOMEM. */
HK_CHECK hk_status hk_names_make(hk_names *names, hk_names_of kind, hk_slice fields);

/* True when the index has an item of these bytes. */
bool hk_names_hold(hk_names *names, hk_slice item);

/* True when `name`, the name of a field that the index was made of (HK_NAMES_ALL), is in front of
 * all other fields of that name. */
bool hk_names_first(hk_names *names, hk_slice name);

/* The smallest item that the index has twice; NULL when all are different. */
const hk_slice *hk_names_repeated(const hk_names *names);

/* Frees the index; *names is then all zero. Inline: most messages need no index. */
static inline void
hk_names_clear(hk_names *names)
{
    if (names->made) {
        free(names->items);
        *names = (hk_names){.items = NULL};
    }
}

#endif
