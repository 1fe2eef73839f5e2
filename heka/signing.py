"""Sign messages with HMAC-SHA1 or HMAC-MD5."""

from typing import Any, Final

from heka._core import SignerConfig

__all__ = ["SignerConfig", "sign_header"]

#: Number of each hash in the header of a frame, as in proto/message.proto.
_HASH_FUNCTIONS: Final = {"md5": 0, "sha1": 1}


def sign_header(
    header: Any, payload: bytes | bytearray | memoryview, signer_config: SignerConfig
) -> None:
    """Sign *payload*, and set the signature as attributes of *header*.

    Args:
        header: Any object, for instance a protobuf Header. Gets the attributes ``hmac_signer``,
            ``hmac_key_version``, ``hmac_hash_function`` (0: MD5, 1: SHA1) and ``hmac`` (bytes).
        payload: An encoded message.
        signer_config: Name, key version, key and hash of the signer.

    ``heka.frame`` signs and frames a message in one call.
    """
    digest = signer_config.sign(payload)
    header.hmac_signer = signer_config.name
    header.hmac_key_version = signer_config.version
    header.hmac_hash_function = _HASH_FUNCTIONS[signer_config.hash]
    header.hmac = digest
