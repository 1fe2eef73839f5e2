"""The TLS handshake, and the names, dates and issuers of the server's certificate."""

from __future__ import annotations

import _ssl
import contextlib
import dataclasses
import ipaddress
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final

from heka._core import monotonic
from heka._net.addresses import Address
from heka._net.options import TlsOptions
from heka._net.resolver import Endpoint
from heka._net.sockets import wait_readable
from heka._net.tls import exchange
from heka._net.tls_context import context_for, make_context, with_remedy
from heka.cli.commands.doctor.connecting import connect
from heka.cli.commands.doctor.lines import (
    Budget,
    Line,
    duration,
    ok,
    problem,
    split_remedy,
    warning,
)
from heka.exceptions import ConfigError

#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python's ssl has no name for.
_NO_CHECK_TIME: Final = 0x200000
_DAY: Final = 86400
#: Days before the end of a certificate from which on it is a warning.
_SOON: Final = 14
#: Names shown of a certificate that has many.
_NAMES_MAX: Final = 10
#: Seconds to wait for a TLS 1.3 server to refuse the client, after the handshake.
_REFUSAL_WAIT: Final = 0.5
_CHUNK: Final = 65536

_Certificate = dict[str, Any]


def tls_lines(
    address: Address, host: str, endpoint: Endpoint, sock: socket.socket, budget: Budget
) -> Iterator[Line]:
    """Yield the result of the handshake on *sock*, and of each check of the certificate.

    Where a check fails, two more connections tell which of them would: OpenSSL stops at the first.
    """
    options = address.tls or TlsOptions()
    name = (options.name or host).partition("%")[0].removesuffix(".")
    if options.cert is not None:
        yield _client_line(options.cert)
    try:
        context = context_for(options)
        found = _handshake(context, sock, name, budget)
    except ConfigError as error:
        yield problem("tls", *split_remedy(str(error), "correct the options of the URL"))
        return
    except ssl.SSLCertVerificationError as error:
        yield from _refused_lines(options, name, endpoint, budget, error)
        return
    except (OSError, ValueError) as error:
        yield problem(
            "tls",
            *split_remedy(
                f"the handshake failed: {_text(error)}",
                "check that the peer speaks TLS on this port, and see its log",
            ),
        )
        return
    yield ok("tls", found.summary)
    if options.verify:
        yield from _certificate_lines(found.certificate, name)
        yield ok("chain", f"{_issuer(found.certificate)}; trusted by {_trusted(options)}")
    else:
        yield from map(_unchecked, _certificate_lines(found.certificate, name))


@dataclasses.dataclass
class _Found:
    summary: str
    certificate: _Certificate


def _handshake(context: ssl.SSLContext, sock: socket.socket, name: str, budget: Budget) -> _Found:
    """Do the handshake on *sock*; raise OSError if it fails, or if the server then refuses us."""
    begun = monotonic()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    exchange(tls, incoming, outgoing, sock, budget.deadline(), name)
    took = duration(monotonic() - begun)
    if tls.version() == "TLSv1.3":
        _wait_for_refusal(tls, incoming, sock, name, budget)
    cipher = tls.cipher()
    der = tls.getpeercert(binary_form=True)
    return _Found(
        f"{tls.version()}, {cipher[0] if cipher else 'no cipher'}, handshake in {took}",
        _decoded(der) if der else {},
    )


def _wait_for_refusal(
    tls: ssl.SSLObject, incoming: ssl.MemoryBIO, sock: socket.socket, name: str, budget: Budget
) -> None:
    """Raise OSError if the server refuses the client after the handshake, as TLS 1.3 lets it."""
    with contextlib.suppress(TimeoutError, BlockingIOError, ssl.SSLWantReadError):
        wait_readable(sock.fileno(), budget.deadline(_REFUSAL_WAIT))
        data = sock.recv(_CHUNK)
        if not data:
            raise ConnectionResetError("the peer closed the connection after the handshake")
        incoming.write(data)
        try:
            tls.read(1)
        except ssl.SSLZeroReturnError:
            raise ConnectionResetError("the peer ended the session after the handshake") from None
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            raise with_remedy(error, name) from None


def _refused_lines(
    options: TlsOptions,
    name: str,
    endpoint: Endpoint,
    budget: Budget,
    error: ssl.SSLCertVerificationError,
) -> Iterator[Line]:
    """Yield the result of each check by itself, after the certificate was refused as a whole."""
    lines: list[Line] = []
    certificate: _Certificate = {}
    try:
        found = _again(
            context_for(dataclasses.replace(options, verify=False)), endpoint, name, budget
        )
        certificate = found.certificate
        lines.append(ok("tls", found.summary))
        lines += _certificate_lines(certificate, name)
    except (OSError, ConfigError):
        pass  # the first error is told below
    chain = make_context(options)
    chain.check_hostname = False
    chain.verify_flags = ssl.VerifyFlags(chain.verify_flags | _NO_CHECK_TIME)
    try:
        _again(chain, endpoint, name, budget)
        lines.append(ok("chain", f"{_issuer(certificate)}; trusted by {_trusted(options)}"))
    except ssl.SSLCertVerificationError as refusal:
        text, remedy = split_remedy(_text(refusal), "give the certificate of its CA with ca=FILE")
        lines.append(
            problem(
                "chain",
                f"{_issuer(certificate)}; not trusted by {_trusted(options)}: {text}",
                remedy,
            )
        )
    except OSError:
        pass
    yield from lines
    if all(line.level != "problem" for line in lines):
        yield problem("tls", *split_remedy(_text(error), "check the certificate of the server"))


def _again(context: ssl.SSLContext, endpoint: Endpoint, name: str, budget: Budget) -> _Found:
    """Do the handshake over a new connection."""
    attempt = connect(endpoint, socket.SOCK_STREAM, budget.deadline())
    if attempt.sock is None:
        raise attempt.failure or OSError("no connection")
    with attempt.sock as sock:
        return _handshake(context, sock, name, budget)


def _text(error: Exception) -> str:
    """Return the text of *error* without its number."""
    return str(getattr(error, "strerror", None) or error)


# ---- what a certificate says --------------------------------------------------------------------


def _decoded(der: bytes) -> _Certificate:
    """Return what ssl's getpeercert() returns, also of a certificate that was not verified."""
    with contextlib.suppress(OSError), tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(der))
        file.flush()
        return _read(file.name)
    return {}


def _read(path: str) -> _Certificate:
    """Return the first certificate of the PEM file *path*; {} if there is none."""
    read = getattr(_ssl, "_test_decode_cert", None)  # not every implementation of Python has it
    with contextlib.suppress(OSError, ValueError):
        return dict(read(path)) if read is not None else {}
    return {}


def _certificate_lines(certificate: _Certificate, name: str) -> Iterator[Line]:
    """Yield the lines about the names and the dates."""
    if not certificate:
        return
    yield _names_line(certificate, name)
    yield _dates_line(certificate, "the certificate", "the server needs a new certificate")


def _names_line(certificate: _Certificate, name: str) -> Line:
    names = [text for _, text in certificate.get("subjectAltName", ())]
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    listed = f"{', '.join(names[:_NAMES_MAX]) or 'no name'}{more}"
    if any(_matches(kind, text, name) for kind, text in certificate.get("subjectAltName", ())):
        return ok("name", f"the certificate is for {listed}, so for {name!r} too")
    return problem(
        "name",
        f"the certificate is for {listed}, not for {name!r}",
        "connect by a name that the certificate has, or give that name with name=SERVERNAME",
    )


def _matches(kind: str, text: str, name: str) -> bool:
    """Return whether a name of a certificate is *name* (RFC 6125)."""
    if kind == "IP Address":
        try:
            return ipaddress.ip_address(text.strip()) == ipaddress.ip_address(name)
        except ValueError:
            return False
    if kind != "DNS":
        return False
    text, name = text.lower().removesuffix("."), name.lower()
    if not text.startswith("*."):
        return text == name
    return name.partition(".")[2] == text[2:] and not name.startswith(".")


def _dates_line(certificate: _Certificate, what: str, remedy: str) -> Line:
    begin, end = certificate["notBefore"], certificate["notAfter"]
    now = time.time()
    starts, ends = (ssl.cert_time_to_seconds(text) for text in (begin, end))
    first, last = (
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds)) for seconds in (starts, ends)
    )
    valid = f"{what} is valid from {first} to {last}"
    if now < starts:
        return problem("dates", f"{valid}: not yet", "correct the clock here, or on the server")
    if now > ends:
        return problem("dates", f"{valid}: expired", f"{remedy}, or the clock here is wrong")
    days = int((ends - now) // _DAY)
    if days < _SOON:
        return warning("dates", f"{valid}: {days} days are left", f"{remedy} soon")
    return ok("dates", f"{valid}: {days} days are left")


def _unchecked(line: Line) -> Line:
    """Return *line* as a warning if it is a problem: verify=0 checks nothing."""
    if line.level != "problem":
        return line
    return warning(line.subject, f"{line.text} (not checked: verify=0)", line.remedy)


def _issuer(certificate: _Certificate) -> str:
    subject, issuer = _common(certificate, "subject"), _common(certificate, "issuer")
    return f"{subject} was issued by {issuer}"


def _common(certificate: _Certificate, part: str) -> str:
    """Return the common name of the subject or issuer, else all that it has."""
    pairs = [pair for group in certificate.get(part, ()) for pair in group]
    named = [value for key, value in pairs if key == "commonName"]
    return repr(named[0]) if named else ", ".join(value for _, value in pairs) or "an unknown name"


def _trusted(options: TlsOptions) -> str:
    if options.ca is not None:
        return f"ca={options.ca}"
    paths = ssl.get_default_verify_paths()
    return f"the CAs of the system ({paths.cafile or paths.capath or 'none were found'})"


def _client_line(path: str) -> Line:
    certificate = _read(path)
    if not certificate:
        return problem(
            "client",
            f"cert={path}: no certificate can be read",
            "give a PEM file that this user can read",
        )
    line = _dates_line(
        certificate,
        f"the client's certificate {_common(certificate, 'subject')}",
        "get a new one",
    )
    return dataclasses.replace(line, subject="client")
