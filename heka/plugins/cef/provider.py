"""The provider that configurations name, and the method that it returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from heka._runtime.reporter import Reporter
from heka.plugins import named
from heka.plugins.cef.escape import text_of
from heka.plugins.cef.line import Event, extra_extensions, line_of, request_extensions, severity_of
from heka.plugins.cef.options import Device, Options

__all__ = ["config_plugin", "method"]


def config_plugin(config: Mapping[str, Any]) -> Callable[..., str]:
    """Return the method ``cef`` for a client.

    Args:
        config: ``syslog_facility`` (``LOCAL4``), ``syslog_ident`` (empty), ``syslog_priority``
            (empty, or ``EMERG`` to ``DEBUG``), ``dialect`` (``dest`` or ``dhost``),
            ``trusted_proxies`` (a number; without it the first address of X-Forwarded-For is
            used); all of them optional.

    Raises:
        InvalidArgumentError: A key is not one of these, or a value is invalid.
    """
    return method(Options.read(config))


def method(options: Options) -> Callable[..., str]:
    """Return the function that becomes ``client.cef``."""
    too_big, bad_key = Reporter(), Reporter()

    @named("cef")
    def heka_cef(
        self: Any,
        /,
        name: object,
        severity: int | str,
        environ: Any,
        config: Mapping[str, Any],
        username: object = "none",
        signature: object = None,
        **extensions: object,
    ) -> str:
        """Send a security event as a message of the type ``cef``.

        Args:
            self: The client.
            name: What happened.
            severity: 0 to 10, where 10 is worst, or a word of the format.
            environ: WSGI environ of the request; {} without a request.
            config: ``cef.version``, ``cef.vendor``, ``cef.product``, ``cef.device_version``; other
                keys are ignored.
            username: The user.
            signature: Id of the event for the receiver's rules; default is *name*.
            **extensions: Further extensions; a standard key replaces that value.

        Returns:
            The payload of the message, a CEF line.

        Raises:
            InvalidArgumentError: *config* lacks a key.
            TypeError: *environ* has no ``get``.
            ValueError: *severity* is invalid.
        """
        device = Device.read(config)
        grade = severity_of(severity)
        if not callable(getattr(environ, "get", None)):
            raise TypeError(f"environ: expected a WSGI environ, got {type(environ).__name__}")
        standard = request_extensions(environ, username, options.dialect, options.trusted_proxies)
        extras = extra_extensions(extensions, bad_key.report)
        standard.update({key: extras.pop(key) for key in standard if key in extras})
        title = text_of(name)
        code = title if signature is None else text_of(signature)
        event = Event(device, code, title, grade, standard, extras)
        line = line_of(event, text_of(self.hostname), time.localtime(), too_big.report)
        self.heka("cef", payload=line, fields={"cef_meta": options.meta})
        return line

    heka_cef.cef_meta = options.meta  # type: ignore[attr-defined]  # a function takes any
    return heka_cef
