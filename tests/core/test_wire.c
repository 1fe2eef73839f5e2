/* test_wire.c -- our tag bytes and numbers against the generated descriptors, and varints. */
#include "core/wire/hk_wire.h"

#include <limits.h>

#include "core/wire/hk_sign.h"
#include "core/wire/hk_uuid.h"
#include "gen/message.pb-c.h"
#include "check.h"

typedef struct {
    const char *name;
    unsigned tag;
} tag;

/* The wire type of the descriptor's field: packed numbers are length-delimited. */
static unsigned
wire_of(const ProtobufCFieldDescriptor *field)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
        return 2;
    }
    switch (field->type) {
        case PROTOBUF_C_TYPE_BYTES:
        case PROTOBUF_C_TYPE_MESSAGE:
            return 2;
        case PROTOBUF_C_TYPE_INT32:
        case PROTOBUF_C_TYPE_INT64:
        case PROTOBUF_C_TYPE_UINT32:
        case PROTOBUF_C_TYPE_ENUM:
            return 0;
        default:
            return UINT_MAX; /* a type that Heka does not use: the check below fails */
    }
}

static void
check_tags(const ProtobufCMessageDescriptor *descriptor, const tag *tags, size_t n)
{
    CHECK_SIZE(descriptor->n_fields, n); /* the list of tags is complete */
    for (size_t i = 0; i < n; i++) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(descriptor, tags[i].name);
        if (CHECK(field != NULL)) {
            CHECK_SIZE(tags[i].tag, field->id << 3 | wire_of(field));
        }
    }
}

static void
test_tags(void)
{
    static const tag header[] = {
        {"message_length", HK_TAG_HEADER_LENGTH},
        {"hmac_hash_function", HK_TAG_HEADER_HASH},
        {"hmac_signer", HK_TAG_HEADER_SIGNER},
        {"hmac_key_version", HK_TAG_HEADER_VERSION},
        {"hmac", HK_TAG_HEADER_HMAC},
    };
    static const tag message[] = {
        {"uuid", HK_TAG_UUID},
        {"timestamp", HK_TAG_TIMESTAMP},
        {"type", HK_TAG_TYPE},
        {"logger", HK_TAG_LOGGER},
        {"severity", HK_TAG_SEVERITY},
        {"payload", HK_TAG_PAYLOAD},
        {"env_version", HK_TAG_ENV_VERSION},
        {"pid", HK_TAG_PID},
        {"hostname", HK_TAG_HOSTNAME},
        {"fields", HK_TAG_FIELDS},
    };
    static const tag field[] = {
        {"name", HK_TAG_FIELD_NAME},
        {"value_type", HK_TAG_FIELD_TYPE},
        {"representation", HK_TAG_FIELD_REPRESENTATION},
        {"value_string", HK_TAG_FIELD_STRING},
        {"value_bytes", HK_TAG_FIELD_BYTES},
        {"value_integer", HK_TAG_FIELD_INTEGER},
        {"value_double", HK_TAG_FIELD_DOUBLE},
        {"value_bool", HK_TAG_FIELD_BOOL},
    };
    check_tags(&heka__header__descriptor, header, sizeof header / sizeof header[0]);
    check_tags(&heka__message__descriptor, message, sizeof message / sizeof message[0]);
    check_tags(&heka__field__descriptor, field, sizeof field / sizeof field[0]);
}

static void
check_enum(const ProtobufCEnumDescriptor *descriptor, const char *const *names, size_t n)
{
    CHECK_SIZE(descriptor->n_values, n);
    for (size_t i = 0; i < n; i++) { /* each name has its index in the list as its number */
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value_by_name(descriptor, names[i]);
        if (CHECK(value != NULL)) {
            CHECK_INT(value->value, (int)i);
        }
    }
}

static void
test_enums_and_defaults(void)
{
    static const char *const types[HK_VALUE_TYPES] = {[HK_STRING] = "STRING",
                                                      [HK_BYTES] = "BYTES",
                                                      [HK_INTEGER] = "INTEGER",
                                                      [HK_DOUBLE] = "DOUBLE",
                                                      [HK_BOOL] = "BOOL"};
    static const char *const hashes[HK_HASHES] = {[HK_MD5] = "MD5", [HK_SHA1] = "SHA1"};
    check_enum(&heka__field__value_type__descriptor, types, HK_VALUE_TYPES);
    check_enum(&heka__header__hmac_hash_function__descriptor, hashes, HK_HASHES);

    Heka__Message message = HEKA__MESSAGE__INIT;
    Heka__Field field = HEKA__FIELD__INIT;
    Heka__Header header = HEKA__HEADER__INIT;
    CHECK_INT(message.severity, HK_SEVERITY_DEFAULT);
    CHECK_INT(field.value_type, HK_STRING);
    CHECK_INT(header.hmac_hash_function, HK_MD5);
}

/* ---- varints ---- */

static void
check_varint(uint64_t value)
{
    uint8_t data[HK_VARINT_MAX + 1] = {0};
    uint64_t got = ~value;
    bool minimal = false;
    size_t at = 0;
    size_t size = 1;
    for (uint64_t rest = value >> 7; rest > 0; rest >>= 7) {
        size++;
    }
    CHECK_SIZE(hk_varint_size(value), size);
    CHECK_SIZE((size_t)(hk_varint_put(data, value) - data), size);
    for (size_t len = 0; len < size; len++) {
        at = 0;
        CHECK_INT(hk_varint_get(data, len, &at, &got, NULL), HK_ERR_TRUNCATED);
        CHECK_SIZE(at, 0);
    }
    CHECK_INT(hk_varint_get(data, sizeof data, &at, &got, &minimal), HK_OK);
    CHECK_SIZE(at, size);
    CHECK_SIZE(got, value);
    CHECK(minimal);
    while (size < HK_VARINT_MAX) { /* a padded varint has the same value and is not minimal */
        data[size - 1] |= 0x80;
        data[size++] = 0;
        at = 0;
        CHECK_INT(hk_varint_get(data, size, &at, &got, &minimal), HK_OK);
        CHECK_SIZE(at, size);
        CHECK_SIZE(got, value);
        CHECK(!minimal);
    }
}

static void
test_varints(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t power = UINT64_C(1) << bit;
        check_varint(power - 1);
        check_varint(power);
        check_varint(power + 1);
        check_varint(~power);
    }
    check_varint(UINT64_MAX);
}

static void
test_long_varints(void)
{
    uint8_t data[12];
    uint64_t value = 0;
    bool minimal = true;
    size_t at = 0;

    memset(data, 0xff, sizeof data);
    CHECK_INT(hk_varint_get(data, 10, &at, &value, NULL), HK_ERR_CORRUPT);
    CHECK_INT(hk_varint_get(data, 9, &at, &value, NULL), HK_ERR_TRUNCATED);
    CHECK_SIZE(at, 0);
    data[9] = 0x7f; /* bits past the 64th are dropped, and the varint is not minimal */
    CHECK_INT(hk_varint_get(data, sizeof data, &at, &value, &minimal), HK_OK);
    CHECK_SIZE(at, 10);
    CHECK_SIZE(value, UINT64_MAX);
    CHECK(!minimal);
    data[9] = 0x01;
    at = 0;
    CHECK_INT(hk_varint_get(data, sizeof data, &at, &value, &minimal), HK_OK);
    CHECK(minimal);

    at = 12;
    CHECK_INT(hk_varint_get(data, 12, &at, &value, NULL), HK_ERR_TRUNCATED);
    CHECK_SIZE(at, 12);
}

int
main(void)
{
    test_tags();
    test_enums_and_defaults();
    test_varints();
    test_long_varints();
    return check_report();
}
