/* hk_regex.c -- regular expressions of RE2's syntax by PCRE2, within bounds; the only file that
 * includes PCRE2.
 *
 * PCRE2's match limit holds for each place where a match may begin, and counts no runs of `x*`: by
 * itself it bounds the time of 64 KiB to minutes. So an expression that is not easy
 * (hk_regex_parse.h) has two programs:
 *   - the plain one serves short subjects, at a match limit by which their time is bounded;
 *   - the guarded one serves long ones, and short ones that reached that limit. Its callouts count
 *     steps and characters of the whole search; at HK_REGEX_WORK_MAX it ends. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "hk_regex.h"

#include <assert.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hk_utf8.h"
#include "hk_regex_literal.h"
#include "hk_regex_parse.h"

#define TEXT_MAX (16u * HK_REGEX_PATTERN_MAX) /* bytes that are written for PCRE2 */
#define SHORT 256u                            /* bytes of a subject that the plain program serves */
#define SHORT_WORK (1024u * 1024u)            /* its match limit times the square of that length */
#define CALLOUT_WORK 14u /* what a callout counts; a character counts 1, each about 1 ns */

typedef struct {
    pcre2_code *code; /* owned, or NULL */
    bool jit;
} program;

struct hk_regex {
    hk_regex_literals *literals; /* owned; NULL: the programs are used */
    program plain;
    program guarded; /* its code is NULL when the expression is easy */
    bool captures;
    char *pattern; /* owned, for captures: what the names borrow from */
    hk_slice *names;
    size_t groups;
};

struct hk_regex_scratch {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_match_data *wide; /* for captures; NULL before the first one */
    size_t room;            /* groups of it */
    pcre2_jit_stack *stack; /* NULL: this PCRE2 has no JIT */
    hk_buffer repaired;     /* the subject, where it is not UTF-8 */
    uint64_t work;          /* of the search so far */
    uint64_t most;          /* at which it ends */
    size_t start;           /* where the match that is tried begins */
    size_t last;            /* where the last callout was */
};

/* PCRE2 gets its memory from this file: a test lets it fail. */
static void *
take_memory(PCRE2_SIZE size, void *data)
{
    (void)data;
    return malloc(size);
}

static void
give_memory(void *block, void *data)
{
    (void)data;
    free(block);
}

static bool
pcre2_has_jit(void)
{
    uint32_t jit = 0;
    return pcre2_config(PCRE2_CONFIG_JIT, &jit) >= 0 && jit != 0;
}

/* From 10.40 on \p{Greek} means script extensions; \p{sc:Greek} is the script. */
static bool
pcre2_has_script_prefix(void)
{
    char version[64] = "";
    unsigned long major;
    unsigned long minor = 0;
    char *end;
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof version) {
        (void)pcre2_config(PCRE2_CONFIG_VERSION, version);
    }
    major = strtoul(version, &end, 10);
    if (*end == '.') {
        minor = strtoul(end + 1, NULL, 10);
    }
    return major > 10 || minor >= 40;
}

/* ---- compiling ---- */

static hk_status
compile_text(const hk_buffer *text, bool captures, program *out, size_t *column,
             const char **expected)
{
    hk_status status = HK_ERR_NOMEM;
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    pcre2_compile_context *context = NULL;
    int error = 0;
    PCRE2_SIZE at;
    size_t size = 0;
    if (memory == NULL || (context = pcre2_compile_context_create(memory)) == NULL) {
        goto done;
    }
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    (void)pcre2_set_parens_nest_limit(context, 2 * HK_REGEX_DEPTH_MAX + 10);
    out->code = pcre2_compile(text->len > 0 ? text->data : (PCRE2_SPTR) "", text->len,
                              PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_MULTILINE |
                                  PCRE2_ALT_CIRCUMFLEX | PCRE2_DOLLAR_ENDONLY |
                                  PCRE2_NEVER_BACKSLASH_C | (captures ? 0 : PCRE2_NO_AUTO_CAPTURE),
                              &error, &at, context);
    if (out->code == NULL) {
        if (error != PCRE2_ERROR_HEAP_FAILED) {
            /* The syntax is right: what is left is the size of the program. */
            status = HK_ERR_TOO_BIG;
            *column = 0;
            *expected = "an expression of which PCRE2 makes a smaller program";
        }
        goto done;
    }
    if (pcre2_pattern_info(out->code, PCRE2_INFO_SIZE, &size) == 0 && size > HK_REGEX_CODE_MAX) {
        status = HK_ERR_TOO_BIG;
        *column = 0;
        *expected = "an expression of which PCRE2 makes a smaller program";
        goto done;
    }
    /* Refused where no memory may be executable: the interpreter then serves. */
    out->jit = pcre2_jit_compile(out->code, PCRE2_JIT_COMPLETE) == 0;
    status = HK_OK;
done:
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    return status;
}

static hk_status
make_program(hk_slice pattern, bool guarded, hk_buffer *names, program *out, bool *easy,
             size_t *column, const char **expected)
{
    uint8_t block[1024];
    hk_buffer text;
    hk_regex_report report;
    hk_buffer_init(&text, block, sizeof block, TEXT_MAX);
    hk_status status = hk_regex_translate(
        pattern, (hk_regex_form){guarded, pcre2_has_script_prefix(), names}, &text, &report);
    *easy = report.easy;
    *column = report.column;
    *expected = report.expected;
    status = status == HK_OK ? compile_text(&text, names != NULL, out, column, expected) : status;
    hk_buffer_clear(&text);
    return status;
}

/* Keeps the names of the groups, which borrow from pattern. */
static hk_status
keep_names(hk_regex *regex, hk_slice pattern, const hk_buffer *names)
{
    const size_t count = names->len / sizeof(hk_slice);
    regex->captures = true;
    regex->pattern = malloc(pattern.len + 1);
    regex->names = malloc((count + 1) * sizeof *regex->names);
    if (regex->pattern == NULL || regex->names == NULL) {
        return HK_ERR_NOMEM;
    }
    memcpy(regex->pattern, pattern.data, pattern.len);
    for (size_t i = 0; i < count; i++) {
        hk_slice name;
        memcpy(&name, names->data + i * sizeof name, sizeof name);
        regex->names[i] =
            (hk_slice){(const uint8_t *)regex->pattern + (name.data - pattern.data), name.len};
    }
    regex->groups = count;
    return HK_OK;
}

static hk_status
compile(hk_slice pattern, bool captures, hk_regex **out, size_t *column, const char **expected)
{
    assert(pattern.data != NULL || pattern.len == 0);
    *out = NULL;
    *column = 0;
    *expected = "";
    if (pattern.len > HK_REGEX_PATTERN_MAX) {
        *column = HK_REGEX_PATTERN_MAX;
        *expected = "an expression of at most 16384 bytes";
        return HK_ERR_TOO_BIG;
    }
    const size_t valid = hk_utf8_valid(pattern.data, pattern.len);
    if (valid < pattern.len) {
        *column = valid;
        *expected = "UTF-8";
        return HK_ERR_CORRUPT;
    }
    hk_regex *regex = calloc(1, sizeof *regex);
    if (regex == NULL) {
        return HK_ERR_NOMEM;
    }
    bool easy;
    hk_buffer names;
    hk_buffer again; /* of the guarded program: the same names */
    hk_buffer_init(&names, NULL, 0, HK_REGEX_PATTERN_MAX * sizeof(hk_slice));
    hk_buffer_init(&again, NULL, 0, HK_REGEX_PATTERN_MAX * sizeof(hk_slice));
    hk_status status = make_program(pattern, false, captures ? &names : NULL, &regex->plain, &easy,
                                    column, expected);
    if (status == HK_OK) {
        status = captures ? keep_names(regex, pattern, &names)
                          : hk_regex_literals_read(pattern, &regex->literals);
    }
    if (status == HK_OK && regex->literals == NULL && !easy) {
        status = make_program(pattern, true, captures ? &again : NULL, &regex->guarded, &easy,
                              column, expected);
    }
    hk_buffer_clear(&again);
    hk_buffer_clear(&names);
    if (status != HK_OK) {
        hk_regex_free(regex);
        return status;
    }
    *out = regex;
    return HK_OK;
}

hk_status
hk_regex_compile(hk_slice pattern, hk_regex **out, size_t *column, const char **expected)
{
    return compile(pattern, false, out, column, expected);
}

hk_status
hk_regex_compile_captures(hk_slice pattern, hk_regex **out, size_t *column, const char **expected)
{
    return compile(pattern, true, out, column, expected);
}

size_t
hk_regex_groups(const hk_regex *regex)
{
    return regex->groups;
}

hk_slice
hk_regex_group_name(const hk_regex *regex, size_t i)
{
    return regex->names[i];
}

void
hk_regex_free(hk_regex *regex)
{
    if (regex != NULL) {
        hk_regex_literals_free(regex->literals);
        pcre2_code_free(regex->plain.code);
        pcre2_code_free(regex->guarded.code);
        free(regex->pattern);
        free(regex->names);
        free(regex);
    }
}

bool
hk_regex_is_literal(const hk_regex *regex)
{
    return regex->literals != NULL;
}

/* ---- searching ---- */

/* Called at each (?C1): counts the characters since the last one, or since the start. */
static int
count_work(pcre2_callout_block *block, void *data)
{
    hk_regex_scratch *s = data;
    if (block->start_match != s->start) {
        s->start = s->last = block->start_match;
    }
    const size_t at = block->current_position;
    s->work += CALLOUT_WORK + (at > s->last ? at - s->last : 0);
    s->last = at;
    return s->work > s->most ? PCRE2_ERROR_CALLOUT : 0;
}

hk_regex_scratch *
hk_regex_scratch_new(void)
{
    hk_regex_scratch *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    hk_buffer_init(&s->repaired, NULL, 0, SIZE_MAX);
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    bool good = false;
    if (memory != NULL) {
        s->context = pcre2_match_context_create(memory);
        s->data = pcre2_match_data_create(1, memory);
        good = s->context != NULL && s->data != NULL;
        if (good && pcre2_has_jit()) {
            s->stack = pcre2_jit_stack_create(HK_REGEX_STACK_MIN, HK_REGEX_STACK_MAX, memory);
            good = s->stack != NULL;
        }
    }
    pcre2_general_context_free(memory);
    if (!good) {
        hk_regex_scratch_free(s);
        return NULL;
    }
    if (s->stack != NULL) {
        pcre2_jit_stack_assign(s->context, NULL, s->stack);
    }
    (void)pcre2_set_callout(s->context, count_work, s);
    (void)pcre2_set_heap_limit(s->context, HK_REGEX_HEAP_MAX);
    return s;
}

void
hk_regex_scratch_free(hk_regex_scratch *scratch)
{
    if (scratch != NULL) {
        pcre2_jit_stack_free(scratch->stack);
        pcre2_match_data_free(scratch->data);
        pcre2_match_data_free(scratch->wide);
        pcre2_match_context_free(scratch->context);
        hk_buffer_clear(&scratch->repaired);
        free(scratch);
    }
}

static hk_regex_result
run(const program *p, hk_regex_scratch *s, pcre2_match_data *data, hk_slice subject, uint32_t limit)
{
    (void)pcre2_set_match_limit(s->context, limit);
    const int rc = p->jit ? pcre2_jit_match(p->code, subject.data, subject.len, 0,
                                            PCRE2_NO_UTF_CHECK, data, s->context)
                          : pcre2_match(p->code, subject.data, subject.len, 0, PCRE2_NO_UTF_CHECK,
                                        data, s->context);
    if (rc >= 0) {
        return HK_REGEX_YES;
    }
    switch (rc) {
        case PCRE2_ERROR_NOMATCH:
            return HK_REGEX_NO;
        case PCRE2_ERROR_NOMEMORY:
            return HK_REGEX_NOMEM;
        default:
            assert(rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT ||
                   rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
                   rc == PCRE2_ERROR_CALLOUT);
            return HK_REGEX_LIMIT;
    }
}

/* Makes *subject UTF-8. False: no memory. */
static bool
repair(hk_regex_scratch *s, hk_slice *subject)
{
    s->repaired.len = 0;
    if (subject->len > SIZE_MAX / 3 || hk_buffer_room(&s->repaired, 3 * subject->len) != HK_OK) {
        return false;
    }
    s->repaired.len = hk_utf8_repair(subject->data, subject->len, s->repaired.data);
    *subject = (hk_slice){s->repaired.data, s->repaired.len};
    return true;
}

/* Searches in a subject that is UTF-8. */
static hk_regex_result
search(const hk_regex *regex, hk_regex_scratch *scratch, pcre2_match_data *data, hk_slice subject)
{
    if (regex->guarded.code == NULL) {
        return run(&regex->plain, scratch, data, subject, HK_REGEX_MATCH_MAX);
    }
    if (subject.len <= SHORT) {
        const uint32_t square = (uint32_t)((subject.len + 4) * (subject.len + 4));
        const hk_regex_result result =
            run(&regex->plain, scratch, data, subject, SHORT_WORK / square);
        if (result != HK_REGEX_LIMIT) {
            return result;
        }
    }
    scratch->work = 0;
    scratch->most = subject.len > HK_REGEX_WORK_MAX / HK_REGEX_WORK_EACH
                        ? (uint64_t)subject.len * HK_REGEX_WORK_EACH
                        : HK_REGEX_WORK_MAX;
    scratch->start = scratch->last = 0;
    return run(&regex->guarded, scratch, data, subject, HK_REGEX_MATCH_MAX);
}

/* Makes *subject what PCRE2 takes: UTF-8 that is not NULL. False: no memory. */
static bool
prepare(hk_regex_scratch *scratch, hk_slice *subject)
{
    if (subject->len == 0) {
        subject->data = (const uint8_t *)"";
    }
    return hk_utf8_valid(subject->data, subject->len) == subject->len || repair(scratch, subject);
}

hk_regex_result
hk_regex_search(const hk_regex *regex, hk_regex_scratch *scratch, hk_slice subject)
{
    assert(subject.data != NULL || subject.len == 0);
    if (regex->literals != NULL) {
        return hk_regex_literals_search(regex->literals, subject) ? HK_REGEX_YES : HK_REGEX_NO;
    }
    return prepare(scratch, &subject) ? search(regex, scratch, scratch->data, subject)
                                      : HK_REGEX_NOMEM;
}

/* Room for the groups of regex in scratch. False: no memory. */
static bool
widen(hk_regex_scratch *scratch, size_t groups)
{
    if (scratch->wide != NULL && scratch->room >= groups) {
        return true;
    }
    pcre2_general_context *memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    pcre2_match_data *wide =
        memory == NULL ? NULL : pcre2_match_data_create((uint32_t)groups + 1, memory);
    pcre2_general_context_free(memory);
    if (wide == NULL) {
        return false;
    }
    pcre2_match_data_free(scratch->wide);
    scratch->wide = wide;
    scratch->room = groups;
    return true;
}

hk_regex_result
hk_regex_capture(const hk_regex *regex, hk_regex_scratch *scratch, hk_slice subject,
                 hk_slice *groups)
{
    assert(regex->captures);
    if (!widen(scratch, regex->groups) || !prepare(scratch, &subject)) {
        return HK_REGEX_NOMEM;
    }
    const hk_regex_result result = search(regex, scratch, scratch->wide, subject);
    if (result == HK_REGEX_YES) {
        const PCRE2_SIZE *pairs = pcre2_get_ovector_pointer(scratch->wide);
        for (size_t i = 0; i < regex->groups; i++) {
            const PCRE2_SIZE start = pairs[2 * i + 2];
            const PCRE2_SIZE end = pairs[2 * i + 3];
            groups[i] = start == PCRE2_UNSET || end < start
                            ? (hk_slice){NULL, 0}
                            : (hk_slice){subject.data + start, end - start};
        }
    }
    return result;
}
