"""Signatures: HMAC-SHA1 or HMAC-MD5 over a message."""

from typing import Any, Final

from heka._core import SignerConfig

__all__ = ["SignerConfig", "sign_header"]

#: What the header of a frame says for each hash; the enum of proto/message.proto.
_HASH_FUNCTIONS: Final = {"md5": 0, "sha1": 1}


def sign_header(
    header: Any, payload: bytes | bytearray | memoryview, signer_config: SignerConfig
) -> None:
    """Sign *payload*, and say so in the attributes of *header*, an object of any type.

    Args:
        header: Gets ``hmac_signer``, ``hmac_key_version``, ``hmac_hash_function`` (0: MD5, 1: SHA1)
            and ``hmac``, the digest as bytes; a protobuf Header of your own for instance.
        payload: An encoded message.
        signer_config: Whose name, key version, key and hash.

    ``heka.frame`` does all this, and more, in one call.
    """
    digest = signer_config.sign(payload)
    header.hmac_signer = signer_config.name
    header.hmac_key_version = signer_config.version
    header.hmac_hash_function = _HASH_FUNCTIONS[signer_config.hash]
    header.hmac = digest
