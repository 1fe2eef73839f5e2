"""What a configuration says, once it is read and checked."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from heka.agent.options import option
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.queues import QueueSettings
    from heka.matcher import Matcher
    from heka.signing import SignerConfig

__all__ = ["Place", "Plan", "Retries", "Section", "Settings"]


@dataclass(frozen=True)
class Place:
    """A place in a file, ``agent.toml:12``; line 0: the file as a whole."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return it for an error text."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Settings:
    """The section ``[agent]``, or ``[hekad]`` of a hekad configuration."""

    base_dir: str = option(
        "/var/lib/heka",
        "text",
        "Directory of the queues and of everything else that survives a restart.",
        hekad="/var/cache/hekad",
    )
    hostname: str = option("", "text", "Of the messages that the agent makes; else this machine's.")
    control: str | None = option(
        None, "text", "Path of the control socket; '' for none. Else agent.sock in base_dir."
    )
    stop_timeout: float = option(
        10.0, "seconds", "How long SIGTERM lets outputs deliver; the rest stays in the queues."
    )
    report_interval: float = option(
        60.0, "seconds", "Time between two reports, a message for each section; 0 for none."
    )
    max_message_size: int = option(65_536, "size", "Bytes of a message, for all inputs.")
    pid_file: str = option("", "text", "A file that the agent writes its process id to.")

    def __post_init__(self) -> None:
        """Fill in what depends on the machine and on other settings; ConfigError."""
        if not self.base_dir:
            raise ConfigError("base_dir: expected a directory, got ''")
        if not self.hostname:
            object.__setattr__(self, "hostname", socket.gethostname())
        if self.control is None:
            object.__setattr__(self, "control", f"{self.base_dir.rstrip('/')}/agent.sock")


@dataclass(frozen=True)
class Retries:
    """The table ``[X.retries]``."""

    max_delay: float = option(30.0, "seconds", "Longest time between two tries.")
    delay: float = option(0.25, "seconds", "No effect: the first tries follow at once.")
    max_jitter: float = option(0.5, "seconds", "No effect: every wait is drawn at random.")
    max_retries: int = option(-1, "integer", "No effect: an output tries for ever.")


@dataclass(frozen=True)
class Section:
    """One section: a plugin with its options. Equal sections run the same.

    Attributes:
        name: Its name.
        kind: ``input``, ``splitter``, ``decoder``, ``filter``, ``encoder`` or ``output``.
        type: The type of its plugin.
        raw: What the files say, with the splitter and the encoder that it names.
        place: Where it begins.
        plugin: The class.
        options: An instance of its ``Options``.
        matcher: Which messages it gets; None for inputs and their like.
        signer: It gets messages with this verified signer only; empty: all.
        encoder: The section or the type of its encoder; empty: none.
        decoder: The section or the type of an input's decoder; empty: none.
        send_decode_failures: Of an input: whether what cannot be decoded is routed.
        log_decode_failures: Of an input: whether a line tells of it.
        own_signer: Of an output that signs what it sends.
        queue: Of an output.
        retries: Of an output.
    """

    name: str
    kind: str
    type: str
    raw: Mapping[str, Any] = field(repr=False)  # it may have keys and passwords
    place: Place = field(compare=False)
    plugin: Any = field(compare=False, repr=False)
    options: Any = field(compare=False, repr=False)
    matcher: Matcher | None = field(default=None, compare=False, repr=False)
    signer: str = ""
    encoder: str = ""
    decoder: str = ""
    send_decode_failures: bool = True
    log_decode_failures: bool = True
    own_signer: SignerConfig | None = field(default=None, compare=False, repr=False)
    queue: QueueSettings | None = None
    retries: Retries | None = None


@dataclass(frozen=True)
class Plan:
    """A whole configuration.

    Attributes:
        settings: Of the agent.
        sections: In the order of the files.
        notes: What is said and has no effect, each with its place.
        is_hekad: The configuration is one of hekad's: its defaults hold.
    """

    settings: Settings
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    is_hekad: bool = False
