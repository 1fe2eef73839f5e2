"""The clients of a process, by name."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any, overload

from heka._runtime.forks import start_anew_in_child
from heka.client import HekaClient
from heka.config import client_from_dict_config
from heka.exceptions import ConfigError

__all__ = ["CLIENT_HOLDER", "HekaClientHolder", "get_client"]


class HekaClientHolder:
    """Keeps clients by name, one of them the default: the first, unless told otherwise."""

    def __init__(self) -> None:
        self._clients: dict[str, HekaClient] = {}
        self._default_clientname: str | None = None
        self.lock = threading.RLock()
        start_anew_in_child(self)

    @overload
    def get_client(self, name: str) -> HekaClient: ...
    @overload
    def get_client(self, name: None) -> HekaClient | None: ...
    def get_client(self, name: str | None) -> HekaClient | None:
        """Return the client called *name*, made if there is none; None is the default client.

        One that is made here has no stream: it is not active, and sends nothing, until it is
        configured. Its logger is *name*.
        """
        if name is None:
            return self.default_client
        if not isinstance(name, str):
            raise TypeError(f"expected the name of a client, got {name!r}")
        client = self._clients.get(name)
        if client is None:
            with self.lock:
                client = self._clients.get(name)
                if client is None:
                    client = HekaClient(stream=None, logger=name)
                    self._add(name, client)
        return client

    def find_client(self, name: str | None) -> HekaClient | None:
        """Return the client called *name*, None where there is none; makes none, unlike get_client.

        None is the default client. For those who log early: whom they ask for first is no default.
        """
        return self.default_client if name is None else self._clients.get(name)

    def set_client(self, name: str, client: HekaClient) -> None:
        """Keep *client* as *name*, in place of the one that was."""
        with self.lock:
            self._add(name, client)

    def set_default_client_name(self, name: str | None) -> None:
        """Make *name* the default client, which may come later; None: there is none."""
        self._default_clientname = name

    @property
    def default_client(self) -> HekaClient | None:
        """The default client, None where there is none."""
        name = self._default_clientname
        return None if name is None else self._clients.get(name)

    def delete_client(self, name: str) -> None:
        """Forget the client called *name*, if there is one; it is not closed."""
        with self.lock:
            self._clients.pop(name, None)
            if self._default_clientname == name:
                self._default_clientname = None

    def start_anew(self) -> None:
        """Have a lock, in a child process, that no thread of its parent holds."""
        self.lock = threading.RLock()

    def _add(self, name: str, client: HekaClient) -> None:
        if not self._clients and self._default_clientname is None:
            self._default_clientname = name
        self._clients[name] = client


@overload
def get_client(
    name: str, config_dict: Mapping[str, Any] | None = None, *, strict: bool = False
) -> HekaClient: ...
@overload
def get_client(
    name: None, config_dict: Mapping[str, Any] | None = None, *, strict: bool = False
) -> HekaClient | None: ...
def get_client(
    name: str | None, config_dict: Mapping[str, Any] | None = None, *, strict: bool = False
) -> HekaClient | None:
    """Return the client called *name* from CLIENT_HOLDER, configured if there is a config.

    Args:
        name: Also its logger. None is the default client: None again where there is none.
        config_dict: As for ``client_from_dict_config``; not changed. Its ``logger`` is *name*, or
            left out.
        strict: As there.

    Raises:
        ConfigError: The logger is another, or something else is wrong with the configuration.
    """
    if not config_dict:
        return CLIENT_HOLDER.get_client(name)
    if not isinstance(config_dict, Mapping):
        raise ConfigError(f"expected the configuration as a dict, got {type(config_dict).__name__}")
    if name is None:
        name = CLIENT_HOLDER._default_clientname
        if name is None:
            raise ConfigError(
                "there is no default client to configure; name one, as in get_client('myapp', ...)"
            )
    logger = config_dict.get("logger")
    if logger and logger != name:
        raise ConfigError(
            f"config['logger']: expected {name!r}, which is the client's name, or nothing; got "
            f"{logger!r}"
        )
    client = CLIENT_HOLDER.get_client(name)
    return client_from_dict_config(_with_logger(config_dict, name), client, strict=strict)


def _with_logger(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    # A copy of its own type: what has been read from a file remembers where.
    copied: Any = copy.copy(config) if isinstance(config, dict) else dict(config)
    copied["logger"] = name
    return copied  # type: ignore[no-any-return]


CLIENT_HOLDER = HekaClientHolder()
