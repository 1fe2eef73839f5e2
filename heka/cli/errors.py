"""The one exception that a command ends with."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot go on; the text is one sentence for its user, with the remedy."""
