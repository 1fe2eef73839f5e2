"""metlog_cef, formerly a separate distribution: the CEF plugin is now part of heka."""

from heka.plugins.cef import (
    ACCOUNT_LOCKED,
    AUTH_FAILURE,
    CAPTCHA_FAILURE,
    OVERRIDE_FAILURE,
    PASSWD_RESET_CLR,
)

__all__ = [
    "ACCOUNT_LOCKED",
    "AUTH_FAILURE",
    "CAPTCHA_FAILURE",
    "OVERRIDE_FAILURE",
    "PASSWD_RESET_CLR",
]
