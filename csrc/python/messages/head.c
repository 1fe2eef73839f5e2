/* head.c -- converts the arguments timestamp and uuid to C; caches pid and hostname.
 *
 * getpid and gethostname cost 0.14 and 0.2 us, so they are cached per process and read again when
 * the fork generation changes. datetime.datetime and uuid.UUID are imported when the first value
 * may be an instance, so that a program that passes neither does not import their modules. */
#include "head.h"

#include <string.h>
#include <unistd.h>

#include "core/wire/hk_uuid.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"

#define US_PER_SECOND 1000000
#define NS_PER_US 1000

/* Stores `value` (stolen; may be NULL) in *slot, unless the slot is set already: an import releases
 * the GIL, so another thread may have set it and may be using the object, which must not be
 * replaced. 0, or -1 when value is NULL. */
static int
fill_slot(PyObject **slot, PyObject *value)
{
    if (value == NULL) {
        return -1;
    }
    if (*slot == NULL) {
        *slot = value;
    } else {
        Py_DECREF(value);
    }
    return 0;
}

/* Stores module.name in *slot. 0, or -1 with an exception. */
static int
import_name(PyObject **slot, const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    if (module == NULL) {
        return -1;
    }
    const int result = fill_slot(slot, PyObject_GetAttrString(module, name));
    Py_DECREF(module);
    return result;
}

int
heka_head_init(heka_state *state)
{
    state->env_version = PyUnicode_InternFromString("0.8");
    return state->env_version == NULL ? -1 : 0;
}

/* Exactly int(seconds * 1e9), truncated toward zero. */
static int
seconds_to_ns(double seconds, int64_t *out)
{
    const double ns = seconds * 1e9;
    /* -2^63 and 2^63 are exact as doubles; NaN fails both comparisons. */
    if (!(ns >= -9223372036854775808.0 && ns < 9223372036854775808.0)) {
        char text[32];
        PyOS_snprintf(text, sizeof text, "%g", seconds);
        PyErr_Format(PyExc_ValueError,
                     "timestamp is in seconds and must fit in 64 bits of nanoseconds, got %s; "
                     "timestamp_ns takes nanoseconds",
                     text);
        return -1;
    }
    *out = (int64_t)ns;
    return 0;
}

/* Raises ValueError for a datetime outside of 1677-09-21 to 2262-04-11. Returns -1. */
static int
refuse_datetime(PyObject *value)
{
    return heka_value_error(value, "timestamp must fit in 64 bits of nanoseconds (1677 to 2262)");
}

/* Sets state->epoch. 0, or -1 with an exception. */
static int
make_epoch(heka_state *state)
{
    PyObject *zone = NULL;
    PyObject *utc = NULL;
    PyObject *epoch = NULL;
    if (import_name(&zone, "datetime", "timezone") == 0) {
        utc = PyObject_GetAttrString(zone, "utc");
    }
    if (utc != NULL) {
        epoch = PyObject_CallMethod(state->datetime_type, "fromtimestamp", "iO", 0, utc);
    }
    Py_XDECREF(utc);
    Py_XDECREF(zone);
    return fill_slot(&state->epoch, epoch);
}

/* Computes value - epoch as a timedelta, which is exact, and converts it with integers only. A
 * naive datetime is local time; datetime.astimezone() resolves it, including its fold. User code
 * may run: a subclass may override any of these methods. */
static int
datetime_to_ns(heka_state *state, PyObject *value, int64_t *out)
{
    /* The parts of a timedelta with their documented ranges. They are checked, because a subclass
     * may return other values, which would overflow below. */
    static const struct {
        const char *name;
        int64_t least, most;
    } parts[] = {
        {"days", -999999999, 999999999}, {"seconds", 0, 86399}, {"microseconds", 0, 999999}};
    int64_t numbers[3];
    int result = -1;
    PyObject *aware = NULL;
    PyObject *delta = NULL;

    if (state->epoch == NULL && make_epoch(state) < 0) {
        return -1;
    }
    aware = PyObject_CallMethod(value, "astimezone", NULL);
    if (aware == NULL) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) { /* at the end of year 9999 */
            PyErr_Clear();
            (void)refuse_datetime(value);
        }
        goto done;
    }
    delta = PyNumber_Subtract(aware, state->epoch);
    if (delta == NULL) {
        goto done;
    }
    for (size_t i = 0; i < 3; i++) {
        PyObject *part = PyObject_GetAttrString(delta, parts[i].name);
        if (part == NULL) {
            goto done;
        }
        const int read = heka_read_int64(part, "timestamp", &numbers[i]);
        Py_DECREF(part);
        if (read < 0) {
            goto done;
        }
        if (numbers[i] < parts[i].least || numbers[i] > parts[i].most) {
            PyErr_Format(PyExc_ValueError, "timestamp is a datetime with %lld %s since the epoch",
                         (long long)numbers[i], parts[i].name);
            goto done;
        }
    }
    /* 1e9 days are 8.64e19 us, which overflows 64 bits; so the range is checked in seconds first.
     */
    const int64_t seconds = numbers[0] * 86400 + numbers[1];
    const int64_t seconds_max = INT64_MAX / NS_PER_US / US_PER_SECOND + 1;
    if (seconds > seconds_max || seconds < -seconds_max) {
        (void)refuse_datetime(value);
        goto done;
    }
    const int64_t us = seconds * US_PER_SECOND + numbers[2];
    if (us > INT64_MAX / NS_PER_US || us < INT64_MIN / NS_PER_US) {
        (void)refuse_datetime(value);
        goto done;
    }
    *out = us * NS_PER_US;
    result = 0;
done:
    Py_XDECREF(delta);
    Py_XDECREF(aware);
    return result;
}

static int
is_datetime(heka_state *state, PyObject *value)
{
    if (state->datetime_type == NULL &&
        import_name(&state->datetime_type, "datetime", "datetime") < 0) {
        return -1;
    }
    return PyObject_IsInstance(value, state->datetime_type);
}

/* The time from the clock that a test has set; user code. */
static int
source_time(heka_state *state, int64_t *out)
{
    PyObject *source = Py_NewRef(state->clock_source); /* it may call set_sources */
    PyObject *now = PyObject_CallNoArgs(source);
    Py_DECREF(source);
    if (now == NULL) {
        return -1;
    }
    const int result = heka_read_int64(now, "the result of the clock", out);
    Py_DECREF(now);
    return result;
}

int
heka_read_timestamp(heka_state *state, PyObject *seconds, PyObject *ns, int64_t *out)
{
    const bool has_seconds = seconds != NULL && seconds != Py_None;
    const bool has_ns = ns != NULL && ns != Py_None;

    if (HK_LIKELY(!has_seconds && !has_ns)) {
        if (HK_UNLIKELY(state->clock_source != NULL)) {
            return source_time(state, out);
        }
        *out = hk_clock_now();
        return 0;
    }
    if (has_seconds && has_ns) {
        PyErr_SetString(PyExc_ValueError,
                        "timestamp (seconds) and timestamp_ns were both given; give one");
        return -1;
    }
    if (has_ns) {
        return heka_read_int64(ns, "timestamp_ns", out);
    }
    if (PyFloat_Check(seconds)) {
        return seconds_to_ns(PyFloat_AS_DOUBLE(seconds), out);
    }
    const int dated = PyLong_Check(seconds) ? 0 : is_datetime(state, seconds);
    if (dated != 0) {
        return dated < 0 ? -1 : datetime_to_ns(state, seconds, out);
    }
    if (!heka_is_number(seconds)) {
        return heka_type_error("timestamp", "seconds (int or float) or datetime", seconds);
    }
    const double number = PyFloat_AsDouble(seconds);
    if (number == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
            PyErr_Clear();
            PyErr_Format(
                PyExc_ValueError,
                "timestamp is in seconds and must fit in 64 bits of nanoseconds, got %.200s "
                "beyond the range of float; timestamp_ns takes nanoseconds",
                Py_TYPE(seconds)->tp_name);
        }
        return -1;
    }
    return seconds_to_ns(number, out);
}

static int
uuid_from_bytes(PyObject *value, uint8_t out[HK_UUID_SIZE])
{
    if (PyBytes_GET_SIZE(value) != HK_UUID_SIZE) {
        PyErr_Format(PyExc_ValueError, "uuid must be %d bytes, got %zd", (int)HK_UUID_SIZE,
                     PyBytes_GET_SIZE(value));
        return -1;
    }
    memcpy(out, PyBytes_AS_STRING(value), HK_UUID_SIZE);
    return 0;
}

/* Reads a uuid.UUID. Its module is imported only when a value is neither bytes nor str. */
static int
uuid_from_object(heka_state *state, PyObject *value, uint8_t out[HK_UUID_SIZE])
{
    if (state->uuid_type == NULL && import_name(&state->uuid_type, "uuid", "UUID") < 0) {
        return -1;
    }
    const int is_uuid = PyObject_IsInstance(value, state->uuid_type);
    if (is_uuid <= 0) {
        return is_uuid < 0 ? -1 : heka_type_error("uuid", "16 bytes, uuid.UUID or str", value);
    }
    PyObject *bytes = PyObject_GetAttrString(value, "bytes");
    if (bytes == NULL) {
        return -1;
    }
    const int result = PyBytes_Check(bytes) ? uuid_from_bytes(bytes, out)
                                            : heka_type_error("uuid.bytes", "bytes", bytes);
    Py_DECREF(bytes);
    return result;
}

int
heka_read_uuid(heka_state *state, PyObject *value, uint8_t out[HK_UUID_SIZE])
{
    if (HK_LIKELY(value == NULL || value == Py_None)) {
        if (HK_UNLIKELY(state->uuid_source != NULL)) {
            PyObject *source = Py_NewRef(state->uuid_source); /* it may call set_sources */
            PyObject *made = PyObject_CallNoArgs(source);
            Py_DECREF(source);
            if (made == NULL) {
                return -1;
            }
            const int result = PyBytes_Check(made) ? uuid_from_bytes(made, out)
                                                   : uuid_from_object(state, made, out);
            Py_DECREF(made);
            return result;
        }
        const hk_status status = hk_uuid_make(out);
        if (status != HK_OK) {
            (void)heka_raise_status(state, status);
            return -1;
        }
        return 0;
    }
    if (PyBytes_Check(value)) {
        return uuid_from_bytes(value, out);
    }
    if (PyUnicode_Check(value)) {
        Py_ssize_t len;
        const char *text = PyUnicode_AsUTF8AndSize(value, &len);
        if (text == NULL) {
            return -1;
        }
        if (hk_uuid_parse(text, (size_t)len, out) != HK_OK) {
            return heka_value_error(value,
                                    "uuid must be 32 hexadecimal digits, with hyphens or without");
        }
        return 0;
    }
    return uuid_from_object(state, value, out);
}

/* Encodes env_version, pid and hostname once per process, into state->origin. */
static int
encode_origin(heka_state *state)
{
    hk_buffer out;
    hk_head head = {.pid = state->pid};
    hk_buffer_init(&out, state->origin, sizeof state->origin, sizeof state->origin);
    if (heka_text_borrow(state->env_version, &head.env_version) < 0 ||
        heka_text_borrow(state->hostname, &head.hostname) < 0) {
        return -1;
    }
    const hk_status status = hk_encode_origin(&out, &head);
    if (status != HK_OK) {
        (void)heka_raise_status(state, status);
        return -1;
    }
    state->origin_len = out.len;
    return 0;
}

int
heka_refresh_process(heka_state *state)
{
    /* Read before pid and hostname: after a fork in between, the cached values would have the old
     * generation, and the next call would read them again. */
    const unsigned generation = hk_fork_generation();
    if (HK_LIKELY(state->process_known && state->generation == generation)) {
        return 0;
    }
    char name[HK_HOSTNAME_MAX];
    const size_t len = hk_hostname(name);
    PyObject *hostname = PyUnicode_DecodeUTF8(name, (Py_ssize_t)len, "replace");
    if (hostname == NULL) {
        return -1;
    }
    Py_XSETREF(state->hostname, hostname);
    state->pid = (int32_t)getpid();
    if (encode_origin(state) < 0) {
        return -1;
    }
    state->generation = generation; /* last: after a failure the next call tries again */
    state->process_known = true;
    return 0;
}
