/* cut.h -- the part of a text, or of a field, that a number of bytes holds. */
#ifndef HEKA_CUT_H
#define HEKA_CUT_H

#include "core/wire/hk_decode.h"

/* Appends at most `limit` bytes of the text, which is longer: its beginning, cut between two
 * characters. Of a text with a traceback its beginning and its last lines, which say what was
 * raised. HK_ERR_NOMEM, HK_ERR_TOO_BIG. */
HK_CHECK hk_status heka_cut_text(hk_buffer *out, hk_slice text, size_t limit);

/* Appends the field with at most `limit` bytes of values, of which it has more: a part of its one
 * text, the first bytes, or the first of several values; at least one value. */
HK_CHECK hk_status heka_cut_field(hk_buffer *out, const hk_field *field, size_t limit);

/* Bytes of the values themselves, without tags and lengths. */
size_t heka_cut_measure(const hk_field *field);

#endif
