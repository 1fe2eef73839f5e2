/* block.h -- heka.Block: a block of frames as an immutable object. */
#ifndef HEKA_BLOCK_H
#define HEKA_BLOCK_H

#include "core/wire/hk_block.h"
#include "python/base/state.h"

/* The block of `value`, borrowed: it does not change, so a caller that keeps a reference to the
 * object may use it without the GIL. NULL with a TypeError that names the argument. */
const hk_block *heka_block_borrow(heka_state *state, PyObject *value, const char *name);

/* A new Block with the contents of *block, which is empty afterwards, also after a failure. chunk:
 * exact bytes that block->frames borrows from, NULL if the block owns them. NULL with MemoryError.
 */
PyObject *heka_block_new(heka_state *state, hk_block *block, PyObject *chunk);

/* A new Block with the contents of *block, which owns its bytes (hk_block_select, hk_block_own),
 * and is empty afterwards, also after a failure. NULL with MemoryError. */
PyObject *heka_block_take(heka_state *state, hk_block *block);

#endif
