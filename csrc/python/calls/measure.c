/* measure.c -- incr, gauge and timer_send, which Client and Emitter have in common. */
#include "measure.h"

#include "core/base/hk_random.h"
#include "python/base/args.h"
#include "python/base/severity.h"
#include "metric.h"

/* Reads a sampling rate. 1: this call is sent, 0: it is left out, -1: an exception. */
static int
sample(PyObject *value, bool enforce, double *rate)
{
    double unit;
    if (heka_read_rate(value, enforce, rate) < 0) {
        return -1;
    }
    if (!enforce || *rate >= 1.0) {
        return 1;
    }
    if (hk_random_unit(&unit) != HK_OK) {
        return 1; /* without entropy, send all rather than none */
    }
    return unit < *rate;
}

enum { NAME, AMOUNT, LOGGER, SEVERITY, FIELDS, RATE, BAD_VALUES, TO, COUNT };

#define NAMES(amount)                                                                   \
    {                                                                                   \
        HEKA_NAME_name, amount, HEKA_NAME_logger, HEKA_NAME_severity, HEKA_NAME_fields, \
            HEKA_NAME_rate, HEKA_NAME_bad_values, HEKA_NAME_to                          \
    }
static const uint8_t counter_names[] = NAMES(HEKA_NAME_count);
static const uint8_t gauge_names[] = NAMES(HEKA_NAME_value);
static const uint8_t timer_names[] = NAMES(HEKA_NAME_elapsed);

/* By kind, then without and with `to`. */
#define SIGNATURES(function, name_list, least)                                              \
    {                                                                                       \
        {.fname = (function),                                                               \
         .names = (name_list),                                                              \
         .count = TO,                                                                       \
         .required = (least),                                                               \
         .positional = 6},                                                                  \
        {                                                                                   \
            .fname = (function), .names = (name_list), .count = COUNT, .required = (least), \
            .positional = 6                                                                 \
        }                                                                                   \
    }
static const heka_signature signatures[][2] = {
    [HEKA_COUNTER] = SIGNATURES("incr", counter_names, 1),
    [HEKA_GAUGE] = SIGNATURES("gauge", gauge_names, 2),
    [HEKA_TIMER] = SIGNATURES("timer_send", timer_names, 2),
};

static PyObject *
type_of(const heka_state *state, heka_measure_kind kind)
{
    return kind == HEKA_COUNTER ? state->counter : kind == HEKA_GAUGE ? state->gauge : state->timer;
}

/* The payload, new: the text of the amount. A bool is the number that it is. */
static PyObject *
amount_of(const heka_state *state, PyObject *amount)
{
    if (amount == NULL) {
        return Py_NewRef(state->one);
    }
    if (HK_LIKELY(!PyBool_Check(amount))) {
        return PyObject_Str(amount);
    }
    return PyUnicode_FromString(amount == Py_True ? "1" : "0");
}

PyObject *
heka_measure(const heka_sender *sender, heka_measure_kind kind, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames)
{
    const heka_state *state = sender->settings->state;
    PyObject *in[COUNT];
    int32_t severity = sender->severity;
    in[TO] = NULL;
    if (heka_parse_args(state, &signatures[kind][sender->takes_to], args, (size_t)nargs, kwnames,
                        in) < 0 ||
        heka_check_metric_name(in[NAME]) < 0 ||
        heka_check_amount(state->names[signatures[kind][0].names[AMOUNT]], in[AMOUNT]) < 0) {
        return NULL;
    }
    /* The severity before sampling: a wrong one raises always, or never. */
    if (in[SEVERITY] != NULL && in[SEVERITY] != Py_None &&
        heka_read_severity(in[SEVERITY], &severity) < 0) {
        return NULL;
    }
    heka_label label = {.name = in[NAME]};
    const int sampled = sample(in[RATE], kind != HEKA_TIMER, &label.rate);
    if (sampled <= 0) {
        return sampled < 0 ? NULL : PyBool_FromLong(heka_count_filtered(sender->settings));
    }
    PyObject *payload = amount_of(state, in[AMOUNT]);
    if (payload == NULL) {
        return NULL;
    }
    const heka_call c = {.type = type_of(state, kind),
                         .logger = in[LOGGER],
                         .severity = severity,
                         .fields = in[FIELDS],
                         .payload = payload,
                         .bad_values = in[BAD_VALUES],
                         .to = in[TO],
                         .label = &label};
    PyObject *answer = sender->send(sender->settings, &c);
    Py_DECREF(payload);
    if (answer == NULL) {
        return NULL;
    }
    const bool sent = answer == Py_True;
    Py_DECREF(answer);
    return PyBool_FromLong(sent);
}
