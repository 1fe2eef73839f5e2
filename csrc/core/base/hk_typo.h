/* hk_typo.h -- whether one name is a typing error of another.
 *
 * For the texts of errors: "did you mean 'severity'?". Bounded: names over HK_TYPO_NAME_MAX bytes
 * resemble nothing. No allocation, no locks; reentrant. Includes: hk_status.h. */
#ifndef HK_TYPO_H
#define HK_TYPO_H

#include "hk_status.h"

#define HK_TYPO_NAME_MAX 64u /* bytes of the longest name that is compared */
#define HK_TYPO_PREFIX 3u    /* bytes of the shortest beginning that stands for a name */
#define HK_TYPO_NONE 255u    /* the names do not resemble each other */

/* How many edits turn `given` into `known`: inserted, removed, replaced and swapped letters. The
 * case of ASCII letters does not count. HK_TYPO_NONE if more than two fifths of the longer name
 * differ, unless `given` is the beginning of `known`; that counts as two fifths. */
unsigned hk_typo_edits(hk_slice given, hk_slice known);

#endif
