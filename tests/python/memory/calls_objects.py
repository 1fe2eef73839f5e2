"""Calls on the values of heka: Message, Field, SignerConfig, and frame()."""

from __future__ import annotations

import _imp
import copy
import operator
import os
import pickle
from functools import partial as do
from typing import Any

from python.memory import misfits
from python.memory.misfits import Oops, Text
from python.memory.table import Calls
from python.memory.world import fresh, odd_message

import heka
from heka import _core

CALLS = Calls()
add = CALLS.add

# ---- frame ---------------------------------------------------------------------------------------

add("frame", lambda w: do(heka.frame, w.payload))
add("frame-signed", lambda w: do(heka.frame, memoryview(w.payload), w.signer))
add("frame-empty", lambda w: do(heka.frame, b""))
add("frame-none", lambda w: do(heka.frame), TypeError)
add("frame-many", lambda w: do(heka.frame, w.payload, None, None), TypeError)
add("frame-type", lambda w: do(heka.frame, w.text), TypeError)
add("frame-signer-type", lambda w: do(heka.frame, w.payload, w.thing), TypeError)
add("check-frame", lambda w: do(_core.check_frame, heka.frame(b"x")), heka.EncodeError)
add("check-frame-good", lambda w: do(_core.check_frame, heka.pack("t")))
add("check-frame-none", lambda w: do(_core.check_frame, w.payload))
add("check-frame-type", lambda w: do(_core.check_frame, w.text), TypeError)
add("frame-big", lambda w: do(heka.frame, w.large), heka.EncodeError)

# ---- json_line -----------------------------------------------------------------------------------

for name in ("message", "read", "odd", "odd_read", "raw", "lengthy_message"):
    add(f"json-line-{name}", lambda w, name=name: do(_core.json_line, getattr(w, name)))
add("json-line-bytes", lambda w: do(_core.json_line, w.payload))
add("json-line-origin", lambda w: do(_core.json_line, w.payload, True, "\xe9", 3, "\u20ac" * 99))
add("json-line-none", lambda w: do(_core.json_line), TypeError)
add("json-line-type", lambda w: do(_core.json_line, w.thing), TypeError)
add("json-line-corrupt", lambda w: do(_core.json_line, b"\x0a"), heka.DecodeError)
for name, origin, refusal in (
    ("truth", (misfits.BadTruth(), None, None, ""), Oops),
    ("signer", (True, 1, 1, ""), TypeError),
    ("half", (True, "a", None, ""), ValueError),
    ("version", (True, "a", -1, ""), ValueError),
    ("version-type", (True, "a", "1", ""), TypeError),
    ("from", (True, None, None, None), TypeError),
    ("surrogate", (True, None, None, "\ud800"), heka.EncodeError),
):
    add(
        f"json-line-{name}",
        lambda w, origin=origin: do(_core.json_line, w.payload, *origin),
        refusal,
    )

for number, line_arguments in enumerate(((), (True, "\u20ac"), (False, ""))):
    add(
        f"json-lines-{number}",
        lambda w, more=line_arguments: do(_core.json_lines, w.blocks[0], *more),
    )
add("json-lines-none", lambda w: do(_core.json_lines), TypeError)
add("json-lines-type", lambda w: do(_core.json_lines, w.payload), TypeError)
add("json-lines-origin", lambda w: do(_core.json_lines, w.blocks[0], True, None), TypeError)
add(
    "json-lines-text",
    lambda w: do(_core.json_lines, w.blocks[0], True, "\ud800"),
    UnicodeEncodeError,
)
add("json-lines-truth", lambda w: do(_core.json_lines, w.blocks[0], misfits.BadTruth(), ""), Oops)

LINE_PARTS = (b"", b"", b"")
for number, (line_place, line_limits) in enumerate(
    (((1, 0, False), (100, 9999, 10)), ((1, 0, True), (4, 1, 10)), ((1, 5, False), (4, 9999, 0)))
):
    add(
        f"line-frames-{number}",
        lambda w, place=line_place, limits=line_limits: do(
            _core.line_frames, b"a line\nlonger\xff\r\n\nrest", place, LINE_PARTS, limits, 1
        ),
    )
LINE_LIMITS = (100, 9999, 10)
add("line-frames-none", lambda w: do(_core.line_frames), TypeError)
add(
    "line-frames-data",
    lambda w: do(_core.line_frames, "", (1, 0, False), LINE_PARTS, LINE_LIMITS, 1),
    TypeError,
)
add(
    "line-frames-place",
    lambda w: do(_core.line_frames, b"", None, LINE_PARTS, LINE_LIMITS, 1),
    TypeError,
)
add(
    "line-frames-incarnation",
    lambda w: do(_core.line_frames, b"", (1 << 60, 0, False), LINE_PARTS, LINE_LIMITS, 1),
    ValueError,
)
add(
    "line-frames-truth",
    lambda w: do(_core.line_frames, b"", (1, 0, misfits.BadTruth()), LINE_PARTS, LINE_LIMITS, 1),
    Oops,
)
add(
    "line-frames-parts",
    lambda w: do(_core.line_frames, b"", (1, 0, False), ["", "", ""], LINE_LIMITS, 1),
    TypeError,
)
add(
    "line-frames-limits",
    lambda w: do(_core.line_frames, b"", (1, 0, False), LINE_PARTS, (3, 1, 10), 1),
    ValueError,
)
add(
    "line-frames-now",
    lambda w: do(
        _core.line_frames, b"", (1, 0, False), LINE_PARTS, LINE_LIMITS, misfits.BadIndex()
    ),
    Oops,
)


def watch_twice() -> None:
    """Watch a directory, and another with the same descriptor."""
    fd, _ = _core.watch_directory(-1, "/")
    try:
        _core.watch_directory(fd, b"/tmp")
    finally:
        os.close(fd)


add("watch-directory", lambda w: watch_twice)
add("watch-directory-none", lambda w: do(_core.watch_directory), TypeError)
add("watch-directory-fd", lambda w: do(_core.watch_directory, misfits.BadIndex(), "/"), Oops)
add("watch-directory-range", lambda w: do(_core.watch_directory, -2, "/"), ValueError)
add("watch-directory-path", lambda w: do(_core.watch_directory, -1, 1), TypeError)
add(
    "watch-directory-absent", lambda w: do(_core.watch_directory, -1, "/no/such"), FileNotFoundError
)

add("carbon-lines", lambda w: do(_core.carbon_lines, w.blocks[0], b";a=b", 1, 0))
add("carbon-lines-none", lambda w: do(_core.carbon_lines), TypeError)
add("carbon-lines-type", lambda w: do(_core.carbon_lines, w.payload, b"", 1, 1), TypeError)
add("carbon-lines-tags", lambda w: do(_core.carbon_lines, w.blocks[0], "", 1, 1), TypeError)
add("carbon-lines-most", lambda w: do(_core.carbon_lines, w.blocks[0], b"", -1, 1), ValueError)
add(
    "carbon-lines-bytes",
    lambda w: do(_core.carbon_lines, w.blocks[0], b"", 1, misfits.BadIndex()),
    Oops,
)

add("otlp-logs", lambda w: do(_core.otlp_logs, w.blocks[0], b"\n\x03\n\x01a", 1))
add("otlp-logs-none", lambda w: do(_core.otlp_logs), TypeError)
add("otlp-logs-type", lambda w: do(_core.otlp_logs, w.payload, b"", 1), TypeError)
add("otlp-logs-resource", lambda w: do(_core.otlp_logs, w.blocks[0], "", 1), TypeError)
add("otlp-logs-now", lambda w: do(_core.otlp_logs, w.blocks[0], b"", misfits.BadIndex()), Oops)

add("csv-lines", lambda w: do(_core.csv_lines, w.blocks[0], ("time", "payload", "a", "\u20ac")))
add("csv-lines-none", lambda w: do(_core.csv_lines), TypeError)
add("csv-lines-type", lambda w: do(_core.csv_lines, w.payload, ("a",)), TypeError)
add("csv-lines-list", lambda w: do(_core.csv_lines, w.blocks[0], ["a"]), TypeError)
add("csv-lines-empty", lambda w: do(_core.csv_lines, w.blocks[0], ()), ValueError)
add("csv-lines-name", lambda w: do(_core.csv_lines, w.blocks[0], ("a", 1)), TypeError)
add("csv-lines-text", lambda w: do(_core.csv_lines, w.blocks[0], ("\ud800",)), UnicodeEncodeError)

# ---- encode_raw ----------------------------------------------------------------------------------

RAW_TEXTS = ("t", "\udcff", "\u20ac" * 99, "", "h")


def raw(*fields: Any, texts: Any = RAW_TEXTS) -> Any:
    """Return a call of encode_raw."""
    return do(_core.encode_raw, bytes(16), 1, 7, 0, texts, list(fields))


for name, field, refusal in (
    ("string", ("n", "u", 0, ["a", "\udcfe"]), None),
    ("bytes", ("n", "", 1, [b"a"]), None),
    ("integer", ("n", "", 2, [1, -(2**63)]), None),
    ("double", ("n", "", 3, [1.5]), None),
    ("bool", ("n", "", 4, [True]), None),
    ("valueless", ("n", "", 4, []), None),
    ("type", ("n", "", 5, []), ValueError),
    ("shape", ("n", ""), TypeError),
    ("name", (1, "", 0, []), TypeError),
    ("name-text", ("\ud800", "", 0, []), heka.EncodeError),
    ("string-type", ("n", "", 0, [1]), TypeError),
    ("string-text", ("n", "", 0, ["\ud800"]), heka.EncodeError),
    ("bytes-type", ("n", "", 1, [1]), TypeError),
    ("integer-type", ("n", "", 2, [""]), TypeError),
    ("integer-big", ("n", "", 2, [2**63]), ValueError),
    ("double-type", ("n", "", 3, [1]), TypeError),
    ("bool-type", ("n", "", 4, [1]), TypeError),
):
    add(f"raw-{name}", lambda w, field=field: raw(field), refusal)
add("raw-texts", lambda w: raw(texts=w.text), TypeError)
add("raw-texts-type", lambda w: raw(texts=(1,) * 5), TypeError)
add("raw-texts-text", lambda w: raw(texts=("\ud800",) * 5), heka.EncodeError)
add("raw-big", lambda w: raw(texts=("a" * 70_000,) * 5), heka.EncodeError)
add("raw-none", lambda w: do(_core.encode_raw), TypeError)
add("raw-fields", lambda w: do(_core.encode_raw, bytes(16), 1, 7, 0, RAW_TEXTS, ()), TypeError)
add("raw-uuid", lambda w: do(_core.encode_raw, b"", 1, 7, 0, RAW_TEXTS, []), ValueError)
add("raw-time", lambda w: do(_core.encode_raw, bytes(16), "", 7, 0, RAW_TEXTS, []), TypeError)
add("raw-severity", lambda w: do(_core.encode_raw, bytes(16), 1, "", 0, RAW_TEXTS, []), TypeError)
add("raw-pid", lambda w: do(_core.encode_raw, bytes(16), 1, 7, "", RAW_TEXTS, []), TypeError)

# ---- Message -------------------------------------------------------------------------------------

for name in (
    "message",
    "read",
    "odd",
    "odd_read",
    "raw",
    "turned",
    "endless",
    "broken",
    "lengthy_message",
    "lengthy_read",
):
    broken = name in ("broken", "endless")
    refusal = heka.FieldError if broken else None
    add(f"message-encode-{name}", lambda w, name=name: getattr(w, name).encode, refusal)
    add(f"message-fields-{name}", lambda w, name=name: do(getattr, getattr(w, name), "fields"))
    add(f"message-repr-{name}", lambda w, name=name: do(repr, getattr(w, name)))
    add(f"message-copy-{name}", lambda w, name=name: getattr(w, name).__copy__, refusal)
    add(f"message-deep-{name}", lambda w, name=name: do(getattr(w, name).__deepcopy__, {}), refusal)
    add(f"message-reduce-{name}", lambda w, name=name: getattr(w, name).__reduce__, refusal)
    add(
        f"message-equal-{name}",
        lambda w, name=name: do(operator.eq, getattr(w, name), w.message),
        # That they differ shows before anybody looks at the fields.
        refusal if name == "broken" else None,
    )
add("pickle-message", lambda w: do(pickle.dumps, w.read))
add("pickle-message-loads", lambda w: do(pickle.loads, pickle.dumps(w.read)))
add("message-encode-long", lambda w: heka.Message(payload=w.long).encode, heka.EncodeError)
add(
    "message-encode-too-big",
    lambda w: heka.Message(payload=w.endless_name).encode,
    heka.EncodeError,
)
add("message-unequal", lambda w: do(operator.ne, w.odd, copy.copy(w.odd)))
add("message-unequal-fields", lambda w: do(operator.ne, w.message, w.changed))
add("message-equal-other", lambda w: do(operator.eq, w.message, w.text))
add("message-order", lambda w: do(operator.lt, w.message, w.read), TypeError)
add("message-hash", lambda w: do(hash, w.message), TypeError)
add("message-repr-long", lambda w: do(repr, heka.Message(payload=w.long)))
add("message-repr-interrupted", lambda w: do(repr, interrupted()), KeyboardInterrupt)
add("message-decode", lambda w: do(heka.Message.decode, w.payload))
add("message-decode-odd", lambda w: do(heka.Message.decode, odd_message()))
add("message-decode-text", lambda w: do(heka.Message.decode, heka.Message(w.wide).encode()))
add("message-decode-type", lambda w: do(heka.Message.decode, w.text), TypeError)
add("message-decode-empty", lambda w: do(heka.Message.decode, b""), heka.DecodeError)
add("message-decode-short", lambda w: do(heka.Message.decode, w.payload[:-1]), heka.DecodeError)
add("message-decode-garbage", lambda w: do(heka.Message.decode, b"\xff" * 40), heka.DecodeError)
add("message-read-decoded", lambda w: do(getattr, heka.Message.decode(w.payload), "fields"))
add("message-read-long", lambda w: do(getattr, copy.copy(w.lengthy_message), "fields"))
add("message-read-odd", lambda w: do(getattr, heka.Message.decode(odd_message()), "fields"))
for name in ("type", "logger", "payload", "env_version", "hostname"):
    add(f"message-get-{name}", lambda w, name=name: do(getattr, w.message, name))
    add(f"message-set-{name}", lambda w, name=name: do(setattr, w.mutable, name, w.wide))
    add(f"message-set-{name}-sub", lambda w, name=name: do(setattr, w.mutable, name, Text("x")))
    add(
        f"message-set-{name}-type",
        lambda w, name=name: do(setattr, w.mutable, name, w.thing),
        TypeError,
    )
    add(
        f"message-set-{name}-surrogate",
        lambda w, name=name: do(setattr, w.mutable, name, w.lone),
        heka.EncodeError,
    )
for name in ("severity", "pid", "timestamp"):
    for kind, pick, error in (
        ("good", lambda w: misfits.Index(), None),
        ("type", lambda w: w.text, TypeError),
        ("range", lambda w: w.huge, ValueError),
        ("raises", lambda w: misfits.BadIndex(), Oops),
    ):
        add(
            f"message-set-{name}-{kind}",
            lambda w, name=name, pick=pick: do(setattr, w.mutable, name, pick(w)),
            error,
        )
    add(f"message-get-{name}", lambda w, name=name: do(getattr, w.message, name))
add("message-get-uuid", lambda w: do(getattr, w.message, "uuid"))
add("message-set-uuid", lambda w: do(setattr, w.mutable, "uuid", w.uuid))
add("message-set-uuid-none", lambda w: do(setattr, w.mutable, "uuid", None), TypeError)
add("message-set-uuid-length", lambda w: do(setattr, w.mutable, "uuid", w.blob), ValueError)
add("message-set-fields", lambda w: do(setattr, w.mutable, "fields", w.fields))
add("message-set-fields-read", lambda w: do(setattr, copy_read(w.read), "fields", w.fields))
add("message-set-fields-none", lambda w: do(setattr, copy.copy(w.message), "fields", None))
add("message-set-fields-type", lambda w: do(setattr, w.mutable, "fields", w.number), TypeError)
add(
    "message-set-fields-bad",
    lambda w: do(setattr, w.mutable, "fields", {"a": None}),
    heka.FieldError,
)
for name in (
    *("type", "logger", "payload", "env_version", "hostname"),
    *("severity", "pid", "timestamp", "uuid", "fields"),
):
    add(f"message-del-{name}", lambda w, name=name: do(delattr, w.mutable, name), AttributeError)
# What the wire brought goes back as it is; what was done to it since is refused.
add("message-raw-changed", lambda w: changed(w.raw, "raw", "b\udcff").encode, heka.FieldError)
add("message-raw-added", lambda w: changed(w.raw, "new", "b\udcff").encode, heka.FieldError)
add("message-odd-changed", lambda w: changed(w.odd_read, "a", "other").encode)
add("message-valueless", lambda w: emptied(w.odd_read, "e").encode)
add("message-emptied", lambda w: emptied(w.odd_read, "a").encode, heka.FieldError)


def copy_read(message: heka.Message) -> heka.Message:
    """Return a copy whose fields were read."""
    made = copy.copy(message)
    assert made.fields
    return made


def changed(message: heka.Message, name: str, value: object) -> heka.Message:
    """Return a copy with another value in its dict of fields."""
    made = copy_read(message)
    made.fields[name] = value
    return made


def emptied(message: heka.Message, name: str) -> heka.Message:
    """Return a decoded message, one of whose fields has been emptied."""
    made = heka.Message.decode(odd_message())
    del made.fields[name][:]
    return made


def interrupted() -> heka.Message:
    """Return a message whose repr is interrupted by KeyboardInterrupt."""
    made = heka.Message()
    made.fields["a"] = misfits.Interrupted()
    return made


# ---- Field ---------------------------------------------------------------------------------------

add("field", lambda w: do(heka.Field, iter((w.number, 2)), w.text, heka.Field.STRING))
add("field-list", lambda w: do(heka.Field, w.list))
add("field-text", lambda w: do(heka.Field, w.text))
add("field-thing", lambda w: do(heka.Field, w.thing))
add("field-bytes", lambda w: do(heka.Field, w.blob, representation=misfits.Text("x")))
add("field-point", lambda w: do(heka.Field, misfits.NoIter()))
add("field-new", lambda w: do(heka.Field.__new__, heka.Field))
add("field-again", lambda w: do(w.field.__init__, iter((w.number, 2)), fresh("unit")))
add("field-none", lambda w: do(heka.Field), TypeError)
add("field-many", lambda w: do(heka.Field, 1, 2, 3, 4), TypeError)
add("field-keyword", lambda w: do(heka.Field, 1, nonsense=1), TypeError)
add("field-dict", lambda w: do(heka.Field, w.fields), TypeError)
add("field-unit-type", lambda w: do(heka.Field, 1, w.number), TypeError)
add("field-unit-surrogate", lambda w: do(heka.Field, 1, w.lone))
add("field-value-type", lambda w: do(heka.Field, 1, "", w.text), TypeError)
add("field-value-range", lambda w: do(heka.Field, 1, "", w.huge), ValueError)
add("field-iter", lambda w: do(heka.Field, misfits.BadIter()), Oops)
add("field-next", lambda w: do(heka.Field, misfits.two_then_fail()), Oops)
add("field-repr", lambda w: do(repr, w.field))
add("field-repr-plain", lambda w: do(repr, w.loose))
add("field-repr-typed", lambda w: do(repr, heka.Field(1, "", 2)))
add("field-repr-full", lambda w: do(repr, heka.Field(1, "s", 2)))
add("field-repr-raises", lambda w: do(repr, heka.Field(misfits.BadRepr())), Oops)
add("field-reduce", lambda w: w.field.__reduce__)
add("field-reduce-typed", lambda w: heka.Field(w.text, "", 0).__reduce__)
add("pickle-field", lambda w: do(pickle.dumps, w.field))
add("pickle-field-loads", lambda w: do(pickle.loads, pickle.dumps(heka.Field(1, "s", 2))))
add("field-equal", lambda w: do(operator.eq, w.field, [w.number, 2]))
add("field-hash", lambda w: do(hash, w.field), TypeError)
add("field-get-unit", lambda w: do(getattr, w.field, "representation"))
add("field-get-type", lambda w: do(getattr, w.field, "value_type"))
add("field-set-unit", lambda w: do(setattr, w.loose, "representation", w.text))
add("field-set-unit-sub", lambda w: do(setattr, w.loose, "representation", Text("x")))
add("field-set-unit-type", lambda w: do(setattr, w.loose, "representation", None), TypeError)
add("field-set-unit-surrogate", lambda w: do(setattr, heka.Field(1), "representation", w.lone))
add("field-del-unit", lambda w: do(delattr, w.loose, "representation"), AttributeError)
add("field-set-type", lambda w: do(setattr, heka.Field(1), "value_type", 2))
add("field-set-type-type", lambda w: do(setattr, w.field, "value_type", w.text), TypeError)
add("field-set-type-range", lambda w: do(setattr, w.field, "value_type", -1), ValueError)
add("field-del-type", lambda w: do(delattr, w.field, "value_type"), AttributeError)

# ---- SignerConfig --------------------------------------------------------------------------------

add("signer", lambda w: do(heka.SignerConfig, w.text, w.number % 2**32, w.blob, "SHA1"))
add(
    "signer-md5", lambda w: do(heka.SignerConfig, name=Text("x"), version=1, key=w.wide, hash="md5")
)
add("signer-empty", lambda w: do(heka.SignerConfig, "", 1, "k", "md5"))
add("signer-no-key", lambda w: do(heka.SignerConfig, "", 1, "", "md5"), ValueError)
add("signer-buffer", lambda w: do(heka.SignerConfig, w.wide, 1, memoryview(w.blob), "md5"))
add("signer-none", lambda w: do(heka.SignerConfig), TypeError)
add("signer-three", lambda w: do(heka.SignerConfig, "n", 1, "k"), TypeError)
add("signer-two", lambda w: do(heka.SignerConfig, "n", hash="md5"), TypeError)
add("signer-keyword", lambda w: lambda: heka.SignerConfig(**{1: 2}), TypeError)
add("signer-name-type", lambda w: do(heka.SignerConfig, w.blob, 1, "k", "md5"), TypeError)
add(
    "signer-name-surrogate",
    lambda w: do(heka.SignerConfig, w.lone, 1, "k", "md5"),
    heka.EncodeError,
)
add("signer-name-long", lambda w: do(heka.SignerConfig, "n" * 300, 1, "k", "md5"), heka.EncodeError)
add("signer-version-type", lambda w: do(heka.SignerConfig, "n", w.text, "k", "md5"), TypeError)
add("signer-version-range", lambda w: do(heka.SignerConfig, "n", -1, "k", "md5"), ValueError)
add("signer-version-huge", lambda w: do(heka.SignerConfig, "n", w.huge, "k", "md5"), ValueError)
add("signer-key-type", lambda w: do(heka.SignerConfig, "n", 1, w.number, "md5"), TypeError)
add(
    "signer-key-surrogate", lambda w: do(heka.SignerConfig, "n", 1, w.lone, "md5"), heka.EncodeError
)
add("signer-hash-type", lambda w: do(heka.SignerConfig, "n", 1, "k", w.blob), TypeError)
add("signer-hash-unknown", lambda w: do(heka.SignerConfig, "n", 1, "k", w.text), ValueError)
add("signer-hash-near", lambda w: do(heka.SignerConfig, "n", 1, "k", "sha2"), ValueError)
for name in ("name", "key", "version", "hash"):
    add(f"signer-get-{name}", lambda w, name=name: do(getattr, w.signer, name))
    add(f"signer-set-{name}", lambda w, name=name: do(setattr, w.signer, name, 1), AttributeError)
add("signer-repr", lambda w: do(repr, w.signer))
add("signer-equal", lambda w: do(operator.eq, w.signer, copy.copy(w.signer)))
add("signer-unequal", lambda w: do(operator.ne, w.signer, w.other))
add("signer-order", lambda w: do(operator.lt, w.signer, w.other), TypeError)
add("signer-hash", lambda w: do(hash, w.signer))
add("signer-reduce", lambda w: w.signer.__reduce__)
add("pickle-signer", lambda w: do(pickle.dumps, w.signer))
add("pickle-signer-loads", lambda w: do(pickle.loads, pickle.dumps(w.signer)))
add("signer-sign", lambda w: do(w.signer.sign, w.payload))
add("signer-sign-empty", lambda w: do(w.other.sign, b""))
add("signer-sign-type", lambda w: do(w.signer.sign, w.text), TypeError)
add("signer-verify", lambda w: do(w.signer.verify, w.blob, w.signer.sign(w.blob)))
add("signer-verify-wrong", lambda w: do(w.signer.verify, w.blob, bytes(20)), heka.SignatureError)
add("signer-verify-length", lambda w: do(w.signer.verify, w.blob, w.blob), heka.SignatureError)
add("signer-verify-one", lambda w: do(w.signer.verify, w.blob), TypeError)
add("signer-verify-data", lambda w: do(w.signer.verify, w.text, w.blob), TypeError)
add("signer-verify-digest", lambda w: do(w.signer.verify, w.blob, w.text), TypeError)

# ---- the module ----------------------------------------------------------------------------------


def new_module() -> Any:
    """Return a new, empty module object of the extension."""
    return _imp.create_dynamic(_core.__spec__)


add("module", lambda w: do(_imp.exec_dynamic, new_module()))
