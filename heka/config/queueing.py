"""Read ``queue`` and ``queue_*`` from the settings of a stream: the options of its queue."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from heka.config import schema
from heka.config.places import Places
from heka.exceptions import ConfigError
from heka.streams import QueuedStream

__all__ = ["take_queue"]

_PREFIX = "queue_"
_OPTIONS = tuple(inspect.signature(QueuedStream).parameters)[1:]
_YES = (True, 1, "1", "true", "yes", "on")
_NO = (False, 0, "0", "false", "no", "off", None)


def take_queue(settings: dict[str, Any], places: Places) -> dict[str, Any] | None:
    """Remove the settings of the queue from those of a stream and return them.

    ``queue = true`` puts a queue in front of the stream, ``queue_capacity`` and so on configure
    it; in TOML and in a dict ``queue`` may be a table of these options.

    Returns:
        Keyword arguments of QueuedStream; None without a queue.

    Raises:
        ConfigError: A queue has no such setting, or one is set while the queue is switched off.
    """
    switch = settings.pop("queue", None)
    given = {key: key for key in settings if isinstance(key, str) and key.startswith(_PREFIX)}
    options = {key.removeprefix(_PREFIX): settings.pop(key) for key in given}
    if isinstance(switch, Mapping):
        options = {**switch, **options}
    elif switch in _NO:
        if options:
            where = places("stream", f"{_PREFIX}{next(iter(options))}")
            raise ConfigError(
                f"{where}: has no effect without a queue; set {places('stream', 'queue')} = true"
            )
        return None
    elif switch not in _YES:
        raise schema.expected("true, false or a table", switch, places("stream", "queue"))
    for option in options:
        if option not in _OPTIONS:
            close = schema.closest(str(option), _OPTIONS)
            raise ConfigError(
                f"{places('stream', _PREFIX + str(option))}: a queue has no such setting{close}; "
                f"it has {', '.join(_OPTIONS)}"
            )
    return options
