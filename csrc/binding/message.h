/* message.h -- heka.Message: attributes as Python has them, fields as wire bytes. */
#ifndef HEKA_MESSAGE_H
#define HEKA_MESSAGE_H

#include "state.h"

/* A new Message of these bytes, any valid protobuf; NULL with DecodeError. */
PyObject *heka_message_decode(heka_state *state, hk_slice data);

#endif
