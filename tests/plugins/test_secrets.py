"""What a secret looks like: the corpus of secrets.json, in every wrapping, in linear time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heka
from heka._runtime.reporter import Reporter
from heka._secrets import MASK, is_secret_name, masked, secrets_in
from heka.cli import main
from heka.cli.commands import demo
from heka.cli.errors import CommandError
from heka.config import client_from_dict_config

CORPUS = json.loads((Path(__file__).parent / "secrets.json").read_text(encoding="utf-8"))
#: Stands for a secret in the texts of the corpus.
PLACE = "¤"
CANARY = "zq7Xw9LmT4"
WRAPPINGS = {
    "plain": str,
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "json": lambda text: json.dumps({"body": text}),
    "json in json": lambda text: json.dumps({"body": json.dumps([text])}),
    "repr of repr": lambda text: repr(repr(text)),
    "exception": lambda text: repr(ValueError("failed", text)),
    "list of json": lambda text: str([json.dumps(text)]),
}
#: What a text may be made of by somebody who wants the search to take long.
REPEATED = [
    *(
        "a",
        "0",
        "password",
        "password=",
        "password=x ",
        "password: ",
        "password: x\n",
        "password:\n",
    ),
    *("'password', ", "('password', ", "('password', 'x", "--password ", "--password x ", "://"),
    *("://a:", "://a:@", "://a:b@c ", "\\", "\\'", "'", "password='", "password=(", "password=('"),
    *("(", "{'password': (", "<password>", "<password>x", "<", "Cookie: ", "Cookie: a=b;", "a=b;"),
    *("Authorization: ", "Authorization: a ", "Basic ", "-----BEGIN PRIVATE KEY-----", "eyJ"),
    *("eyJaaaaaaaa.", "sk-", "insert into a(", "insert into a (password) values ('", "mysql -p"),
    *("login a password ", "name=password value=", "%3A%2F%2Fa%3A", "netloc='a:", "1 ", "1."),
    *("password: |\n x", "identified by ", "password '", "a:b@", "a:@tcp(", "passpin", "sig="),
    *(
        "password:\n",
        "X-Forwarded-For: a",
        "['-u', 'a:",
        "\\u003cpassword\\u003e",
        "<Cookie a=",
        'password="""',
    ),
]


@pytest.mark.parametrize("kind", ["secret", "harmless"])
def test_names_of_the_corpus(kind):
    wrong = [name for name in CORPUS["names"][kind] if is_secret_name(name) != (kind == "secret")]

    assert wrong == []


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_secret_texts_of_the_corpus_show_no_secret(wrap):
    texts = [wrap(text.replace(PLACE, CANARY)) for text in CORPUS["texts"]["secret"]]

    assert [text for text in texts if CANARY in masked(text)] == []


def test_harmless_texts_of_the_corpus_are_shown_whole():
    assert [text for text in CORPUS["texts"]["harmless"] if masked(text) != text] == []


secrets = st.from_regex(r"[A-Z][0-9][A-Za-z0-9._~]{5,30}[A-Za-z0-9]", fullmatch=True)


@given(
    secrets,
    st.sampled_from(CORPUS["texts"]["secret"]),
    st.lists(st.sampled_from(sorted(WRAPPINGS)), max_size=2),
)
def test_secret_in_any_text_of_the_corpus_is_masked_in_nested_wrappings(secret, text, names):
    shown = text.replace(PLACE, secret)
    for name in names:
        shown = WRAPPINGS[name](shown)

    assert secret not in masked(shown)


@given(st.text(alphabet="pasword=:'\"\\(){}[]<>,;@/&% \n-uktn¤x", max_size=200), st.booleans())
def test_any_text_has_places_within_it_and_is_masked_once(text, source):
    for found in secrets_in(text, source=source):
        assert 0 <= found.start <= found.end <= len(text)
    assert masked("nothing") == "nothing"
    assert masked(text).count(MASK) <= text.count(MASK) + len(text)


@given(st.text(alphabet="abcdefghijklmnoqrtuvwxyz ", max_size=60))
def test_text_without_any_sign_is_shown_whole(text):
    assert masked(text) == text


def test_secret_is_masked_wherever_else_the_text_has_it():
    assert masked(f"password={CANARY} and {CANARY}!") == f"password={MASK} and {MASK}!"


def seconds(text):
    """Return the least CPU time of looking for secrets in *text*."""
    times = []
    for _ in range(2):
        start = time.thread_time()
        masked(text)
        times.append(time.thread_time() - start)
    return min(times)


@pytest.mark.parametrize("unit", REPEATED)
def test_eight_times_the_text_takes_about_eight_times_as_long(unit):
    """A quadratic search takes 64 times as long; what is beside the search adds a little."""
    small = (unit * (4096 // len(unit) + 1))[:4096]

    assert seconds(8 * small) < 24 * seconds(small) + 0.01


def test_mebibyte_of_everything():
    once = "\n".join(CORPUS["texts"]["secret"] + CORPUS["texts"]["harmless"])
    text = (once.replace(PLACE, CANARY) * (2**20 // len(once) + 1))[: 2**20]

    assert CANARY not in masked(text)


@pytest.mark.parametrize(
    "to", [f"tcp://ann:{CANARY}@", f"http://ann:p@{CANARY}@db:1", f"tcp://ann:{CANARY}@db:99999"]
)
def test_error_of_a_destination_shows_no_password(to):
    with pytest.raises(heka.ConfigError) as caught:
        heka.HekaConnection(to)

    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None or CANARY not in str(caught.value.__cause__)


def test_line_on_stderr_shows_no_secret(capsys):
    Reporter().report(f"stream failed: cannot connect to redis://:{CANARY}@cache")

    assert capsys.readouterr().err == (
        f"heka: stream failed: cannot connect to redis://:{MASK}@cache\n"
    )


def test_error_of_a_configuration_shows_no_secret_of_any_shape():
    config = {"stream": {"class": "heka.streams.UdpStream", "prot": f"password: {CANARY}"}}

    with pytest.raises(heka.ConfigError) as caught:
        client_from_dict_config(config, strict=True)

    assert CANARY not in str(caught.value)


def test_configuration_that_is_shown_has_no_secret_of_any_shape():
    stream = {"class": "heka.streams.DebugCaptureStream"}
    config = {"stream": stream, "logger": f"Cookie: sid={CANARY}"}

    assert CANARY not in client_from_dict_config(config)._config


def test_error_of_the_command_line_shows_no_password(capsys, monkeypatch):
    def fail(args):
        raise CommandError(f"cannot connect to redis://:{CANARY}@cache")

    monkeypatch.setattr(demo, "run", fail)

    assert main(["demo"]) == 1
    assert capsys.readouterr().err.endswith(f": cannot connect to redis://:{MASK}@cache\n")
