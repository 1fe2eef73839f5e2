"""Signatures: HMAC-SHA1 or HMAC-MD5 over a message."""

from heka._core import SignerConfig

__all__ = ["SignerConfig"]
