"""What a new configuration changes."""

from __future__ import annotations

from dataclasses import dataclass

from heka.agent.config.plan import Plan

__all__ = ["Changes", "compare"]


@dataclass(frozen=True)
class Changes:
    """Names of sections; those of splitters, decoders and encoders are not among them."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing has changed."""
        return not (self.new or self.gone or self.changed)

    def names(self) -> dict[str, list[str]]:
        """Return the changes by kind, for a reply."""
        return {"new": list(self.new), "gone": list(self.gone), "changed": list(self.changed)}


def compare(old: Plan, new: Plan) -> Changes:
    """Return what is to be done to go from *old* to *new*."""
    before, after = (
        {
            section.name: section
            for section in plan.sections
            if section.kind in ("input", "filter", "output")
        }
        for plan in (old, new)
    )
    both = [name for name in after if name in before]
    return Changes(
        new=tuple(name for name in after if name not in before),
        gone=tuple(name for name in before if name not in after),
        changed=tuple(name for name in both if before[name] != after[name]),
        kept=tuple(name for name in both if before[name] == after[name]),
    )
