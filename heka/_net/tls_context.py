"""SSL contexts for the TLS options of a URL, and TLS errors with their remedies.

Reads certificate files; knows no sockets.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import Final

from heka._net.options import TlsOptions
from heka._runtime.forks import call_in_child
from heka.exceptions import ConfigError

__all__ = ["check", "context_for", "make_context", "with_remedy"]

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

#: Identities of the files that a context was loaded from: a renewed certificate changes them.
_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class _Loaded:
    context: ssl.SSLContext
    stamp: _Stamp


_contexts: dict[TlsOptions, _Loaded] = {}
#: Contexts inherited from parent processes. They are never freed: freeing one takes a lock, which
#: another thread may have held when the process forked.
_inherited: list[dict[TlsOptions, _Loaded]] = []


def _reset_after_fork() -> None:
    """Have a child process make its own contexts, when it needs them."""
    global _contexts
    _inherited.append(_contexts)
    _contexts = {}


call_in_child(_reset_after_fork)


def check(options: TlsOptions) -> None:
    """Load the files in *options*, unless this process or a parent has loaded them before.

    Raises:
        ConfigError: A file is missing, or does not hold what it should.
    """
    if not any(options in contexts for contexts in (_contexts, *_inherited)):
        context_for(options)


def context_for(options: TlsOptions) -> ssl.SSLContext:
    """Return the context for *options*; it is made again after one of its files was replaced.

    When the new files cannot be used, the context made before is returned.

    Raises:
        ConfigError: There is no context yet, and the files cannot be used.
    """
    stamp = _stamp(options)
    loaded = _contexts.get(options)
    if loaded is None or loaded.stamp != stamp:
        try:
            loaded = _Loaded(make_context(options), stamp)
        except ConfigError:
            if loaded is None:
                raise
        else:
            _contexts[options] = loaded
    return loaded.context


def _stamp(options: TlsOptions) -> _Stamp:
    return tuple(_identity(path) for path in (options.ca, options.cert, options.key))


def _identity(path: str | None) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path) if path is not None else None
    except OSError:
        return None
    return found and (found.st_ino, found.st_mtime_ns, found.st_size)


def make_context(options: TlsOptions) -> ssl.SSLContext:
    """Return a new context for *options*, which the caller may change; raises as `context_for`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies the certificate and the host name
    minimum = _VERSIONS[options.minimum]
    if context.minimum_version < minimum:  # keep a stricter policy of the system
        context.minimum_version = minimum
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.hostname_checks_common_name = False
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.ca is not None:
        _load_ca(context, options.ca)
    elif options.verify:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if options.cert is not None:
        _load_cert(context, options.cert, options.key)
    return context


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    _try_reading(path, "ca")
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"ca={path}: expected the certificates of the CAs to trust, in PEM; {_reason(error)}"
        ) from None
    # Every certificate in the file is trusted, even without the certificate of its issuer.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _load_cert(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    _try_reading(cert, "cert")
    if key is not None:
        _try_reading(key, "key")

    def refuse() -> str:  # instead of a prompt on the terminal
        raise ConfigError(
            f"key={key or cert}: the private key is encrypted; expected one without a passphrase, "
            "in a file that only this program's user can read"
        )

    try:
        context.load_cert_chain(cert, key, refuse)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        files = f"cert={cert}, key={key}" if key is not None else f"cert={cert}"
        raise ConfigError(
            f"{files}: expected the client's certificate in PEM and its private key, in the same "
            f"file unless key= names another one; {_reason(error)}"
        ) from None


def _try_reading(path: str, name: str) -> None:
    """Raise a ConfigError that names the file if it cannot be read; ssl does not name it."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise ConfigError(
            f"{name}={path}: {error.strerror}; expected a readable PEM file"
        ) from None


def _reason(error: Exception) -> str:
    """Return OpenSSL's reason, without the line number in CPython's source."""
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


#: Prefixes of OpenSSL's reasons, and the remedy; the first match is used.
_REMEDIES: Final = (
    (
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED",),
        "the server requires a client certificate: give cert=FILE and key=FILE",
    ),
    (
        ("SSLV3_ALERT_HANDSHAKE_FAILURE",),
        "client and server share no cipher, or the server requires a client certificate: give "
        "cert=FILE and key=FILE",
    ),
    (
        (
            "TLSV1_ALERT_UNKNOWN_CA",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE",
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "TLSV1_ALERT_ACCESS_DENIED",
        ),
        "the server refuses the client's certificate: check cert=, and the CAs that the server "
        "trusts",
    ),
    (
        ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE"),
        "client and server share no version of TLS: check min=, and the server",
    ),
    (
        ("TLSV1_UNRECOGNIZED_NAME",),
        "the server does not know the requested server name: give name=SERVERNAME",
    ),
    (
        ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH", "HTTP", "UNEXPECTED_M"),
        "the peer does not speak TLS: is it the port for tcp://?",
    ),
)
#: Error codes of X509_verify_cert: expired, not yet valid, other host name, other address.
_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64


def with_remedy(error: ssl.SSLError, name: str) -> ssl.SSLError:
    """Return an error of the same type whose text also names the remedy.

    Args:
        error: As raised by ssl.
        name: The server name that the certificate must have.
    """
    text = f"{_reason(error)}; {remedy}" if (remedy := _remedy(error)) else _reason(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"{error.verify_message}; {_certificate_remedy(error, name)}"
    result = type(error)(error.errno, text)
    for attribute in ("library", "reason", "verify_code", "verify_message"):
        if hasattr(error, attribute):
            setattr(result, attribute, getattr(error, attribute))
    return result


def _remedy(error: ssl.SSLError) -> str:
    reason = getattr(error, "reason", None) or ""
    return next((remedy for begin, remedy in _REMEDIES if reason.startswith(begin)), "")


def _certificate_remedy(error: ssl.SSLCertVerificationError, name: str) -> str:
    if error.verify_code == _EXPIRED:
        return "the server needs a new certificate, or this machine's clock is wrong"
    if error.verify_code == _NOT_YET:
        return "the server's clock, or this machine's, is wrong"
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return (
            f"the server's certificate has no subjectAltName {name!r}: connect by a name that it "
            "has, or give it with name=SERVERNAME"
        )
    return "if this is the right server, give the certificate of its CA with ca=FILE"
