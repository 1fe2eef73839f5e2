/* match.c -- heka.matcher.Matcher: an expression of the message_matcher language.
 *
 * The compiled expression never changes, so threads share it; each evaluation has a scratch of its
 * own. One scratch is kept between calls, because making one allocates the stack of the engine for
 * regular expressions. */
#include "match.h"

#include <stdlib.h>
#include <string.h>

#include "core/match/hk_match_run.h"
#include "core/wire/hk_normalise.h"
#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/text.h"
#include "python/messages/message_view.h"
#include "block.h"

/* Bytes of a block from which an expression without regular expressions is evaluated without the
 * GIL. Fewer take less than 20 us, and a thread that wants the GIL back may wait for a whole switch
 * interval, 5 ms. */
#define UNLOCK_SIZE (64u * 1024u)

typedef struct {
    PyObject_HEAD
    hk_match *match;       /* owned */
    PyObject *text;        /* owned exact str */
    hk_match_scratch kept; /* not in use, if has_kept */
    bool has_kept;
    uint64_t *limits; /* owned: searches that reached a limit, by clause; NULL: no regex */
    hk_match_dialect dialect;
} HekaMatcher;

static const char *const dialects[] = {"heka", "heka2"};

/* ---- construction ---- */

static int
read_dialect(heka_state *state, PyObject *value, hk_match_dialect *dialect)
{
    *dialect = HK_DIALECT_HEKA;
    if (value == NULL) {
        return 0;
    }
    if (PyUnicode_Check(value)) {
        for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
            if (PyUnicode_CompareWithASCIIString(value, dialects[i]) == 0) {
                *dialect = (hk_match_dialect)i;
                return 0;
            }
        }
    }
    PyObject *shown = heka_shown(value);
    if (shown != NULL) {
        PyErr_Format(state->ConfigError, "dialect: expected 'heka' or 'heka2', got %.100U", shown);
        Py_DECREF(shown);
    }
    return -1;
}

/* Compiles the UTF-8 of a str; NULL with an exception. */
static hk_match *
compile_bytes(heka_state *state, hk_slice text, hk_match_dialect dialect)
{
    hk_match *match = NULL;
    hk_match_error err;
    const hk_status status = hk_match_compile(text, dialect, &match, &err);
    if (status == HK_ERR_NOMEM) {
        PyErr_NoMemory();
    } else if (status != HK_OK) {
        (void)heka_raise_matcher(state, err.text, err.column);
    }
    return match;
}

static hk_match *
compile_str(heka_state *state, PyObject *str, hk_match_dialect dialect)
{
    hk_text text;
    size_t size;
    size_t at;
    if (heka_text_borrow(str, &text) < 0) {
        return NULL;
    }
    /* A surrogate that escapes a byte (PEP 383) becomes that byte, which the core refuses by its
     * column, as it is not UTF-8. */
    if (hk_utf8_measure(&text, HK_SURROGATES_ESCAPED, &size, &at) != HK_OK) {
        (void)heka_raise_matcher(state, "expected text, got a lone surrogate", at + 1);
        return NULL;
    }
    if (text.kind == HK_TEXT_UTF8) {
        return compile_bytes(state, (hk_slice){text.data, text.len}, dialect);
    }
    uint8_t *bytes = PyMem_Malloc(size == 0 ? 1 : size);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    (void)hk_utf8_write(&text, bytes);
    hk_match *match = compile_bytes(state, (hk_slice){bytes, size}, dialect);
    PyMem_Free(bytes);
    return match;
}

static PyObject *
matcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_text, HEKA_NAME_dialect};
    static const heka_signature sig = {
        .fname = "Matcher", .names = names, .count = 2, .required = 1, .positional = 2};
    heka_state *state = heka_state_of_type(type);
    hk_match_dialect dialect;
    PyObject *in[2];
    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0 ||
        read_dialect(state, in[1], &dialect) < 0) {
        return NULL;
    }
    if (!PyUnicode_Check(in[0])) {
        (void)heka_type_error("text", "str", in[0]);
        return NULL;
    }
    hk_match *match = compile_str(state, in[0], dialect);
    HekaMatcher *self = match == NULL ? NULL : (HekaMatcher *)type->tp_alloc(type, 0);
    if (self == NULL) {
        hk_match_free(match);
        return NULL;
    }
    self->match = match;
    self->dialect = dialect;
    self->text = heka_text_exact(in[0]);
    if (self->text == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    if (hk_match_needs_regex(match)) {
        self->limits = PyMem_Calloc(hk_match_clauses(match), sizeof *self->limits);
        if (self->limits == NULL) {
            Py_DECREF(self);
            return PyErr_NoMemory();
        }
    }
    return (PyObject *)self;
}

static void
matcher_dealloc(PyObject *op)
{
    HekaMatcher *self = (HekaMatcher *)op;
    PyTypeObject *tp = Py_TYPE(op);
    hk_match_scratch_clear(&self->kept);
    hk_match_free(self->match);
    PyMem_Free(self->limits);
    Py_CLEAR(self->text);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

/* ---- evaluation ---- */

/* A scratch for one evaluation, the kept one or another. 0, or -1 with MemoryError. */
static int
take_scratch(HekaMatcher *self, hk_match_scratch *scratch)
{
    bool is_made = false;
    HEKA_BEGIN_CRITICAL_SECTION(self);
    if (self->has_kept) {
        *scratch = self->kept;
        memset(&self->kept, 0, sizeof self->kept);
        self->has_kept = false;
        is_made = true;
    }
    HEKA_END_CRITICAL_SECTION();
    if (!is_made && hk_match_scratch_init(scratch, self->match) != HK_OK) {
        hk_match_scratch_clear(scratch);
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Adds what it counted to self->limits, and keeps or clears it. 0, or -1 with MemoryError if an
 * evaluation had no memory. */
static int
give_scratch(HekaMatcher *self, hk_match_scratch *scratch)
{
    const bool failed = scratch->failed;
    scratch->failed = false;
    HEKA_BEGIN_CRITICAL_SECTION(self);
    if (scratch->limits != NULL) {
        const size_t count = hk_match_clauses(self->match);
        for (size_t i = 0; i < count; i++) {
            self->limits[i] += scratch->limits[i];
            scratch->limits[i] = 0;
        }
    }
    if (!self->has_kept) {
        self->kept = *scratch;
        self->has_kept = true;
        memset(scratch, 0, sizeof *scratch);
    }
    HEKA_END_CRITICAL_SECTION();
    hk_match_scratch_clear(scratch);
    if (failed) {
        PyErr_NoMemory();
    }
    return failed ? -1 : 0;
}

int
heka_matcher_run(PyObject *op, const hk_message *message, hk_slice signer)
{
    HekaMatcher *self = (HekaMatcher *)op;
    hk_match_scratch scratch;
    if (take_scratch(self, &scratch) < 0) {
        return -1;
    }
    const bool result = hk_match_run(self->match, message, signer, &scratch);
    return give_scratch(self, &scratch) < 0 ? -1 : result;
}

/* As heka_matcher_run, but for each clause by itself. */
static int
run_clauses(HekaMatcher *self, const hk_message *message, hk_slice signer, bool *matched)
{
    hk_match_scratch scratch;
    if (take_scratch(self, &scratch) < 0) {
        return -1;
    }
    for (size_t i = 0; i < hk_match_clauses(self->match); i++) {
        matched[i] = hk_match_run_clause(self->match, i, message, signer, &scratch);
    }
    return give_scratch(self, &scratch);
}

/* ---- one message ---- */

/* The message that a method was given, and what keeps its bytes alive. */
typedef struct {
    hk_message message; /* borrows from the rest */
    hk_slice signer;
    hk_buffer spare;   /* owned */
    PyObject *payload; /* owned, or NULL */
    PyObject *name;    /* owned str of the signer, or NULL */
    Py_buffer view;    /* owned if view.obj is set */
    hk_buffer encoded; /* owned: the signer's name */
} given;

static void
release(given *g)
{
    hk_buffer_clear(&g->spare);
    hk_buffer_clear(&g->encoded);
    if (g->view.obj != NULL) {
        PyBuffer_Release(&g->view);
    }
    Py_XDECREF(g->payload);
    Py_XDECREF(g->name);
}

static int
decode(heka_state *state, given *g, PyObject *data)
{
    hk_error err;
    if (PyObject_GetBuffer(data, &g->view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    if (hk_decode(g->view.buf, (size_t)g->view.len, &g->message, &g->spare, &err) != HK_OK) {
        heka_raise(state, &err);
        return -1;
    }
    return 0;
}

static int
read_frame(heka_state *state, given *g, PyObject *frame)
{
    g->payload = PyObject_GetAttrString(frame, "payload");
    g->name = g->payload == NULL ? NULL : PyObject_GetAttrString(frame, "signer");
    if (g->name == NULL || decode(state, g, g->payload) < 0) {
        return -1;
    }
    return g->name == Py_None
               ? 0
               : heka_texts_view(state, "signer", &g->name, 1, &g->encoded, &g->signer);
}

/* Fills *g, which the caller releases, from a Message, a Frame or an encoded message. May run user
 * code. 0, or -1 with an exception. */
static int
read_given(heka_state *state, PyObject *value, given *g)
{
    memset(g, 0, sizeof *g);
    hk_buffer_init(&g->spare, NULL, 0, HK_LENGTH_MAX);
    hk_buffer_init(&g->encoded, NULL, 0, HK_LENGTH_MAX);
    if (Py_IS_TYPE(value, state->message_type)) {
        return heka_message_view(value, &g->spare, &g->message);
    }
    if (Py_IS_TYPE(value, state->frame_type)) {
        return read_frame(state, g, value);
    }
    if (!PyObject_CheckBuffer(value) || Py_IS_TYPE(value, state->block_type)) {
        return heka_type_error("message", "a Message, a Frame or the bytes of an encoded message",
                               value);
    }
    return decode(state, g, value);
}

static PyObject *
matcher_matches(PyObject *op, PyObject *value)
{
    given g;
    int result = -1;
    HEKA_BEGIN_CRITICAL_SECTION(value);
    if (read_given(heka_state_of(op), value, &g) == 0) {
        result = heka_matcher_run(op, &g.message, g.signer);
    }
    release(&g);
    HEKA_END_CRITICAL_SECTION();
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *
matcher_explain(PyObject *op, PyObject *value)
{
    HekaMatcher *self = (HekaMatcher *)op;
    heka_state *state = heka_state_of(op);
    PyObject *clauses = NULL;
    int result = -1;
    given g;
    bool *matched = PyMem_Calloc(hk_match_clauses(self->match), sizeof *matched);
    if (matched == NULL) {
        return PyErr_NoMemory();
    }
    HEKA_BEGIN_CRITICAL_SECTION(value);
    if (read_given(state, value, &g) == 0) {
        result = run_clauses(self, &g.message, g.signer, matched);
    }
    release(&g);
    HEKA_END_CRITICAL_SECTION();
    if (result == 0) {
        clauses = heka_clauses_new(state, self->match, matched);
    }
    PyMem_Free(matched);
    return clauses;
}

/* ---- blocks ---- */

/* keep[i]: whether frame i matches; keep may be NULL. Returns how many do. Needs no GIL. */
static size_t
run_block(const hk_match *match, const hk_block *block, hk_match_scratch *scratch, bool *keep)
{
    const hk_slice signer = hk_block_signer(block);
    size_t count = 0;
    for (size_t i = 0; i < block->count; i++) {
        const bool matches = hk_match_run(match, hk_block_message(block, i), signer, scratch);
        count += matches;
        if (keep != NULL) {
            keep[i] = matches;
        }
    }
    return count;
}

/* The same with a scratch, without the GIL where that is worth it. 0, or -1 with MemoryError. The
 * caller holds references to the matcher and to the block. */
static int
evaluate(HekaMatcher *self, const hk_block *block, bool *keep, size_t *count)
{
    hk_match_scratch scratch;
    if (take_scratch(self, &scratch) < 0) {
        return -1;
    }
    if (block->frames.len >= UNLOCK_SIZE || hk_match_needs_regex(self->match)) {
        Py_BEGIN_ALLOW_THREADS;
        *count = run_block(self->match, block, &scratch, keep);
        Py_END_ALLOW_THREADS;
    } else {
        *count = run_block(self->match, block, &scratch, keep);
    }
    return give_scratch(self, &scratch);
}

static PyObject *
matcher_count(PyObject *op, PyObject *value)
{
    const hk_block *block = heka_block_borrow(heka_state_of(op), value, "block");
    size_t count;
    if (block == NULL || evaluate((HekaMatcher *)op, block, NULL, &count) < 0) {
        return NULL;
    }
    return PyLong_FromSize_t(count);
}

static PyObject *
matcher_filter(PyObject *op, PyObject *value)
{
    heka_state *state = heka_state_of(op);
    const hk_block *block = heka_block_borrow(state, value, "block");
    hk_block selected;
    hk_error err;
    size_t count;
    PyObject *result = NULL;
    if (block == NULL) {
        return NULL;
    }
    bool *keep = PyMem_Calloc(block->count + 1, sizeof *keep);
    if (keep == NULL) {
        return PyErr_NoMemory();
    }
    if (evaluate((HekaMatcher *)op, block, keep, &count) < 0) {
        goto done;
    }
    if (count == block->count) {
        result = Py_NewRef(value); /* a block never changes */
        goto done;
    }
    hk_block_init(&selected);
    if (hk_block_select(&selected, block, keep, &err) != HK_OK) {
        heka_raise(state, &err);
        goto done;
    }
    result = heka_block_take(state, &selected);
done:
    PyMem_Free(keep);
    return result;
}

/* ---- attributes ---- */

static PyObject *
get_text(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaMatcher *)op)->text);
}

static PyObject *
get_dialect(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(dialects[((HekaMatcher *)op)->dialect]);
}

static PyObject *
get_clauses(PyObject *op, void *closure)
{
    (void)closure;
    return heka_clauses_new(heka_state_of(op), ((HekaMatcher *)op)->match, NULL);
}

static PyObject *
get_limits(PyObject *op, void *closure)
{
    (void)closure;
    HekaMatcher *self = (HekaMatcher *)op;
    PyObject *dict;
    HEKA_BEGIN_CRITICAL_SECTION(op);
    dict = heka_limits_new(heka_state_of(op), self->match, self->limits);
    HEKA_END_CRITICAL_SECTION();
    return dict;
}

static PyObject *
matcher_repr(PyObject *op)
{
    const HekaMatcher *self = (HekaMatcher *)op;
    return self->dialect == HK_DIALECT_HEKA
               ? PyUnicode_FromFormat("Matcher(%R)", self->text)
               : PyUnicode_FromFormat("Matcher(%R, dialect='%s')", self->text,
                                      dialects[self->dialect]);
}

static PyGetSetDef matcher_getset[] = {
    {"text", get_text, NULL, "The expression.", NULL},
    {"dialect", get_dialect, NULL, "'heka' or 'heka2'.", NULL},
    {"clauses", get_clauses, NULL, "A tuple of the clauses, in the order of the text.", NULL},
    {"limits", get_limits, NULL,
     "{text of a clause: how often a search for its regular expression reached a limit}. The\n"
     "clause counted as false then. Only clauses with a count above 0.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef matcher_methods[] = {
    {"matches", matcher_matches, METH_O,
     "matches($self, message, /)\n--\n\n"
     "Return whether *message* matches: a Message, a Frame, or bytes of an encoded message.\n\n"
     "Raises DecodeError for bytes that are no message."},
    {"explain", matcher_explain, METH_O,
     "explain($self, message, /)\n--\n\n"
     "Return the clauses with whether each is true of *message*, a tuple as ``clauses``.\n\n"
     "Each clause is evaluated by itself, also where ``&&`` or ``||`` would skip it."},
    {"filter", matcher_filter, METH_O,
     "filter($self, block, /)\n--\n\n"
     "Return a Block of the frames of *block* that match; *block* itself if all do."},
    {"count", matcher_count, METH_O,
     "count($self, block, /)\n--\n\nReturn how many frames of *block* match."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    matcher_doc,
    "Matcher(text, dialect='heka')\n--\n\n"
    "An expression of Heka's message_matcher language, compiled.\n\n"
    "Args:\n"
    "    text: At most 65,536 bytes, 4,096 clauses and 200 parentheses within each other.\n"
    "    dialect: 'heka', or 'heka2' with extensions: negative numbers, ``!= TRUE``,\n"
    "        RFC 3339 times for Timestamp, and ``Signer``.\n\n"
    "Raises:\n"
    "    MatcherError: *text* is no expression; ``column`` says where.\n\n"
    "It never changes, so threads may share it. Blocks are evaluated without the GIL.");

static PyType_Slot matcher_slots[] = {
    {Py_tp_doc, (void *)matcher_doc},
    {Py_tp_new, matcher_new},
    {Py_tp_dealloc, matcher_dealloc},
    {Py_tp_repr, matcher_repr},
    {Py_tp_getset, matcher_getset},
    {Py_tp_methods, matcher_methods},
    {0, NULL},
};

static PyType_Spec matcher_spec = {
    .name = "heka.matcher.Matcher",
    .basicsize = sizeof(HekaMatcher),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = matcher_slots,
};

int
heka_matcher_init(PyObject *module, heka_state *state)
{
    state->matcher_type = heka_new_type(module, &matcher_spec, NULL);
    if (state->matcher_type == NULL || heka_clause_init(module, state) < 0) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Matcher", (PyObject *)state->matcher_type);
}
