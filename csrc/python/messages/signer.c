/* signer.c -- heka.SignerConfig: the name and the key of a signer. */
#include "signer.h"

#include <string.h>

#include "python/base/args.h"
#include "python/base/errors.h"
#include "python/base/read.h"
#include "python/base/text.h"

/* Attributes are immutable after construction, and hk_sign works on a duplicate of the key, so
 * threads may share a signer. The type is final, so PyType_GetModuleState(Py_TYPE(self)) returns
 * our module's state. All objects are exact str and bytes: in no cycle, so no GC support. */
typedef struct {
    PyObject_HEAD
    PyObject *name;       /* owned exact str */
    PyObject *key;        /* owned exact bytes */
    uint32_t version;     /* key version, as in the receiver's configuration */
    hk_identity identity; /* owned: the keyed HMAC; wiped on dealloc */
} HekaSigner;

static const char *const hash_names[] = {"md5", "sha1"};

/* Whether a str equals the lower-case `word`, ignoring the case of ASCII letters. */
static bool
is_word(PyObject *str, const char *word)
{
    const Py_ssize_t len = PyUnicode_GET_LENGTH(str);
    if (len != (Py_ssize_t)strlen(word)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < len; i++) {
        const Py_UCS4 c = PyUnicode_READ_CHAR(str, i);
        const Py_UCS4 lower = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
        if (lower != (Py_UCS4)word[i]) {
            return false;
        }
    }
    return true;
}

static int
read_hash(PyObject *value, hk_hash *out)
{
    if (!PyUnicode_Check(value)) {
        return heka_type_error("hash", "str", value);
    }
    if (heka_unicode_ready(value) < 0) {
        return -1;
    }
    for (int i = 0; i < (int)HK_HASHES; i++) {
        if (is_word(value, hash_names[i])) {
            *out = (hk_hash)i;
            return 0;
        }
    }
    return heka_value_error(value, "hash must be 'sha1' or 'md5'");
}

static int
read_version(PyObject *value, uint32_t *out)
{
    int64_t wide;
    if (heka_read_int64(value, "version", &wide) < 0) {
        return -1;
    }
    if (wide < 0 || wide > UINT32_MAX) {
        return heka_value_error(value, "version must be from 0 to 4294967295");
    }
    *out = (uint32_t)wide;
    return 0;
}

/* Accepts any bytes-like object. The copy is what the signer keeps: a bytearray may change later.
 */
PyObject *
heka_key_bytes(heka_state *state, PyObject *key)
{
    if (PyUnicode_Check(key)) {
        return heka_text_check(state, "key", key) < 0 ? NULL : PyUnicode_AsUTF8String(key);
    }
    if (!PyObject_CheckBuffer(key)) {
        (void)heka_type_error("key", "str or bytes", key);
        return NULL;
    }
    return PyBytes_FromObject(key);
}

static PyObject *
signer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const uint8_t names[] = {HEKA_NAME_name, HEKA_NAME_version, HEKA_NAME_key,
                                    HEKA_NAME_hash};
    static const heka_signature sig = {
        .fname = "SignerConfig", .names = names, .count = 4, .required = 4, .positional = 4};
    heka_state *state = heka_state_of_type(type);
    PyObject *in[4];
    hk_hash hash = HK_SHA1;
    hk_error err;
    Py_ssize_t name_len;
    HekaSigner *self = NULL;

    if (heka_parse_tuple(state, &sig, args, kwargs, in) < 0 ||
        heka_text_check(state, "name", in[0]) < 0 || read_hash(in[3], &hash) < 0) {
        return NULL;
    }
    self = (HekaSigner *)type->tp_alloc(type, 0); /* zeroed, so that dealloc may run from here on */
    if (self == NULL || read_version(in[1], &self->version) < 0) {
        goto fail;
    }
    self->name = heka_text_exact(in[0]);
    self->key = self->name == NULL ? NULL : heka_key_bytes(state, in[2]);
    /* Borrowed from self->name, which caches it. */
    const char *name = self->key == NULL ? NULL : PyUnicode_AsUTF8AndSize(self->name, &name_len);
    if (name == NULL) {
        goto fail;
    }
    if (PyBytes_GET_SIZE(self->key) == 0) { /* anybody could sign with it */
        PyErr_SetString(PyExc_ValueError,
                        "key must not be empty: give the secret that the "
                        "receiver's configuration has for this signer");
        goto fail;
    }
    const hk_slice name_slice = {(const uint8_t *)name, (size_t)name_len};
    const hk_slice key_slice = {(const uint8_t *)PyBytes_AS_STRING(self->key),
                                (size_t)PyBytes_GET_SIZE(self->key)};
    if (hk_identity_init(&self->identity, name_slice, self->version, hash, key_slice, &err) !=
        HK_OK) {
        heka_raise(state, &err);
        goto fail;
    }
    return (PyObject *)self;
fail:
    Py_XDECREF(self);
    return NULL;
}

static void
signer_dealloc(PyObject *op)
{
    HekaSigner *self = (HekaSigner *)op;
    PyTypeObject *tp = Py_TYPE(op);
    hk_identity_clear(&self->identity);
    Py_CLEAR(self->name);
    Py_CLEAR(self->key);
    tp->tp_free(op);
    Py_DECREF(tp); /* instances of heap types own a reference; last, it may free the type */
}

/* Never shows the key: reprs end up in logs. */
static PyObject *
signer_repr(PyObject *op)
{
    HekaSigner *self = (HekaSigner *)op;
    return PyUnicode_FromFormat("SignerConfig(name=%R, version=%u, key='********', hash='%s')",
                                self->name, (unsigned)self->version,
                                hash_names[self->identity.key.hash]);
}

static PyObject *
signer_richcompare(PyObject *left, PyObject *right, int op)
{
    if (Py_TYPE(left) != Py_TYPE(right) || (op != Py_EQ && op != Py_NE)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    HekaSigner *a = (HekaSigner *)left;
    HekaSigner *b = (HekaSigner *)right;
    int equal = a->version == b->version && a->identity.key.hash == b->identity.key.hash;
    if (equal) {
        equal = PyObject_RichCompareBool(a->name, b->name, Py_EQ);
    }
    if (equal == 1) {
        equal = PyObject_RichCompareBool(a->key, b->key, Py_EQ);
    }
    return equal < 0 ? NULL : PyBool_FromLong((op == Py_EQ) == (equal == 1));
}

/* Over name and version only: equal signers have equal hashes, and the key stays out of hash
 * values, which other code may print. -1 is reserved for errors. */
static Py_hash_t
signer_hash(PyObject *op)
{
    HekaSigner *self = (HekaSigner *)op;
    const Py_hash_t hash = PyObject_Hash(self->name);
    if (hash == -1) {
        return -1;
    }
    const Py_hash_t mixed = (Py_hash_t)((Py_uhash_t)hash ^ self->version);
    return mixed == -1 ? -2 : mixed;
}

static PyObject *
signer_reduce(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    HekaSigner *self = (HekaSigner *)op;
    return Py_BuildValue("O(OIOs)", Py_TYPE(op), self->name, (unsigned)self->version, self->key,
                         hash_names[self->identity.key.hash]);
}

static PyObject *
signer_sign(PyObject *op, PyObject *data)
{
    HekaSigner *self = (HekaSigner *)op;
    Py_buffer view = {0}; /* the GIL is kept: a signature costs 0.34 us */
    PyObject *out = NULL;
    uint8_t digest[HK_DIGEST_MAX];
    hk_error err;

    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (hk_sign(&self->identity.key, (hk_slice){view.buf, (size_t)view.len}, digest, &err) !=
        HK_OK) {
        heka_raise(heka_state_of(op), &err);
        goto done;
    }
    out =
        PyBytes_FromStringAndSize((const char *)digest, (Py_ssize_t)self->identity.key.digest_len);
done:
    PyBuffer_Release(&view);
    return out;
}

/* Two buffers are held at once; each is released exactly if it was acquired. */
static PyObject *
signer_verify(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    HekaSigner *self = (HekaSigner *)op;
    Py_buffer data = {0};
    Py_buffer digest = {0};
    PyObject *out = NULL;
    hk_error err;

    if (nargs != 2) {
        PyErr_Format(PyExc_TypeError, "verify() takes 2 positional arguments but %zd %s given",
                     nargs, nargs == 1 ? "was" : "were");
        return NULL;
    }
    if (PyObject_GetBuffer(args[0], &data, PyBUF_SIMPLE) < 0 ||
        PyObject_GetBuffer(args[1], &digest, PyBUF_SIMPLE) < 0) {
        goto done;
    }
    const hk_status status = hk_verify(&self->identity.key, (hk_slice){data.buf, (size_t)data.len},
                                       (hk_slice){digest.buf, (size_t)digest.len}, &err);
    out = status == HK_OK ? Py_NewRef(Py_None) : heka_raise(heka_state_of(op), &err);
done:
    /* obj is NULL where PyObject_GetBuffer was not called or failed. */
    if (digest.obj != NULL) {
        PyBuffer_Release(&digest);
    }
    if (data.obj != NULL) {
        PyBuffer_Release(&data);
    }
    return out;
}

static PyObject *
signer_get_name(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaSigner *)op)->name);
}

static PyObject *
signer_get_version(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLong(((HekaSigner *)op)->version);
}

static PyObject *
signer_get_key(PyObject *op, void *closure)
{
    (void)closure;
    return Py_NewRef(((HekaSigner *)op)->key);
}

static PyObject *
signer_get_hash(PyObject *op, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(hash_names[((HekaSigner *)op)->identity.key.hash]);
}

int
heka_signer_borrow(heka_state *state, PyObject *value, const char *name,
                   const hk_identity **identity)
{
    *identity = NULL;
    if (value == NULL || value == Py_None) {
        return 0;
    }
    if (Py_TYPE(value) != state->signer_type) {
        return heka_type_error(name, "SignerConfig or None", value);
    }
    *identity = &((HekaSigner *)value)->identity;
    return 0;
}

static PyGetSetDef signer_getset[] = {
    {"name", signer_get_name, NULL, "Name of the signer, as in the receiver's configuration.",
     NULL},
    {"version", signer_get_version, NULL, "Version of the key, 0 to 4294967295.", NULL},
    {"key", signer_get_key, NULL, "The key, as bytes.", NULL},
    {"hash", signer_get_hash, NULL, "'sha1' or 'md5'.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef signer_methods[] = {
    {"sign", signer_sign, METH_O,
     "sign($self, data, /)\n--\n\nReturn the raw digest of *data*: 20 bytes for sha1, 16 for md5."},
    {"verify", (PyCFunction)(void (*)(void))signer_verify, METH_FASTCALL,
     "verify($self, data, digest, /)\n--\n\n"
     "Compare *digest* with the digest of *data*, in constant time.\n\n"
     "Raises:\n    SignatureError: They differ."},
    {"__reduce__", signer_reduce, METH_NOARGS, "Support pickle and copy; includes the key."},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(
    signer_doc,
    "SignerConfig(name, version, key, hash)\n--\n\n"
    "The name and key of a signer; immutable, so threads may share it.\n\n"
    "Args:\n"
    "    name: Name of the signer, as in the receiver's configuration. A frame header has at\n"
    "        most 255 bytes, which leaves about 215 for the name.\n"
    "    version: Version of the key, 0 to 4294967295; hekad looks up NAME_VERSION.\n"
    "    key: The key: bytes, or a str, which is encoded as UTF-8.\n"
    "    hash: 'sha1' or 'md5', in any case.\n\n"
    "Raises:\n"
    "    ValueError: An unknown hash, an empty key, a name that is too long, or a hash that\n"
    "        libcrypto refuses (MD5 in FIPS mode).\n\n"
    "Source: Heka docs, \"Stream Framing\": a raw HMAC over the message bytes.");

static PyType_Slot signer_slots[] = {
    {Py_tp_doc, (void *)signer_doc},
    {Py_tp_new, signer_new},
    {Py_tp_dealloc, signer_dealloc},
    {Py_tp_repr, signer_repr},
    {Py_tp_richcompare, signer_richcompare},
    {Py_tp_hash, signer_hash},
    {Py_tp_getset, signer_getset},
    {Py_tp_methods, signer_methods},
    {0, NULL},
};

static PyType_Spec signer_spec = {
    .name = "heka.SignerConfig",
    .basicsize = sizeof(HekaSigner),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = signer_slots,
};

int
heka_signer_init(PyObject *module, heka_state *state)
{
    state->signer_type = heka_new_type(module, &signer_spec, NULL);
    return state->signer_type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "SignerConfig", (PyObject *)state->signer_type);
}
