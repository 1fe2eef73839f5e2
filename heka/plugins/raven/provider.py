"""The providers that configurations name: ``config_plugin`` and ``capture``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from heka.plugins.raven.options import Options
from heka.plugins.raven.report import Raven, method

__all__ = ["capture", "config_plugin"]


def config_plugin(config: Mapping[str, Any]) -> Callable[..., bool]:
    """Return the method ``raven`` for a client; events have the format of raven 3.

    Args:
        config: ``dsn``, ``logger`` (the client's), ``severity`` (3), ``sentry_project_id``
            (deprecated), ``profile`` (``raven3``, ``raven2`` or ``sentry7``), ``type``
            (``sentry``), ``dsn_field`` (``full``, ``public``, ``none``), ``epoch_timestamp``,
            ``summary``, ``repr`` (``safe`` or ``full``), ``release``, ``environment``,
            ``time_budget``; all of them optional.

    Raises:
        InvalidArgumentError: A key is not one of these, or a value is invalid.
    """
    return method(Raven(Options.read(config, "raven3")))


def capture(config: Mapping[str, Any]) -> Callable[..., bool]:
    """Return the method ``raven`` for a client; events have the current format of Sentry.

    Arguments and errors as for ``config_plugin``; the default ``profile`` is ``sentry7``.
    """
    return method(Raven(Options.read(config, "sentry7")))
