"""``heka doctor``: find out why nothing arrives at a destination."""

from heka.cli.commands.doctor.command import add_arguments, run

__all__ = ["add_arguments", "run"]
