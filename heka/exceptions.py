"""The exceptions of heka: everything here is a ``HekaError``."""

from heka._core import (
    ConfigError,
    DecodeError,
    EncodeError,
    FieldError,
    HekaError,
    SignatureError,
)

__all__ = [
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "FieldError",
    "HekaError",
    "SignatureError",
]
