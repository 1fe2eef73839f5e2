"""heka.matcher: the table of expressions, messages in every form, blocks, explanations, errors."""

from __future__ import annotations

import pickle
import threading

import pytest
from python.unit.matcher_table import read_table

import heka
from heka import matcher
from heka.exceptions import ConfigError, DecodeError, MatcherError

MESSAGES, ROWS = read_table()
OPS = heka.SignerConfig("ops", 1, "secret", "sha1")
KEYS = {("ops", 1): "secret"}
#: PCRE2 needs milliseconds to give up on it.
HOSTILE = "Payload =~ /(a+)+$/"


def frame_of(data: bytes, signer: str) -> heka.Frame:
    """Return the message as a frame, signed if there is a signer."""
    stream = heka.frame(data, OPS if signer else None)
    return heka.StreamReader(signers=KEYS).feed(stream)[0]


def blocks_of(stream: bytes) -> list[heka.Block]:
    return heka.BlockReader(signers=KEYS).feed(stream)


def test_each_row_of_the_table():
    """Frames and blocks give the answer; so do bytes and messages, where no signer is asked for."""
    wrong = []
    for row in ROWS:
        if row.outcome == "error":
            continue
        name, _, signer = row.subject.partition("@")
        made = matcher.compile(row.text, row.dialect)
        frame = frame_of(MESSAGES[name], signer)
        [block] = blocks_of(heka.frame(MESSAGES[name], OPS if signer else None))
        answers = [made.matches(frame), made.count(block) == 1]
        if not signer:
            answers += [made.matches(MESSAGES[name]), made.matches(frame.message)]
        if answers != [row.outcome == "true"] * len(answers):
            wrong.append((row.text, row.subject, answers))

    assert wrong == []


def test_each_error_of_the_table():
    """A MatcherError with the column, which says what was expected."""
    wrong = []
    for row in ROWS:
        if row.outcome != "error":
            continue
        with pytest.raises(MatcherError) as caught:
            matcher.compile(row.text, row.dialect)
        got = caught.value.column, str(caught.value)
        if got[0] != int(row.subject) or row.error not in got[1]:
            wrong.append((row.text, got))

    assert wrong == []
    assert len(ROWS) >= 110


@pytest.mark.parametrize(
    ("text", "column"),
    [
        pytest.param("TRUE\ud800", 5, id="lone-surrogate"),
        pytest.param("Type == 'é' && Typ == 'a'", 16, id="columns-are-characters"),
        pytest.param("Type == '😀' &&&", 15, id="of-four-bytes-too"),
        pytest.param("(" * 10_000, 201, id="open-parentheses"),
        pytest.param("Type == '" + "a" * 2**20, 65_537, id="1-MiB"),
    ],
)
def test_column_of_an_error(text, column):
    with pytest.raises(MatcherError) as caught:
        matcher.compile(text)

    assert caught.value.column == column
    assert isinstance(caught.value, ConfigError)


def test_arguments_of_compile():
    with pytest.raises(TypeError, match="text must be str, not bytes"):
        matcher.compile(b"TRUE")
    with pytest.raises(ConfigError, match="dialect: expected 'heka' or 'heka2', got 'heka3'"):
        matcher.compile("TRUE", "heka3")
    with pytest.raises(ConfigError, match="got None"):
        matcher.compile("TRUE", None)

    assert matcher.compile("TRUE", dialect="heka").dialect == "heka"


def test_what_can_be_matched():
    made = matcher.compile("Type == 't'")
    data = heka.Message("t").encode()

    assert made.matches(bytearray(data))
    assert made.matches(memoryview(data))
    with pytest.raises(DecodeError):
        made.matches(data[:-1])
    for wrong in ("t", None, blocks_of(heka.frame(data))[0]):
        with pytest.raises(TypeError, match="a Message, a Frame or the bytes"):
            made.matches(wrong)
        with pytest.raises(TypeError):
            made.explain(wrong)
    for method in (made.filter, made.count):
        with pytest.raises(TypeError, match=r"must be a heka\.Block"):
            method(heka.Message("t"))


def test_fields_that_were_changed_count_as_they_are_now():
    message = heka.Message.decode(heka.Message("t", fields={"a": 1, "b": "é"}).encode())
    made = matcher.compile("Fields[a] == 2 && Fields[b] == 'ü' && Fields[c] != NIL")

    message.fields.update(a=[2], b=["ü"], c=[True])

    assert made.matches(message)
    message.fields["a"] = [object()]
    with pytest.raises(heka.FieldError):
        made.matches(message)


def test_texts_that_are_not_ascii():
    message = heka.Message("é", "ü", payload="😀", hostname="ÿ", env_version="ж")
    made = matcher.compile("Type == 'é' && Logger == 'ü' && Payload == '😀' && EnvVersion == 'ж'")

    assert made.matches(message)
    assert made.matches(message.encode())
    wrong = heka.Message.decode(message.encode().replace("ÿ".encode(), b"\xff\xfe"))
    assert matcher.compile("Hostname > 'a' && Hostname =~ /^..$/").matches(wrong)


def test_a_signer_counts_where_it_was_verified():
    made = matcher.compile("Signer == 'ops'", "heka2")
    data = heka.Message("t").encode()

    assert made.matches(frame_of(data, "ops"))
    assert not made.matches(heka.StreamReader().feed(heka.frame(data, OPS))[0])
    assert not made.matches(data)


def test_filter_keeps_frames_as_they_came():
    """Signed frames, frames with a message that is not canonical, in their order."""
    kept = [heka.frame(MESSAGES["foreign"], OPS), heka.pack("a", payload="é", signer=OPS)]
    dropped = heka.pack("b", signer=OPS)
    [block] = blocks_of(kept[0] + dropped + kept[1] + dropped)
    made = matcher.compile("Type == 'a'")

    found = made.filter(block)

    assert bytes(found) == b"".join(kept)
    assert [frame.message.type for frame in found] == ["a", "a"]
    assert found.signer == "ops"
    assert made.count(block) == made.count(found) == 2
    assert made.filter(found) is found
    nothing = matcher.compile("FALSE").filter(block)
    assert len(nothing) == 0
    assert bytes(nothing) == b""
    assert made.count(nothing) == 0
    assert made.filter(nothing) is nothing


def test_explain_evaluates_each_clause_by_itself():
    made = matcher.compile("TRUE || Type == 'é' || Payload =~ /a.c/ || Payload =~ /^a/")

    found = made.explain(heka.Message("t", payload="abc"))

    assert [tuple(clause) for clause in found] == [
        ("TRUE", 1, False, True),
        ("Type == 'é'", 9, False, False),
        ("Payload =~ /a.c/", 24, True, True),
        ("Payload =~ /^a/", 44, False, True),
    ]
    assert [clause.matched for clause in made.clauses] == [None] * 4
    assert [clause[:3] for clause in made.clauses] == [clause[:3] for clause in found]


def test_limits_are_counted_by_clause():
    """The clause is false for =~ and for !~, and the others decide."""
    payload = "a" * 200 + "b"
    message = heka.Message("t", payload=payload)
    made = matcher.compile(f"{HOSTILE} || {HOSTILE.replace('=', '!')} || {HOSTILE} || Type == 't'")
    assert made.limits == {}

    assert made.matches(message)

    assert made.limits == {HOSTILE: 2, HOSTILE.replace("=", "!"): 1}
    [block] = blocks_of(heka.frame(message.encode()) * 3)
    assert made.count(block) == 3
    assert made.limits[HOSTILE] == 8


def test_repr_and_attributes():
    made = matcher.compile("Type == 'é'", "heka2")

    assert repr(made) == "Matcher(\"Type == 'é'\", dialect='heka2')"
    assert repr(matcher.compile("TRUE")) == "Matcher('TRUE')"
    assert (made.text, made.dialect, made.limits) == ("Type == 'é'", "heka2", {})
    with pytest.raises(TypeError):
        pickle.dumps(made)


def test_threads_share_a_matcher():
    """Each has its own scratch; what they count is added up."""
    made = matcher.compile(f"{HOSTILE} || Payload =~ /b.?c/ || Fields[n] >= 10")
    stream = b"".join(
        heka.pack("t", payload=payload, fields={"n": n})
        for n, payload in enumerate(["a" * 100 + "b", "xbc", *["y"] * 30])
    )
    [block] = blocks_of(stream)
    counts = []

    def work() -> None:
        counts.extend(made.count(block) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == [23] * 80
    assert made.limits == {HOSTILE: 80}
