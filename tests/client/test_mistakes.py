"""Mistakes that people make with heka, and the sentence that answers each: tests/client/mistakes.

Each file there is a table: a line of code or, after ``$``, of arguments for ``heka``, and below it,
indented, the class of the error and its text, in whole. A warning is an error here.
"""

from __future__ import annotations

import io
import logging
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import heka
from heka import config, decorators, encoders, filters, holder, streams
from heka.cli import main
from heka.client import HekaClient
from heka.exceptions import ConfigError
from heka.logging import HekaHandler
from heka.plugins import cef, raven

FILES = sorted(Path(__file__).with_name("mistakes").glob("*.txt"))
#: Characters that no text exceeds, however long what was given is.
LONGEST = 1100


def mistakes() -> Iterator[Any]:
    """Each mistake: its code, and the error that it is answered with."""
    for file in FILES:
        blocks = file.read_text(encoding="utf-8").split("\n\n")
        for block in blocks:
            code, _, answer = "\n".join(
                line for line in block.splitlines() if not line.startswith("#")
            ).partition("\n")
            if code:
                answer = " ".join(line.strip() for line in answer.splitlines())
                yield pytest.param(code, answer, id=f"{file.stem}: {code}")


def space() -> dict[str, Any]:
    """The names that the code of a mistake may use."""
    return {
        "heka": heka,
        "logging": logging,
        "filters": filters,
        "streams": streams,
        "encoders": encoders,
        "HekaClient": HekaClient,
        "HekaHandler": HekaHandler,
        "timeit": decorators.timeit,
        "incr_count": decorators.incr_count,
        "raven": raven.config_plugin,
        "cef": cef.config_plugin,
        "client": HekaClient(streams.NullStream(), "app"),
        "NullStream": streams.NullStream,
        "get_client": holder.get_client,
        "from_dict": lambda given: config.client_from_dict_config(given, strict=True),
        "from_ini": lambda text: config.client_from_text_config(text, "heka", strict=True),
        "from_toml": lambda text: config.client_from_toml_config(text, strict=True),
        "in_thread": lambda call: ThreadPoolExecutor(1).submit(call).result(),
        "signer": heka.SignerConfig("ops", 1, "key", "sha1"),
        "framed": heka.pack("t"),
    }


def answer_of(code: str) -> str:
    """Return the class and the text of the error that *code* raises."""
    if code.startswith("$ "):
        written = io.StringIO()
        with redirect_stderr(written), redirect_stdout(io.StringIO()), pytest.raises(SystemExit):
            main(shlex.split(code[2:]))
        return written.getvalue().strip().splitlines()[-1].partition(": ")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((Exception, SystemExit)) as caught:
            eval(code, space())
    return f"{caught.type.__name__}: {caught.value}"


@pytest.mark.parametrize(("code", "answer"), [*mistakes()])
def test_a_mistake_is_answered(code, answer, monkeypatch):
    monkeypatch.setattr(holder.CLIENT_HOLDER, "_default_clientname", None)

    assert answer_of(code) == answer


def test_there_are_many():
    """At least a hundred, of every public entrance, each once."""
    codes = [each.values[0] for each in mistakes()]

    assert len(codes) == len(set(codes)) > 180
    assert {file.stem for file in FILES} >= {"calls", "client", "commands", "config", "urls"}


@pytest.mark.parametrize(
    "code",
    [
        "heka.log('x', **{big: 1})",
        "heka.log('x', to=big)",
        "heka.log('x', to=f'tcp://{big}')",
        "heka.log('x', to=f'{big}://h')",
        "heka.log('x', to=f'tcp://h?{big}=1')",
        "heka.log('x', to=f'tcp://h?queue={big}')",
        "heka.log('x', to='/' + big)",
        "heka.log('x', oversize=big)",
        "heka.log('x', fields={big: object()}, bad_values='raise')",
        "heka.configure(**{big: 1})",
        "heka.configure(oversize=big)",
        "getattr(heka, big)",
        "client.incr('a', big)",
        "client.heka('x', **{big: 1})",
        "from_dict({'to': 'udp://h', big: 1})",
        "from_dict({'to': 'udp://h', 'filters': [(big, {})]})",
        "from_dict({'stream': {'class': 'heka.streams.UdpStream', big: 1}})",
        "HekaClient(NullStream(), 'app', **{big: 1})",
        "filters.severity_max_provider(**{big: 1})",
        "timeit(**{big: 1})",
        "incr_count('a', big)",
        "raven({big: 1})",
        "cef({big: 1})",
        "heka.SignerConfig('ops', 1, 'key', big)",
        "heka.testing.capture(big).__enter__()",
    ],
)
def test_the_answer_to_a_megabyte_is_short(code):
    with pytest.raises((Exception,)) as caught:
        eval(code, {**space(), "big": "severity" * (1 << 17)})

    assert len(str(caught.value)) <= LONGEST


@pytest.mark.parametrize("url", ["tcp://ann:hunter2@h", "tcp://ann:hun/ter2@h", "udp://hunter2@h"])
@pytest.mark.parametrize(
    "code",
    [
        "heka.log('x', to=url)",
        "heka.configure(to=url)",
        "heka.HekaConnection(url)",
        "HekaClient(url, 'app')",
        "HekaHandler(url)",
        "streams.UrlStream(url)",
        "streams.QueuedStream(url)",
        "from_dict({'to': url})",
        "from_ini(f'[heka]\\nto = {url}')",
    ],
)
def test_a_user_and_a_password_are_not_shown(code, url):
    with pytest.raises(ConfigError, match="has no user and no password") as caught:
        eval(code, {**space(), "url": url})

    assert not any(word in str(caught.value) for word in ("ann", "hun", "ter2"))


def test_a_signing_key_is_not_shown():
    with pytest.raises(ConfigError, match="expected a dict") as caught:
        HekaClient(None, "app", hmc="verysecret")  # type: ignore[arg-type]

    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize("value", [5, 5.5, "5", "5.5", "-1", "1e3", True])
def test_a_number_and_the_text_of_one_are_counted(value):
    """As the old clients do."""
    client = HekaClient(streams.NullStream(), "app")

    assert client.incr("a", value)
    assert client.gauge("a", value)
    assert client.timer_send("a", value, rate=5)


def test_what_an_explanation_needs_is_imported_when_a_call_has_failed():
    code = (
        "import sys, heka\n"
        "assert 'inspect' not in sys.modules\n"
        "try: heka.configure(levle=3)\n"
        "except TypeError as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.endswith("; did you mean 'level'?\n")
