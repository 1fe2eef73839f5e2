/* codec.c -- heka.pack and heka.frame: encodes arguments to a framed message.
 *
 * The message is encoded into a block on the stack, with HK_FRAME_ROOM bytes in front for the start
 * of the frame, and copied once, into the bytes object that is returned. */
#include "codec.h"

#include <string.h>

#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"
#include "head.h"
#include "signer.h"

int
heka_text_encodable(heka_state *state, const char *name, const heka_policy *policy, PyObject **text,
                    PyObject **owned)
{
    if (HK_LIKELY(heka_text_check(state, name, *text) == 0)) {
        return 0;
    }
    if (owned == NULL || !heka_is_lenient(policy) || !PyErr_ExceptionMatches(state->EncodeError)) {
        return -1;
    }
    PyErr_Clear();
    Py_XSETREF(*owned, heka_text_replace(*text));
    *text = *owned;
    if (policy->altered != NULL) {
        ++*policy->altered;
    }
    return *owned == NULL ? -1 : 0;
}

/* *out borrows the characters of `value`, which the caller must keep alive, or of *owned. 0, or -1
 * with TypeError or EncodeError. */
static inline int
borrow_text(heka_state *state, PyObject *value, const char *name, const heka_policy *policy,
            PyObject **owned, hk_text *out)
{
    if (HK_LIKELY(PyUnicode_CheckExact(value) && heka_text_borrow(value, out) == 0 &&
                  out->kind == HK_TEXT_UTF8)) {
        return 0;
    }
    PyErr_Clear(); /* a MemoryError of heka_text_borrow, which the call below repeats */
    if (heka_text_encodable(state, name, policy, &value, owned) < 0) {
        return -1;
    }
    return heka_text_borrow(value, out);
}

/* Reads env_version, pid and hostname when at least one of them is an argument. */
static HK_COLD int
read_origin(heka_state *state, const heka_call_args *w, const heka_policy *policy, hk_head *head)
{
    head->pid = state->pid;
    if (w->pid != NULL && heka_read_int32(w->pid, "pid", &head->pid) < 0) {
        return -1;
    }
    /* Borrowed only now: pid.__index__ is user code, and if it forks and logs in the child,
     * heka_refresh_process replaces state->hostname. */
    PyObject *hostname = w->hostname == NULL ? state->hostname : w->hostname;
    PyObject *version = w->env_version == NULL ? state->env_version : w->env_version;
    return borrow_text(state, version, "env_version", policy, NULL, &head->env_version) < 0
               ? -1
               : borrow_text(state, hostname, "hostname", policy, NULL, &head->hostname);
}

int
heka_encode_call(heka_state *state, const heka_call_args *w, int32_t severity,
                 const heka_policy *policy, hk_buffer *out, heka_encoded *encoded)
{
    uint8_t uuid[HK_UUID_SIZE];
    hk_head head = {.uuid = uuid, .severity = severity};

    /* Order: first everything that may run user code (__index__, __float__, a clock or uuid
     * source), since that code may fork and so change pid, hostname and state->origin. Then the
     * texts are borrowed, from the caller's arguments, which stay alive. */
    if (heka_read_timestamp(state, w->timestamp, w->timestamp_ns, &head.timestamp) < 0 ||
        heka_read_uuid(state, w->uuid, uuid) < 0 || heka_refresh_process(state) < 0) {
        return -1;
    }
    PyObject *type = w->type == NULL ? state->empty : w->type;
    PyObject *logger = w->logger == NULL ? state->empty : w->logger;
    PyObject *payload = w->payload == NULL ? state->empty : w->payload;
    if (borrow_text(state, type, "type", policy, encoded == NULL ? NULL : &encoded->escaped[0],
                    &head.type) < 0 ||
        borrow_text(state, logger, "logger", policy, encoded == NULL ? NULL : &encoded->escaped[1],
                    &head.logger) < 0 ||
        borrow_text(state, payload, "payload", policy,
                    encoded == NULL ? NULL : &encoded->escaped[2], &head.payload) < 0) {
        return -1;
    }
    if (HK_LIKELY(w->pid == NULL && w->hostname == NULL && w->env_version == NULL)) {
        head.origin = (hk_slice){state->origin, state->origin_len};
    } else if (read_origin(state, w, policy, &head) < 0) {
        return -1;
    }
    const hk_status status = hk_encode_head(out, &head);
    if (status != HK_OK) {
        if (status == HK_ERR_TOO_BIG && policy->too_large != NULL) {
            *policy->too_large = true;
        }
        (void)heka_raise_status(state, status);
        return -1;
    }
    if (encoded != NULL) {
        const bool read =
            w->timestamp == NULL && w->timestamp_ns == NULL && state->clock_source == NULL;
        encoded->head_len = out->len;
        encoded->clock = read ? head.timestamp : 0;
    }
    /* May run user code; the borrowed texts are no longer used. */
    return w->fields == NULL ? 0 : heka_coerce_fields(state, w->fields, policy, NULL, out);
}

int
heka_refuse_size(heka_state *state, size_t size)
{
    PyErr_Format(state->EncodeError,
                 "a message of %zu bytes; receivers take at most %u, shorten its payload or fields",
                 size, HK_MESSAGE_MAX);
    return -1;
}

/* For arguments whose documented default is None. */
static inline PyObject *
unless_none(PyObject *value)
{
    return value == Py_None ? NULL : value;
}

PyObject *
heka_pack(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_type,   HEKA_NAME_logger,       HEKA_NAME_severity,
                                    HEKA_NAME_fields, HEKA_NAME_payload,      HEKA_NAME_env_version,
                                    HEKA_NAME_pid,    HEKA_NAME_hostname,     HEKA_NAME_timestamp,
                                    HEKA_NAME_uuid,   HEKA_NAME_timestamp_ns, HEKA_NAME_signer};
    static const heka_signature sig = {
        .fname = "pack", .names = names, .count = 12, .required = 0, .positional = 10};
    static const heka_policy strict = {.bad_values = HEKA_BAD_RAISE, .hook = NULL};
    heka_state *state = heka_state_of_module(module);
    uint8_t block[HEKA_BLOCK];
    PyObject *in[12];
    PyObject *result = NULL;
    const hk_identity *signer;
    int32_t severity = HK_SEVERITY_DEFAULT;
    hk_buffer out;
    hk_error err;
    uint8_t *start;

    if (heka_parse_args(state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_signer_borrow(state, in[11], "signer", &signer) < 0 ||
        (in[2] != NULL && heka_read_int32(in[2], "severity", &severity) < 0)) {
        return NULL;
    }
    const heka_call_args call_args = {
        .type = in[0],
        .logger = in[1],
        .fields = unless_none(in[3]),
        .payload = in[4],
        .env_version = in[5],
        .pid = unless_none(in[6]),
        .hostname = unless_none(in[7]),
        .timestamp = in[8],
        .uuid = in[9],
        .timestamp_ns = in[10],
    };
    hk_buffer_init(&out, block, sizeof block, HK_LENGTH_MAX);
    out.len = HK_FRAME_ROOM; /* for the start of the frame, which hk_frame_seal writes last */
    if (heka_encode_call(state, &call_args, severity, &strict, &out, NULL) < 0) {
        goto done;
    }
    const size_t len = out.len - HK_FRAME_ROOM;
    if (len > HK_MESSAGE_MAX) {
        (void)heka_refuse_size(state, len);
        goto done;
    }
    if (hk_frame_seal(out.data + HK_FRAME_ROOM, len, signer, &start, &err) != HK_OK) {
        heka_raise(state, &err);
        goto done;
    }
    result =
        PyBytes_FromStringAndSize((const char *)start, (Py_ssize_t)(out.data + out.len - start));
done:
    hk_buffer_clear(&out);
    return result;
}

PyObject *
heka_frame(PyObject *module, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const uint8_t names[] = {HEKA_NAME_payload, HEKA_NAME_signer_config};
    static const heka_signature sig = {
        .fname = "frame", .names = names, .count = 2, .required = 1, .positional = 2};
    heka_state *state = heka_state_of_module(module);
    PyObject *in[2];
    PyObject *result = NULL;
    const hk_identity *signer;
    Py_buffer view;
    hk_error err;
    uint8_t *start;

    if (heka_parse_args(state, &sig, args, (size_t)nargs, kwnames, in) < 0 ||
        heka_signer_borrow(state, in[1], "signer_config", &signer) < 0) {
        return NULL;
    }
    if (Py_TYPE(in[0]) == state->message_type) {
        PyErr_SetString(PyExc_TypeError,
                        "a bytes-like object is required, not 'heka.Message'; "
                        "message.encode() returns the bytes of one");
        return NULL;
    }
    if (PyObject_GetBuffer(in[0], &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const size_t len = (size_t)view.len;
    if (len > HK_MESSAGE_MAX) {
        (void)heka_refuse_size(state, len);
        goto done;
    }
    /* The size is exact, so the message is copied once, into the bytes object that is returned. No
     * other code sees the object before it is filled. */
    const size_t cost = hk_frame_cost(len, signer);
    result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(cost + len));
    if (result == NULL) {
        goto done;
    }
    uint8_t *message = (uint8_t *)PyBytes_AS_STRING(result) + cost;
    if (len > 0) {
        memcpy(message, view.buf, len);
    }
    if (hk_frame_seal(message, len, signer, &start, &err) != HK_OK) {
        heka_raise(state, &err);
        Py_CLEAR(result);
    }
done:
    PyBuffer_Release(&view);
    return result;
}

/* The payload of data[0..len), if that is one frame. */
static bool
find_payload(const uint8_t *data, size_t len, hk_slice *payload)
{
    hk_header header;
    if (len < HK_FRAME_OVERHEAD || data[0] != HK_RS) {
        return false;
    }
    const size_t size = data[1];
    if (size == 0 || size > len - HK_FRAME_OVERHEAD || data[2 + size] != HK_US ||
        hk_header_read(data + 2, size, size, &header) != HK_OK ||
        header.message_length != len - HK_FRAME_OVERHEAD - size) {
        return false;
    }
    *payload = (hk_slice){data + HK_FRAME_OVERHEAD + size, header.message_length};
    return true;
}

PyObject *
heka_check_frame(PyObject *module, PyObject *data)
{
    Py_buffer view;
    hk_slice payload;
    hk_error err;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    const bool refused = find_payload(view.buf, (size_t)view.len, &payload) &&
                         hk_decode_check(payload.data, payload.len, &err) != HK_OK;
    PyBuffer_Release(&view);
    if (refused) {
        PyErr_Format(heka_state_of_module(module)->EncodeError,
                     "the frame's payload is no Message (%s), and a spool takes nothing else; "
                     "write what heka.pack or ProtobufEncoder returns",
                     err.text);
        return NULL;
    }
    Py_RETURN_NONE;
}

const char heka_pack_doc[] = PyDoc_STR(
    "pack(type='', logger='', severity=7, fields=None, payload='', env_version='0.8',\n"
    "     pid=None, hostname=None, timestamp=None, uuid=None, *, timestamp_ns=None, signer=None)\n"
    "--\n\n"
    "Encode and frame one message, and sign it when *signer* is given.\n\n"
    "Takes the arguments of Message and returns the same bytes as\n"
    "``heka.frame(heka.Message(...).encode(), signer)``, in one pass.\n\n"
    "Raises:\n"
    "    FieldError: A field value without a type on the wire.\n"
    "    EncodeError: The message exceeds 65,536 bytes.");

const char heka_frame_doc[] = PyDoc_STR(
    "frame(payload, signer_config=None)\n--\n\n"
    "Frame one encoded message, and sign it when *signer_config* is given.\n\n"
    "Args:\n"
    "    payload: The encoded message: a bytes-like object of at most 65,536 bytes.\n"
    "    signer_config: A SignerConfig, or None.\n\n"
    "Returns:\n"
    "    0x1e, header length, header, 0x1f, payload.\n\n"
    "Raises:\n"
    "    EncodeError: The payload exceeds 65,536 bytes; receivers silently drop such messages.");

const char heka_check_frame_doc[] = PyDoc_STR(
    "check_frame(data, /)\n--\n\n"
    "Check the payload of *data*, if that is one whole frame; anything else is not looked at.\n\n"
    "Raises:\n"
    "    EncodeError: The payload is no Message.");
