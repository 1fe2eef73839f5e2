/* frames.h -- frames whose bytes tell who made them, in which order, and whether they are whole.
 *
 *     offset  size  value
 *     0       1     maker
 *     1       3     number, 0 for the maker's first
 *     4       4     length of all
 *     8       ...   bytes that follow from the above
 *
 * Frames of fewer than 8 bytes hold as much of that as there is room for.
 * Includes: the C library only. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_HEAD 8u /* bytes of a frame that can be read back */

void frames_write(uint8_t *to, size_t len, unsigned maker, unsigned number);

/* data[0..len) is exactly that frame. */
bool frames_match(const uint8_t *data, size_t len, unsigned maker, unsigned number);

/* Reads the frame that begins at data: its length, 0 when it is not whole, or not one. */
size_t frames_read(const uint8_t *data, size_t left, unsigned *maker, unsigned *number);

/* The next of a sequence of pseudo-random numbers, the same in every run. */
uint32_t frames_random(uint64_t *state);

#endif
