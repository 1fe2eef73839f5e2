/* message.h -- heka.Message: attributes as Python has them, fields as wire bytes. */
#ifndef HEKA_MESSAGE_H
#define HEKA_MESSAGE_H

#include "core/base/hk_buffer.h"
#include "python/base/state.h"

/* A new Message of these bytes, any valid protobuf; NULL with DecodeError. */
PyObject *heka_message_decode(heka_state *state, hk_slice data);

/* Appends the message, a Message, as protobuf, of any size. 0, or -1 with FieldError, EncodeError.
 */
int heka_message_write(PyObject *message, hk_buffer *out);

#endif
