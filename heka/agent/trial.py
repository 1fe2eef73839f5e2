"""``heka agent test``: lines for the decoders and tables of a configuration, and what is expected.

::

    ["a request"]
    input = "access"                          a section with a decoder
    line = '203.0.113.9 - - [...] ...'
    message = { Type = "nginx.access" }       attributes
    fields = { status = 200 }
    absent = ["http_referer"]                 fields that it must not have

    ["a counter"]
    input = "StatsdInput"                     a section that feeds a StatAccumInput
    lines = ["hits:1|c", "hits:2|c"]
    stats = { "stats.counters.hits.count" = 3 }

Nothing is opened, and nothing is sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from heka._core import pack
from heka.agent.config.files import read_files
from heka.agent.config.text import Text
from heka.agent.decoding import UNDECODED, decoder_of
from heka.agent.filters.variables import variable
from heka.agent.inputs.lines import LINE_TYPE
from heka.agent.inputs.logstreamer import LogstreamerInput
from heka.agent.inputs.stat_accum import StatAccumInput
from heka.agent.logs.framer import LINE_TYPE as LOG_TYPE
from heka.agent.options import closest, shown
from heka.agent.world import World
from heka.exceptions import ConfigError
from heka.framing import BlockReader
from heka.message import Message

if TYPE_CHECKING:
    from heka.agent.config import Plan, Section

__all__ = ["Outcome", "try_cases"]

_T = TypeVar("_T")
_KEYS: Final = ("input", "line", "lines", "message", "fields", "absent", "undecoded", "stats")
_ATTRIBUTES: Final = ("Type", "Logger", "Hostname", "Payload", "EnvVersion", "Severity", "Pid")
#: Seconds of the flush of a case.
_NOW: Final = 1_000_000_000


@dataclass(frozen=True)
class Outcome:
    """What has become of a case.

    Attributes:
        name: Of the case.
        place: File and line where it begins.
        differences: What was expected, and what came; none: the case holds.
    """

    name: str
    place: str
    differences: tuple[str, ...]


def try_cases(plan: Plan, path: str) -> Iterator[Outcome]:
    """Yield the outcome of each case in the file at *path*.

    Raises:
        ConfigError: The file cannot be read, or a case says what none can.
    """
    [text] = read_files(path)
    for name, case in text.table.items():
        yield Outcome(name, str(text.place(name)), tuple(_differences(plan, text, name, case)))


def _differences(plan: Plan, text: Text, name: str, case: Any) -> Iterator[str]:
    def fail(key: str, said: str) -> ConfigError:
        return ConfigError(f"{text.place(name, key)}: {name}.{key}: {said}")

    if not isinstance(case, Mapping):
        raise fail("input", "expected a table for each case")
    for key in case:
        if key not in _KEYS:
            raise fail(key, f"unknown key{closest(key, list(_KEYS))}")
    section = next((each for each in plan.sections if each.name == case.get("input")), None)
    if section is None or section.kind != "input":
        raise fail("input", f"expected the name of an input, got {shown(case.get('input'), ())}")
    lines = case.get("lines", [case["line"]] if "line" in case else None)
    if not isinstance(lines, list) or not lines or not all(isinstance(x, str) for x in lines):
        raise fail("line", "expected text here, or a list of texts in lines")
    for key in ("message", "fields", "stats"):
        if not isinstance(case.get(key, {}), Mapping):
            raise fail(key, "expected a table")
    if not isinstance(case.get("absent", []), list):
        raise fail("absent", "expected a list of names of fields")
    if "stats" in case:
        yield from _stats(plan, section, lines, case["stats"], fail)
    else:
        yield from _message(plan, section, lines, case, fail)


_Fail = Callable[[str, str], ConfigError]


# ---- messages -----------------------------------------------------------------------------------


def _message(
    plan: Plan, section: Section, lines: list[str], case: Mapping[str, Any], fail: _Fail
) -> Iterator[str]:
    type_ = LOG_TYPE if section.plugin is LogstreamerInput else LINE_TYPE
    hostname = plan.settings.hostname
    blocks = BlockReader().feed(
        b"".join(
            pack(type_, section.name, payload=line, hostname=hostname, pid=0) for line in lines
        )
    )
    if section.decoder:
        world = World(hostname, plan.settings.base_dir, lambda name: None)
        decoder = decoder_of(section.decoder, plan.sections, world, _attempt)
        if decoder is not None:
            blocks = [made for block in blocks for made in decoder.decode(block)]
            blocks += decoder.flush() if hasattr(decoder, "flush") else ()
    found: list[Message] = [each.message for block in blocks for each in block]
    if len(found) != 1:
        yield f"expected one message, got {len(found)}"
        return
    [message] = found
    why = variable(f"Fields[{UNDECODED}]")(message)
    if why is not None and not case.get("undecoded"):
        yield f"it could not be decoded: {why!s}"
        return
    if why is None and case.get("undecoded"):
        yield "expected that it cannot be decoded, and it was"
    for name, wanted in case.get("message", {}).items():
        if name not in _ATTRIBUTES:
            raise fail("message", f"no attribute {name!r}{closest(name, list(_ATTRIBUTES))}")
        yield from _compared(name, wanted, variable(name)(message))
    for name, wanted in case.get("fields", {}).items():
        field = message.fields.get(name)
        values = None if field is None else list(field)
        is_one = values is not None and len(values) == 1 and not isinstance(wanted, list)
        yield from _compared(f"Fields[{name}]", wanted, values[0] if is_one and values else values)
    for name in case.get("absent", []):
        if name in message.fields:
            yield f"Fields[{name}]: expected none, got {list(message.fields[name])!r}"


def _attempt(section: Section, what: str, call: Callable[[], _T]) -> _T:
    try:
        return call()
    except Exception as failure:
        raise ConfigError(f"{section.place}: {section.name}: cannot {what}: {failure}") from failure


def _compared(name: str, wanted: Any, got: Any) -> Iterator[str]:
    if type(wanted) is not type(got) or wanted != got:
        yield f"{name}: expected {wanted!r}, got {'none' if got is None else repr(got)}"


# ---- stats --------------------------------------------------------------------------------------


def _stats(
    plan: Plan, section: Section, lines: list[str], wanted: Mapping[str, Any], fail: _Fail
) -> Iterator[str]:
    name = getattr(section.options, "stat_accum_name", "")
    target = next((each for each in plan.sections if each.name == name), None)
    if target is None or target.plugin is not StatAccumInput:
        raise fail("input", "expected an input with stat_accum_name, as a StatsdInput has it")
    table = target.options.table()
    _, refused = table.feed("\n".join(lines).encode())
    if refused:
        yield f"{refused} of the lines were refused"
    found: dict[str, float] = {}
    for part in table.flush(_NOW, 65_000):
        for line in part.decode().splitlines():
            key, value, _ = line.rsplit(" ", 2)
            found[key] = float(value)
    for key, value in wanted.items():
        got = found.get(key)
        if got is None:
            yield f"{key}: expected {value!r}, got none{closest(key, list(found))}"
        elif not math.isclose(got, float(value), rel_tol=1e-9):
            yield f"{key}: expected {value!r}, got {got:g}"
