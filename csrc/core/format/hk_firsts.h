/* hk_firsts.h -- which fields of a message are the first of their name, for formats that have each
 * name once.
 *
 * Up to HK_FIRSTS_FEW names are compared each with each; for more, hk_names makes an index. One
 * message at a time; the names are borrowed. Includes: hk_names.h. */
#ifndef HK_FIRSTS_H
#define HK_FIRSTS_H

#include <string.h>

#include "core/wire/hk_names.h"

#define HK_FIRSTS_FEW 16u

typedef struct {
    hk_slice few[HK_FIRSTS_FEW];
    size_t count;
    hk_names index; /* made if there are more than HK_FIRSTS_FEW */
} hk_firsts;

/* Only what is read before it is written: the names are 256 bytes. */
static inline void
hk_firsts_init(hk_firsts *seen)
{
    seen->count = 0;
    seen->index = (hk_names){.items = NULL};
}

static inline void
hk_firsts_clear(hk_firsts *seen)
{
    hk_names_clear(&seen->index);
}

/* To be called with the name of each of the fields in order. *is_first: whether no field before it
 * has that name. HK_ERR_NOMEM. */
HK_CHECK static inline hk_status
hk_firsts_look(hk_firsts *seen, hk_slice fields, hk_slice name, bool *is_first)
{
    *is_first = true;
    if (HK_LIKELY(seen->count < HK_FIRSTS_FEW)) {
        for (size_t i = 0; i < seen->count && *is_first; i++) {
            *is_first =
                seen->few[i].len != name.len || memcmp(seen->few[i].data, name.data, name.len) != 0;
        }
        seen->few[seen->count++] = name;
        return HK_OK;
    }
    const hk_status status = hk_names_make(&seen->index, HK_NAMES_ALL, fields);
    if (status == HK_OK) {
        *is_first = hk_names_first(&seen->index, name);
    }
    return status;
}

#endif
