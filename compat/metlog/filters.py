"""metlog.filters: the filter providers of heka.filters."""

from heka.filters import (
    severity_max_provider,
    type_blacklist_provider,
    type_severity_max_provider,
    type_whitelist_provider,
)

__all__ = [
    "severity_max_provider",
    "type_blacklist_provider",
    "type_severity_max_provider",
    "type_whitelist_provider",
]
