"""Encoders: frames, signatures, JSON lines, output for logging, and refused arguments."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import shutil
import struct
import subprocess
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given

import heka
from heka import encoders
from heka.encoders import JSONEncoder, NullEncoder, ProtobufEncoder, StdlibPayloadEncoder
from heka.exceptions import ConfigError, ConfigWarning, DecodeError, EncodeError, SignatureError

HMC = {"signer": "vic", "key_version": "1", "hash_function": "SHA1", "key": "some_key"}
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]))


def message(**changes):
    known = {"uuid": b"0123456789012345", "timestamp_ns": 1366901022982316037, "pid": 55}
    return heka.Message("TEST", **{"hostname": "h", "logger": "l", **known, **changes})


def with_raw_payload(raw):
    """Return a message whose payload has these bytes, which need not be UTF-8."""
    return heka.Message.decode(
        message(payload="@" * len(raw)).encode().replace(b"@" * len(raw), raw)
    )


# ---- the old public tables -----------------------------------------------------------------------


def test_tables_of_value_types():
    assert encoders.PB_NAMETYPE_TO_INT == {
        "STRING": 0,
        "BYTES": 1,
        "INTEGER": 2,
        "DOUBLE": 3,
        "BOOL": 4,
    }
    assert encoders.PB_TYPEMAP == {0: "STRING", 1: "BYTES", 2: "INTEGER", 3: "DOUBLE", 4: "BOOL"}
    assert list(encoders.PB_FIELDMAP.items()) == [
        (0, "value_string"),
        (1, "value_bytes"),
        (2, "value_integer"),
        (3, "value_double"),
        (4, "value_bool"),
    ]
    assert {"SHA1": hashlib.sha1, "MD5": hashlib.md5} == encoders.HASHNAME_TO_FUNC


# ---- protobuf ------------------------------------------------------------------------------------


def test_a_frame_is_that_of_heka_frame():
    one = message(payload="p", fields={"a": 1})

    assert ProtobufEncoder().encode(one) == heka.frame(one.encode())
    assert ProtobufEncoder().msg_to_payload(one) == one.encode()


@pytest.mark.parametrize("function", ["SHA1", "MD5", "sha1", "Md5"])
@pytest.mark.parametrize("key", ["some_key", b"some_key"], ids=["text", "bytes"])
@pytest.mark.parametrize("version", [1, "1", " 1 "], ids=["int", "text", "spaces"])
def test_a_signature_is_the_hmac_of_the_payload(function, key, version):
    one = message()
    encoder = ProtobufEncoder(
        {"signer": "vic", "key_version": version, "hash_function": function, "key": key}
    )

    frame = encoder.encode(one)

    digest = hmac.digest(b"some_key", encoder.msg_to_payload(one), function.lower())
    assert digest in frame
    (read,) = heka.StreamReader(signers={("vic", 1): "some_key"}).feed(frame)
    assert (read.signer, read.signer_version) == ("vic", 1)


def test_hmc_is_kept_as_it_was_given():
    """The key version is text in an INI file and stays text."""
    given = dict(HMC)
    encoder = ProtobufEncoder(given)

    assert encoder.hmc is given
    assert given == HMC
    assert encoder.signer.version == 1


@pytest.mark.parametrize("hmc", [None, {}])
def test_without_hmc_nothing_is_signed(hmc):
    assert ProtobufEncoder(hmc).signer is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"signer": None}, "hmac: signer missing; expected signer, key_v", id="signer"),
        pytest.param({"key": ""}, "hmac: key missing", id="empty-key"),
        pytest.param(
            {"key_version": None, "key": None}, "hmac: key_version, key missing", id="two"
        ),
        pytest.param({"key_version": "one"}, "key_version: expected a whole number", id="word"),
        pytest.param({"key_version": 1.0}, "key_version: expected a whole", id="float"),
        pytest.param({"key_version": True}, "key_version: expected a whole", id="bool"),
        pytest.param({"key_version": -1}, "version must be from 0 to 4294967295", id="negative"),
        pytest.param({"key_version": "9" * 30}, "version must be from 0 to 4294967295", id="huge"),
        pytest.param({"hash_function": "sha256"}, "hash must be 'sha1' or 'md5'", id="hash"),
        pytest.param({"hash_function": 1}, "hash must be str", id="hash-number"),
        pytest.param({"key": 5}, "key must be str or bytes", id="key-number"),
        pytest.param({"signer": "x" * 300}, "signer name of at most", id="long-name"),
    ],
)
def test_hmc_that_cannot_sign_is_refused(change, said):
    hmc = {name: value for name, value in {**HMC, **change}.items() if value is not None}

    with pytest.raises(ConfigError, match=said):
        ProtobufEncoder(hmc)


def test_hmc_that_is_no_dict_is_refused():
    with pytest.raises(ConfigError, match="hmac: expected a dict with signer"):
        ProtobufEncoder("key")


def test_an_unknown_key_of_hmc_is_a_warning():
    with pytest.warns(ConfigWarning, match="hmac: hash has no effect; expected signer"):
        ProtobufEncoder({**HMC, "hash": "md5"})


@pytest.mark.parametrize("encoder", [ProtobufEncoder, JSONEncoder, StdlibPayloadEncoder])
@pytest.mark.parametrize("other", [None, "text", b"bytes", {"type": "t"}])
def test_object_that_is_not_a_message_is_refused(encoder, other):
    with pytest.raises(RuntimeError, match=r"expected a heka\.Message to encode, got") as caught:
        encoder().encode(other)
    assert isinstance(caught.value, (EncodeError, TypeError))


def test_an_oversized_message_is_an_encode_error():
    with pytest.raises(EncodeError):
        ProtobufEncoder().encode(message(payload="x" * 65_536))


def test_decode_reads_messages_and_frames():
    one = message(payload="p", fields={"a": 1})
    encoder = ProtobufEncoder()

    assert encoder.decode(one.encode()) == one
    assert encoder.decode(encoder.encode(one)) == one
    assert encoder.decode(memoryview(encoder.encode(one))) == one


def test_decode_checks_its_own_signature():
    encoder = ProtobufEncoder(HMC)
    frame = encoder.encode(message(payload="payload"))

    assert encoder.decode(frame).payload == "payload"
    with pytest.raises(SignatureError):
        encoder.decode(frame.replace(b"payload", b"PAYLOAD"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(heka.pack("t")[:-1], id="cut"),
        pytest.param(heka.pack("t") * 2, id="two"),
        pytest.param(heka.pack("t") + b"x", id="trailing"),
        pytest.param(b"\x1e\x02", id="header-cut"),
        pytest.param(b"\xff", id="no-message"),
    ],
)
def test_decode_refuses_anything_but_one_message_or_frame(data):
    with pytest.raises(DecodeError):
        ProtobufEncoder().decode(data)


def test_a_subclass_may_make_its_own_payload():
    class Upper(encoders.BaseEncoder):
        def msg_to_payload(self, msg):
            return msg.type.upper().encode()

    assert Upper().encode(heka.Message("abc")).endswith(b"\x1fABC")


# ---- null ----------------------------------------------------------------------------------------


def test_the_null_encoder_passes_messages_on():
    one = message()

    assert NullEncoder(None).encode(one) is one
    assert NullEncoder().decode(one) is one


@pytest.mark.parametrize("encoder", [NullEncoder, JSONEncoder, StdlibPayloadEncoder])
def test_hmc_for_an_encoder_that_does_not_sign_is_a_warning(encoder):
    with pytest.warns(ConfigWarning, match=f"hmac has no effect: {encoder.__name__} does not"):
        encoder(HMC)


# ---- JSON ----------------------------------------------------------------------------------------

ALL_KINDS = {
    "text": 'é "quoted"\n',
    "bytes": b"\xff\0",
    "int": [-(2**63), 2**63 - 1],
    "float": [0.1, -0.0, math.nan, math.inf, -math.inf],
    "bool": [True, False],
    "size": heka.Field(12, "KiB"),
}


def test_a_json_line_has_every_attribute_and_field():
    line = JSONEncoder().encode(message(payload="p", fields=ALL_KINDS, severity=3))

    assert json.loads(line) == {
        "time": "2013-04-25T14:43:42.982316037Z",
        "timestamp_ns": 1366901022982316037,
        "uuid": str(UUID(bytes=b"0123456789012345")),
        "severity": 3,
        "severity_name": "ERROR",
        "type": "TEST",
        "logger": "l",
        "hostname": "h",
        "pid": 55,
        "env_version": "0.8",
        "payload": "p",
        "fields": {
            "text": {"value_type": "string", "representation": "", "values": ['é "quoted"\n']},
            "bytes": {"value_type": "bytes", "representation": "", "values": ["/wA="]},
            "int": {"value_type": "integer", "representation": "", "values": [-(2**63), 2**63 - 1]},
            "float": {
                "value_type": "double",
                "representation": "",
                "values": [0.1, -0.0, "NaN", "Infinity", "-Infinity"],
            },
            "bool": {"value_type": "bool", "representation": "", "values": [True, False]},
            "size": {"value_type": "integer", "representation": "KiB", "values": [12]},
        },
    }


def test_a_json_line_is_one_line_of_ascii():
    line = JSONEncoder().encode(message(payload="a\r\n\u2028\u0085\0é\U0001f600"))

    assert line.isascii()
    assert line.endswith("}\n")
    assert len(line.splitlines()) == 1


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
def test_jq_reads_it():
    encoder = JSONEncoder()
    lines = [
        encoder.encode(message(fields=ALL_KINDS)),
        encoder.encode(with_raw_payload(b"a\xffb")),
        encoder.encode(message(payload='\0 é \U0001f600 "')),
    ]

    done = subprocess.run(
        ["jq", "-c", "[.time, .payload, .fields.size.values[0], .fields.size.representation]"],
        input="".join(lines).encode(),
        capture_output=True,
        check=True,
        timeout=30,
    )

    read = [json.loads(line) for line in done.stdout.splitlines()]
    assert read[0] == ["2013-04-25T14:43:42.982316037Z", "", 12, "KiB"]
    assert read[1][1] == "a\ufffdb"  # jq's own way with a byte that is no UTF-8
    assert read[2][1] == '\0 é \U0001f600 "'


def test_a_byte_that_is_no_utf_8_is_its_lone_surrogate():
    line = JSONEncoder().encode(with_raw_payload(b"a\xffb"))

    assert '"payload": "a\\udcffb"' in line


@pytest.mark.parametrize("ns", [-(2**63), -1, 0, 999_999_999, 2**63 - 1])
def test_every_time_has_all_of_its_digits(ns):
    record = json.loads(JSONEncoder().encode(message(timestamp_ns=ns)))

    assert record["timestamp_ns"] == ns
    assert record["time"].endswith(f".{ns % 10**9:09d}Z")


@pytest.mark.parametrize(
    ("severity", "name"), [(0, "EMERGENCY"), (7, "DEBUG"), (42, "SEVERITY 42")]
)
def test_severities_have_names(severity, name):
    record = json.loads(JSONEncoder().encode(message(severity=severity)))

    assert (record["severity"], record["severity_name"]) == (severity, name)


def test_field_set_by_a_filter_has_its_type_in_json():
    one = message(fields={"a": 1})
    one.fields["b"] = {"c": 2.5}

    fields = json.loads(JSONEncoder().encode(one))["fields"]

    assert fields["b.c"] == {"value_type": "double", "representation": "", "values": [2.5]}
    assert fields["a"]["values"] == [1]


@given(
    type=TEXT,
    payload=TEXT,
    severity=st.integers(-(2**31), 2**31 - 1),
    ns=INT64,
    fields=st.dictionaries(
        TEXT,
        st.one_of(
            *(
                st.lists(values, min_size=1)
                for values in (TEXT, st.binary(), INT64, st.floats(allow_nan=False), st.booleans())
            )
        ),
    ),
    unit=TEXT,
)
def test_decode_makes_the_message_again(type, payload, severity, ns, fields, unit):
    fields = {**fields, "unit": heka.Field([1], unit)}
    one = heka.Message(type, severity=severity, payload=payload, timestamp_ns=ns, fields=fields)
    encoder = JSONEncoder()

    again = encoder.decode(encoder.encode(one))

    assert again.encode() == one.encode()


def test_decode_takes_bytes_and_keeps_nan():
    encoder = JSONEncoder()

    again = encoder.decode(encoder.encode(message(fields=ALL_KINDS)).encode())

    assert math.isnan(again.fields["float"][2])
    assert again.fields["float"].value_type == heka.Field.DOUBLE


def changed(**changes):
    record = {**json.loads(JSONEncoder().encode(message(fields={"f": 1}))), **changes}
    return json.dumps({name: value for name, value in record.items() if value is not ...})


def field(kind, *values, unit=""):
    return {"f": {"value_type": kind, "representation": unit, "values": list(values)}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("{", "not JSON", id="no-json"),
        pytest.param(b"\xff", "not JSON", id="no-utf-8"),
        pytest.param("[" * 100_000, "not JSON", id="too-deep"),
        pytest.param("[]", "not a JSON object", id="no-object"),
        pytest.param("{}", "found none", id="empty"),
        pytest.param(changed(type=5), "type: expected text, got 5", id="type"),
        pytest.param(changed(severity="6"), "severity: expected an integer, got '6'", id="text"),
        pytest.param(changed(pid=True), "pid: expected an integer, got True", id="bool"),
        pytest.param(changed(timestamp_ns=...), "timestamp_ns: .* found none", id="no-time"),
        pytest.param(changed(timestamp_ns=2**63), "timestamp_ns", id="time-too-large"),
        pytest.param(changed(uuid="x"), "uuid", id="uuid"),
        pytest.param(changed(fields=[]), "fields: expected an object", id="fields"),
        pytest.param(changed(fields={"f": 1}), "an object for each, got 1", id="bare-field"),
        pytest.param(changed(fields=field("int", 1)), "value_type: expected one of", id="kind"),
        pytest.param(changed(fields=field("integer", 1.5)), "an integer, got 1.5", id="int-1.5"),
        pytest.param(changed(fields=field("integer", True)), "an integer, got True", id="int-bool"),
        pytest.param(changed(fields=field("integer", 2**63)), "64 bits", id="int-too-large"),
        pytest.param(changed(fields=field("bool", 1)), "true or false, got 1", id="bool-1"),
        pytest.param(changed(fields=field("double", "x")), "expected a number", id="double-x"),
        pytest.param(changed(fields=field("string", 1)), "expected text, got 1", id="string-1"),
        pytest.param(changed(fields=field("bytes", "*")), "base64", id="no-base64"),
        pytest.param(changed(fields=field("integer")), "no values", id="no-values"),
        pytest.param(changed(payload="\udcff"), "lone surrogate", id="surrogate"),
    ],
)
def test_decode_refuses_what_is_no_json_line(line, said):
    with pytest.raises(DecodeError, match=said) as caught:
        JSONEncoder().decode(line)
    assert "expected a JSON line of a message" in str(caught.value)
    assert caught.value.offset == 0


# ---- logging -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "level"),
    [(0, 50), (1, 50), (2, 50), (3, 40), (4, 30), (5, 20), (6, 20), (7, 10), (99, 10), (-1, 50)],
)
def test_every_severity_has_a_level(severity, level):
    """In heka-py 0.30 ALERT and NOTICE were a KeyError, and EMERGENCY was INFO."""
    data = StdlibPayloadEncoder().encode(message(severity=severity, payload="p"))

    assert struct.unpack("B10s", data[:11]) == (level, b"TEST      ")
    assert data[11:] == b"p"


@pytest.mark.parametrize(
    ("loglevel", "level"),
    [
        pytest.param(35, 35, id="its-own"),
        pytest.param(1000, 255, id="one-byte"),
        pytest.param(0, 20, id="notset"),
        pytest.param("30", 20, id="text"),
        pytest.param(True, 20, id="bool"),
        pytest.param([30, 40], 30, id="first-of-several"),
    ],
)
def test_a_loglevel_field_is_the_level(loglevel, level):
    data = StdlibPayloadEncoder().encode(message(severity=6, fields={"loglevel": loglevel}))

    assert data[0] == level


@pytest.mark.parametrize(
    ("type", "kept"),
    [
        pytest.param("", b" " * 10, id="empty"),
        pytest.param("0123456789", b"0123456789", id="ten"),
        pytest.param("0123456789a", b"0123456789", id="eleven"),
        pytest.param("12345678é", "12345678é".encode(), id="ten-bytes"),
        pytest.param("123456789é", b"123456789 ", id="cut-at-a-character"),
    ],
)
def test_ten_bytes_of_the_type_are_kept(type, kept):
    assert StdlibPayloadEncoder().encode(heka.Message(type))[1:11] == kept


def test_the_stdlib_encoder_leaves_the_message_as_it_was():
    one = message(payload="é")

    assert StdlibPayloadEncoder().msg_to_payload(one)[11:] == "é".encode()
    assert one == message(payload="é")


def test_bytes_that_are_no_utf_8_are_passed_on():
    assert StdlibPayloadEncoder().encode(with_raw_payload(b"a\xff"))[11:] == b"a\xff"


def test_output_of_the_stdlib_encoder_cannot_be_decoded():
    with pytest.raises(NotImplementedError):
        StdlibPayloadEncoder().decode(b"")
