"""metlog_cef.cef_plugin: heka.plugins.cef under the name that metlog used."""

from collections.abc import Callable, Mapping
from typing import Any

from heka.plugins.cef import (
    ACCOUNT_LOCKED,
    AUTH_FAILURE,
    CAPTCHA_FAILURE,
    OVERRIDE_FAILURE,
    PASSWD_RESET_CLR,
    InvalidArgumentError,
)
from heka.plugins.cef.options import Options
from heka.plugins.cef.provider import method

__all__ = [
    "ACCOUNT_LOCKED",
    "AUTH_FAILURE",
    "CAPTCHA_FAILURE",
    "OVERRIDE_FAILURE",
    "PASSWD_RESET_CLR",
    "InvalidArgumentError",
    "config_plugin",
]


def config_plugin(config: Mapping[str, Any]) -> Callable[..., str]:
    """Return the method ``cef``; *config* may hold ``syslog_options``, sent as a field."""
    return method(Options.read(config, "syslog_options"))
