"""``HEKA_DEBUG=1``: a line on stderr for each decision, and none without it."""

from __future__ import annotations

import re

import pytest
from delivery.support import free_port, run

from heka._core import Sink
from heka._runtime.debug import debug

LINE = re.compile(r"heka: debug (\d+): (.+)")


def debugged(script, *args, **variables):
    """Return the lines that *script* writes with HEKA_DEBUG=1, without their beginning."""
    variables = {"HEKA_DEBUG": "1", "HEKA_QUIET": "", **variables}
    found = [LINE.fullmatch(line) for line in run(script, *args, **variables).err.splitlines()]
    return [match[2] for match in found if match is not None]


def test_a_destination_and_its_connection_are_told():
    lines = debugged("""
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        heka.log("t", to=url)
        heka.log("t", to=url)
    """)

    assert [re.sub(r"\d{4,}", "PORT", line) for line in lines] == [
        "tcp://127.0.0.1:PORT: used for the first time; it is that of a call or a handler",
        "tcp://127.0.0.1:PORT: addresses: 127.0.0.1 port PORT",
        "tcp://127.0.0.1:PORT: connected to 127.0.0.1 port PORT",
    ]


@pytest.mark.parametrize(
    ("script", "variables", "origin"),
    [
        ("heka.log('t')", {}, "udp://localhost:5565: used for the first time; it is the default"),
        ("heka.log('t')", {"HEKA_TO": "udp://localhost:9"}, "it is that of HEKA_TO"),
        ("heka.configure(to='udp://localhost:9'); heka.log('t')", {}, "that of heka.configure"),
    ],
)
def test_where_the_destination_comes_from(script, variables, origin):
    assert any(line.endswith(origin) for line in debugged(script, **variables))


def test_what_is_dropped_is_told_with_its_reason():
    port = free_port()
    lines = debugged(
        f"""
        heka.configure(to="tcp://127.0.0.1:{port}")
        heka.log("t")
        heka.log("t")
        heka.log("t", payload="x" * 100_000, oversize="drop")
        heka.log("t", to="tcp://no-such-host.invalid:1")
        """
    )

    name = f"tcp://127.0.0.1:{port}"
    assert f"{name}: cannot connect to 127.0.0.1 port {port}: [Errno 111] Connection refused" in [
        line.replace("[Errno 61]", "[Errno 111]") for line in lines
    ]
    assert f"{name}: a message is dropped: refused, nothing listens there" in lines
    assert any(line.startswith(f"{name}: a message is dropped: backoff, ") for line in lines)
    assert any(line.startswith(f"{name}: a message is dropped: oversize, ") for line in lines)
    assert any("a message is dropped: unresolved, the host name" in line for line in lines)


def test_an_environment_that_is_no_destination_is_told():
    lines = debugged("heka.log('t')", HEKA_TO="ucp://user:hunter2@h")

    assert "$HEKA_TO: a message is dropped: misconfigured, HEKA_TO is no destination" in lines
    assert "hunter2" not in "".join(lines)


def test_queues_and_their_drops_are_told(tmp_path):
    lines = debugged(
        f"""
        from heka.streams import QueuedStream
        url = "tcp://127.0.0.1:{free_port()}"
        stream = QueuedStream(url, capacity=4096)
        for _ in range(1000):
            stream.write(heka.pack("t", payload="x" * 100))
        stream.close(0.0)
        heka.log("t", to=url + "?spool={tmp_path}/spool")
        """
    )

    told = "\n".join(lines)
    assert "made a queue of 4,096 bytes in memory" in told
    assert f"made a queue of 8,388,608 bytes on disk in '{tmp_path}/spool'" in told
    assert re.search(r"\d+ messages are dropped: full, the queue is full", told)


def test_filters_that_refuse_are_told_by_name():
    lines = debugged("""
        from heka.client import HekaClient
        from heka.filters import severity_max_provider, type_blacklist_provider
        from heka.streams import NullStream
        def sunday(message):
            return False
        filters = [severity_max_provider(severity=4), type_blacklist_provider(types=["bad"])]
        client = HekaClient(NullStream(), "app", filters=[*filters, sunday])
        for type, severity in (("t", 6), ("bad", 1), ("t", 1)):
            client.heka(type, severity=severity)
        tell(filtered=client.stats()["filtered"], sent=client.stats()["sent"])
        del client.filters[:]
        client.heka("t")
        tell(then=client.stats()["sent"])
    """)

    refused = [line for line in lines if "refused" in line]
    assert refused == [
        "client 'app': filter severity_max refused a message of type 't', severity 6",
        "client 'app': filter type_blacklist refused a message of type 'bad', severity 1",
        "client 'app': filter sunday refused a message of type 't', severity 1",
    ]
    assert "client 'app': writes to heka.streams.null.NullStream" in lines


def test_filters_decide_and_count_the_same_while_they_are_told():
    script = """
        from heka.client import HekaClient
        from heka.filters import (severity_max_provider, type_severity_max_provider,
            type_whitelist_provider)
        from heka.streams import NullStream
        def broken(message):
            raise KeyError("lost")
        class Broken:
            def admits(self, type, severity):
                raise KeyError("lost")
            def __call__(self, message):
                return True
        for number, one in enumerate([severity_max_provider(severity=4),
                type_whitelist_provider(types=["a"]), broken, Broken(),
                type_severity_max_provider(types={"a": {"severity": 4}})]):
            client = HekaClient(NullStream(), "app", filters=[one])
            answers = [client.heka(t, severity=s) for t in "ab" for s in range(8)]
            answers += [client.admits(t, s) for t in "ab" for s in range(8)]
            tell(**{str(number): [answers, client.stats()]})
    """
    plain, told = run(script, HEKA_DEBUG="0"), run(script, HEKA_DEBUG="1")

    assert plain.facts == told.facts
    assert "debug" in told.err
    assert "debug" not in plain.err


def test_a_level_is_told():
    lines = debugged("heka.configure(level=4)")

    assert lines == ["heka.configure: messages of a severity over 4 are not sent"]


def test_a_handler_without_a_client_is_told():
    lines = debugged("""
        import logging
        from heka.logging import HekaHandler
        HekaHandler("nobody").handle(logging.makeLogRecord({"levelno": 20}))
    """)

    assert lines == ["HekaHandler: there is no client 'nobody'; a message is lost"]


@pytest.mark.parametrize("variables", [{}, {"HEKA_DEBUG": "0"}, {"HEKA_DEBUG": ""}])
def test_without_the_variable_nothing_is_told(variables):
    assert run("heka.log('t', to='udp://127.0.0.1:9')", HEKA_QUIET="", **variables).err in (
        "",
        "heka: nothing listens at udp://127.0.0.1:9; start 'python -m heka listen --udp "
        "127.0.0.1:9' or correct the address\n",
    )


def test_quiet_silences_what_is_told():
    assert run("heka.log('t')", HEKA_DEBUG="1", HEKA_QUIET="1").err == ""


def test_lines_about_the_same_are_limited(capfd, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("heka._runtime.reporter.monotonic", lambda: now[0])
    for number in range(5):
        debug("udp://limited", f"thing {number}", kind="thing")
    debug("udp://limited", "another")
    now[0] += 1
    debug("udp://limited", "thing 5", kind="thing")

    lines = [LINE.fullmatch(line)[2] for line in capfd.readouterr().err.splitlines()]
    assert lines == [
        "udp://limited: thing 0",
        "udp://limited: another",
        "udp://limited: thing 5 (4 more like this)",
    ]


def test_secrets_are_masked(capfd):
    debug("tcp://user:hunter2@h", "password=hunter3")

    said = capfd.readouterr().err
    assert "hunter" not in said
    assert "********" in said


# --- Sink.on_drop ---


def test_on_drop_is_called_with_each_reason():
    sink = Sink(lambda frame, written, timeout, ticket: "refused")
    told = []
    assert sink.on_drop is None
    sink.on_drop = told.append

    sink.write(b"frame", 0.0)
    sink.drop("encode")

    assert told == ["refused", "encode"]
    assert sink.counts()["dropped"] == {"refused": 1, "encode": 1}
    sink.on_drop = None
    sink.drop("encode")
    assert len(told) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_on_drop_that_raises_breaks_nothing():
    def boom(reason):
        raise KeyError("told")

    sink = Sink(lambda frame, written, timeout, ticket: "refused")
    sink.on_drop = boom

    assert sink.write(b"frame", 0.0) is False
    assert sink.counts()["dropped"] == {"refused": 1}


def test_on_drop_takes_a_callable_only():
    sink = Sink(lambda frame, written, timeout, ticket: True)

    with pytest.raises(TypeError, match="on_drop"):
        sink.on_drop = 1


def test_on_drop_may_use_the_sink():
    sink = Sink(lambda frame, written, timeout, ticket: "refused")
    depth = []

    def again(reason):
        if len(depth) < 3:
            depth.append(reason)
            sink.drop("encode")

    sink.on_drop = again
    sink.drop("encode")

    assert sink.counts()["dropped"] == {"encode": 4}
