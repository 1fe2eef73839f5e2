"""Keep the clients of a process by name."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any, overload

from heka._runtime.forks import register_fork_reset
from heka.client import HekaClient
from heka.config import client_from_dict_config
from heka.exceptions import ConfigError

__all__ = ["CLIENT_HOLDER", "HekaClientHolder", "get_client"]


class HekaClientHolder:
    """Keeps clients by name. The first one is the default client unless another one is set."""

    def __init__(self) -> None:
        self._clients: dict[str, HekaClient] = {}
        self._default_clientname: str | None = None
        self.lock = threading.RLock()
        register_fork_reset(self)

    @overload
    def get_client(self, name: str) -> HekaClient: ...
    @overload
    def get_client(self, name: None) -> HekaClient | None: ...
    def get_client(self, name: str | None) -> HekaClient | None:
        """Return the client called *name*; it is made if there is none. None: the default client.

        A client that is made here has the logger *name* and no stream: it sends nothing until it
        is configured.
        """
        if name is None:
            return self.default_client
        if not isinstance(name, str):
            raise TypeError(f"expected the name of a client as str, got {name!r}")
        client = self._clients.get(name)
        if client is None:
            with self.lock:
                client = self._clients.get(name)
                if client is None:
                    client = HekaClient(stream=None, logger=name)
                    self._add(name, client)
        return client

    def find_client(self, name: str | None) -> HekaClient | None:
        """Return the client called *name*, or None; unlike ``get_client``, makes none.

        None as *name* is the default client. For callers that log before clients are configured:
        a client made for them would become the default client.
        """
        return self.default_client if name is None else self._clients.get(name)

    def set_client(self, name: str, client: HekaClient) -> None:
        """Keep *client* as *name*; it replaces an earlier one."""
        with self.lock:
            self._add(name, client)

    def set_default_client_name(self, name: str | None) -> None:
        """Make *name* the default client; it may be added later. None: no default client."""
        self._default_clientname = name

    @property
    def default_client(self) -> HekaClient | None:
        """The default client, or None."""
        name = self._default_clientname
        return None if name is None else self._clients.get(name)

    def delete_client(self, name: str) -> None:
        """Remove the client called *name*, if there is one; it is not closed."""
        with self.lock:
            self._clients.pop(name, None)
            if self._default_clientname == name:
                self._default_clientname = None

    def __repr__(self) -> str:
        """Return the names of the clients, and which is the default one."""
        names = ", ".join(map(repr, list(self._clients))) or "no clients"
        return f"<HekaClientHolder: {names}; default {self._default_clientname!r}>"

    def reset_after_fork(self) -> None:
        """Make a new lock: another thread may have held the old one during the fork."""
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
    """Return the client called *name* from CLIENT_HOLDER; configure it if *config_dict* is given.

    Args:
        name: The name of the client, and its logger. None: the default client; without one, the
            result is None.
        config_dict: As for ``client_from_dict_config``; not changed. Its ``logger`` must be *name*
            or missing.
        strict: As for ``client_from_dict_config``.

    Raises:
        ConfigError: The configuration is wrong, or its logger is not *name*.
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
    # copy.copy keeps the type: a dict read from a file knows its file and line.
    copied: dict[str, Any] = copy.copy(config) if isinstance(config, dict) else dict(config)
    copied["logger"] = name
    return copied


CLIENT_HOLDER = HekaClientHolder()
