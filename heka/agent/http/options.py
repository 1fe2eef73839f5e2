"""The options that all outputs over HTTP have."""

from __future__ import annotations

from dataclasses import dataclass

from heka._net.tls_context import context_for
from heka.agent.http.target import Target
from heka.agent.options import REQUIRED, choice, option
from heka.agent.outputs.tls import ClientTlsOptions
from heka.exceptions import ConfigError

__all__ = ["HttpOptions"]


@dataclass(frozen=True)
class HttpOptions:
    """Options of outputs over HTTP."""

    url: str = option(
        REQUIRED,
        "text",
        "Where to post to, as https://HOST:PORT/PATH; user and password in it are sent as basic "
        "authentication.",
    )
    headers: dict[str, str] = option({}, "texts", "Headers of each request.")
    http_timeout: float = option(
        10.0, "seconds", "For a whole request: connecting, sending, reading the answer."
    )
    compression: str = option("gzip", choice("gzip", "none"), "Of the bodies of requests.")
    tls: ClientTlsOptions = option(None, ClientTlsOptions, "Options of TLS, with https.")

    def __post_init__(self) -> None:
        """Check the values; ConfigError."""
        if not 0.1 <= self.http_timeout <= 600:
            raise ConfigError(f"http_timeout: expected 0.1 to 600 seconds, got {self.http_timeout}")
        for key, value in self.headers.items():
            if not key.isascii() or not (key + value).isprintable() or ":" in key or not key:
                raise ConfigError("headers: expected names and values without control characters")
        self.target()

    def target(self) -> Target:
        """Return a new target; ConfigError when there can be none."""
        tls = None
        if self.url.startswith("https:"):
            tls = context_for((self.tls or ClientTlsOptions()).for_address())
        elif self.tls is not None:
            raise ConfigError("tls: expected a url of https, got another")
        return Target(self.url, self.headers, tls)
