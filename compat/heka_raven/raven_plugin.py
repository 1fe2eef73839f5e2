"""heka_raven.raven_plugin: heka.raven_plugin under the name that old configurations use."""

from heka.raven_plugin import (
    HEKA_PLUGIN_NAME,
    InvalidArgumentError,
    RavenClient,
    capture_stack,
    config_plugin,
)

__all__ = [
    "HEKA_PLUGIN_NAME",
    "InvalidArgumentError",
    "RavenClient",
    "capture_stack",
    "config_plugin",
]
