/* hk_names.c -- an index of encoded fields: whether a name, or a whole field, is among them. */
#include "hk_names.h"

#include <string.h>

/* Total order, for qsort; equal only for equal bytes. */
static int
compare(const void *left, const void *right)
{
    const hk_slice *a = left;
    const hk_slice *b = right;
    const size_t shared = a->len < b->len ? a->len : b->len;
    const int order = shared == 0 ? 0 : memcmp(a->data, b->data, shared);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* The same, and equal bytes in the order in which they lie in memory: that of the fields. */
static int
compare_places(const void *left, const void *right)
{
    const uintptr_t a = (uintptr_t)((const hk_slice *)left)->data;
    const uintptr_t b = (uintptr_t)((const hk_slice *)right)->data;
    const int order = compare(left, right);
    return order != 0 ? order : (a > b) - (a < b);
}

hk_status
hk_names_make(hk_names *names, hk_names_of kind, hk_slice fields)
{
    hk_field field;
    hk_slice rest = fields;
    size_t count = 0;

    if (names->made) {
        return HK_OK;
    }
    while (hk_field_next(&rest, &field)) {
        count += kind != HK_NAMES_VALUELESS || field.values.len == 0;
    }
    if (count > 0) {
        names->items = malloc(count * sizeof *names->items);
        if (names->items == NULL) {
            return HK_ERR_NOMEM;
        }
        rest = fields;
        while (hk_field_next(&rest, &field)) {
            if (kind != HK_NAMES_VALUELESS || field.values.len == 0) {
                names->items[names->count++] = kind == HK_NAMES_WHOLE ? field.whole : field.name;
            }
        }
        qsort(names->items, names->count, sizeof *names->items, compare_places);
    }
    names->made = true;
    return HK_OK;
}

bool
hk_names_hold(hk_names *names, hk_slice item)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(&item, &names->items[middle]);
        names->compared++;
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

bool
hk_names_first(hk_names *names, hk_slice name)
{
    size_t low = 0;
    size_t high = names->count;
    while (low < high) { /* to the first item that is not smaller */
        const size_t middle = low + (high - low) / 2;
        names->compared++;
        if (compare(&names->items[middle], &name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < names->count && names->items[low].data == name.data;
}

const hk_slice *
hk_names_repeated(const hk_names *names)
{
    for (size_t i = 1; i < names->count; i++) {
        if (compare(&names->items[i - 1], &names->items[i]) == 0) {
            return &names->items[i];
        }
    }
    return NULL;
}
