/* hk_send.c -- one non-blocking send on a connected socket. */
#include "hk_send.h"

bool
hk_send_is_passing(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == EMSGSIZE;
}
