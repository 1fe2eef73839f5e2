/* text.h -- between str and the core's text. */
#ifndef HEKA_TEXT_H
#define HEKA_TEXT_H

#include "core/base/hk_utf8.h"
#include "state.h"

/* Borrows the characters of `str` (which must be one) for as long as it lives. 0, or -1. */
static inline int
heka_text_borrow(PyObject *str, hk_text *text)
{
    if (heka_unicode_ready(str) < 0) {
        return -1;
    }
    text->data = PyUnicode_DATA(str);
    text->len = (size_t)PyUnicode_GET_LENGTH(str);
    /* The kinds of CPython, 1, 2 and 4 bytes a character, are those of hk_text_kind. */
    text->kind = PyUnicode_IS_ASCII(str) ? HK_TEXT_UTF8 : (hk_text_kind)PyUnicode_KIND(str);
    return 0;
}

/* A new reference to the str of these bytes; what is no UTF-8 comes out with surrogateescape.
 * Short ASCII comes from a cache: the same names and loggers arrive for ever. */
PyObject *heka_text_new(heka_state *state, hk_slice slice);

/* A new reference to the same text as a str of no subclass: an instance of one has attributes, and
 * could be part of a cycle that no collector looks for. */
PyObject *heka_text_exact(PyObject *str);

/* Checks an attribute: a str without lone surrogates. TypeError, EncodeError that name it. */
int heka_text_check(heka_state *state, const char *name, PyObject *value);

/* A new str with every lone surrogate written as \udcXX, for text that must not be refused. */
PyObject *heka_text_replace(PyObject *str);

#endif
