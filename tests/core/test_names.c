/* test_names.c -- the index of encoded fields: what it holds, and how many comparisons it takes. */
#include "core/wire/hk_names.h"

#include <stdio.h>

#include "check.h"

/* Appends a field with that name, with a value or without. */
static void
put_field(hk_buffer *out, const char *name, bool valueless)
{
    uint8_t field[64] = {0x0a, (uint8_t)strlen(name)};
    size_t len = 2 + strlen(name);
    memcpy(field + 2, name, strlen(name));
    const uint8_t rest[] = {0x10, 0, 0x1a, 0, 0x22, 1, 'v'};
    const size_t more = valueless ? 4 : sizeof rest;
    memcpy(field + len, rest, more);
    len += more;
    const uint8_t head[] = {0x52, (uint8_t)len};
    CHECK_INT(hk_buffer_append(out, head, sizeof head), HK_OK);
    CHECK_INT(hk_buffer_append(out, field, len), HK_OK);
}

static hk_slice
slice_of(const char *text)
{
    return (hk_slice){(const uint8_t *)text, strlen(text)};
}

static void
test_holds_what_it_was_made_of(void)
{
    hk_buffer out;
    hk_names names = {.items = NULL};
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    put_field(&out, "b", false);
    put_field(&out, "a", true);
    put_field(&out, "ab", false);
    const hk_slice fields = {out.data, out.len};

    CHECK_INT(hk_names_make(&names, HK_NAMES_ALL, fields), HK_OK);
    CHECK_INT(names.count, 3);
    CHECK(hk_names_hold(&names, slice_of("a")) && hk_names_hold(&names, slice_of("ab")));
    CHECK(!hk_names_hold(&names, slice_of("")) && !hk_names_hold(&names, slice_of("abc")));
    CHECK(hk_names_repeated(&names) == NULL);
    hk_names_clear(&names);

    CHECK_INT(hk_names_make(&names, HK_NAMES_VALUELESS, fields), HK_OK);
    CHECK_INT(names.count, 1);
    CHECK(hk_names_hold(&names, slice_of("a")) && !hk_names_hold(&names, slice_of("b")));
    hk_names_clear(&names);

    CHECK_INT(hk_names_make(&names, HK_NAMES_WHOLE, fields), HK_OK);
    CHECK(hk_names_hold(&names, (hk_slice){out.data, 12}));
    CHECK(!hk_names_hold(&names, (hk_slice){out.data, 11}));
    hk_names_clear(&names);
    hk_buffer_clear(&out);
}

static void
test_repeated_name_is_found(void)
{
    hk_buffer out;
    hk_names names = {.items = NULL};
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    put_field(&out, "z", false);
    put_field(&out, "b", false);
    put_field(&out, "z", true);

    CHECK_INT(hk_names_make(&names, HK_NAMES_ALL, (hk_slice){out.data, out.len}), HK_OK);
    const hk_slice *repeated = hk_names_repeated(&names);
    CHECK(repeated != NULL && repeated->len == 1 && repeated->data[0] == 'z');
    hk_names_clear(&names);
    hk_buffer_clear(&out);
}

static void
test_first_field_of_a_name(void)
{
    hk_buffer out;
    hk_names names = {.items = NULL};
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    put_field(&out, "z", false);
    put_field(&out, "", false);
    put_field(&out, "z", true);
    put_field(&out, "b", true);
    put_field(&out, "", true);
    const bool expected[] = {true, true, false, true, false};
    hk_slice rest = {out.data, out.len};
    hk_field field;

    CHECK_INT(hk_names_make(&names, HK_NAMES_ALL, rest), HK_OK);
    for (size_t i = 0; hk_field_next(&rest, &field); i++) {
        CHECK_INT(hk_names_first(&names, field.name), expected[i]);
    }
    hk_names_clear(&names);
    hk_buffer_clear(&out);
}

static void
test_no_fields(void)
{
    hk_names names = {.items = NULL};
    CHECK_INT(hk_names_make(&names, HK_NAMES_ALL, (hk_slice){NULL, 0}), HK_OK);
    CHECK(!hk_names_hold(&names, slice_of("")) && hk_names_repeated(&names) == NULL);
    hk_names_clear(&names);
}

/* Comparisons of looking each of `count` names up among all of them. */
static size_t
comparisons(unsigned count)
{
    char name[16];
    hk_buffer out;
    hk_names names = {.items = NULL};
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "k%u", i);
        put_field(&out, name, true);
    }
    CHECK_INT(hk_names_make(&names, HK_NAMES_VALUELESS, (hk_slice){out.data, out.len}), HK_OK);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof name, "k%u", i);
        CHECK(hk_names_hold(&names, slice_of(name)));
    }
    const size_t compared = names.compared;
    hk_names_clear(&names);
    hk_buffer_clear(&out);
    return compared;
}

static void
test_comparisons_grow_with_the_number_of_names(void)
{
    for (unsigned count = 1000; count <= 8000; count *= 2) {
        CHECK(10 * comparisons(2 * count) < 23 * comparisons(count));
    }
}

int
main(void)
{
    test_holds_what_it_was_made_of();
    test_repeated_name_is_found();
    test_first_field_of_a_name();
    test_no_fields();
    test_comparisons_grow_with_the_number_of_names();
    return check_report();
}
