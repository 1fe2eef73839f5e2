"""Local streams: standard output, file objects, and DebugCaptureStream."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
from unittest.mock import Mock

import pytest
from delivery.support import run, run_threads

import heka
from heka._runtime.accounts import Account, total
from heka.encoders import JSONEncoder
from heka.exceptions import ConfigError
from heka.streams import DebugCaptureStream, FormatterStream, StdOutStream

FRAME = heka.pack("t", payload="p\xff\n")


class Out(io.TextIOWrapper):
    """A text stream over bytes, as sys.stdout is; ``written`` is the bytes of both."""

    def __init__(self, encoding="utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="\n")

    @property
    def written(self):
        return self.buffer.getvalue()


def outcome(stream):
    stats = stream.stats()
    assert stats["offered"] == stats["sent"] + sum(stats["dropped"].values())
    return stats["sent"], stats["dropped"]


# ---- standard output -----------------------------------------------------------------------------


def test_frames_and_text_come_out_in_the_order_of_writing(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out())
    stream = StdOutStream()
    line = JSONEncoder().encode(heka.Message("t"))

    print("printed")
    assert stream.write(FRAME) is True
    assert stream.write(line) is True
    assert stream.write(memoryview(b"view\n")) is True

    assert sys.stdout.written == b"printed\n" + FRAME + line.encode() + b"view\n"
    assert stream.stats()["bytes"] == len(FRAME) + len(line) + 5


def test_a_message_is_one_line_of_text(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out())

    StdOutStream().write(heka.Message("t", payload="two\nlines"))

    assert sys.stdout.written.startswith(b"Message(type='t'")
    assert sys.stdout.written.count(b"\n") == 1


def test_stdout_is_looked_up_at_each_write():
    """As in heka-py 0.30: programs and tests redirect stdout."""
    stream = StdOutStream()
    first, second = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(first):
        stream.write("1")
    with contextlib.redirect_stdout(second):
        stream.write("2")

    assert (first.getvalue(), second.getvalue()) == ("1", "2")


def test_each_write_reaches_a_pipe_at_once():
    """No write waits in a buffer."""
    done = run(
        """
        from heka.streams import StdOutStream
        stream = StdOutStream()
        stream.write('{"text": 1}\\n')
        stream.write(b'{"bytes": 2}\\n')
        os._exit(0)
        """
    )

    assert done.facts == {"text": 1, "bytes": 2}


def test_frames_of_threads_stay_whole(tmp_path):
    """The frames are larger than a pipe or a buffer."""
    done = run(
        """
        from heka.streams import StdOutStream
        stream = StdOutStream()
        sys.stdout = open(sys.argv[1], "w")
        frame = heka.pack("t", payload="x" * 20_000)
        threads = [
            threading.Thread(target=lambda: [stream.write(frame) for _ in range(50)])
            for _ in range(4)
        ]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        sys.stdout.close()
        tell_on = os.write(1, (json.dumps(stream.stats()) + "\\n").encode())
        """,
        tmp_path / "out",
    )

    reader = heka.StreamReader()
    frames = reader.feed((tmp_path / "out").read_bytes())
    assert (len(frames), reader.discarded_bytes) == (200, 0)
    assert done.facts["sent"] == 200


@pytest.mark.parametrize(
    ("out", "data", "text"),
    [
        pytest.param(io.StringIO, FRAME, FRAME.decode("utf-8", "backslashreplace"), id="text-only"),
        pytest.param(io.BytesIO, FRAME, FRAME, id="bytes-only"),
    ],
)
def test_frames_go_to_a_replaced_stdout(monkeypatch, out, data, text):
    monkeypatch.setattr(sys, "stdout", out())

    assert StdOutStream().write(data) is True
    assert sys.stdout.getvalue() == text


def test_text_that_its_encoding_cannot_hold_is_escaped(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out("ascii"))

    assert StdOutStream().write("é\ud800\n") is True
    assert sys.stdout.written == b"\\xe9\\ud800\n"


def test_a_closed_or_missing_stdout_is_counted(monkeypatch, capsys):
    stream = StdOutStream()
    closed = Out()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert stream.write(FRAME) is False
    monkeypatch.setattr(sys, "stdout", None)
    assert stream.write("text") is False
    assert stream.flush() is False

    assert outcome(stream) == (0, {"closed": 2})


def test_a_broken_pipe_is_counted(monkeypatch, capsys):
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", out)
    stream = StdOutStream()

    assert [stream.write(FRAME), stream.write("text")] == [False, False]

    assert outcome(stream) == (0, {"closed": 2})
    assert capsys.readouterr().err.count("StdOutStream: BrokenPipeError") == 1
    with contextlib.suppress(BrokenPipeError):
        out.close()


def test_exception_of_a_replaced_stdout_is_counted(monkeypatch, capsys):
    stream = StdOutStream()
    monkeypatch.setattr(sys, "stdout", Mock(closed=False, **{"write.side_effect": RuntimeError}))

    assert stream.write("text") is False
    assert outcome(stream) == (0, {"error": 1})


def test_a_keyboard_interrupt_of_stdout_passes(monkeypatch):
    stream = StdOutStream()
    with monkeypatch.context() as context:
        out = Mock(closed=False, **{"write.side_effect": KeyboardInterrupt})
        context.setattr(sys, "stdout", out)
        with pytest.raises(KeyboardInterrupt):
            stream.write("1")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert stream.write("2") is True  # the interrupted write is over

    assert out.getvalue() == "2"


def test_a_stdout_that_logs_through_the_stream_does_not_recurse(monkeypatch):
    """Some programs redirect stdout to their log."""
    stream = StdOutStream()

    class Logging(io.StringIO):
        def write(self, text):
            stream.write(f"again: {text}")
            return super().write(text)

    monkeypatch.setattr(sys, "stdout", Logging())

    assert stream.write("once") is True
    assert sys.stdout.getvalue() == "once"
    assert outcome(stream) == (1, {"reentrant": 1})


def test_after_close_nothing_is_written_and_stdout_is_open(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Out())
    with StdOutStream() as stream:
        stream.write("1")

    assert stream.closed
    assert stream.write("2") is False
    assert outcome(stream) == (1, {"closed": 1})
    print("3", end="", flush=True)
    assert sys.stdout.written == b"13"


# ---- any file object -----------------------------------------------------------------------------


def test_each_message_is_a_line_of_what_the_formatter_makes():
    out = io.StringIO()
    stream = FormatterStream(out, lambda message: f"{message.type}={message.payload}")

    stream.write(heka.Message("a", payload="1"))
    stream.write(heka.Message("b", payload="2"))

    assert out.getvalue() == "a=1\nb=2\n"


def test_the_formatter_is_json_unless_another_is_named():
    out = io.StringIO()
    FormatterStream(out).write(heka.Message("a"))

    assert json.loads(out.getvalue())["type"] == "a"


def shout(message):
    return message.type.upper()


def test_names_are_resolved(monkeypatch, capsys):
    monkeypatch.setattr(heka, "shout", shout, raising=False)
    stream = FormatterStream("sys:stderr", "heka.shout")

    stream.write(heka.Message("a"))

    assert capsys.readouterr().err == "A\n"


@pytest.mark.parametrize(
    ("stream", "formatter", "said"),
    [
        pytest.param(None, None, "stream: expected an object with write", id="none"),
        pytest.param("sys.nothing", None, "stream: 'sys' has no 'nothing'", id="no-such-stream"),
        pytest.param("not a name", None, "stream: expected 'package", id="no-name"),
        pytest.param("sys.path", None, "stream: expected an object with write", id="no-write"),
        pytest.param(io.StringIO(), 5, "formatter: expected a callable", id="formatter"),
        pytest.param(io.StringIO(), "sys.nothing", "formatter: 'sys' has no", id="no-formatter"),
    ],
)
def test_object_that_cannot_format_or_write_is_refused(stream, formatter, said):
    with pytest.raises(ConfigError, match=said):
        FormatterStream(stream, formatter)


def test_a_formatter_that_fails_is_counted(capsys):
    stream = FormatterStream(io.StringIO(), lambda message: 1 / 0)

    assert stream.write(heka.Message("a")) is False
    assert outcome(stream) == (0, {"error": 1})


# ---- the last messages ---------------------------------------------------------------------------


def test_the_last_hundred_are_kept():
    stream = DebugCaptureStream()
    for number in range(101):
        assert stream.write(str(number).encode()) is True

    assert len(stream.msgs) == 100
    assert (stream.msgs[0], stream.msgs[-1]) == (b"1", b"100")
    assert stream.stats()["sent"] == 101
    assert stream.flush() is True


def test_captured_messages_are_the_encoders_output():
    stream = DebugCaptureStream()
    message = heka.Message("t")

    stream.write(message)

    assert stream.msgs[0] is message


def test_options_become_attributes():
    """As in metlog; tests of configurations read them."""
    assert DebugCaptureStream(extra="x").extra == "x"


@pytest.mark.parametrize("name", ["write", "msgs", "close"])
def test_options_do_not_replace_existing_attributes(name):
    with pytest.raises(ConfigError, match=f"{name}: DebugCaptureStream has an attribute"):
        DebugCaptureStream(**{name: 1})


def test_threads_count_together():
    stream = DebugCaptureStream()

    run_threads(4, lambda index: [stream.write(b"x") for _ in range(1000)])

    count = {"offered": 4000, "sent": 4000, "bytes": 4000, "dropped": {}}
    assert stream.stats() == total([count])


def test_no_count_is_lost_between_reading_and_writing():
    class Slow(int):
        def __radd__(self, other):
            threading.Event().wait(0.001)
            return int(self) + other

    account = Account()

    run_threads(4, lambda index: [account.count(Slow(1)) for _ in range(10)])

    assert (account.counts()["sent"], account.counts()["bytes"]) == (40, 40)


def test_a_child_counts_from_zero():
    told = run(
        """
        from heka.streams import DebugCaptureStream
        stream = DebugCaptureStream()
        stream.write(b"x")
        child = os.fork()
        if child == 0:
            tell(before=stream.stats()["sent"], written=stream.write(b"y"))
            tell(after=stream.stats())
            os._exit(0)
        os.waitpid(child, 0)
        tell(parent=stream.stats()["sent"])
        """
    ).facts

    assert (told["before"], told["after"]["sent"], told["parent"]) == (0, 1, 1)


def test_heka_log_takes_the_capture_stream():
    stream = DebugCaptureStream()

    heka.log("t", to=stream)

    (frame,) = heka.StreamReader().feed(stream.msgs[0])
    assert frame.message.type == "t"
