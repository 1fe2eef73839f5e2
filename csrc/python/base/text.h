/* text.h -- conversion between str and hk_text. */
#ifndef HEKA_TEXT_H
#define HEKA_TEXT_H

#include "core/base/hk_utf8.h"
#include "state.h"

/* Borrows the characters of `str`, which must be a str: its UTF-8 if it has that already, which no
 * code of ours causes, as it would be kept. The caller must hold a reference to it for
 * as long as it uses *text. 0, or -1 with MemoryError (only before 3.12). */
static inline int
heka_text_borrow(PyObject *str, hk_text *text)
{
    if (heka_unicode_ready(str) < 0) {
        return -1;
    }
    text->data = PyUnicode_DATA(str);
    text->len = (size_t)PyUnicode_GET_LENGTH(str);
    if (HK_LIKELY(PyUnicode_IS_ASCII(str))) {
        text->kind = HK_TEXT_UTF8;
        return 0;
    }
    /* CPython's kinds (1, 2 and 4 bytes a character) have the numbers of hk_text_kind. */
    text->kind = (hk_text_kind)PyUnicode_KIND(str);
#if !HEKA_FREE_THREADED /* where another thread may be storing it now */
    const PyCompactUnicodeObject *with_utf8 = (const PyCompactUnicodeObject *)str;
    if (with_utf8->utf8 != NULL) { /* somebody has asked for it, and the str keeps it */
        text->data = with_utf8->utf8;
        text->len = (size_t)with_utf8->utf8_length;
        text->kind = HK_TEXT_UTF8;
    }
#endif
    return 0;
}

/* Decodes UTF-8 to a str, invalid bytes with surrogateescape; a new reference. Short ASCII strings
 * come from a cache, because field names and loggers repeat. */
PyObject *heka_text_new(heka_state *state, hk_slice slice);

/* A new reference to an exact str with the same text. Our types store only exact str and do not
 * traverse them; a subclass instance has attributes and could be part of a reference cycle, which
 * the garbage collector would then never find. */
PyObject *heka_text_exact(PyObject *str);

/* Checks that value is a str without lone surrogates. 0, or -1 with a TypeError or EncodeError that
 * contains `name`. */
int heka_text_check(heka_state *state, const char *name, PyObject *value);

/* -1 with the EncodeError for the lone surrogate of the str `value` at index `at`. */
int heka_text_refuse(heka_state *state, const char *name, PyObject *value, size_t at);

/* A new str in which the text \udcXX replaces each lone surrogate; for text that must not be
 * refused. */
PyObject *heka_text_replace(PyObject *str);

#endif
