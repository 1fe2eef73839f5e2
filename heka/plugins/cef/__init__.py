"""The CEF plugin: security events in ArcSight's Common Event Format, through Heka to syslog.

::

    [heka_plugin_cef]
    provider = heka.plugins.cef:config_plugin
    syslog_facility = LOCAL4

    client.cef("login failed", 5, environ, config, username="ann", signature=AUTH_FAILURE)
"""

from heka.exceptions import InvalidArgumentError
from heka.plugins.cef.provider import config_plugin

__all__ = [
    "ACCOUNT_LOCKED",
    "AUTH_FAILURE",
    "CAPTCHA_FAILURE",
    "OVERRIDE_FAILURE",
    "PASSWD_RESET_CLR",
    "InvalidArgumentError",
    "config_plugin",
]

# Signatures for which receivers have rules.
AUTH_FAILURE = "AuthFail"
CAPTCHA_FAILURE = "CaptchaFail"
OVERRIDE_FAILURE = "InvalidAdmin"
ACCOUNT_LOCKED = "AccountLockout"
PASSWD_RESET_CLR = "PasswordResetCleared"
