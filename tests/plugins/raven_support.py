"""Shared by the tests of the raven plugin: a client with it, and the events that it sent."""

from __future__ import annotations

from typing import Any

import heka
from heka.client import HekaClient
from heka.config import client_from_dict_config
from heka.plugins.raven import RavenClient

PROVIDER = "heka.plugins.raven:config_plugin"
DSN = "udp://4f2a:c0ffee99@sentry.example:9001/2"


class Kept:
    """A stream that keeps its frames; ``max_frame`` is the largest that it takes."""

    def __init__(self, max_frame: int = 0) -> None:
        self.frames: list[bytes] = []
        self.max_frame = max_frame

    def write(self, data: bytes) -> None:
        assert not self.max_frame or len(data) <= self.max_frame
        self.frames.append(data)

    @property
    def messages(self) -> list[heka.Message]:
        """The written messages."""
        return [read.message for data in self.frames for read in heka.StreamReader().feed(data)]


def raven_client(
    max_frame: int = 0, provider: str = PROVIDER, logger: str = "app", **options: Any
) -> HekaClient:
    """Return a client with the plugin; its time budget suffices on a slow machine."""
    given = {"time_budget": 60, **options}
    config = {"logger": logger, "stream": Kept(max_frame), "plugins": {"x": (provider, given)}}
    return client_from_dict_config(config)


def messages(client: HekaClient) -> list[heka.Message]:
    """Return what *client* has sent."""
    return client.stream.messages


def message(client: HekaClient) -> heka.Message:
    """Return the one message that *client* has sent."""
    (found,) = messages(client)
    return found


def event(client: HekaClient) -> dict[str, Any]:
    """Return the event in the one message that *client* has sent."""
    return RavenClient().decode(message(client).payload)


def fields(found: heka.Message) -> dict[str, Any]:
    """Return the fields of a message as a dict of values, or lists of several values."""
    return {name: list(v) if len(v) > 1 else v[0] for name, v in found.fields.items()}


def frames(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the frames of the exception that was raised."""
    if "exception" in found:
        return found["exception"]["values"][-1]["stacktrace"]["frames"]
    return found["sentry.interfaces.Stacktrace"]["frames"]


def reported(error: object, client: HekaClient | None = None, **options: Any) -> dict[str, Any]:
    """Return the event that reports *error*: an exception, or a function that raises one."""
    client = client or raven_client(**options)
    if isinstance(error, BaseException):
        assert client.raven(exc_info=error)
        return event(client)
    __traceback_hide__ = True
    try:
        error()
    except BaseException:
        assert client.raven()
    return event(client)
