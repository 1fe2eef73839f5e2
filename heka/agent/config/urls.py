"""A configuration from URLs: ``heka agent --from tcp://:5565 --to tls://host:5565``."""

from __future__ import annotations

import json
from collections.abc import Sequence

from heka.exceptions import ConfigError

__all__ = ["toml_of"]

_INPUTS = {
    "tcp": ("TcpInput", ""),
    "unix": ("TcpInput", "unix"),
    "udp": ("UdpInput", ""),
    "unixgram": ("UdpInput", "unixgram"),
    "statsd": ("StatsdInput", ""),
}
_OUTPUTS = {
    "tcp": "TcpOutput",
    "tls": "TcpOutput",
    "unix": "TcpOutput",
    "udp": "UdpOutput",
    "unixgram": "UdpOutput",
    "file": "FileOutput",
}


def toml_of(sources: Sequence[str], targets: Sequence[str], base_dir: str | None) -> str:
    """Return the TOML that says the same as the URLs.

    Raises:
        ConfigError: A URL has a scheme that none of the inputs or outputs has.
    """
    lines = ["[agent]"]
    if base_dir is not None:
        lines.append(f"base_dir = {json.dumps(base_dir)}")
    for number, url in enumerate(sources, 1):
        scheme, address = _split(url, "--from", _INPUTS)
        type_, net = _INPUTS[scheme]
        lines += [f"[input-{number}]", f'type = "{type_}"', f"address = {json.dumps(address)}"]
        if net:
            lines.append(f'net = "{net}"')
    if any(url.startswith("statsd:") for url in sources):
        lines.append("[StatAccumInput]")
    for number, url in enumerate(targets, 1):
        scheme, address = _split(url, "--to", _OUTPUTS)
        key, value = ("path", address) if scheme == "file" else ("address", url)
        lines += [f"[output-{number}]", f'type = "{_OUTPUTS[scheme]}"', 'message_matcher = "TRUE"']
        lines.append(f"{key} = {json.dumps(value)}")
        if scheme == "file":
            lines.append('encoder = "ProtobufEncoder"')
    return "\n".join(lines) + "\n"


def _split(url: str, option: str, known: object) -> tuple[str, str]:
    assert isinstance(known, dict)
    scheme, separator, address = url.partition("://")
    if not separator or scheme not in known or not address:
        expected = ", ".join(f"{name}://" for name in known)
        raise ConfigError(f"{option}: expected one of {expected} with an address, got {url!r}")
    return scheme, address
