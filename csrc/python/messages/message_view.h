/* message_view.h -- a Message as the struct that the core reads. */
#ifndef HEKA_MESSAGE_VIEW_H
#define HEKA_MESSAGE_VIEW_H

#include "core/base/hk_buffer.h"
#include "core/wire/hk_decode.h"
#include "python/base/state.h"

/* Fills *view from `message`, which must be a Message. The view borrows from the message and from
 * *spare, so it is valid until either changes. Fields that were read, so that they may have been
 * changed, are encoded as they are now: that may run user code, but only before the view is filled.
 * 0, or -1 with FieldError, EncodeError, MemoryError or the exception of user code. */
int heka_message_view(PyObject *message, hk_buffer *spare, hk_message *view);

#define HEKA_TEXTS_MAX 5 /* texts in one call of heka_texts_view */

/* *slices: the UTF-8 of `count` str, borrowed from those that are ASCII and from *spare, to which
 * the others are appended. A surrogate that escapes a byte (PEP 383) is that byte. Runs no user
 * code. 0, or -1 with MemoryError, or with EncodeError, which begins with `what`, for any other
 * lone surrogate. */
int heka_texts_view(heka_state *state, const char *what, PyObject *const *texts, size_t count,
                    hk_buffer *spare, hk_slice *slices);

#endif
