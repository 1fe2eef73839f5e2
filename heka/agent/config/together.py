"""What sections must not say together: listeners on one address, filters that feed themselves."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from heka._receiving.endpoint import parse_address
from heka.agent.config.plan import Section
from heka.agent.options import Problem
from heka.agent.registry import kind_of
from heka.message import Message

__all__ = ["conflicts", "is_open"]

_ANY: Final = ("", "0.0.0.0", "::")


def conflicts(
    sections: Sequence[Section], names: Collection[str]
) -> Iterator[tuple[bool, Section, Problem]]:
    """Yield (whether it is an error, the section, what is wrong).

    Args:
        sections: All that are right by themselves.
        names: Of all sections, also of those that are wrong.
    """
    yield from _listeners(sections)
    yield from _cycles(sections)
    yield from _missing(sections, names)
    yield from _own_decoders(sections)


def is_open(section: Section) -> bool:
    """Return whether other machines can send Heka messages to *section*, and need not say who."""
    options = section.options
    found = _listens(section)
    if found is None or found[0] == "unix" or not hasattr(options, "require_signature"):
        return False
    tls = getattr(options, "tls", None)
    return not (
        options.require_signature or getattr(tls, "client_cafile", "") or _is_loopback(found[1])
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _listeners(sections: Sequence[Section]) -> Iterator[tuple[bool, Section, Problem]]:
    """Two inputs that listen on one port or one path."""
    before: list[tuple[Section, tuple[str, str, int]]] = []
    for section in sections:
        found = _listens(section)
        if found is None:
            continue
        for other, its in before:
            if _meet(found, its):
                said = f"{section.options.address!r} is already listened on by [{other.name}]"
                yield True, section, Problem((section.name, "address"), f"{said}, {other.place}")
                break
        before.append((section, found))


def _listens(section: Section) -> tuple[str, str, int] | None:
    """Return (transport, host, port) that an input listens on; the port of a path is -1."""
    address = getattr(section.options, "address", "")
    if section.kind != "input" or not address:
        return None
    net = str(getattr(section.options, "net", "tcp"))
    if net.startswith("unix"):
        return "unix", address, -1
    host, port = parse_address(address)
    return net[:3], host, port


def _meet(one: tuple[str, str, int], two: tuple[str, str, int]) -> bool:
    if one[0] != two[0] or one[2] != two[2] or one[2] == 0:
        return False
    return one[1] == two[1] or (one[2] > 0 and (one[1] in _ANY or two[1] in _ANY))


def _cycles(sections: Sequence[Section]) -> Iterator[tuple[bool, Section, Problem]]:
    """Filters whose matcher meets what they make, by way of others.

    A filter does not get what it made itself. A plugin may have ``sample(name, options)``, which
    returns keywords of a message as it makes them, or None when it makes none. Of others it is
    known only that Logger is the section's name: that is a note.
    """
    filters = [section for section in sections if section.kind == "filter"]
    feeds = {
        each.name: [other.name for other in filters if other is not each and _feeds(each, other)]
        for each in filters
    }
    for section in filters:
        way = _way_back(section.name, feeds)
        if way is None:
            continue
        is_known = hasattr(section.plugin, "sample")
        verb = "meets" if is_known else "may meet"
        yield (
            is_known,
            section,
            Problem(
                (section.name, "message_matcher"),
                f"{verb} the messages that this filter makes by way of {', '.join(way)}; exclude "
                f"them, as in ... && Logger != '{way[-1]}'",
            ),
        )


def _feeds(one: Section, two: Section) -> bool:
    sample: dict[str, Any] | None = {"type": "", "logger": one.name}
    if hasattr(one.plugin, "sample"):
        sample = one.plugin.sample(one.name, one.options)
    if sample is None or two.matcher is None:
        return False
    return two.matcher.matches(Message(**sample))


def _way_back(start: str, feeds: dict[str, list[str]]) -> list[str] | None:
    """Return the filters between *start* and itself; None: there is no way back."""
    ways: list[list[str]] = [[]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in feeds[way[-1] if way else start]:
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _missing(
    sections: Sequence[Section], names: Collection[str]
) -> Iterator[tuple[bool, Section, Problem]]:
    """The section that a StatsdInput feeds."""
    for section in sections:
        target = getattr(section.options, "stat_accum_name", None)
        if target and target not in names:
            yield (
                True,
                section,
                Problem(
                    (section.name, "stat_accum_name"),
                    f"expected the name of a section, got {target!r}; add [{target}]"
                    + ("" if target == "StatAccumInput" else " with type = 'StatAccumInput'"),
                ),
            )


def _own_decoders(sections: Sequence[Section]) -> Iterator[tuple[bool, Section, Problem]]:
    """Decoders that name themselves, or by way of others, among those that they try."""
    subs = {
        each.name: getattr(each.options, "subs", ()) for each in sections if each.kind == "decoder"
    }
    for section in sections:
        for sub in subs.get(section.name, ()):
            if sub not in subs and kind_of(sub) != "decoder":
                said = f"expected sections or types of kind decoder, got {sub!r}"
                yield True, section, Problem((section.name, "subs"), said)
        if section.name in subs and _reaches(section.name, section.name, subs, set()):
            yield True, section, Problem((section.name, "subs"), "names this section itself")


def _reaches(start: str, end: str, subs: Mapping[str, Collection[str]], seen: set[str]) -> bool:
    for sub in subs.get(start, ()):
        if sub == end:
            return True
        if sub not in seen:
            seen.add(sub)
            if _reaches(sub, end, subs, seen):
                return True
    return False
