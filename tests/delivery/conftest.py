"""Fixtures of the delivery tests: peers, and shims that replace functions of the C library."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from delivery.support import Connection, Datagrams, Listener, compile_shim, has_ipv6
from delivery.tls_support import Certificates, TlsServer

import heka
from heka.streams import UrlStream

#: getaddrinfo that writes each name to $SHIM_LOG, and resolves names under .test: it waits for the
#: file $SHIM_GATE, then returns $SHIM_ADDRESS or 127.0.0.1, or no address with $SHIM_ABSENT.
NAME_SERVICE = """
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int ask(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static void
note(const char *name)
{
    char line[256];
    const char *path = getenv("SHIM_LOG");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) {
        int size = snprintf(line, sizeof line, "%s\\n", name);
        if (write(fd, line, size) != size) abort();
        close(fd);
    }
}

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **answer)
{
    ask *real = (ask *)dlsym(RTLD_NEXT, "getaddrinfo");
    size_t len = name == NULL ? 0 : strlen(name);
    if (len == 0 || (hints != NULL && (hints->ai_flags & AI_NUMERICHOST))) {
        return real(name, service, hints, answer);
    }
    note(name);
    if (len < 5 || strcmp(name + len - 5, ".test") != 0) {
        return real(name, service, hints, answer);
    }
    const char *gate = getenv("SHIM_GATE");
    while (gate != NULL && access(gate, F_OK) != 0) usleep(2000);
    const char *address = getenv("SHIM_ADDRESS");
    if (getenv("SHIM_ABSENT") != NULL) return EAI_NONAME;
    return real(address == NULL ? "127.0.0.1" : address, service, hints, answer);
}
"""

#: Sockets with a send buffer of $SHIM_SNDBUF bytes: a datagram can be too large for the kernel.
SMALL_SOCKETS = """
#include <stdlib.h>
#include <sys/socket.h>

int
socket(int domain, int type, int protocol)
{
    int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    int fd = real(domain, type, protocol);
    int size = atoi(getenv("SHIM_SNDBUF"));
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return fd;
}
"""


#: send() that takes 20 ms, so that another thread certainly runs meanwhile.
SLOW_SEND = """
#include <sys/socket.h>
#include <unistd.h>

ssize_t
send(int fd, const void *data, size_t size, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int) =
        (ssize_t (*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    usleep(20000);
    return real(fd, data, size, flags);
}
"""


@pytest.fixture(scope="session")
def name_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shim that resolves names under .test."""
    return compile_shim(NAME_SERVICE, tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="session")
def small_sockets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shim that gives every socket a small send buffer."""
    return compile_shim(SMALL_SOCKETS, tmp_path_factory.mktemp("sockets"))


@pytest.fixture(scope="session")
def slow_send(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shim with a slow send()."""
    return compile_shim(SLOW_SEND, tmp_path_factory.mktemp("send"))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of two CAs, made once."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def serve(certificates: Certificates) -> Iterator[Callable[..., TlsServer]]:
    """Make TLS servers: ``serve("server", ...)``; they are closed after the test."""
    made: list[TlsServer] = []

    def make(*args: Any, **kwargs: Any) -> TlsServer:
        made.append(TlsServer(certificates, *args, **kwargs))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def stream() -> Iterator[Callable[..., UrlStream]]:
    """Make streams from URLs; they are closed after the test."""
    made: list[UrlStream] = []

    def make(url: Any, **kwargs: Any) -> UrlStream:
        made.append(UrlStream(url, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every destination before and after the test."""
    monkeypatch.delenv("HEKA_TO", raising=False)
    heka.configure(to=None)
    yield
    heka.configure(to=None, timeout=1.0, signer=None, oversize="truncate")


@pytest.fixture
def peer() -> Iterator[Callable[..., Any]]:
    """Make peers: ``peer(Listener, ...)``; they are closed after the test."""
    made: list[Datagrams | Listener | Connection] = []

    def make(kind: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if socket.AF_INET6 in args and not has_ipv6():
            pytest.skip("this machine has no ::1")
        made.append(kind(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()
