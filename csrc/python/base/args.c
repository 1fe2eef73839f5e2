/* args.c -- the argument parser of all functions, methods and constructors.
 *
 * All references are borrowed: in vectorcall from the caller's array, in tp_new and tp_init from
 * the tuple and the dict. Nothing here runs user code, so they stay valid. */
#include "args.h"

#include <assert.h>
#include <string.h>

#include "nearest.h"

#define HEKA_NAME_TEXT(name) #name,
static const char *const texts[] = {HEKA_NAMES(HEKA_NAME_TEXT) "default"};

int
heka_args_init(heka_state *state)
{
    for (size_t i = 0; i < HEKA_NAME_COUNT; i++) {
        state->names[i] = PyUnicode_InternFromString(texts[i]);
        if (state->names[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static HK_COLD int
too_many(const heka_signature *sig, Py_ssize_t given)
{
    if (sig->required == sig->positional) {
        PyErr_Format(PyExc_TypeError, "%s() takes %d positional argument%s but %zd %s given",
                     sig->fname, sig->positional, sig->positional == 1 ? "" : "s", given,
                     given == 1 ? "was" : "were");
    } else {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes from %d to %d positional arguments but %zd %s given", sig->fname,
                     sig->required, sig->positional, given, given == 1 ? "was" : "were");
    }
    return -1;
}

/* TypeError that lists the missing arguments as Python does: 'a' / 'a' and 'b' / 'a', 'b', and 'c'.
 */
static HK_COLD int
missing(const heka_signature *sig, PyObject *const *in)
{
    char names[160] = "";
    size_t len = 0;
    int absent = 0;
    int said = 0;
    for (int i = 0; i < sig->required; i++) {
        absent += in[i] == NULL;
    }
    for (int i = 0; i < sig->required; i++) {
        if (in[i] != NULL) {
            continue;
        }
        said++;
        const char *joint = said == 1       ? ""
                            : said < absent ? ", "
                            : absent == 2   ? " and "
                                            : ", and ";
        PyOS_snprintf(names + len, sizeof names - len, "%s'%s'", joint, texts[sig->names[i]]);
        len = strlen(names);
    }
    PyErr_Format(PyExc_TypeError, "%s() missing %d required positional argument%s: %s", sig->fname,
                 absent, absent == 1 ? "" : "s", names);
    return -1;
}

#define NAMES_TEXT 320        /* bytes: the names of the longest signature, with commas */
#define KEYWORD_TEXT_MAX "64" /* characters of a keyword that an error text quotes */

/* The argument whose name resembles the keyword most; NULL: none does. */
static HK_COLD const char *
nearest_argument(const heka_signature *sig, PyObject *keyword)
{
    heka_letters given;
    const char *best = NULL;
    unsigned least = HK_TYPO_NONE;
    heka_letters_read(keyword, &given);
    for (int i = 0; i < sig->count; i++) {
        const char *text = texts[sig->names[i]];
        const unsigned edits = hk_typo_edits((hk_slice){given.bytes, given.len},
                                             (hk_slice){(const uint8_t *)text, strlen(text)});
        if (edits < least) {
            least = edits;
            best = text;
        }
    }
    return best;
}

/* TypeError for a keyword that names no argument: Python's text, then the argument that was meant,
 * or else the arguments there are. Calls with `fields` are often given a field by its own name. */
static HK_COLD int
unexpected(const heka_signature *sig, PyObject *keyword)
{
    char rest[NAMES_TEXT] = "";
    size_t len = 0;
    bool has_fields = false;
    for (int i = 0; i < sig->count; i++) {
        has_fields |= sig->names[i] == HEKA_NAME_fields;
    }
    const char *meant = nearest_argument(sig, keyword);
    if (meant != NULL) {
        PyOS_snprintf(rest, sizeof rest, "; did you mean '%s'?", meant);
    } else {
        PyOS_snprintf(rest, sizeof rest, "; it takes ");
        for (int i = 0; i < sig->count; i++) {
            len = strlen(rest);
            PyOS_snprintf(rest + len, sizeof rest - len, "%s%s", i == 0 ? "" : ", ",
                          texts[sig->names[i]]);
        }
    }
    if (!has_fields) {
        PyErr_Format(PyExc_TypeError,
                     "%s() got an unexpected keyword argument '%." KEYWORD_TEXT_MAX "U'%s",
                     sig->fname, keyword, rest);
    } else {
        PyErr_Format(PyExc_TypeError,
                     "%s() got an unexpected keyword argument '%." KEYWORD_TEXT_MAX
                     "U'%s%s field of your own goes into fields={'%." KEYWORD_TEXT_MAX "U': ...}",
                     sig->fname, keyword, rest, meant != NULL ? " A" : "; a", keyword);
    }
    return -1;
}

/* Index of the argument `name`; -1 when there is none, or with an exception. Keywords in source
 * code are interned, so comparing pointers nearly always finds it. Most calls pass keywords in the
 * order of the signature, so the search starts at the last index and goes both ways. */
static inline int
find_name(const heka_state *state, const heka_signature *sig, PyObject *name, int from)
{
    int up = from;
    int down = from - 1;
    while (up < sig->count || down >= 0) {
        if (up < sig->count && state->names[sig->names[up]] == name) {
            return up;
        }
        up++;
        if (down >= 0 && state->names[sig->names[down]] == name) {
            return down;
        }
        down--;
    }
    /* Not interned, e.g. the key of a dict passed with **: compare the characters. */
    for (int i = 0; i < sig->count; i++) {
        const int order = PyUnicode_Compare(state->names[sig->names[i]], name);
        if (order == 0) {
            return i;
        }
        if (order == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    return -1;
}

/* Stores the value of one keyword. Returns the index after its argument, or -1 with TypeError. */
static inline int
put_keyword(const heka_state *state, const heka_signature *sig, PyObject *name, PyObject *value,
            PyObject **in, int from)
{
    const int i = find_name(state, sig, name, from);
    if (i < 0) {
        return PyErr_Occurred() ? -1 : unexpected(sig, name);
    }
    if (in[i] != NULL) {
        PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", sig->fname,
                     name);
        return -1;
    }
    in[i] = value; /* borrowed: the caller's argument array owns it for the whole call */
    return i + 1;
}

static inline int
put_positional(const heka_signature *sig, PyObject *const *args, Py_ssize_t given, PyObject **in)
{
    if (given > sig->positional) {
        return too_many(sig, given);
    }
    memset(in, 0, sig->count * sizeof *in);
    for (Py_ssize_t i = 0; i < given; i++) {
        in[i] = args[i];
    }
    return 0;
}

static inline int
check_required(const heka_signature *sig, PyObject *const *in)
{
    for (int i = 0; i < sig->required; i++) {
        if (in[i] == NULL) {
            return missing(sig, in);
        }
    }
    return 0;
}

int
heka_parse_args(const heka_state *state, const heka_signature *sig, PyObject *const *args,
                size_t nargsf, PyObject *kwnames, PyObject **in)
{
    const Py_ssize_t given = PyVectorcall_NARGS(nargsf);
    if (put_positional(sig, args, given, in) < 0) {
        return -1;
    }
    if (kwnames != NULL) {
        const Py_ssize_t count = PyTuple_GET_SIZE(kwnames);
        int from = (int)given;
        for (Py_ssize_t i = 0; i < count; i++) {
            from = put_keyword(state, sig, PyTuple_GET_ITEM(kwnames, i), args[given + i], in, from);
            if (from < 0) {
                return -1;
            }
        }
    }
    return check_required(sig, in);
}

int
heka_parse_tuple(const heka_state *state, const heka_signature *sig, PyObject *args,
                 PyObject *kwargs, PyObject **in)
{
    assert(sig->count <= HEKA_ARGS_MAX);
    const Py_ssize_t given = PyTuple_GET_SIZE(args);
    PyObject *items[HEKA_ARGS_MAX]; /* borrowed from the tuple; too_many reports any beyond */
    for (Py_ssize_t i = 0; i < given && i < HEKA_ARGS_MAX; i++) {
        items[i] = PyTuple_GET_ITEM(args, i);
    }
    if (put_positional(sig, items, given, in) < 0) {
        return -1;
    }
    if (kwargs != NULL) {
        PyObject *name;
        PyObject *value;
        Py_ssize_t pos = 0;
        /* Nothing in the loop runs user code, so the dict cannot change under PyDict_Next. */
        while (PyDict_Next(kwargs, &pos, &name, &value)) {
            if (!PyUnicode_Check(name)) {
                PyErr_Format(PyExc_TypeError, "%s() keywords must be strings", sig->fname);
                return -1;
            }
            if (put_keyword(state, sig, name, value, in, 0) < 0) {
                return -1;
            }
        }
    }
    return check_required(sig, in);
}
