"""``python -m heka bench``: messages arrive, the summary is right, and errors are reported."""

from __future__ import annotations

import json
import os
import re
import signal
import socket

import pytest
from cli.support import KEY, PATIENCE

from heka import cli


def sent(out: str) -> int:
    """Return the number of messages in the summary."""
    return int(re.match(r"([\d,]+) messages? in ", out)[1].replace(",", ""))


def receiver(start, *args: str):
    """Start ``listen --json``; return it and its port."""
    listen = start("listen", "--json", *(args or ("--udp", ":0")))
    return listen, str(listen.listening()[0][1])


def received(listen, count: int) -> list[dict]:
    """Stop *listen* once *count* messages have arrived; return what it printed."""
    listen.wait_for(lambda out, err: out.count("\n") >= count)
    assert listen.stop() == 0
    return [json.loads(line) for line in listen.out.splitlines()]


@pytest.mark.parametrize("options", [[], ["--raw"]], ids=["client", "raw"])
def test_every_message_of_the_summary_arrives(start, options):
    listen, port = receiver(start)

    bench = start("bench", "127.0.0.1", port, "--rate", "300", "--duration", "0.5", *options)

    assert bench.ended() == 0
    messages = received(listen, sent(bench.out))
    assert len(messages) == sent(bench.out)
    assert {(m["type"], m["logger"], m["severity"], m["payload"]) for m in messages} == {
        ("MBTEST", "mb", 6, "MBTEST")
    }
    assert "\n0 not sent\n" in bench.out


def test_a_client_makes_each_message_and_raw_sends_the_same(start):
    listen, port = receiver(start)
    options = ("127.0.0.1", port, "--rate", "100", "--duration", "0.2")

    made = start("bench", *options)
    assert made.ended() == 0
    same = start("bench", *options, "--raw")
    assert same.ended() == 0

    total = sent(made.out) + sent(same.out)
    uuids = [message["uuid"] for message in received(listen, total)]
    assert len(set(uuids)) == sent(made.out) + 1


def test_bytes_are_those_of_the_frames(start):
    """The bytes in the summary are the bytes that the receiver counts."""
    listen, port = receiver(start)
    bench = start("bench", "127.0.0.1", port, "--rate", "50", "--duration", "1", "--raw")

    assert bench.ended() == 0
    received(listen, sent(bench.out))
    arrived = int(re.search(r"([\d,]+) bytes,", listen.err)[1].replace(",", ""))
    elapsed = float(re.search(r" in ([\d.]+) s", bench.out)[1])
    said = float(re.search(r"([\d.]+) kB/s", bench.out)[1]) * 1000
    assert said == pytest.approx(arrived / elapsed, rel=0.1)


@pytest.mark.parametrize("rate", [20, 500])
def test_a_rate_is_never_exceeded(start, rate):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = str(sink.getsockname()[1])
        bench = start("bench", "127.0.0.1", port, "--rate", str(rate), "--duration", "0.5")
        assert bench.ended() == 0

    elapsed = float(re.search(r" in ([\d.]+) s", bench.out)[1])
    assert 1 <= sent(bench.out) <= rate * (elapsed + 0.05) + 1


def test_a_rate_that_is_not_reached_is_reported(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = str(sink.getsockname()[1])
        bench = start("bench", "127.0.0.1", port, "--rate", "1e9", "--duration", "0.2")
        assert bench.ended() == 0

    assert "the requested rate of 1,000,000,000 per second was not reached" in bench.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
@pytest.mark.parametrize("options", [[], ["--rate", "1"]], ids=["busy", "waiting"])
def test_a_signal_ends_it_with_the_summary(start, number, options):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(PATIENCE)
        bench = start("bench", "127.0.0.1", str(sink.getsockname()[1]), *options)
        while not sink.recv(65536):  # the datagram that checks the port is empty
            pass

        assert bench.stop(number) == 0

    assert sent(bench.out) >= 1
    assert "Traceback" not in bench.err


def test_into_a_pipe_it_writes_a_line_a_second(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = str(sink.getsockname()[1])
        bench = start("bench", "127.0.0.1", port, "--rate", "100")
        bench.wait_for(lambda out, err: err.count(" messages/s ") >= 2)
        assert bench.stop() == 0

    assert re.search(r"^ +\d+\.\d s  +[\d.]+ messages/s  [\d.]+ kB/s  \d+ sent  0 not sent$",
                     bench.err, re.MULTILINE)  # fmt: skip
    assert "\r" not in bench.err
    assert "\x1b" not in bench.err


def test_the_file_configures_the_client(start, tmp_path):
    """TCP, a signer and a logger from the file; only the type is that of bench."""
    listen, port = receiver(start, "--tcp", ":0", "--key", f"ops:1:{KEY}", "--require-signature")
    (tmp_path / "app.ini").write_text(
        f"[heka]\nlogger = shop\nstream_class = heka.streams.TcpStream\nstream_host = 127.0.0.1\n"
        f"stream_port = {port}\n\n[heka_hmac]\nsigner = ops\nkey_version = 1\n"
        f"hash_function = SHA1\nkey = {KEY}\n"
    )

    bench = start("bench", "--hekacfg", "app.ini", "--rate", "100", "--duration", "0.3")

    assert bench.ended() == 0, bench.err
    messages = received(listen, sent(bench.out))
    assert len(messages) == sent(bench.out)
    assert {(m["type"], m["logger"], m["signer"]) for m in messages} == {("MBTEST", "shop", "ops")}


def test_host_and_port_beside_a_file_are_reported_as_ignored(start, tmp_path):
    (tmp_path / "app.ini").write_text("[heka]\nstream_class = heka.streams.DebugCaptureStream\n")

    bench = start("bench", "h", "1", "--hekacfg", "app.ini", "--rate", "10", "--duration", "0.1")

    assert bench.ended() == 0
    assert "note: HOST and PORT are ignored: messages go where app.ini says\n" in bench.err


def test_a_key_that_the_file_has_wrong_is_noted(start, tmp_path):
    (tmp_path / "app.ini").write_text(
        "[heka]\nloger = shop\nstream_class = heka.streams.DebugCaptureStream\n"
    )

    bench = start("bench", "--hekacfg", "app.ini", "--rate", "10", "--duration", "0.1")

    assert bench.ended() == 0
    assert re.search(r"^note: .*loger.*logger", bench.err, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("[heka]\nlogger = a\n", "class", id="no-stream-class"),
        pytest.param("[other]\n", "heka", id="no-section"),
        pytest.param("[heka]\nstream_class = nowhere.Stream\n", "nowhere", id="no-such-class"),
        pytest.param("[heka]\nstream_class = ${NO_SUCH}\n", "NO_SUCH", id="no-such-variable"),
        pytest.param("logger = a\n", "section", id="no-ini"),
    ],
)
def test_a_wrong_file_is_one_sentence(start, tmp_path, text, complaint):
    (tmp_path / "app.ini").write_text(text)

    bench = start("bench", "--hekacfg", "app.ini", "--duration", "0.1")

    assert bench.ended() == 1
    assert bench.err.startswith("python -m heka bench: configuration 'app.ini': ")
    assert complaint in bench.err
    assert "Traceback" not in bench.err
    assert bench.out == ""


def test_a_missing_file_is_named(start):
    bench = start("bench", "--hekacfg", "nowhere.ini")

    assert bench.ended() == 1
    assert "cannot read the configuration 'nowhere.ini': No such file" in bench.err


def test_nothing_sent_is_exit_code_1_with_the_remedy(start, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nothing listens
        (tmp_path / "app.ini").write_text(
            "[heka]\nstream_class = heka.streams.TcpStream\nstream_host = 127.0.0.1\n"
            f"stream_port = {closed.getsockname()[1]}\n"
        )
        bench = start("bench", "--hekacfg", "app.ini", "--rate", "50", "--duration", "0.3")

        assert bench.ended() == 1

    assert "no message was sent to app.ini (" in bench.err
    assert "start a receiver there, for instance 'python -m heka listen'" in bench.err
    assert bench.out == ""


def test_filters_that_drop_everything_are_reported(start, tmp_path):
    (tmp_path / "app.ini").write_text(
        "[heka]\nstream_class = heka.streams.DebugCaptureStream\n\n[heka_filter_types]\n"
        "provider = heka.filters.type_whitelist_provider\ntypes = timer\n"
    )

    bench = start("bench", "--hekacfg", "app.ini", "--rate", "10", "--duration", "0.1")

    assert bench.ended() == 1
    assert "no message was sent to app.ini: its filters drop" in bench.err


def test_a_closed_port_is_reported(start):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = str(closed.getsockname()[1])

    bench = start("bench", "127.0.0.1", port, "--raw", "--rate", "100", "--duration", "0.3")

    assert bench.ended() in (0, 1)  # the first datagram is refused only afterwards
    assert re.search(r"\d+ not sent \(refused\)\n", bench.out)
    assert "refused: nothing listens there" in bench.out


@pytest.mark.parametrize("options", [[], ["--raw"]], ids=["client", "raw"])
def test_a_closed_port_is_noted_at_the_start(start, options):
    """A client does not notice: it sends refused datagrams again, and the kernel accepts them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = str(sock.getsockname()[1])
        heard = start("bench", "127.0.0.1", port, *options, "--rate", "50", "--duration", "0.1")
        heard.ended()
    unheard = start("bench", "127.0.0.1", port, *options, "--rate", "50", "--duration", "0.1")
    unheard.ended()

    assert "note: " not in heard.err
    assert f"note: nothing listens on udp 127.0.0.1:{port} now" in unheard.err


@pytest.mark.parametrize("options", [[], ["--raw"]], ids=["client", "raw"])
def test_a_host_without_an_address_ends_it(start, options):
    bench = start("bench", "no-such-host.invalid", "5565", "--duration", "0.3", *options)

    assert bench.ended() == 1
    assert "no-such-host.invalid" in bench.err
    assert "Traceback" not in bench.err


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        pytest.param([], "HOST and PORT are required", id="nothing"),
        pytest.param(["localhost"], "HOST and PORT are required", id="no-port"),
        pytest.param(["localhost", "0"], "1 to 65535", id="port-0"),
        pytest.param(["localhost", "heka"], "1 to 65535", id="port-in-words"),
        pytest.param(["localhost", "5565", "--rate", "0"], "above 0", id="no-rate"),
        pytest.param(["localhost", "5565", "--rate", "nan"], "above 0", id="nan"),
        pytest.param(["localhost", "5565", "--duration", "-1"], "above 0", id="past"),
        pytest.param(["--raw", "--hekacfg", "a"], "not allowed with", id="raw-client"),
    ],
)
def test_wrong_usage_exits_with_two(args, complaint, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", *args])

    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_mb_is_bench_under_its_old_name(capfd):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = str(sink.getsockname()[1])

        assert cli.mb(["127.0.0.1", port, "--raw", "--rate", "50", "--duration", "0.1"]) == 0

    out, err = capfd.readouterr()
    assert sent(out) >= 1
    assert f"sending to udp 127.0.0.1:{port}\n" in err


def test_mb_names_itself_in_errors(capsys):
    assert cli.mb(["no-such-host.invalid", "5565", "--raw"]) == 1
    assert capsys.readouterr().err.startswith("mb: cannot send to udp no-such-host.invalid:5565: ")

    with pytest.raises(SystemExit):
        cli.mb(["--help"])
    assert capsys.readouterr().out.startswith("usage: mb ")


def test_a_closed_output_pipe_ends_it_without_an_error(start):
    """As with ``bench ... | true``."""
    reading, writing = os.pipe()
    os.close(reading)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port = str(sink.getsockname()[1])
        bench = start(
            "bench", "127.0.0.1", port, "--rate", "10", "--duration", "0.3", stdout=writing
        )
        os.close(writing)

        assert bench.ended() == 0

    assert "Traceback" not in bench.err
