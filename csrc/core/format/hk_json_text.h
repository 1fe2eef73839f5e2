/* hk_json_text.h -- appends JSON strings: escaped text, and bytes as base64.
 *
 * The output is ASCII and that of Python's json.dumps: \" \\ \b \f \n \r \t, and \u00xx in lower
 * case for other control characters, DEL and what is not ASCII; above U+FFFF a pair of surrogates.
 * A byte that is no part of valid UTF-8 is the surrogate that escapes it in Python ("\udcff" is
 * 0xff). Source: RFC 8259, 7; PEP 383; RFC 4648, 4. Reentrant. Includes: hk_buffer.h. */
#ifndef HK_JSON_TEXT_H
#define HK_JSON_TEXT_H

#include "core/base/hk_buffer.h"

/* Bytes of room that both functions leave in *out behind the string: the caller may write so many
 * without asking for room. */
#define HK_JSON_TAIL 128u

/* Appends `text` with its quotation marks. HK_ERR_NOMEM, HK_ERR_TOO_BIG: *out may then have a part
 * of it. */
HK_CHECK hk_status hk_json_put_string(hk_buffer *out, hk_slice text);

/* Appends the base64 of `bytes` with its padding and quotation marks. Errors as above. */
HK_CHECK hk_status hk_json_put_base64(hk_buffer *out, hk_slice bytes);

#endif
