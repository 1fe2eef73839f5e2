"""The address of a Sentry project: ``scheme://public:secret@host/project``."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from heka._secrets import MASK
from heka.exceptions import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class DSN:
    """The parts of a DSN; its repr does not show the secret."""

    text: str = field(repr=False)
    public: str
    secret: str = field(repr=False)
    #: ``text`` without the secret: Sentry needs none since 2018.
    without_secret: str
    host: str
    project: str

    @classmethod
    def parse(cls, text: object) -> DSN:
        """Parse a DSN.

        Raises:
            InvalidArgumentError: *text* is no DSN; the message does not show the secret.
        """
        if not isinstance(text, str):
            raise InvalidArgumentError(f"dsn: expected text, got {type(text).__name__}")
        text = text.strip()
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise InvalidArgumentError(f"dsn: expected {_FORM}: {type(error).__name__}") from None
        host = parts.hostname or ""
        project = parts.path.rstrip("/").rpartition("/")[2]
        if not (parts.scheme and host and project):
            missing = "scheme" if not parts.scheme else "host" if not host else "project"
            raise InvalidArgumentError(f"dsn: expected {_FORM}; there is no {missing} in it")
        # The last @: a password may hold one.
        user, _, _ = parts.netloc.rpartition("@")
        public, _, secret = user.partition(":")
        shown = f"[{host}]" if ":" in host else host
        address = shown if port is None else f"{shown}:{port}"
        rest = text.partition("://")[2].partition("/")[2]
        keys = f"{public}@" if public else ""
        return cls(
            text=text,
            public=public,
            secret=secret,
            without_secret=f"{parts.scheme}://{keys}{address}/{rest}",
            host=address,
            project=project,
        )

    def secrets(self) -> set[str]:
        """Return the secret as written and percent-decoded."""
        return {self.secret, unquote(self.secret)} - {""}

    def __str__(self) -> str:
        """Return the DSN with its secret masked."""
        return self.text.replace(f":{self.secret}@", f":{MASK}@") if self.secret else self.text


_FORM = "scheme://public:secret@host/project, as in https://public@sentry.example/2"
