"""metlog.path: import objects by dotted name."""

from heka.path import DottedNameResolver, resolve_name

__all__ = ["DottedNameResolver", "resolve_name"]
