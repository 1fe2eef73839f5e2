"""heka_cef.cef_plugin: heka.plugins.cef under the name that old configurations use."""

from heka.plugins.cef import (
    ACCOUNT_LOCKED,
    AUTH_FAILURE,
    CAPTCHA_FAILURE,
    OVERRIDE_FAILURE,
    PASSWD_RESET_CLR,
    InvalidArgumentError,
    config_plugin,
)

__all__ = [
    "ACCOUNT_LOCKED",
    "AUTH_FAILURE",
    "CAPTCHA_FAILURE",
    "OVERRIDE_FAILURE",
    "PASSWD_RESET_CLR",
    "InvalidArgumentError",
    "config_plugin",
]
