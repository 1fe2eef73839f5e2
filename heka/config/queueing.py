"""``queue`` and ``queue_*`` among the settings of a stream: whether it is queued, and how."""

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
    """Take the settings of the queue out of those of a stream.

    ``queue = true`` queues the stream, ``queue_capacity`` and so on say how; in TOML and in a dict
    ``queue`` may be a table of them.

    Returns:
        Arguments of QueuedStream; None where there is to be no queue.

    Raises:
        ConfigError: A setting that no queue has, or one of a queue that is switched off.
    """
    asked = settings.pop("queue", None)
    given = {key: key for key in settings if isinstance(key, str) and key.startswith(_PREFIX)}
    options = {key.removeprefix(_PREFIX): settings.pop(key) for key in given}
    if isinstance(asked, Mapping):
        options = {**asked, **options}
    elif asked in _NO:
        if options:
            where = places("stream", f"{_PREFIX}{next(iter(options))}")
            raise ConfigError(f"{where}: of use to a queue only; set {places('stream', 'queue')}")
        return None
    elif asked not in _YES:
        raise schema.expected("true, false or a table", asked, places("stream", "queue"))
    for option in options:
        if option not in _OPTIONS:
            close = schema.closest(str(option), _OPTIONS)
            raise ConfigError(
                f"{places('stream', _PREFIX + str(option))}: a queue has no such setting{close}; "
                f"it has {', '.join(_OPTIONS)}"
            )
    return options
