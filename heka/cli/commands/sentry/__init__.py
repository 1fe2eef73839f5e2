"""``heka sentry``: read events of the raven plugin, and show or post them."""

from heka.cli.commands.sentry.command import SUMMARY, add_arguments, run

__all__ = ["SUMMARY", "add_arguments", "run"]
