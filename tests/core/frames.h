/* frames.h -- frames whose bytes identify their maker, order and length, so that a test can verify
 * them.
 *
 *     offset  size  value
 *     0       1     maker
 *     1       3     number, 0 for the maker's first
 *     4       4     length of the frame
 *     8       ...   bytes that are a function of the above
 *
 * A frame of fewer than 8 bytes is the start of that layout.
 * Includes: the C library only. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_HEAD 8u /* bytes of a frame that can be read back */

void frames_write(uint8_t *to, size_t len, unsigned maker, unsigned number);

/* Whether data[0..len) equals the frame that frames_write writes. */
bool frames_match(const uint8_t *data, size_t len, unsigned maker, unsigned number);

/* Reads the frame that starts at data. Returns its length; 0 when it is incomplete or not a frame.
 */
size_t frames_read(const uint8_t *data, size_t left, unsigned *maker, unsigned *number);

/* The next of a sequence of pseudo-random numbers, the same in every run. */
uint32_t frames_random(uint64_t *state);

#endif
