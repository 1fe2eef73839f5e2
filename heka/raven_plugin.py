"""heka.raven_plugin: the raven plugin under the module name of heka-py-raven."""

from heka.plugins.raven import InvalidArgumentError, RavenClient, capture_stack, config_plugin

__all__ = [
    "HEKA_PLUGIN_NAME",
    "InvalidArgumentError",
    "RavenClient",
    "capture_stack",
    "config_plugin",
]

#: Name of the plugin's method.
HEKA_PLUGIN_NAME = "raven"
