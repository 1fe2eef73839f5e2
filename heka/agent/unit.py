"""The unit file with which systemd runs the agent."""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Final

from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.config import Settings

__all__ = ["unit_text"]

#: Seconds that the end of the agent takes beside ``stop_timeout``, at most.
_ENDING: Final = 20
#: Directories of systemd that a unit may have its own directory in, and the key for it.
_DIRECTORIES: Final = {"/var/lib": "StateDirectory", "/var/cache": "CacheDirectory"}
#: What needs no quotes in a command line of a unit.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@+-]+")

_TEXT: Final = """\
# Written by 'heka {command} unit'.
[Unit]
Description=heka {command}
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart={program} -m heka {command} run {config}
ExecReload=/bin/kill -HUP $MAINPID
User={user}
{directory}Restart=on-failure
RestartSec=5
# SIGTERM delivers for stop_timeout, {stop_timeout:g} s; what is left stays on disk.
TimeoutStopSec={stop}
# The agent ends the commands of ProcessInput itself.
KillMode=mixed
WatchdogSec=120
# A descriptor for each connection.
LimitNOFILE=65536
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full
ProtectHome=read-only

[Install]
WantedBy=multi-user.target
"""


def unit_text(
    settings: Settings, config: str, program: str, user: str, command: str = "agent"
) -> str:
    """Return the unit file.

    Args:
        settings: Of the configuration.
        config: Its path.
        program: Path of the Python interpreter.
        user: Who the agent runs as.
        command: ``agent`` or ``grater``.

    Raises:
        ConfigError: *user* is no name of a user, or a path cannot stand in a unit.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,30}", user):
        raise ConfigError(f"--user: expected the name of a user, got {user!r}")
    above, _, own = os.path.abspath(settings.base_dir).rpartition("/")
    directory = ""
    if above in _DIRECTORIES and _PLAIN.fullmatch(own):
        directory = f"{_DIRECTORIES[above]}={own}\n{_DIRECTORIES[above]}Mode=0700\n"
    return _TEXT.format(
        command=command,
        program=_word(program),
        config=_word(os.path.abspath(config)),
        user=user,
        directory=directory,
        stop_timeout=settings.stop_timeout,
        stop=math.ceil(settings.stop_timeout) + _ENDING,
    )


def _word(path: str) -> str:
    """Return *path* as one word of a command line; systemd.service(5), "Command lines"."""
    if not path.isprintable():
        raise ConfigError(f"{path!r}: expected a path of printable characters")
    if _PLAIN.fullmatch(path):
        return path
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        path = path.replace(character, written)
    return f'"{path}"'
