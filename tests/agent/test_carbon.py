"""CarbonOutput: lines over TCP and UDP, what is refused, and a connection that ends."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from agent.support import block_of, soon

from heka._core import carbon_lines, monotonic
from heka.agent.outputs.carbon import CarbonOptions, CarbonOutput, _LinesWriter
from heka.agent.outputs.encoders import JsonEncoder
from heka.exceptions import ConfigError
from heka.framing import Block


def writer_to(address: tuple[str, int], **options: Any) -> tuple[CarbonOutput, _LinesWriter]:
    """Return an output to *address*, and its writer, which is open."""
    made = CarbonOptions(address=f"127.0.0.1:{address[1]}", **options)
    output = CarbonOutput("carbon", made, None)
    outlet: Any = output.outlet()
    writer = outlet._writer
    writer.open(monotonic() + 30)
    return output, writer


def write(writer: _LinesWriter, block: Block) -> None:
    assert writer.write(block, monotonic() + 30) == {}


def test_lines_come_whole_and_in_order_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        output, writer = writer_to(server.getsockname(), tags={"host": "web1"})
        write(writer, block_of("a 1 2\nb 2 2\n", "no line", "c 3 2"))
        peer, _ = server.accept()
        writer.close(monotonic() + 30)
        with peer, peer.makefile("rb") as file:
            assert file.read() == b"a;host=web1 1 2\nb;host=web1 2 2\nc;host=web1 3 2\n"
    assert output.account() == {"lines": 3, "bad_lines": {"malformed": 1}}


def test_a_datagram_holds_whole_lines_and_passes_every_network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        _, writer = writer_to(server.getsockname(), protocol="udp")
        lines = [f"some.key.{number} {number} 1772370131\n" for number in range(200)]
        write(writer, block_of("".join(lines)))
        writer.close(monotonic() + 30)
        server.settimeout(30)
        got = []
        while len(b"".join(got)) < len("".join(lines)):
            got.append(server.recv(65536))
    assert b"".join(got).decode() == "".join(lines)
    assert max(map(len, got)) <= 1400
    assert all(each.endswith(b"\n") for each in got)


def test_a_connection_that_ends_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        _, writer = writer_to(server.getsockname())
        server.accept()[0].close()

        def write_on() -> None:
            for _ in range(1000):
                write(writer, block_of("a 1 2"))

        with pytest.raises(OSError, match=r"closed|reset|[Bb]roken"):
            write_on()
        writer.close(0.0)


def test_a_carbon_that_has_ended_while_idle_gets_nothing() -> None:
    """The kernel would take one more write, and nobody would read it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        output, writer = writer_to(server.getsockname())
        write(writer, block_of("a 1 2"))
        peer, _ = server.accept()
        peer.recv(100)
        peer.close()
        soon(writer._transport.has_hung_up)
        with pytest.raises(ConnectionResetError, match="the peer has closed"):
            write(writer, block_of("b 1 2"))
        writer.close(0.0)
    assert output.account()["lines"] == 1


def test_pieces_have_so_many_lines() -> None:
    block = block_of(*(f"k{number} 1 2" for number in range(1001)))
    pieces, (lines, *_) = carbon_lines(block, b"", 500, 0)
    assert [piece.count(b"\n") for piece in pieces] == [500, 500, 1]
    assert lines == 1001


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"tags": {"a;b": "c"}}, "tags: expected names"),
        ({"tags": {"a": "~c"}}, "tags: expected names"),
        ({"tags": {"": "c"}}, "tags: expected names"),
        ({"address": "http://h:1"}, "address: expected HOST:PORT"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        CarbonOutput("carbon", CarbonOptions(**options), None)


def test_an_encoder_is_refused() -> None:
    encoder = JsonEncoder("json", JsonEncoder.Options())
    with pytest.raises(ConfigError, match="encoder: expected none"):
        CarbonOutput("carbon", CarbonOptions(), encoder)
