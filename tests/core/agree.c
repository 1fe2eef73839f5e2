/* agree.c -- compares the decoders and the encoder with protobuf-c. */
#include "agree.h"

#include <stdlib.h>
#include <string.h>

#include "core/wire/hk_normalise.h"
#include "sample.h"

static bool
same(hk_slice ours, ProtobufCBinaryData theirs)
{
    return ours.len == theirs.len &&
           (ours.len == 0 || memcmp(ours.data, theirs.data, ours.len) == 0);
}

/* The value type; proto2 treats an unknown enum number as absent, and the default is STRING. */
static hk_value_type
type_of(const Heka__Field *field)
{
    const bool known = field->has_value_type && (int)field->value_type >= 0 &&
                       (unsigned)field->value_type < HK_VALUE_TYPES;
    return known ? (hk_value_type)field->value_type : HK_STRING;
}

static bool
same_value(const hk_value *ours, const Heka__Field *field, hk_value_type type, size_t i)
{
    switch (type) {
        case HK_STRING:
            return same(ours->text, field->value_string[i]);
        case HK_BYTES:
            return same(ours->text, field->value_bytes[i]);
        case HK_INTEGER:
            return ours->integer == field->value_integer[i];
        case HK_DOUBLE: /* compares the bits, so that NaN equals itself */
            return memcmp(&ours->real, &field->value_double[i], sizeof ours->real) == 0;
        case HK_BOOL:
            return ours->truth == (field->value_bool[i] != 0);
    }
    return false;
}

static const char *
agree_on_field(const hk_field *ours, const Heka__Field *theirs)
{
    const hk_value_type type = type_of(theirs);
    const size_t counts[] = {theirs->n_value_string, theirs->n_value_bytes, theirs->n_value_integer,
                             theirs->n_value_double, theirs->n_value_bool};
    hk_slice values = ours->values;
    hk_value value;
    size_t n = 0;

    if (ours->type != type) {
        return "a field's type differs";
    }
    if (!same(ours->name, theirs->name) || !same(ours->representation, theirs->representation)) {
        return "a field's name or representation differs";
    }
    while (hk_value_next(&values, type, &value)) {
        if (n == counts[type]) {
            return "a field has more values than protobuf-c found";
        }
        if (!same_value(&value, theirs, type, n)) {
            return "a value differs";
        }
        n++;
    }
    if (values.len != 0) {
        return "hk_value_next stopped inside a field";
    }
    return n == counts[type] ? NULL : "a field has fewer values than protobuf-c found";
}

const char *
agree_on_message(const hk_message *m, const Heka__Message *pb)
{
    hk_slice fields = m->fields;
    hk_field field;
    bool valueless = false;
    size_t n = 0;

    if (pb->uuid.len != HK_UUID_SIZE || memcmp(m->uuid, pb->uuid.data, HK_UUID_SIZE) != 0) {
        return "the uuid differs";
    }
    if (m->timestamp != pb->timestamp || m->severity != pb->severity || m->pid != pb->pid) {
        return "a number of the head differs";
    }
    if (!same(m->type, pb->type) || !same(m->logger, pb->logger) ||
        !same(m->payload, pb->payload) || !same(m->env_version, pb->env_version) ||
        !same(m->hostname, pb->hostname)) {
        return "a string of the head differs";
    }
    for (const uint8_t *at = fields.data; hk_field_next(&fields, &field); at = fields.data) {
        if (n == pb->n_fields) {
            return "more fields than protobuf-c found";
        }
        if (field.whole.data != at || field.whole.data + field.whole.len != fields.data) {
            return "hk_field.whole is not the bytes between two fields";
        }
        const char *fault = agree_on_field(&field, pb->fields[n++]);
        if (fault != NULL) {
            return fault;
        }
        valueless |= field.values.len == 0;
    }
    if (fields.len != 0) {
        return "hk_field_next stopped before the last field";
    }
    if (n != pb->n_fields) {
        return "fewer fields than protobuf-c found";
    }
    return valueless == m->valueless ? NULL : "hk_message.valueless is wrong";
}

/* NULL when protobuf-c packs *pb to exactly data[0..len), else what differs. */
static const char *
packs_to(const Heka__Message *pb, const uint8_t *data, size_t len)
{
    if (heka__message__get_packed_size(pb) != len) {
        return "protobuf-c packs to another length";
    }
    uint8_t *packed = malloc(len);
    if (packed == NULL) {
        abort();
    }
    (void)heka__message__pack(pb, packed);
    const bool equal = memcmp(packed, data, len) == 0;
    free(packed);
    return equal ? NULL : "protobuf-c packs to other bytes";
}

static const char *
check_canonical(const uint8_t *data, size_t len, const Heka__Message *pb)
{
    hk_message m;
    if (hk_decode_canonical(data, len, &m) != HK_OK) {
        return "normalised, but not canonical";
    }
    const char *fault = agree_on_message(&m, pb);
    return fault != NULL ? fault : packs_to(pb, data, len);
}

/* Checks the canonical form of data[0..len), which was accepted. */
static const char *
check_normal_form(const uint8_t *data, size_t len, const Heka__Message *pb, bool canonical)
{
    hk_buffer once = sample_buffer();
    hk_buffer twice = sample_buffer();
    Heka__Message *again = NULL;
    hk_message m;
    const char *fault = NULL;

    if (hk_decode_normalise(data, len, &once, NULL) != HK_OK) {
        fault = "accepted, but not normalised";
        goto done;
    }
    again = heka__message__unpack(NULL, once.len, once.data);
    if (again == NULL || hk_decode_check(once.data, once.len, NULL) != HK_OK) {
        fault = "the normal form is not accepted";
        goto done;
    }
    if ((fault = check_canonical(once.data, once.len, again)) != NULL) {
        goto done;
    }
    must(hk_decode_canonical(once.data, once.len, &m));
    if ((fault = agree_on_message(&m, pb)) != NULL) {
        goto done; /* normalising changed the content */
    }
    if (hk_decode_normalise(once.data, once.len, &twice, NULL) != HK_OK || twice.len != once.len ||
        memcmp(twice.data, once.data, once.len) != 0) {
        fault = "normalising twice is not normalising once";
        goto done;
    }
    const bool complete = pb->has_type && pb->has_logger && pb->has_severity && pb->has_payload &&
                          pb->has_env_version && pb->has_pid && pb->has_hostname;
    if (canonical && complete && (once.len != len || memcmp(once.data, data, len) != 0)) {
        fault = "normalising changed a complete canonical message";
    }
done:
    if (again != NULL) {
        heka__message__free_unpacked(again, NULL);
    }
    hk_buffer_clear(&once);
    hk_buffer_clear(&twice);
    return fault;
}

/* hk_decode must accept what hk_decode_check accepts, and borrow from the input if that is
 * canonical.
 */
static const char *
check_both_tiers(const uint8_t *data, size_t len, const Heka__Message *pb, bool accepted,
                 bool canonical)
{
    hk_buffer spare = sample_buffer();
    hk_message m;
    const char *fault = NULL;
    hk_error err = {HK_OK, 0, ""};
    const hk_status status = hk_decode(data, len, &m, &spare, &err);

    if (status != (accepted ? HK_OK : HK_ERR_CORRUPT)) {
        fault = "hk_decode and hk_decode_check do not agree";
    } else if (status == HK_OK) {
        const bool in_place = spare.len == 0;
        fault =
            in_place != canonical ? "hk_decode chose the wrong decoder" : agree_on_message(&m, pb);
    } else if (err.status != status) {
        fault = "hk_decode failed without filling the error";
    }
    hk_buffer_clear(&spare);
    return fault;
}

/* Whether the error is for a form that protobuf-c accepts, while Google's parser and
 * hk_decode_check refuse it: a field number 0 or a key of more than 32 bits in a long varint, and a
 * bool of any wire type (protobuf-c 1.4 does not check it). */
static bool
is_laxity(const hk_error *err)
{
    return strstr(err->text, "expected a field key") != NULL ||
           strstr(err->text, "expected Field.value_bool") != NULL;
}

/* What protobuf-c unpacks, which knows no groups: they are unknown, and leave no trace. */
static Heka__Message *
unpack_covered(const uint8_t *data, size_t len)
{
    uint8_t *covered = malloc(len);
    if (covered == NULL) {
        abort();
    }
    memcpy(covered, data, len);
    Heka__Message *pb = NULL;
    if (hk_decode_cover_groups(covered, len)) {
        pb = heka__message__unpack(NULL, len, covered);
    }
    free(covered);
    return pb;
}

const char *
agree(const uint8_t *data, size_t len)
{
    hk_error err = {HK_OK, 0, ""};
    hk_message m;
    const char *fault = NULL;
    const bool accepted = hk_decode_check(data, len, &err) == HK_OK;
    const bool canonical = hk_decode_canonical(data, len, &m) == HK_OK;
    Heka__Message *pb = heka__message__unpack(NULL, len, data);

    if (accepted && pb == NULL) {
        pb = unpack_covered(data, len);
    }
    if (accepted && (pb == NULL || pb->uuid.len != HK_UUID_SIZE)) {
        fault = "accepted, but protobuf-c does not unpack it";
    } else if (canonical && !accepted) {
        fault = "canonical, but not accepted";
    } else if (!accepted && (err.offset > len || err.text[0] == '\0')) {
        fault = "refused without a text, or with an offset past the end";
    } else if (!accepted && pb != NULL && pb->uuid.len == HK_UUID_SIZE && !is_laxity(&err)) {
        fault = "refused, but protobuf-c unpacks it";
    } else if (canonical) {
        fault = check_canonical(data, len, pb);
    }
    if (fault == NULL && accepted) {
        fault = check_normal_form(data, len, pb, canonical);
    }
    if (fault == NULL) {
        fault = check_both_tiers(data, len, pb, accepted, canonical);
    }
    if (pb != NULL) {
        heka__message__free_unpacked(pb, NULL);
    }
    return fault;
}
