"""Messages as text: what is shown, and that no message can imitate another."""

from __future__ import annotations

import json
import re
import struct
import time
import unicodedata

import pytest
from cli.support import SGR, block, varint, wire_field, wire_message
from hypothesis import given
from hypothesis import strategies as st

import heka
from heka._display import escape, render
from heka._display.style import Style, fold
from heka.cli.show.jsonlines import json_line

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode categories without a visible glyph

some_bytes = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"\x1b[2J", b"\r\n", b"\xe2\x80\xae", b"\x9b31m", b"\xc2\x9b", b"a" * 500]),
)
some_fields = st.one_of(
    st.builds(
        lambda name, unit, items: wire_field(
            name, 0, b"".join(block(4, item) for item in items), unit
        ),
        some_bytes,
        some_bytes,
        st.lists(some_bytes, max_size=20),
    ),
    st.builds(
        lambda name, items: wire_field(name, 1, b"".join(block(5, item) for item in items)),
        some_bytes,
        st.lists(some_bytes, min_size=1, max_size=20),
    ),
    st.builds(
        lambda name, items: wire_field(name, 2, block(6, b"".join(map(varint, items)))),
        some_bytes,
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
    ),
    st.builds(
        lambda name, items: wire_field(name, 3, block(7, struct.pack(f"<{len(items)}d", *items))),
        some_bytes,
        st.lists(st.floats(), min_size=1, max_size=20),
    ),
)
some_messages = st.builds(
    wire_message,
    type=some_bytes,
    logger=some_bytes,
    severity=st.integers(-(2**31), 2**31 - 1),
    payload=st.one_of(some_bytes, st.lists(some_bytes).map(b"\n".join)),
    hostname=some_bytes,
    pid=st.integers(-(2**31), 2**31 - 1),
    timestamp=st.integers(-(2**63), 2**63 - 1),
    fields=st.lists(some_fields, max_size=5),
).map(heka.Message.decode)


def assert_harmless(text):
    bad = {char for char in text if unicodedata.category(char) in HIDDEN and char != "\n"}
    assert not bad


@given(some_messages, st.text(max_size=20), st.booleans())
def test_no_message_brings_a_control_character(message, signer, checked):
    """Only newlines and visible characters; each line starts as the renderer starts it."""
    text = render.render(
        message, signer=signer or None, signer_version=1, checked=checked, origin="udp 1.2.3.4:5"
    )

    assert_harmless(text)
    first, second, *rest = text.removesuffix("\n").split("\n")
    assert re.match(r"[12]\d{3}-\d\d-\d\dT[\d:]{8}\.\d{3}\S+  [A-Z]{4,9}", first)
    verdict = "signed by " if signer else "unsigned · " if checked else "not verified · "
    assert second.startswith("  " + verdict)
    assert all(line.startswith("  ") for line in rest)


@given(some_messages, st.text(min_size=1, max_size=20))
def test_colours_change_nothing_but_colour(message, signer):
    """The coloured text without colour sequences equals the plain text."""
    coloured = render.render(message, signer=signer, signer_version=2, style=Style(colour=True))

    assert SGR.sub("", coloured) == render.render(message, signer=signer, signer_version=2)
    assert "\x1b[0m\x1b[0m" not in coloured
    for line in coloured.splitlines():  # each line ends in the colour it began with
        assert line.rfind("\x1b[") in (-1, line.rfind("\x1b[0m"))


@given(some_messages, st.integers(20, 90), st.booleans(), st.booleans())
def test_no_line_is_wider_than_the_terminal(message, columns, colour, ascii_only):
    """Otherwise the terminal would wrap it, and continue in the first column."""
    style = Style(colour=colour, ascii_only=ascii_only, measure=lambda: columns)
    text = SGR.sub("", render.render(message, checked=True, origin="udp 1.2.3.4:5", style=style))

    _, *rest = text.removesuffix("\n").split("\n")
    assert all(line.startswith("  ") for line in rest)
    for line in text.split("\n"):
        assert sum(max(escape.display_width(char), 1) for char in line) <= columns
    assert text.isascii() or not ascii_only


def test_a_padded_payload_cannot_begin_a_line():
    forged = "2023-11-14T22:13:20.123+00:00  CRITICAL  all is lost"
    padded = message(type="t", payload=" " * 56 + forged)

    lines = render.render(padded, style=Style(measure=lambda: 60)).splitlines()

    assert lines[-2:] == ["  │ " + " " * 56, f"  │ {forged}"]


def test_a_fold_keeps_its_colours_to_itself():
    """The lead has no colour; the wrapped text keeps its colour after it."""
    line = "ab\x1b[35mcdef\x1b[0mgh"

    assert fold(line, 4, "> ") == "ab\x1b[35mcd\x1b[0m\n> \x1b[35mef\x1b[0m\n> gh"
    assert fold("日本語", 5, "  ") == "日本\n  語"
    assert fold("日本語", 6, "  ") == "日本語"


@given(some_messages)
def test_json_is_ascii_and_exact(message):
    line = json_line(message)
    record = json.loads(line)

    assert_harmless(line)
    assert line.isascii()
    assert line.count("\n") == 1
    assert (record["type"], record["payload"]) == (message.type, message.payload)
    assert record["timestamp_ns"] == message.timestamp
    assert list(record["fields"]) == list(message.fields)


@given(st.text())
def test_quoted_text_has_one_reading(text):
    """In quotes, escaped text is unambiguous: different texts never look the same."""
    shown = escape.visible(text, quoted=True)

    assert_harmless(shown)
    assert not re.search(r'(?<!\\)(?:\\\\)*"', shown)
    unescaped = re.sub(
        r"\\(?:x(..)|u(....)|U(.{8})|(.))",
        lambda m: (
            chr(int(m[1], 16) + (0xDC00 if int(m[1], 16) >= 0x80 else 0))
            if m[1]
            else chr(int(m[2] or m[3], 16))
            if m[2] or m[3]
            else {"n": "\n", "r": "\r", "t": "\t"}.get(m[4], m[4])
        ),
        shown,
    )
    assert unescaped == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "caf\u00e9 \u65e5\u672c \U0001f600", "caf\u00e9 \u65e5\u672c \U0001f600", id="text"
        ),
        pytest.param("wide\u3000space", "wide\u3000space", id="ideographic-space"),
        pytest.param("\x1b]0;x\x07", r"\x1b]0;x\x07", id="c0"),
        pytest.param("\x9b31m", r"\u009b31m", id="c1"),
        pytest.param("\udcff", r"\xff", id="raw-byte"),
        pytest.param("\ud800", r"\ud800", id="lone-surrogate"),
        pytest.param("a\u202eb\u2066c\u200f", r"a\u202eb\u2066c\u200f", id="bidi"),
        pytest.param("a\u200bb\ufeff\u00ad", r"a\u200bb\ufeff\u00ad", id="zero-width"),
        pytest.param("\u2028\u2029\x85", r"\u2028\u2029\u0085", id="line-ends-of-unicode"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag-character"),
        pytest.param("\n\r\t\x00\x7f", r"\n\r\t\x00\x7f", id="the-common-ones"),
        pytest.param('C:\\new "x"', 'C:\\new "x"', id="backslash-and-quote-stay"),
    ],
)
def test_visible(text, shown):
    assert escape.visible(text) == shown


def message(**kwargs):
    """Return a decoded message with a fixed time."""
    made = heka.Message(timestamp_ns=1_700_000_000_123_456_789, hostname="web-3", pid=7, **kwargs)
    return heka.Message.decode(made.encode())


def body(**kwargs):
    """Return the lines after the first two."""
    return render.render(message(**kwargs)).splitlines()[2:]


def test_the_whole_block(monkeypatch):
    """The example in the module docstring, in full."""
    monkeypatch.setenv("TZ", "Etc/GMT-1")
    time.tzset()
    try:
        text = render.render(
            message(
                type="checkout.failed",
                logger="shop",
                severity=3,
                payload="two\nlines\n",
                fields={"amount": heka.Field(12.5, "EUR"), "items": ["hat", "gloves"]},
            ),
            signer="ops",
            signer_version=1,
            checked=True,
            origin="tcp 127.0.0.1:40112",
        )
    finally:
        monkeypatch.undo()
        time.tzset()

    assert text == (
        "2023-11-14T23:13:20.123+01:00  ERROR      checkout.failed\n"
        "  signed by ops v1 · tcp 127.0.0.1:40112 · logger shop · host web-3 · pid 7\n"
        "  │ two\n"
        "  │ lines\n"
        "  amount = 12.5 EUR         double\n"
        '  items  = "hat", "gloves"  string[2]\n'
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(True, "true  bool", id="bool"),
        pytest.param(-(2**63), "-9223372036854775808  integer", id="int"),
        pytest.param(0.1, "0.1  double", id="double-by-repr"),
        pytest.param([float("nan"), float("-inf")], "nan, -inf  double[2]", id="not-finite"),
        pytest.param("", '""  string', id="empty-string"),
        pytest.param('a", "b', r'"a\", \"b"  string', id="no-forged-list"),
        pytest.param(b"", "0x  bytes", id="no-bytes"),
        pytest.param(b"\x00\xffheka", "0x00ff6865 6b61  bytes", id="bytes"),
        pytest.param(heka.Field(12, "KiB"), "12 KiB  integer", id="unit"),
        pytest.param(heka.Field("x", "\x1b"), r'"x" \x1b  string', id="hostile-unit"),
        pytest.param(
            list(range(1000)),
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … +988  integer[1,000]",
            id="list",
        ),
        pytest.param("x" * 1000, f'"{"x" * 240}"… +760 characters  string', id="long-string"),
        pytest.param(
            ["y" * 200] * 9, f'"{"y" * 200}", "{"y" * 200}", … +7  string[9]', id="budget"
        ),
        pytest.param(
            b"a" * 61, "0x" + " ".join(["61616161"] * 15) + "… +1 byte  bytes", id="long-bytes"
        ),
    ],
)
def test_value(value, shown):
    (line,) = body(fields={"k": value})

    assert line == f"  k = {shown}"


def test_a_field_without_values_is_shown():
    decoded = heka.Message.decode(wire_message(fields=[wire_field(b"none", 2, b"")]))

    assert "  none = (no value)  integer[0]\n" in render.render(decoded)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("user.id", "user.id"),
        ("a-b_c", "a-b_c"),
        ("", '""'),
        ("a b", '"a b"'),
        ('"ok" = 1', r'"\"ok\" = 1"'),
        ("\u65e5\u672c", '"\u65e5\u672c"'),
    ],
)
def test_a_name_that_could_be_more_than_a_name_is_quoted(name, shown):
    assert body(fields={name: 1}) == [f"  {shown} = 1  integer"]


def test_columns_are_aligned_by_width_not_by_characters():
    """Wide characters take two columns; very long names and values do not widen the columns."""
    lines = body(fields={"a": "\u65e5\u672c", "bb": "xyz", "c" * 60: "z" * 60})

    assert lines[:2] == ['  a  = "\u65e5\u672c"  string', '  bb = "xyz"   string']


def test_payload_is_shortened_with_a_count():
    lines = body(payload="\n".join(f"line {n}" for n in range(100)))

    assert len(lines) == render.PAYLOAD_LINES + 1
    assert lines[-2:] == ["  │ line 29", "  │ … +560 of 789 characters"]
    assert body(payload="x" * 5000) == ["  │ " + "x" * 4000, "  │ … +1,000 of 5,000 characters"]


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        ("", []),
        ("a", ["  │ a"]),
        ("a\n", ["  │ a"]),
        ("a\n\nb", ["  │ a", "  │", "  │ b"]),
        ("\n", ["  │"]),
        ("x" * 4000 + "\n", ["  │ " + "x" * 4000]),
    ],
)
def test_payload_lines(payload, lines):
    assert body(payload=payload) == lines


def test_many_fields_are_shortened_with_a_count():
    lines = body(fields={f"f{n}": n for n in range(100)})

    assert len(lines) == render.FIELDS + 1
    assert lines[-1] == "  … +40 fields"


def test_what_is_absent_is_left_out():
    decoded = heka.Message.decode(wire_message(severity=42, pid=0))
    first, second = render.render(decoded).splitlines()

    assert first.endswith("  SEVERITY 42  (no type)")
    assert second == "  not verified"


def test_a_logger_cannot_claim_a_signature():
    """What the receiver knows comes before what the message claims."""
    hostile = message(logger="x · signed by ops v1 · tcp 10.0.0.1:1")
    second = render.render(hostile, checked=True, origin="udp 9.9.9.9:9").splitlines()[1]

    assert second.startswith("  unsigned · udp 9.9.9.9:9 · logger x · ")
