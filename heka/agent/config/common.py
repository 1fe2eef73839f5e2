"""The keys that sections of one kind have in common, whatever their plugin is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from heka.agent.config.plan import Retries
from heka.agent.options import REQUIRED, choice, option
from heka.agent.queues import QueueSettings
from heka.exceptions import ConfigError
from heka.signing import SignerConfig

__all__ = ["COMMON", "IGNORED_SETTINGS", "Common", "without_effect"]


@dataclass(frozen=True)
class Common:
    """Keys of every section."""

    type: str = option(
        "", "text", "The type of the plugin; a section without it is named like its type."
    )


@dataclass(frozen=True)
class InputCommon(Common):
    """Keys of every input."""

    splitter: str = option(
        "", "text", "How messages are found: a section, or the type of a splitter."
    )
    decoder: str = option(
        "",
        "text",
        "What turns the text of a message into fields: a section, or the type of a decoder.",
    )
    ticker_interval: float = option(0.0, "seconds", "For inputs that work at intervals.")
    can_exit: bool = option(False, "boolean", "No effect: no section that ends stops the agent.")
    synchronous_decode: bool = option(False, "boolean", "No effect: inputs decode by themselves.")
    send_decode_failures: bool = option(
        True,
        "boolean",
        "Whether messages that cannot be decoded are routed, as they came, with the field "
        "heka.undecoded; else they are dropped and counted.",
        hekad=False,
    )
    log_decode_failures: bool = option(
        True, "boolean", "Whether a line, at most one a minute, tells of such messages."
    )
    retries: Retries | None = option(None, Retries, "No effect: an input is opened once.")


@dataclass(frozen=True)
class FilterCommon(Common):
    """Keys of every filter."""

    message_matcher: str = option(
        "", "text", "Which messages it gets: an expression. Without one it gets none."
    )
    message_signer: str = option("", "text", "It gets messages that this signer has signed only.")
    ticker_interval: float = option(0.0, "seconds", "For plugins that work at intervals.")
    can_exit: bool = option(False, "boolean", "No effect: no section that ends stops the agent.")
    use_buffering: bool = option(
        True, "boolean", "No effect: every output has a queue on disk, and no filter has one."
    )
    buffering: QueueSettings | None = option(None, QueueSettings, "The queue of an output.")
    retries: Retries | None = option(None, Retries, "When an output tries again.")


@dataclass(frozen=True)
class SignerOptions:
    """The table ``[X.signer]`` of an output, with the keys of hekad's own clients."""

    name: str = option(REQUIRED, "text", "Name of the signer.")
    hmac_key: str = option(REQUIRED, "text", "Its key, best given as '%ENV[NAME]'.")
    version: int = option(0, "integer", "Version of the key.")
    hmac_hash: str = option("sha1", choice("sha1", "md5"), "The hash of the signature.")

    def config(self) -> SignerConfig:
        """Return the signer; ConfigError, which does not show the key."""
        try:
            return SignerConfig(self.name, self.version, self.hmac_key, self.hmac_hash)
        except (ValueError, OverflowError) as failure:
            raise ConfigError(f"no signer can be made of this table: {failure}") from None

    def __post_init__(self) -> None:
        """Check that a signer can be made of it; ConfigError."""
        self.config()


@dataclass(frozen=True)
class OutputCommon(FilterCommon):
    """Keys of every output."""

    encoder: str = option(
        "", "text", "A section, or the type of an encoder; without it frames are sent as they came."
    )
    use_framing: bool | None = option(
        None,
        "boolean",
        "Whether messages are framed. ProtobufEncoder always frames, no other does.",
    )
    signer: SignerOptions | None = option(
        None,
        SignerOptions,
        "The output signs: frames get a new header with this signature in place of their own. "
        "Without it they are forwarded byte for byte.",
    )


COMMON: Final[Mapping[str, type[Common]]] = {
    "input": InputCommon,
    "splitter": Common,
    "decoder": Common,
    "filter": FilterCommon,
    "encoder": Common,
    "output": OutputCommon,
}

#: Keys of ``[hekad]`` that are about Go or Lua, or about pools that this agent does not have.
IGNORED_SETTINGS: Final = (
    *("maxprocs", "poolsize", "plugin_chansize", "cpuprof", "memprof", "sample_denominator"),
    *("max_message_loops", "max_process_inject", "max_process_duration", "max_timer_inject"),
    *("max_pack_idle", "share_dir", "log_flags", "log_info_filename", "log_error_filename"),
    "full_buffer_max_retries",
)


def without_effect(common: Common, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, why) for each key of *given* that asks for what the agent does not do."""
    for key, why in _NO_EFFECT.items():
        if key in given and getattr(common, key) is not _AS_IT_IS.get(key):
            yield key, why


#: Values that ask for what the agent does anyway.
_AS_IT_IS: Final[Mapping[str, bool]] = {"use_buffering": True, "can_exit": True}
_NO_EFFECT: Final = {
    "can_exit": "no section that ends stops the agent",
    "use_buffering": "every output has a queue on disk, and no filter has one",
    "synchronous_decode": "inputs decode by themselves",
}
