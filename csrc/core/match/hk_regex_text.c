/* hk_regex_text.c -- reads characters and their escapes of RE2, and writes them for PCRE2. */
#include "hk_regex_text.h"

#include <stdio.h>
#include <string.h>

hk_status
hk_regex_fail(hk_regex_cursor *c, hk_status status, size_t column, const char *expected)
{
    c->column = column;
    c->expected = expected;
    return status;
}

hk_status
hk_regex_put(hk_regex_cursor *c, const char *text)
{
    const hk_status status = hk_buffer_append(c->out, (const uint8_t *)text, strlen(text));
    return status == HK_ERR_TOO_BIG ? hk_regex_fail(c, status, c->at, "a smaller expression")
                                    : status;
}

static bool
is_alnum(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int
hex_digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool
is_surrogate(uint32_t rune)
{
    return rune >= 0xd800 && rune <= 0xdfff;
}

hk_status
hk_regex_put_rune(hk_regex_cursor *c, uint32_t rune)
{
    char text[16];
    (void)snprintf(text, sizeof text, is_alnum(rune) ? "%c" : "\\x{%x}", rune);
    return hk_regex_put(c, text);
}

uint32_t
hk_regex_rune(hk_regex_cursor *c)
{
    const uint8_t *in = c->pattern.data + c->at;
    const size_t n = in[0] < 0x80 ? 1 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : 4;
    uint32_t rune = n == 1 ? in[0] : in[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        rune = rune << 6 | (in[i] & 0x3fu);
    }
    c->at += n;
    return rune;
}

hk_status
hk_regex_put_range(hk_regex_cursor *c, uint32_t low, uint32_t high)
{
    hk_status status = hk_regex_put_rune(c, low);
    if (status == HK_OK && high > low) {
        status = hk_regex_put(c, "-");
        status = status == HK_OK ? hk_regex_put_rune(c, high) : status;
    }
    return status;
}

/* ---- escapes of one character ---- */

/* The digits of \x, which begin at c->at. */
static hk_status
read_hexadecimal(hk_regex_cursor *c, size_t start, uint32_t *rune)
{
    const bool braces = hk_regex_peek(c, 0) == '{';
    size_t digits = 0;
    *rune = 0;
    c->at += braces;
    for (int digit; (digit = hex_digit(hk_regex_peek(c, 0))) >= 0; digits++) {
        if (!braces && digits == 2) {
            break;
        }
        *rune = *rune * 16 + (uint32_t)digit;
        if (*rune > HK_REGEX_RUNE_MAX) {
            return hk_regex_fail(c, HK_ERR_CORRUPT, start, "a code point of at most \\x{10FFFF}");
        }
        c->at++;
    }
    if (digits == 0 || (braces ? hk_regex_peek(c, 0) != '}' : digits != 2)) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, "\\x7F or \\x{10FFFF}");
    }
    c->at += braces;
    return is_surrogate(*rune)
               ? hk_regex_fail(c, HK_ERR_CORRUPT, start, "a code point that is no surrogate")
               : HK_OK;
}

hk_status
hk_regex_escape(hk_regex_cursor *c, uint32_t *rune)
{
    static const char names[] = "afnrtv";
    static const char values[] = "\a\f\n\r\t\v";
    const size_t start = c->at;
    const int letter = hk_regex_peek(c, 1);
    if (letter < 0) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, "a character after the backslash");
    }
    c->at += 2;
    if (letter == 'x') {
        return read_hexadecimal(c, start, rune);
    }
    const int next = hk_regex_peek(c, 0);
    if (letter == '0' || (letter >= '1' && letter <= '7' && next >= '0' && next <= '7')) {
        *rune = (uint32_t)letter - '0'; /* octal, up to three digits */
        for (int i = 0; i < 2; i++) {
            const int digit = hk_regex_peek(c, 0);
            if (digit < '0' || digit > '7') {
                break;
            }
            *rune = *rune * 8 + (uint32_t)digit - '0';
            c->at++;
        }
        return HK_OK;
    }
    const char *name = strchr(names, letter);
    if (letter != 0 && name != NULL) {
        *rune = (uint8_t)values[name - names];
        return HK_OK;
    }
    if (letter < 0x80 && !is_alnum((uint32_t)letter)) {
        *rune = (uint32_t)letter;
        return HK_OK;
    }
    return hk_regex_fail(c, HK_ERR_CORRUPT, start,
                         letter >= '1' && letter <= '9'
                             ? "no back-reference: RE2 has none"
                             : "an escape of RE2, such as \\d \\w \\s \\b \\n \\x7F \\pL or \\.");
}
