"""An output with a signer of its own, and one that forwards messages as they came."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from agent.support import block_of

from heka import SignerConfig
from heka._core import monotonic, pack
from heka.agent.config import load_text
from heka.agent.outputs.signing import OwnSigner
from heka.agent.running import RunningOutput
from heka.exceptions import ConfigError
from heka.framing import Block, BlockReader

SIGNER = """
[forward.signer]
name = "site"
version = 2
hmac_key = "its-own-secret"
"""


def sent(tmp_path: Path, frames: bytes, more: str) -> bytes:
    """Return what an output sends for *frames*."""
    path = str(tmp_path / "peer.sock")
    text = f"""
    [agent]
    [forward]
    type = "TcpOutput"
    address = "unix://{path}"
    message_matcher = "TRUE"
    {more}
    """
    [section] = load_text(text, "a.toml").sections
    received: list[bytes] = []

    def receive() -> None:
        peer, _ = listening.accept()
        with peer, peer.makefile("rb") as file:
            received.append(file.read())

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        output = RunningOutput(section, None, str(tmp_path / "base"))
        output.open()
        output.start()
        for block in BlockReader().feed(frames):
            assert output.consumer.accept(block)
        output.flush(monotonic() + 30)
        assert output.stop(monotonic() + 30)
        assert output.close() == 0
        thread.join(30)
    return received[0]


def test_frames_keep_their_bytes_and_their_signature_without_a_signer(tmp_path):
    frames = pack(payload="a") + pack(payload="b", signer=SignerConfig("app", 1, "key", "md5"))

    assert sent(tmp_path, frames, "") == frames


def test_an_output_with_a_signer_signs_all_messages_anew(tmp_path):
    frames = pack(payload="a") + pack(payload="b", signer=SignerConfig("app", 1, "key", "md5"))
    reader = BlockReader(signers={("site", 2): b"its-own-secret"}, require_signature=True)
    blocks = reader.feed(sent(tmp_path, frames, SIGNER))

    assert [each.signer for each in blocks] == ["site"] * len(blocks)
    messages = [bytes(frame.payload) for block in blocks for frame in block]
    assert messages == [
        bytes(frame.payload) for block in BlockReader().feed(frames) for frame in block
    ]
    assert not reader.refused


def test_a_block_that_grows_over_the_limit_is_taken_in_parts_and_never_twice():
    """A signature takes more bytes than a short message."""
    big = block_of(*["x" * 150] * 1000)
    signer = OwnSigner(SignerConfig("a-signer-with-a-long-name-" * 4, 1, "key", "sha1"))
    offered: list[Block] = []
    taken: list[Block] = []

    def accept(block: Block) -> bool:
        """Take every second one that is offered."""
        offered.append(block)
        is_taken = len(offered) % 2 == 1
        taken.extend([block] * is_taken)
        return is_taken

    assert not signer.offer(big, accept)
    while not signer.offer(big, accept):
        pass
    assert len(taken) > 1
    assert sum(map(len, taken)) == 1000
    assert not signer._left


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (SIGNER.replace('name = "site"', ""), "forward.signer.name: expected text, got nothing"),
        (SIGNER.replace("site", "s" * 250), "forward.signer: no signer can be made of this"),
        (SIGNER.replace("= 2", "= -1"), "forward.signer: no signer can be made of this"),
        (SIGNER.replace('"its-own-secret"', "5"), "forward.signer.hmac_key: expected text, got a"),
        (SIGNER + 'hmac_hash = "sha512"', "forward.signer.hmac_hash: expected 'sha1' or 'md5'"),
        (
            'encoder = "JsonEncoder"\n' + SIGNER,
            "forward.signer: expected none with JsonEncoder: only ProtobufEncoder writes headers",
        ),
    ],
)
def test_a_wrong_signer_is_told_without_its_key(text, answer):
    config = f"[forward]\ntype='TcpOutput'\naddress=':1'\nmessage_matcher='TRUE'\n{text}"
    with pytest.raises(ConfigError) as caught:
        load_text(config, "a.toml")

    assert answer in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_key_is_in_no_text_of_the_plan():
    plan = load_text(f"[forward]\ntype='TcpOutput'\naddress=':1'\n{SIGNER}", "a.toml")

    assert "its-own-secret" not in repr(plan)
