"""What TLS trusts and shows: contexts made of the files that a URL names, and remedies.

Knows files and the ssl module; no sockets.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import Final

from heka._net.options import TlsOptions
from heka.exceptions import ConfigError

__all__ = ["check", "context_for", "with_remedy"]

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

#: Which files are there now, so that a certificate that was renewed is noticed.
_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class _Loaded:
    context: ssl.SSLContext
    stamp: _Stamp


_contexts: dict[TlsOptions, _Loaded] = {}
#: Contexts of parent processes. One of their locks may have been held by another thread when the
#: process forked, and freeing a context takes it.
_of_parents: list[dict[TlsOptions, _Loaded]] = []


def _leave_to_parent() -> None:
    """Make contexts anew in a child process, once they are needed."""
    global _contexts
    _of_parents.append(_contexts)
    _contexts = {}


os.register_at_fork(after_in_child=_leave_to_parent)


def check(options: TlsOptions) -> None:
    """Load what *options* name, unless that was done, here or in a parent process.

    Raises:
        ConfigError: A file is not there, or not what it should be.
    """
    if not any(options in contexts for contexts in (_contexts, *_of_parents)):
        context_for(options)


def context_for(options: TlsOptions) -> ssl.SSLContext:
    """Return the context of *options*, made once, and again after a file of it was replaced.

    Raises:
        ConfigError: It cannot be made. One that was made before is kept, should its new files be of
            no use.
    """
    stamp = _stamp(options)
    loaded = _contexts.get(options)
    if loaded is None or loaded.stamp != stamp:
        try:
            loaded = _Loaded(_make(options), stamp)
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


def _make(options: TlsOptions) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which verifies, and checks the name
    minimum = _VERSIONS[options.minimum]
    if context.minimum_version < minimum:  # else the system's policy is stricter
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
            f"ca={path}: expected certificates in PEM, of the CAs to trust; {_reason(error)}"
        ) from None
    # What the file names is trusted, whether or not its own issuer is in there too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _load_cert(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    _try_reading(cert, "cert")
    if key is not None:
        _try_reading(key, "key")

    def refuse() -> str:  # instead of asking on the terminal, and waiting there
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
            f"{files}: expected the client's certificate in PEM and its private key, which is in "
            f"the same file where key= is not given; {_reason(error)}"
        ) from None


def _try_reading(path: str, name: str) -> None:
    """Say what ssl does not: which file it was."""
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise ConfigError(
            f"{name}={path}: {error.strerror}; expected a file in PEM that can be read"
        ) from None


def _reason(error: Exception) -> str:
    """Return what OpenSSL says, without the place in CPython's source."""
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


#: Beginnings of OpenSSL's reasons, and what helps; the first that fits counts.
_REMEDIES: Final = (
    (
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED",),
        "the server demands a client certificate: give cert=FILE and key=FILE",
    ),
    (
        ("SSLV3_ALERT_HANDSHAKE_FAILURE",),
        "client and server have nothing in common, or the server demands a client certificate "
        "(cert=FILE and key=FILE)",
    ),
    (
        (
            "TLSV1_ALERT_UNKNOWN_CA",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE",
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "TLSV1_ALERT_ACCESS_DENIED",
        ),
        "the server refuses the client's certificate: look at cert= and at the CAs it trusts",
    ),
    (
        ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE"),
        "client and server have no version of TLS in common: look at min=, and at the server",
    ),
    (
        ("TLSV1_UNRECOGNIZED_NAME",),
        "the server does not know the name that it was asked for: give name=SERVERNAME",
    ),
    (
        ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH", "HTTP", "UNEXPECTED_M"),
        "no TLS is spoken there: is it the port for tcp://?",
    ),
)
#: Codes of X509_verify_cert: expired, not valid yet, another name, another address.
_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64


def with_remedy(error: ssl.SSLError, name: str) -> ssl.SSLError:
    """Return an error of the same type whose text says what helps.

    Args:
        error: As OpenSSL has it.
        name: What the server's certificate has to be for.
    """
    text = f"{_reason(error)}; {remedy}" if (remedy := _remedy(error)) else _reason(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"{error.verify_message}; {_certificate_remedy(error, name)}"
    told = type(error)(error.errno, text)
    for attribute in ("library", "reason", "verify_code", "verify_message"):
        if hasattr(error, attribute):
            setattr(told, attribute, getattr(error, attribute))
    return told


def _remedy(error: ssl.SSLError) -> str:
    reason = getattr(error, "reason", None) or ""
    return next((remedy for begin, remedy in _REMEDIES if reason.startswith(begin)), "")


def _certificate_remedy(error: ssl.SSLCertVerificationError, name: str) -> str:
    if error.verify_code == _EXPIRED:
        return "the server needs a new one, or this machine's clock is wrong"
    if error.verify_code == _NOT_YET:
        return "the server's clock, or this machine's, is wrong"
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return (
            f"the server's certificate is not for {name!r} (its subjectAltName counts): connect by "
            "a name that it has, or say which with name=SERVERNAME"
        )
    return "if the server is the right one, say which CA it is from with ca=FILE"
