"""metlog.config: create clients from INI text and dicts; keys may begin with ``sender``."""

from heka.config import (
    client_from_dict_config,
    client_from_stream_config,
    client_from_text_config,
    dict_from_stream_config,
    nest_prefixes,
)

__all__ = [
    "client_from_dict_config",
    "client_from_stream_config",
    "client_from_text_config",
    "dict_from_stream_config",
    "nest_prefixes",
]
