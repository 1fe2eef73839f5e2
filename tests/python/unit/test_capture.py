"""``heka.testing.capture`` and the pytest fixture ``heka_capture``."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from python.unit.support import BoomError, Index, boom

import heka
import heka.testing
from heka.testing import Captured, capture

pytest_plugins = ["pytester"]


def test_messages_are_kept_oldest_first():
    with capture() as captured:
        assert heka.log("a", fields={"n": 1}) is True
        heka.log("b")

    assert [message.type for message in captured] == ["a", "b"]
    assert captured[0].fields == {"n": [1]}
    assert isinstance(captured[0], heka.Message)


def test_it_is_a_sequence():
    with capture() as captured:
        for name in "abc":
            heka.log(name)

    assert len(captured) == 3
    assert captured[-1].type == "c"
    assert [m.type for m in captured[1:]] == ["b", "c"]
    assert [m.type for m in reversed(captured)] == ["c", "b", "a"]
    assert captured[0] in captured
    with pytest.raises(IndexError):
        captured[3]


def test_frames_hold_the_bytes():
    with capture() as captured:
        heka.log("a", timestamp_ns=5, uuid=bytes(16))

    assert captured.frames == [heka.pack("a", severity=6, timestamp_ns=5, uuid=bytes(16))]


def test_clear_forgets():
    with capture() as captured:
        heka.log("a")
        captured.clear()
        heka.log("b")

    assert [message.type for message in captured] == ["b"]
    assert len(captured.frames) == 1


def test_repr_shows_the_messages():
    with capture() as captured:
        heka.log("a")

    assert repr(captured) == f"Captured([{captured[0]!r}])"


def test_nothing_is_resolved_sent_or_counted():
    before = heka.stats()

    with capture():
        assert heka.log("a", to="tcp://name.invalid:1") is True
        assert heka.log("a", to=("192.0.2.1", 9)) is True
        assert heka.log("a", to="file:///nowhere/at/all") is True

    assert heka.stats() == before


def test_it_ends_with_the_block():
    class Stream:
        def write(self, frame: bytes) -> None:
            written.append(frame)

    written: list[bytes] = []
    with capture() as captured:
        heka.log("a", to=Stream())
    heka.log("b", to=Stream())

    assert len(captured) == 1
    assert len(written) == 1


def test_it_ends_with_an_exception_too():
    with pytest.raises(BoomError), capture() as captured:
        boom()
    with capture() as outer:
        heka.log("a")

    assert (len(captured), len(outer)) == (0, 1)


def test_captures_nest():
    """The innermost capture gets the messages."""
    with capture() as outer:
        heka.log("before")
        with capture() as inner:
            heka.log("inside")
        heka.log("behind")

    assert [message.type for message in outer] == ["before", "behind"]
    assert [message.type for message in inner] == ["inside"]


def test_a_capture_that_begins_while_a_value_is_read():
    """The destination is chosen after the values are read."""
    inner = capture()
    with capture() as outer:
        heka.log("a", fields={"k": Index(1, inner.__enter__)})
        inner.__exit__(None, None, None)

    assert len(outer) == 0


def test_every_thread_is_captured():
    with capture() as captured:
        threads = [threading.Thread(target=heka.log, args=(str(i),)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(message.type for message in captured) == [str(i) for i in range(8)]


def test_exception_of_the_capture_callback_is_passed_on():
    """The callback is code of the test."""
    with capture() as captured:
        captured.add = boom  # type: ignore[method-assign]
        heka.api._emitter.capture = captured.add
        with pytest.raises(BoomError):
            heka.log("a")


def test_refused_messages_are_not_captured():
    with capture() as captured, pytest.raises(heka.FieldError):
        heka.log("a", fields={"k": None}, bad_values="raise")

    assert list(captured) == []


def test_captured_takes_several_messages_in_one_frame_of_bytes():
    captured = Captured()

    captured.add(heka.pack("a") + heka.pack("b"))

    assert [message.type for message in captured] == ["a", "b"]


# ---- the fixture ------------------------------------------------------------------------------

PASSING = """
import heka
import heka.testing

def test_first(heka_capture):
    assert heka.log("login", fields={"user": "ann"})
    assert isinstance(heka_capture, heka.testing.Captured)
    assert [m.type for m in heka_capture] == ["login"]
    assert heka_capture[0].fields["user"] == ["ann"]

def test_second_begins_anew(heka_capture):
    assert len(heka_capture) == 0

def test_third_without_it():
    from heka.api import _emitter
    assert _emitter.capture is None
"""


def test_pytest_finds_the_fixture_by_itself(pytester, monkeypatch):
    """In a new process, where only the entry point loads the fixture."""
    pytester.makepyfile(PASSING)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=3)


def test_the_fixture_explains_itself(pytester):
    result = pytester.runpytest_inprocess("--fixtures", "-q")

    result.stdout.fnmatch_lines(["heka_capture*", "*Capture every message that the test logs*"])


def test_a_test_that_fails_shows_what_was_logged(pytester):
    pytester.makepyfile(
        """
        import heka

        def test_logs_nothing(heka_capture):
            heka.log("surprise")
            assert list(heka_capture) == []
        """
    )

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Message(type='surprise'*"])


def test_importing_heka_does_not_import_pytest():
    code = "import sys, heka, heka.testing; print('pytest' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "False\n"
