/* hk_status.h -- result codes and the error record of the core.
 *
 * A function that can fail returns an hk_status and fills the caller's hk_error, if there is one:
 * what was expected, what came, and at which byte. No allocation, no globals, reentrant.
 * Includes: the C library only. */
#ifndef HK_STATUS_H
#define HK_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HK_CHECK __attribute__((warn_unused_result))
#define HK_COLD __attribute__((cold, noinline))
#define HK_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define HK_LIKELY(x) __builtin_expect(!!(x), 1)
#define HK_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define HK_CHECK
#define HK_COLD
#define HK_PRINTF(fmt, first)
#define HK_LIKELY(x) (x)
#define HK_UNLIKELY(x) (x)
#endif

typedef enum {
    HK_OK = 0,
    HK_ERR_NOMEM,     /* an allocation failed */
    HK_ERR_TRUNCATED, /* the input is incomplete: more bytes could complete it */
    HK_ERR_CORRUPT,   /* the input is invalid, whatever bytes follow */
    HK_ERR_TOO_BIG,   /* over a named limit */
    HK_ERR_TEXT,      /* a code point that UTF-8 cannot hold (a lone surrogate) */
    HK_ERR_EMPTY,     /* a field without values */
    HK_ERR_ARGUMENT,  /* a value that the function does not accept */
    HK_ERR_CRYPTO,    /* libcrypto or the kernel's entropy source failed */
    HK_ERR_DIGEST,    /* the digest does not match the bytes and the key */
    HK_ERR_FULL,      /* the queue is full until something is removed */
    HK_ERR_CLOSED,    /* the queue is closed and accepts nothing more */
    HK_ERR_SYSTEM,    /* a system call failed; the offset is errno */
} hk_status;

#define HK_ERROR_TEXT 160u /* bytes of hk_error.text, the final NUL included */

typedef struct {
    hk_status status;
    size_t offset; /* bytes from the start of the input; 0 where there is no offset */
    char text[HK_ERROR_TEXT];
} hk_error;

/* Bytes that the slice does not own. data may be NULL only when len is 0. */
typedef struct {
    const uint8_t *data; /* borrowed */
    size_t len;          /* bytes */
} hk_slice;

/* Fills *err (which may be NULL) and returns status, so that a caller can write
 * `return hk_fail(...)`. Text past HK_ERROR_TEXT is cut off. */
HK_COLD hk_status hk_fail(hk_error *err, hk_status status, size_t offset, const char *fmt, ...)
    HK_PRINTF(4, 5);

#endif
