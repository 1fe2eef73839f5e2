/* hk_carbon.h -- lines for carbon, the store of Graphite: checked, and cut into pieces to be sent.
 *
 *     key value time\n          key;tag=value value time\n
 *
 * A line of a payload is written again with one blank between its three parts, blanks around them
 * are skipped. Carbon closes the connection on a line over 16,384 bytes, and what follows is lost;
 * it drops NaN, keeps infinities for ever, and loses bytes that are no UTF-8. Such lines are
 * refused here, and counted; so is one without three parts, a value that is no number, a time that
 * is no whole number of seconds below 1 << 32, a key with a blank of Unicode, at which carbon
 * splits, and a key that is too long for a path.
 *
 * Reentrant; allocates to let its buffers grow. Source: carbon 1.1.7, measured; Heka's
 * CarbonOutput. Includes: hk_buffer.h. */
#ifndef HK_CARBON_H
#define HK_CARBON_H

#include "core/base/hk_buffer.h"

#define HK_CARBON_LINE_MAX 16384u /* bytes with the newline */
#define HK_CARBON_PART_MAX 251u   /* bytes of a part of a key without tags: 255 less ".wsp" */
#define HK_CARBON_KEY_MAX 3800u   /* bytes of such a key: 4,096 less carbon's directory */

typedef struct {
    hk_slice tags;     /* borrowed: ";name=value" any number of times, behind each key */
    size_t most_lines; /* of a piece; 0: any number */
    size_t most_bytes; /* of a piece of several lines; 0: any number */
} hk_carbon_options;

typedef struct {
    uint64_t lines;     /* written */
    uint64_t too_long;  /* refused: over one of the limits above */
    uint64_t malformed; /* refused: no key, value and time; a value that is no finite number */
    uint64_t not_text;  /* refused: a key that is no UTF-8, or has control characters or blanks */
} hk_carbon_count;

typedef struct {
    hk_buffer out;  /* the lines of all pieces */
    hk_buffer ends; /* size_t: where in `out` each piece ends that is followed by another */
    size_t start;   /* of the last piece in `out` */
    size_t in_last; /* lines of the last piece */
    hk_carbon_count count;
} hk_carbon;

void hk_carbon_init(hk_carbon *carbon);
void hk_carbon_clear(hk_carbon *carbon);

/* Appends the lines of payload. HK_ERR_NOMEM; some may have been appended. */
HK_CHECK hk_status hk_carbon_add(hk_carbon *carbon, hk_slice payload,
                                 const hk_carbon_options *options);

/* The pieces so far, and piece i. */
size_t hk_carbon_pieces(const hk_carbon *carbon);
hk_slice hk_carbon_piece(const hk_carbon *carbon, size_t i);

#endif
