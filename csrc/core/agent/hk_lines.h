/* hk_lines.h -- lines of a log file as frames, one message a line.
 *
 *     uuid    a function of the line's place, version 8 of RFC 9562: 60 bits of the file's
 *             incarnation, then the offset of the line's first byte in 62 bits
 *
 * So a line that is read again has the same uuid, and two lines never have one.
 *
 * An empty line makes no message. With the newline as delimiter, a carriage return before it is
 * cut off. A line of more than `longest` bytes is cut behind a character, its message is marked,
 * and its rest is passed over, however long it is. Bytes that are no UTF-8 stay as they are.
 *
 * No state, reentrant. Allocates to let *out grow. Includes: hk_buffer.h, hk_frame.h. */
#ifndef HK_LINES_H
#define HK_LINES_H

#include "core/base/hk_buffer.h"
#include "core/wire/hk_frame.h"

#define HK_INCARNATION_BITS 60u
#define HK_LINE_OFFSET_MAX (UINT64_MAX >> 2) /* of a uuid */

typedef struct {
    hk_slice head;     /* borrowed: encoded entries between timestamp and payload */
    hk_slice tail;     /* borrowed: encoded entries behind the payload */
    hk_slice mark;     /* borrowed: one more entry, of a message whose line was cut */
    size_t longest;    /* bytes of a payload; a whole message has at most HK_MESSAGE_MAX */
    size_t most;       /* bytes of *out at which reading ends */
    int64_t now;       /* of the messages, in nanoseconds since 1970 */
    uint8_t delimiter; /* ends a line */
} hk_lines_options;

/* Where in which file the next byte is. */
typedef struct {
    uint64_t incarnation; /* below 1 << HK_INCARNATION_BITS */
    uint64_t offset;
    bool passing_over; /* the byte belongs to a line that was too long */
} hk_lines_place;

/* What was read, added to. */
typedef struct {
    uint64_t lines;  /* messages */
    uint64_t cut;    /* of these, from lines that were too long */
    uint64_t wrong;  /* of these, with bytes that are no UTF-8 */
    uint64_t passed; /* bytes of too long lines that are in no message */
} hk_lines_count;

/* Appends frames for the whole lines of data[0..len), the bytes at *place, and moves *place behind
 * them: a last line without its end waits, unless it is too long already. HK_ERR_NOMEM,
 * HK_ERR_TOO_BIG: the line at *place did not fit into *out; what was before it is done. */
HK_CHECK hk_status hk_lines_read(hk_slice data, const hk_lines_options *options,
                                 hk_lines_place *place, hk_buffer *out, hk_lines_count *count);

#endif
