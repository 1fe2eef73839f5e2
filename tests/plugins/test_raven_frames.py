"""Frames, source lines and linked exceptions, however unusual the program."""

from __future__ import annotations

import asyncio
import builtins
import linecache
import os
import sys
import threading
import types
import zipfile

import pytest
from plugins.raven_support import event, frames, raven_client, reported


def functions(found):
    """Return the names of the functions of an event's frames."""
    return [frame["function"] for frame in frames(found)]


def chain(found):
    """Return (type, source, parent) of the exceptions of a sentry7 event, newest first."""
    values = reversed(found["exception"]["values"])
    return [
        (one["type"], one["mechanism"].get("source"), one["mechanism"].get("parent_id"))
        for one in values
    ]


def test_frame_with_traceback_hide_is_left_out():
    def hidden():
        __traceback_hide__ = True
        shown()

    def shown():
        __traceback_hide__ = False
        raise ValueError

    assert functions(reported(hidden)) == ["shown"]


class Undecided:
    """A class whose ``__bool__`` runs code."""

    def __bool__(self):
        raise AssertionError("asked")


def test_hiding_calls_no_code():
    def fail():
        __traceback_hide__ = Undecided()
        raise ValueError

    assert functions(reported(fail)) == ["fail"]


@pytest.mark.parametrize("profile", ["raven3", "raven2", "sentry7"])
def test_thousand_calls_deep(profile):
    """Frames from the middle are left out and counted; both ends are kept."""

    def fall(depth):
        if depth == 0:
            raise ValueError("landed")
        fall(depth - 1)

    sys.setrecursionlimit(sys.getrecursionlimit() + 1200)
    try:
        found = reported(lambda: fall(1000), profile=profile)
    finally:
        sys.setrecursionlimit(sys.getrecursionlimit() - 1200)

    names = functions(found)
    omitted = [name for name in names if name.startswith("<") and "left out" in name]
    assert omitted == ["<902 frames left out>"]
    assert names[-1] == "fall"
    assert len(names) == 101
    assert "fall" in found["culprit"]


def test_recursion_error_is_reported_with_its_frames():
    def fall(depth):
        fall(depth + 1)

    before = sys.getrecursionlimit()
    found = reported(lambda: fall(0))

    assert found["message"].startswith("RecursionError: maximum recursion depth exceeded")
    assert functions(found)[-1] == "fall"
    assert frames(found)[-1]["vars"]["'depth'"] > 100
    assert sys.getrecursionlimit() == before


def test_recursion_error_is_reported_from_near_the_limit():
    """Where it is caught, almost no nested calls are left to build an event."""
    client = raven_client()
    before = sys.getrecursionlimit()
    taken = []

    def fall():
        try:
            fall()
        except RecursionError:
            if not taken:
                taken.append(client.raven("deep"))
            raise

    with pytest.raises(RecursionError):
        fall()

    assert taken == [True]
    assert event(client)["message"].startswith("RecursionError")
    assert sys.getrecursionlimit() < before + 30
    client.raven(exc_info=ValueError("x"))
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize("spare", range(0, 30, 3))
def test_exception_is_reported_from_near_the_limit(spare):
    """With any number of calls left it is reported or not, and nothing is raised."""
    client = raven_client()
    before = sys.getrecursionlimit()
    taken = []

    def fall(depth):
        try:
            return fall(depth + 1)
        except RecursionError:
            return depth

    def climb(depth):
        if depth:
            return climb(depth - 1)
        try:
            raise ValueError("shallow")
        except ValueError:
            taken.append(client.raven())
        return None

    climb(fall(0) - spare - 4)

    assert len(client.stream.frames) == len([one for one in taken if one])
    assert taken == [True] or spare < 6
    if taken == [True]:
        assert event(client)["message"] == "ValueError: shallow"
    client.raven(exc_info=KeyError("x"))
    assert sys.getrecursionlimit() == before


def run_code(text, path, **names):
    """Run *text* as the module at *path*."""
    names.setdefault("__name__", "made.up")
    exec(compile(text, str(path), "exec"), names)


def test_source_around_the_line(tmp_path):
    path = tmp_path / "program.py"
    lines = [f"x{number} = {number}" for number in range(1, 20)]
    lines[9] = "1 / 0"
    path.write_text("\n".join(lines), encoding="utf-8")

    frame = frames(reported(lambda: run_code(path.read_text(), path)))[-1]

    assert frame["lineno"] == 10
    assert frame["pre_context"] == [f"x{number} = {number}" for number in range(5, 10)]
    assert frame["context_line"] == "1 / 0"
    assert frame["post_context"] == [f"x{number} = {number}" for number in range(11, 16)]


def test_context_ends_with_the_file(tmp_path):
    path = tmp_path / "short.py"
    path.write_text("1 / 0\n", encoding="utf-8")

    frame = frames(reported(lambda: run_code(path.read_text(), path)))[-1]

    assert (frame["pre_context"], frame["post_context"]) == ([], [])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        pytest.param(b"# coding: latin-1\n'\xe4' / 0\n", "'ä' / 0", id="declared"),
        pytest.param(b"\xef\xbb\xbf0\n'\xc3\xa4' / 0\n", "'ä' / 0", id="byte-order-mark"),
        pytest.param(b"# coding: nonsense\n'\xe4' / 0\n", "'\ufffd' / 0", id="unknown"),
        pytest.param(b"0\n'\xe4' / 0\n", "'\ufffd' / 0", id="undeclared"),
        pytest.param(b"0\r\n1 / 0\r\n", "1 / 0", id="crlf"),
        pytest.param(b"0\r1 / 0\r", "1 / 0", id="cr"),
        pytest.param(b"'\x0c'\n1 / 0\n", "1 / 0", id="form-feed"),
    ],
)
def test_encoding_of_the_source(tmp_path, data, line):
    path = tmp_path / "program.py"
    path.write_bytes(data)

    frame = frames(reported(lambda: run_code("0\n1 / 0", path)))[-1]

    assert frame["context_line"] == line


def unreadable(tmp_path):
    path = tmp_path / "gone.py"
    path.write_text("1 / 0")
    path.unlink()
    return path


def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    return tmp_path / "pipe.py"


def folder(tmp_path):
    (tmp_path / "folder.py").mkdir()
    return tmp_path / "folder.py"


def large(tmp_path):
    path = tmp_path / "large.py"
    path.write_text("1 / 0\n" + "#" * (2 << 20))
    return path


def short(tmp_path):
    path = tmp_path / "changed.py"
    path.write_text("")
    return path


@pytest.mark.parametrize(
    "make",
    [
        unreadable,
        pipe,
        folder,
        large,
        short,
        lambda tmp_path: "<string>",
        lambda tmp_path: "/dev/zero",
        lambda tmp_path: "",
        lambda tmp_path: "x" * 5000,
    ],
    ids=["gone", "pipe", "folder", "large", "changed", "exec", "device", "empty", "long-name"],
)
def test_without_source_there_is_no_context(tmp_path, make):
    frame = frames(reported(lambda: run_code("1 / 0", make(tmp_path))))[-1]

    assert frame["lineno"] == 1
    assert "context_line" not in frame


def test_source_of_a_notebook(monkeypatch):
    monkeypatch.setitem(linecache.cache, "<cell 1>", (5, None, ["1 / 0\n"], "<cell 1>"))

    frame = frames(reported(lambda: run_code("1 / 0", "<cell 1>")))[-1]

    assert frame["context_line"] == "1 / 0"


def test_source_in_a_zip_file(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped_module.py", "def fail():\n    return 1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib.zip"))
    import zipped_module

    frame = frames(reported(zipped_module.fail))[-1]

    assert frame["context_line"] == "    return 1 / 0"


def test_names_of_a_module_that_are_no_text():
    frame = frames(reported(lambda: run_code("1 / 0", "<x>", __name__=5)))[-1]

    assert frame["module"] is None


class Names(dict):
    """A mapping whose lookups run code of the program."""

    def __getitem__(self, name):
        raise KeyError(name)

    def items(self):
        raise AssertionError("asked")


@pytest.mark.parametrize("kind", [Names, types.MappingProxyType], ids=["dict", "mapping"])
def test_names_kept_in_an_own_mapping(kind):
    code = compile("raise ValueError", "<own>", "exec")

    frame = frames(reported(lambda: exec(code, {}, kind({"a": 1}))))[-1]

    assert frame["vars"] in ({"'a'": 1}, {})


def test_coroutines_that_wait_for_each_other():
    async def inner():
        await asyncio.sleep(0)
        raise ValueError("inside")

    async def outer():
        await inner()

    found = reported(lambda: asyncio.run(outer()))

    assert functions(found)[-2:] == ["outer", "inner"]


def cause():
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error


def during():
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second")  # noqa: B904


def suppressed():
    try:
        raise KeyError("first")
    except KeyError:
        raise ValueError("second") from None


@pytest.mark.parametrize(
    ("fail", "behind"),
    [
        (cause, [("KeyError", "__cause__", 0)]),
        (during, [("KeyError", "__context__", 0)]),
        (suppressed, []),
    ],
)
def test_chain(fail, behind):
    found = reported(fail, profile="sentry7")

    assert chain(found) == [("ValueError", None, None), *behind]


def test_chain_of_the_older_profiles():
    found = reported(cause)

    assert found["extra"]["chain"] == [f"\"__cause__ KeyError: 'first' ({__name__} in cause)\""]


def test_cyclic_causes_end():
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first

    assert len(chain(reported(first, profile="sentry7"))) == 2


def test_long_chain_is_cut():
    error = ValueError("0")
    for number in range(1, 100):
        outer = ValueError(str(number))
        outer.__cause__ = error
        error = outer

    values = reported(error, profile="sentry7")["exception"]["values"]

    assert [one["value"] for one in values] == [str(number) for number in range(90, 100)]


def test_notes():
    error = ValueError("text")
    error.__notes__ = ["a note", "another"]

    assert reported(error)["extra"]["notes"] == ["'a note'", "'another'"]
    value = reported(error, profile="sentry7")["exception"]["values"][0]["value"]
    assert value == "text\na note\nanother"


@pytest.mark.parametrize(
    "notes", [None, 5, "text", [object(), 5]], ids=["none", "int", "str", "list"]
)
def test_odd_notes(notes):
    error = ValueError("text")
    error.__notes__ = notes

    assert reported(error)["message"] == "ValueError: text"


@pytest.mark.skipif(not hasattr(builtins, "ExceptionGroup"), reason="of Python 3.11")
def test_group():
    group = builtins.ExceptionGroup(
        "both", [ValueError("a"), builtins.ExceptionGroup("inner", [KeyError("b")])]
    )

    found = reported(group, profile="sentry7")

    assert chain(found) == [
        ("ExceptionGroup", None, None),
        ("ValueError", "exceptions[0]", 0),
        ("ExceptionGroup", "exceptions[1]", 0),
        ("KeyError", "exceptions[0]", 2),
    ]
    assert found["exception"]["values"][-1]["mechanism"]["is_exception_group"] is True


def test_library_is_not_the_program():
    import json

    found = frames(reported(lambda: json.loads("{"), profile="sentry7"))

    assert found[0]["in_app"] is True
    assert found[-1]["in_app"] is False
    assert found[-1]["filename"] == "json/decoder.py"


def test_threads_report_at_once():
    client = raven_client()
    start = threading.Barrier(8)

    def fail(number):
        start.wait()
        for _ in range(20):
            try:
                raise ValueError(number)
            except ValueError:
                client.raven()

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(client.stream.frames) == 160


@pytest.mark.skipif(not hasattr(builtins, "ExceptionGroup"), reason="of Python 3.11")
@pytest.mark.parametrize(
    ("errors", "mark"),
    [
        pytest.param(9, None, id="all-are-told"),
        pytest.param(10, "<1 more exception left out>", id="one-over"),
        pytest.param(30, "<21 more exceptions left out>", id="thirty"),
    ],
)
@pytest.mark.parametrize("profile", ["raven2", "raven3", "sentry7"])
def test_group_says_how_many_exceptions_are_left_out(errors, mark, profile):
    group = builtins.ExceptionGroup("many", [ValueError(str(one)) for one in range(errors)])

    found = reported(group, profile=profile)

    if profile == "sentry7":
        values = found["exception"]["values"]
        assert len(values) == min(10, errors + 1)
        assert values[-1]["value"].split("\n")[1:] == ([mark] if mark else [])
    else:
        assert len(found["extra"]["chain"]) == min(9, errors)
        notes = found["extra"].get("notes", [])
        assert [note.strip("'") for note in notes] == ([mark] if mark else [])


def test_chain_says_how_many_exceptions_are_left_out():
    error = ValueError("0")
    for number in range(1, 30):
        error, error.__cause__ = ValueError(str(number)), error

    values = reported(error, profile="sentry7")["exception"]["values"]

    assert len(values) == 10
    assert values[0]["mechanism"]["data"] == {"exceptions_left_out": 20}
    assert not any("data" in one["mechanism"] for one in values[1:])


@pytest.mark.skipif(not hasattr(builtins, "ExceptionGroup"), reason="of Python 3.11")
def test_exceptions_left_out_are_counted_with_those_linked_to_them():
    inner = [builtins.ExceptionGroup("g", [KeyError(), OSError()]) for _ in range(20)]

    values = reported(builtins.ExceptionGroup("all", inner), profile="sentry7")

    assert "<33 more exceptions left out>" in values["exception"]["values"][-1]["value"]
