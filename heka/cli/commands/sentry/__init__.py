"""``heka sentry``: events of the raven plugin, found, shown and posted."""

from heka.cli.commands.sentry.command import SUMMARY, add_arguments, run

__all__ = ["SUMMARY", "add_arguments", "run"]
