"""``python -m heka grater``: run the agent as an aggregator, which agents forward to."""

from __future__ import annotations

import argparse
from typing import Final

from heka.cli.commands.agent import act, add_actions
from heka.cli.errors import CommandError
from heka.exceptions import ConfigError

_EPILOG: Final = """\
It is the agent with other defaults: it listens on port 5565 of this machine unless
CONFIG has an input, and refuses to listen for other machines without signatures or
client certificates.

examples:
  heka grater check /etc/heka/grater.toml
  heka grater run /etc/heka/grater.toml
  heka grater status /etc/heka/grater.toml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    parser.epilog = _EPILOG
    add_actions(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; return the exit code.

    Raises:
        CommandError: The configuration is wrong, or no aggregator answers.
    """
    from heka.agent.config import load_aggregator

    if args.action is None:
        raise CommandError("expected an action with CONFIG; see 'heka grater --help'")
    try:
        return act(args, load_aggregator)
    except ConfigError as problem:
        raise CommandError(str(problem)) from problem
