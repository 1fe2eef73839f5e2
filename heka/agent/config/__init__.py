"""The configuration of the agent: hekad's TOML, and what this agent adds to it.

``load`` reads a file or a directory into a ``Plan``; all errors are reported at once, each with its
place.
"""

from heka.agent.config.compare import Changes, compare
from heka.agent.config.load import load, load_aggregator, load_text
from heka.agent.config.plan import Place, Plan, Retries, Section, Settings

__all__ = [
    "Changes",
    "Place",
    "Plan",
    "Retries",
    "Section",
    "Settings",
    "compare",
    "load",
    "load_aggregator",
    "load_text",
]
