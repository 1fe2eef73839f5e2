"""The raven plugin: exceptions with their frames and variables, through Heka to Sentry.

::

    [heka_plugin_ravensection]
    provider = heka.plugins.raven:config_plugin
    dsn = https://public:secret@sentry.example/2

    try:
        ...
    except Exception:
        client.raven("something bad happened")
"""

from heka.exceptions import InvalidArgumentError
from heka.plugins.raven.blob import RavenClient
from heka.plugins.raven.decorator import capture_stack
from heka.plugins.raven.provider import capture, config_plugin

__all__ = ["InvalidArgumentError", "RavenClient", "capture", "capture_stack", "config_plugin"]
