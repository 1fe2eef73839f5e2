"""Format an event of any profile as a traceback, with the variables of each frame.

Events come from outside: values of unexpected types are shown as text, with control characters
escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from heka._display.escape import shortened, visible
from heka._display.style import Style

_STACKTRACE: Final = "sentry.interfaces.Stacktrace"
_EXCEPTION: Final = "sentry.interfaces.Exception"
_BETWEEN: Final = {
    "__cause__": "The above exception was the direct cause of the following exception:",
    "__context__": "During handling of the above exception, another exception occurred:",
}
_OTHER: Final = "The above exception is a part of one of the following:"
#: Longest variable or line in characters.
_MAX_CHARACTERS: Final = 400
#: Deepest nesting of containers that is shown; our own events have six levels.
_MAX_DEPTH: Final = 12


def render_event(event: dict[str, Any], style: Style) -> str:
    """Return *event* as lines, each with its newline."""
    lines = [*_head(event, style), *_exceptions(event, style), *_extra(event, style)]
    return "".join(f"{style.encodable(line)}\n" for line in lines)


def _head(event: dict[str, Any], style: Style) -> Iterator[str]:
    parts = [
        _text(event[name])
        for name in ("timestamp", "level", "logger", "server_name", "release", "environment")
        if event.get(name) not in (None, "")
    ]
    yield style.paint("strong", f"event {_text(event.get('event_id', '?'))}")
    yield style.paint("dim", f" {style.dot} ".join(parts))


def _exceptions(event: dict[str, Any], style: Style) -> Iterator[str]:
    """Yield the traceback of each exception; the one that was raised last comes last."""
    values = event.get("exception")
    values = values.get("values") if isinstance(values, dict) else values
    if not isinstance(values, list):
        one = event.get(_EXCEPTION)
        stack = event.get(_STACKTRACE)
        values = [{**(one if isinstance(one, dict) else {}), "stacktrace": stack}]
    for index, value in enumerate(values):
        one = value if isinstance(value, dict) else {}
        frames = one.get("stacktrace")
        frames = frames.get("frames") if isinstance(frames, dict) else None
        if frames:
            yield "Traceback (most recent call last):"
        for frame in frames if isinstance(frames, list) else []:
            yield from _frame(frame if isinstance(frame, dict) else {}, style)
        yield style.paint("bad", _title(one))
        if index + 1 < len(values):
            mechanism = one.get("mechanism")
            source = mechanism.get("source") if isinstance(mechanism, dict) else None
            yield ""
            yield _BETWEEN.get(str(source), _OTHER)
            yield ""


def _title(one: dict[str, Any]) -> str:
    module, name = one.get("module"), _text(one.get("type", "?"))
    if module not in (None, "", "builtins", "exceptions"):
        name = f"{_text(module)}.{name}"
    value = one.get("value")
    return f"{name}: {_text(value)}" if value not in (None, "") else name


def _frame(frame: dict[str, Any], style: Style) -> Iterator[str]:
    path = frame.get("abs_path") or frame.get("filename") or "?"
    if not frame.get("lineno") and str(frame.get("function")).startswith("<"):
        yield style.paint(
            "dim", f"  {_text(frame['function'])}"
        )  # stands for frames that were left out
        return
    yield (
        f'  File "{_text(path)}", line {_text(frame.get("lineno", "?"))}, '
        f"in {_text(frame.get('function', '?'))}"
    )
    if frame.get("context_line"):
        yield f"    {_text(str(frame['context_line']).strip())}"
    variables = frame.get("vars")
    for name, value in variables.items() if isinstance(variables, dict) else ():
        plain = name[1:-1] if len(name) > 1 and name[0] == name[-1] == "'" else name
        yield style.paint("dim", f"      {_text(plain)} = {_value(value)}")


def _extra(event: dict[str, Any], style: Style) -> Iterator[str]:
    extra = event.get("extra")
    shown = dict(extra) if isinstance(extra, dict) else {}
    entry = event.get("logentry")
    if isinstance(entry, dict):
        shown = {"msg": entry.get("formatted"), **shown}
    for name, value in shown.items():
        if value not in (None, "", "''", [], {}):
            yield style.paint("dim", f"{_text(name)}: {_value(value)}")


def _value(value: Any) -> str:
    return _text(_formatted(value, _MAX_DEPTH))


def _formatted(value: Any, depth: int) -> str:
    """Return *value* as text, with quotes only where the event has them."""
    if isinstance(value, (dict, list)) and not depth:
        return "..."
    if isinstance(value, dict):
        pairs = [f"{name}: {_formatted(inner, depth - 1)}" for name, inner in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join([_formatted(inner, depth - 1) for inner in value])}]"
    return str(value)


def _text(value: Any) -> str:
    return visible(shortened(str(value), _MAX_CHARACTERS))
