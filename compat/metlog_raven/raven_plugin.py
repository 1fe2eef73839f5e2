"""metlog_raven.raven_plugin: heka.raven_plugin under the name that metlog used."""

from heka.raven_plugin import (
    HEKA_PLUGIN_NAME,
    InvalidArgumentError,
    RavenClient,
    capture_stack,
    config_plugin,
)

__all__ = [
    "METLOG_PLUGIN_NAME",
    "InvalidArgumentError",
    "RavenClient",
    "capture_stack",
    "config_plugin",
]

METLOG_PLUGIN_NAME = HEKA_PLUGIN_NAME
