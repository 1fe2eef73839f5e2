/* failing.c -- an allocator whose n-th allocation fails. */
#include "failing.h"

#include <stdlib.h>
#include <openssl/crypto.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool armed;
static bool single;
static bool failed;
static unsigned long left;

static bool
must_fail(void)
{
    if (!armed || left-- > 0) {
        return false;
    }
    left = 0;
    armed = !single;
    failed = true;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : __real_malloc(size);
}

static void *
crypto_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return must_fail() ? NULL : __real_realloc(old, size);
}

static void
crypto_free(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

bool
failing_start(void)
{
    return CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1;
}

void
failing_arm(unsigned long after, bool once)
{
    left = after;
    single = once;
    failed = false;
    armed = true;
}

bool
failing_disarm(void)
{
    armed = false;
    return failed;
}
