/* message.h -- heka.Message: decoding and encoding, for other files of the binding. */
#ifndef HEKA_MESSAGE_H
#define HEKA_MESSAGE_H

#include "core/base/hk_buffer.h"
#include "python/base/state.h"

/* The struct itself is in message_object.h; other folders use only these two functions. */

/* A new Message from these bytes, which are only read during the call; any valid protobuf. NULL
 * with DecodeError. */
PyObject *heka_message_decode(heka_state *state, hk_slice data);

/* Appends the encoded `message`, which must be a Message; of any size up to the limit of *out. May
 * run user code. 0, or -1 with FieldError, EncodeError or the exception of user code. */
int heka_message_write(PyObject *message, hk_buffer *out);

#endif
