"""heka.raven_plugin: the raven plugin where programs for heka-py-raven look for it."""

from heka.plugins.raven import InvalidArgumentError, RavenClient, capture_stack, config_plugin

__all__ = [
    "HEKA_PLUGIN_NAME",
    "InvalidArgumentError",
    "RavenClient",
    "capture_stack",
    "config_plugin",
]

#: What the plugin's method is called.
HEKA_PLUGIN_NAME = "raven"
