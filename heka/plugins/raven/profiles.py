"""Events as JSON, in the formats of raven 3, raven 2 and current Sentry clients.

A profile converts the trees of an event to JSON. It decides names, order and quotes, nothing else.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from heka.plugins.raven.frames import Caught, Frame
from heka.plugins.raven.tree import Pairs, Shown, Tree

_ERROR = 40
_LEVELS = ("fatal", "fatal", "fatal", "error", "warning", "info", "info", "debug")
#: Keys that the profiles add; they never contain text of the program.
NAMES = frozenset(
    {
        *("abs_path", "build", "chain", "checksum", "context_line", "contexts", "culprit", "data"),
        *("environment", "event_id", "exception", "exception_id", "extra", "filename", "formatted"),
        "exceptions_left_out",
        *(
            "frames",
            "frames_omitted",
            "function",
            "handled",
            "in_app",
            "is_exception_group",
            "level",
        ),
        *(
            "lineno",
            "logentry",
            "logger",
            "mechanism",
            "message",
            "module",
            "modules",
            "msg",
            "name",
        ),
        *("notes", "parent_id", "platform", "post_context", "pre_context", "project", "release"),
        *("runtime", "sdk", "sentry.interfaces.Exception", "sentry.interfaces.Stacktrace"),
        *("server_name", "severity", "site", "source", "stacktrace", "sys.argv", "tags"),
        *("time_spent", "timestamp", "type", "value", "values", "vars", "version"),
    }
)
#: Keys whose values the profiles generate.
FIXED = ("event_id", "timestamp", "platform", "level", "checksum")


@dataclass(slots=True)
class Event:
    """The data of one report; its texts are already scrubbed and cut.

    Attributes:
        caught: The exception that was raised, then those that it is linked to.
    """

    id: str
    nanoseconds: int
    caught: list[Caught]
    msg: str
    logger: str
    severity: int
    project: str
    server_name: str
    argv: list[Tree] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    release: str | None = None
    environment: str | None = None

    @property
    def timestamp(self) -> str:
        """The time in UTC, ISO 8601."""
        seconds, rest = divmod(self.nanoseconds, 10**9)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        return f"{moment.isoformat()}.{rest // 1000:06}Z"

    @property
    def message(self) -> str:
        """``Type: value`` of the exception that was raised."""
        return title(self.caught[0])

    @property
    def culprit(self) -> str:
        """``module in function`` of the frame that raised; '' without any frame."""
        return " in ".join(_raising(self.caught[0]))


def title(one: Caught) -> str:
    """Return ``Type: value``."""
    return f"{one.type}: {one.value}" if one.value else one.type


def _raising(one: Caught) -> tuple[str, ...]:
    for frame in reversed(one.frames):
        if not frame.omitted:
            return frame.module or "?", frame.function
    return ()


# ---- raven 3 ------------------------------------------------------------------------------------


def raven3(event: Event) -> dict[str, Any]:
    """Return *event* as raven 3.4 wrote it."""
    one = event.caught[0]
    return {
        "event_id": event.id,
        "message": event.message,
        "culprit": event.culprit,
        "level": _ERROR,
        "project": event.project,
        "platform": "python",
        "server_name": event.server_name,
        "modules": event.modules,
        "timestamp": event.timestamp,
        "time_spent": None,
        "tags": {},
        "extra": {
            "msg": quoted(event.msg),
            "logger": quoted(event.logger),
            "severity": event.severity,
            "sys.argv": quoted(event.argv),
            **_linked(event, quoted),
        },
        "sentry.interfaces.Exception": {
            "type": one.type,
            "value": one.value,
            "module": one.module,
        },
        "sentry.interfaces.Stacktrace": _stacktrace(one.frames, quoted, 5, 5),
    }


# ---- raven 2 ------------------------------------------------------------------------------------


def raven2(event: Event) -> dict[str, Any]:
    """Return *event* as raven 2.0 wrote it, and as the plugin's documentation shows it."""
    one = event.caught[0]
    project = event.project
    return {
        "checksum": checksum(one),
        "culprit": ".".join(_raising(one)),
        "event_id": event.id,
        "extra": {"msg": event.msg, **_linked(event, plain)},
        "level": _ERROR,
        "message": event.message,
        "modules": event.modules,
        "project": int(project) if project.isascii() and project.isdecimal() else project,
        "sentry.interfaces.Exception": {
            "module": one.module,
            "type": one.type,
            "value": one.value,
        },
        "sentry.interfaces.Stacktrace": _stacktrace(one.frames, plain, 3, 2),
        "server_name": event.server_name,
        "site": None,
        "time_spent": None,
        "timestamp": event.timestamp,
    }


def checksum(one: Caught) -> str:
    """Return the hash by which Sentry groups events: type and every call, outermost first."""
    digest = hashlib.md5(one.type.encode("utf-8", "replace"), usedforsecurity=False)
    for module, function in one.calls:
        digest.update(f"{module}{function}".encode("utf-8", "replace"))
    return digest.hexdigest()


def _linked(event: Event, write: Callable[[Tree], Any]) -> dict[str, Any]:
    """Return what these formats have no key for: notes and linked exceptions."""
    found: dict[str, Any] = {}
    if event.caught[0].remarks:
        found["notes"] = write(event.caught[0].remarks)
    if len(event.caught) > 1:
        found["chain"] = write([_linked_text(one) for one in event.caught[1:]])
    return found


def _linked_text(one: Caught) -> str:
    where = " in ".join(_raising(one))
    more = f" {one.remarks[-1]}" if one.left_out and one.is_group else ""
    return f"{one.source} {title(one)}{f' ({where})' if where else ''}{more}"


# ---- Sentry today -------------------------------------------------------------------------------


def sentry7(event: Event) -> dict[str, Any]:
    """Return *event* in the format that Sentry's own clients send since 2017."""
    count = len(event.caught)
    found = {
        "event_id": event.id,
        "timestamp": event.timestamp,
        "platform": "python",
        "level": _LEVELS[event.severity],
        "logger": event.logger,
        "server_name": event.server_name,
        "release": event.release,
        "environment": event.environment,
        "culprit": event.culprit,
        "logentry": {"formatted": event.msg} if event.msg else None,
        "modules": event.modules,
        "contexts": {"runtime": _runtime()},
        "tags": {},
        "extra": {"severity": event.severity, "sys.argv": plain(event.argv)},
        "sdk": {"name": "heka-py", "version": _version()},
        # Oldest first.
        "exception": {
            "values": [_value(event.caught[index], index) for index in reversed(range(count))]
        },
    }
    return {name: value for name, value in found.items() if value is not None}


def _value(one: Caught, index: int) -> dict[str, Any]:
    mechanism: dict[str, Any] = {
        "type": "generic" if one.parent is None else "chained",
        "handled": True,
        "exception_id": index,
    }
    if one.parent is not None:
        mechanism |= {"parent_id": one.parent, "source": one.source}
    if one.is_group:
        mechanism["is_exception_group"] = True
    if one.left_out:
        mechanism["data"] = {"exceptions_left_out": one.left_out}
    found: dict[str, Any] = {
        "type": one.type,
        "value": "\n".join([one.value, *one.remarks]),
        "module": one.module,
        "mechanism": mechanism,
    }
    if one.frames:
        found["stacktrace"] = _stacktrace(one.frames, as_text, 5, 5, in_app=True)
    return found


def _runtime() -> dict[str, str]:
    return {
        "name": platform.python_implementation(),
        "version": platform.python_version(),
        "build": sys.version.replace("\n", " "),
    }


def _version() -> str:
    """Return the version of heka, which is imported when this runs."""
    return str(getattr(sys.modules.get("heka"), "__version__", "2"))


# ---- parts --------------------------------------------------------------------------------------


def _stacktrace(
    frames: list[Frame],
    write: Callable[[Tree], Any],
    before: int,
    after: int,
    *,
    in_app: bool = False,
) -> dict[str, Any]:
    written = [_frame(frame, write, before, after, in_app) for frame in frames]
    found: dict[str, Any] = {"frames": written}
    for index, frame in enumerate(frames):
        if frame.omitted:
            found["frames_omitted"] = [index, index + frame.omitted]
    return found


def _frame(
    frame: Frame, write: Callable[[Tree], Any], before: int, after: int, in_app: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "abs_path": frame.path,
        "filename": frame.filename,
        "function": frame.function,
        "lineno": frame.line,
        "module": frame.module,
    }
    if frame.text is not None:
        found["pre_context"] = frame.before[-before:]
        found["context_line"] = frame.text
        found["post_context"] = frame.after[:after]
    if frame.variables is not None:
        # Names of variables are plain, keys of dicts are quoted.
        found["vars"] = write(frame.variables)
    if in_app:
        found["in_app"] = _is_own(frame)
    return found


_LIBRARY = os.path.dirname(os.__file__) + os.sep


def _is_own(frame: Frame) -> bool:
    """Return whether *frame* is neither in an installed package nor in Python itself."""
    path = frame.path
    installed = "/site-packages/" in path or "/dist-packages/" in path
    return not (installed or frame.omitted or path.startswith((_LIBRARY, "<frozen")))


def quoted(tree: Tree) -> Any:
    """Return *tree* as raven 3 wrote it: all texts, names included, in quotes."""
    kind = type(tree)
    if kind is str:
        return repr(tree)
    if kind is Pairs:
        return _dict(tree, quoted, quoted)
    if kind is list:
        return [quoted(value) for value in tree]
    return str(tree) if kind is Shown else tree


def plain(tree: Tree) -> Any:
    """Return *tree* as raven 2 wrote it: texts without quotes."""
    kind = type(tree)
    if kind is Pairs:
        return _dict(tree, plain, plain)
    if kind is list:
        return [plain(value) for value in tree]
    return tree


def as_text(tree: Tree) -> Any:
    """Return *tree* as Sentry's clients write it: names plain, every value as its repr."""
    kind = type(tree)
    if kind is Pairs:
        return _dict(tree, plain, as_text)
    if kind is list:
        return [as_text(value) for value in tree]
    return str(tree) if kind is Shown else repr(tree)


def _dict(
    pairs: Pairs, write_name: Callable[[Tree], Any], write: Callable[[Tree], Any]
) -> dict[str, Any]:
    """Return a dict of *pairs*; a name that is taken gets an asterisk appended."""
    if pairs.written is not None and pairs.written[0] is write:
        return pairs.written[1]
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = write_name(key)
        if not isinstance(name, str):
            name = repr(name)
        while name in found:
            name += "*"
        found[name] = write(value)
    if pairs.is_shared:
        pairs.written = write, found
    return found


PROFILES: dict[str, Callable[[Event], dict[str, Any]]] = {
    "raven3": raven3,
    "raven2": raven2,
    "sentry7": sentry7,
}
