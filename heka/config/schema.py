"""The settings of a client, their checks, and the errors of a setting that fails its check."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any, cast

from heka._core import nearest
from heka.config.places import Places
from heka.exceptions import ConfigError, ConfigWarning
from heka.severity import EXPECTED, severity_from

HMAC_KEYS = ("signer", "key_version", "hash_function", "key")
#: Settings of an INI section that are never converted from text; nor are those of [x_hmac].
TEXT_KEYS = {
    *("logger", "disabled_timers", "encoder", "to", "bad_values", "oversize"),
    *("stream", "stream_class", "sender", "sender_class"),
}


def severity(value: object, where: str) -> int:
    """Return the number of *value*, a severity given as number, digits or name.

    Like each check here, raises ConfigError, whose text begins with *where*.
    """
    number = severity_from(value)
    if number is None:
        raise expected(EXPECTED, value, where)
    return number


def seconds(value: object, where: str) -> float:
    """Return *value* as seconds, finite and 0 or more."""
    try:
        number = math.nan if isinstance(value, bool) else float(cast(Any, value))
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise expected("seconds, 0 or more", value, where)
    return number


def text(value: object, where: str) -> str:
    """Return *value*, which must be str."""
    if not isinstance(value, str):
        raise expected("one line of text", value, where)
    return value


def names(value: object, where: str) -> list[str]:
    """Return *value*, an iterable of texts or a single text, as a list."""
    found = [value] if isinstance(value, str) else value
    if isinstance(found, (Mapping, bytes)) or not isinstance(found, Iterable):
        raise expected("names", value, where)
    listed = list(found)
    for name in listed:
        if not isinstance(name, str):
            raise expected("names, each a text", name, where)
    return listed


def one_of(*choices: str) -> Callable[[object, str], str]:
    """Return the check for a setting whose value is one of *choices*."""

    def check(value: object, where: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise expected(" or ".join(map(repr, choices)), value, where)
        return value

    return check


#: The check of each setting with a plain value; the others describe parts of the client.
SETTINGS: dict[str, Callable[[object, str], Any]] = {
    "logger": text,
    "severity": severity,
    "disabled_timers": names,
    "level": severity,
    "timeout": seconds,
    "bad_values": one_of("convert", "repr", "raise"),
    "oversize": one_of("truncate", "drop", "raise"),
}
KNOWN = (*SETTINGS, "encoder", "filters", "hmac", "plugins", "stream", "to")
_PREFIXES = ("stream_", "sender_")


def is_known(key: object) -> bool:
    """Return whether a client has a setting named *key*."""
    return isinstance(key, str) and (key in KNOWN or key == "sender" or key.startswith(_PREFIXES))


def report_unknown(config: Mapping[Any, Any], places: Places, strict: bool) -> None:
    """Warn about each unknown key of *config* and suggest the closest known one."""
    for key in config:
        if not is_known(key):
            close = closest(str(key), (*KNOWN, "stream_class", "stream_host", "stream_port"))
            report_no_effect(
                f"{places(key)}: unknown key{close}; known keys: {', '.join(KNOWN)}", strict
            )


def hmac(config: object, places: Places, strict: bool) -> dict[str, Any]:
    """Check the hmac settings and return a copy, ``{}`` for unsigned messages."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise expected(f"a table with {', '.join(HMAC_KEYS)}", type(config), places("hmac"))
    if not config:
        return {}
    for key in config:
        if key not in HMAC_KEYS:
            close = closest(str(key), HMAC_KEYS)
            report_no_effect(f"{places('hmac', key)}: unknown key{close}", strict)
    for key in HMAC_KEYS:
        if config.get(key) in (None, "", b""):
            raise ConfigError(
                f"{places('hmac', key)}: expected a value, got nothing: signing requires "
                f"{', '.join(HMAC_KEYS)}"
            )
    text(config["signer"], places("hmac", "signer"))
    if not isinstance(config["key"], (str, bytes)):
        raise expected("text or bytes", type(config["key"]), places("hmac", "key"))
    version = _integer(config["key_version"])
    if version is None or not 0 <= version < 2**32:
        raise expected(
            "a number from 0 to 4294967295", config["key_version"], places("hmac", "key_version")
        )
    hash_function = config["hash_function"]
    if not isinstance(hash_function, str) or hash_function.lower() not in ("sha1", "md5"):
        raise expected("'sha1' or 'md5'", hash_function, places("hmac", "hash_function"))
    return dict(config)


def expected(what: str, got: object, where: str) -> ConfigError:
    """Return the ConfigError "*where*: expected *what*, got *got*"."""
    return ConfigError(f"{where}: expected {what}, got {_shown(got)}")


def closest(word: str, known: Iterable[str], most: int = 64) -> str:
    """Return ``; did you mean 'x'?`` for the closest of *known*, ``""`` if none is similar.

    At most *most* letters differ.
    """
    found = nearest(word, list(known), most)
    return f"; did you mean {found!r}?" if found else ""


def report_no_effect(problem: str, strict: bool) -> None:
    """Raise ConfigError if *strict*, else warn, about a setting that has no effect."""
    if strict:
        raise ConfigError(problem)
    warn(problem, ConfigWarning)


def warn(problem: str, category: type[Warning]) -> None:
    """Issue a warning at the program's line that called heka, at any call depth."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("heka."):
        level += 1
        frame = frame.f_back
    warnings.warn(problem, category, stacklevel=level)


def _shown(value: object) -> str:
    """Return the repr of *value*, not cut: ``masking.hide`` would not find a cut secret."""
    if isinstance(value, type):
        return value.__name__
    try:
        return repr(value)
    except Exception:
        return object.__repr__(value)


def _integer(value: object) -> int | None:
    """Return an int from an int or from text of digits (as environment variables have); or None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = value.strip()
        is_number = digits.isascii() and digits.isdecimal() and len(digits) < 20
        return int(digits) if is_number else None
    return value if isinstance(value, int) else None
