"""``heka sentry``: read events of the raven plugin, and show or post them."""

from heka.cli.commands.sentry.command import add_arguments, run

__all__ = ["add_arguments", "run"]
