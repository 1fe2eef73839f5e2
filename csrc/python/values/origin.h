/* origin.h -- fields that were decoded from the wire: what only they may contain. */
#ifndef HEKA_ORIGIN_H
#define HEKA_ORIGIN_H

#include "core/base/hk_utf8.h"
#include "run.h"

/* How to encode the lone surrogates of a text. They are an error, except when the fields were
 * decoded from the wire: then the text may have escaped bytes, and heka_origin_check compares the
 * whole field with the wire afterwards. */
hk_surrogates heka_origin_mode(heka_run *r, const hk_text *text);

/* 1 when the wire has a field without values under this name: then an empty Field is left out
 * instead of refused. 0, or -1 with an exception. */
int heka_origin_is_valueless(heka_run *r, PyObject *key);

/* Bytes that are not UTF-8 may be sent only in a field that equals a decoded one byte for byte:
 * checks the field that begins at r->out->data + start. 0, or -1 with FieldError. */
int heka_origin_check(heka_run *r, PyObject *key, size_t start);

#endif
