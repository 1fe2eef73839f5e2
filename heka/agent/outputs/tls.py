"""The table ``[X.tls]`` of outputs that connect over TLS."""

from __future__ import annotations

from dataclasses import dataclass

from heka._net.addresses import TlsOptions
from heka.agent.options import option

__all__ = ["ClientTlsOptions"]


@dataclass(frozen=True)
class ClientTlsOptions:
    """Options of ``[X.tls]`` of an output, with hekad's names."""

    server_name: str = option("", "text", "Name in the server's certificate; else the host name.")
    cert_file: str = option("", "text", "PEM file with the client's certificate.")
    key_file: str = option("", "text", "PEM file with the client's private key.")
    root_cafile: str = option("", "text", "PEM file of the CAs to trust instead of the system's.")
    insecure_skip_verify: bool = option(
        False, "boolean", "Accept every certificate: for tests only."
    )
    min_version: str = option("1.2", "text", "The oldest version of TLS: 1.2 or 1.3.")

    def for_address(self) -> TlsOptions:
        """Return them as the client has them."""
        return TlsOptions(
            ca=self.root_cafile or None,
            cert=self.cert_file or None,
            key=self.key_file or None,
            minimum=self.min_version.removeprefix("TLS").replace("12", "1.2").replace("13", "1.3"),
            name=self.server_name or None,
            verify=not self.insecure_skip_verify,
        )
