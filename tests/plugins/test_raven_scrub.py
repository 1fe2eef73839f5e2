"""Secrets are masked by name and by shape, and then wherever else the event holds them."""

from __future__ import annotations

import collections
import dataclasses
import json
import subprocess
import sys

import pytest
from plugins.raven_support import event, fields, frames, message, raven_client, reported

import heka
from heka.plugins.raven.scrub import MASK, Scrubber, is_card_number, is_secret_name

SECRET = "s3cr3t-Value"


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (b"password", True),
        (bytearray(b"token"), True),
        ("x" * 300, False),
        (5, False),
        (None, False),
    ],
    ids=lambda name: repr(name)[:12],
)
def test_name_of_a_secret_is_text_or_bytes_of_moderate_length(name, is_one):
    assert is_secret_name(name) is is_one


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        (4111111111111111, True),
        (4111111111111112, False),
        (1700000000000, False),
        (378282246310005, True),
        (5, False),
        (-4111111111111111, False),
    ],
)
def test_number_of_a_card(number, is_one):
    assert is_card_number(number) is is_one


def variables(**names):
    """Return the variables that an event shows of a program with *names*, and the event."""
    code = compile("raise ValueError", "<program>", "exec")
    found = reported(lambda: exec(code, {"__builtins__": {}}, names))
    return frames(found)[-1]["vars"], found


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(SECRET, id="text"),
        pytest.param(SECRET.encode(), id="bytes"),
        pytest.param(bytearray(SECRET.encode()), id="bytearray"),
        pytest.param([SECRET], id="list"),
        pytest.param({"a": {"b": (SECRET,)}}, id="nested"),
        pytest.param({SECRET}, id="set"),
        pytest.param(type("Token", (str,), {})(SECRET), id="text-subclass"),
    ],
)
def test_value_of_a_secret_is_masked_everywhere(value):
    found, whole = variables(
        password=value,
        copy=f"<{SECRET}>",
        bytes_copy=f"<{SECRET}>".encode(),
        key={SECRET: 1},
        deep=[[SECRET]],
        far="x" * 395 + SECRET,
    )

    assert found["'password'"] == "********"
    assert found["'copy'"] == "'<********>'"
    assert found["'bytes_copy'"] == "b'<********>'"
    assert found["'key'"] == {"'********'": 1}
    assert found["'deep'"] == [["'********'"]]
    assert SECRET[:4] not in json.dumps(whole)


def test_short_secret_is_masked_in_its_place_alone():
    found, _ = variables(password="abc", other="abc")

    assert (found["'password'"], found["'other'"]) == ("********", "'abc'")


@pytest.mark.parametrize("value", [None, True, False])
def test_none_and_booleans_are_shown(value):
    assert variables(password=value)[0]["'password'"] is value


def test_number_that_is_a_secret():
    found, whole = variables(password=13572468, copy=13572468, text="no. 13572468")

    assert "13572468" not in json.dumps(whole)
    assert found["'password'"] == "********"


def test_name_inside_of_containers():
    found, _ = variables(
        headers=[("Authorization", "Bearer abc.def"), ("Host", "x")], d={"pwd": "y"}
    )

    assert found["'headers'"] == [["'Authorization'", "********"], ["'Host'", "'x'"]]
    assert found["'d'"] == {"'pwd'": "********"}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("4111 1111 1111 1111", "********"),
        ("card 4111-1111-1111-1111.", "card ********."),
        ("4111111111111111", "********"),
        ("\u0664" + "\u0661" * 15, "********"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.1234567890123456", "0.1234567890123456"),
        ("postgres://app:hunter22@db/x", "postgres://app:********@db/x"),
        ("https://host:8080/x", "https://host:8080/x"),
        ("user=ann&password=hunter22&x=1", "user=ann&password=********&x=1"),
        ('{"api_key": "hunter22"}', '{"api_key": "********"}'),
        ("{'token': 'hunter22'}", "{'token': '********'}"),
        ("Authorization: Basic aHVudGVyMjI=", "Authorization: Basic ********"),
        ("curl -H 'Bearer abcd.efgh'", "curl -H 'Bearer ********'"),
        ("invalid token: expected ','", "invalid token: expected ','"),
        ("password", "password"),
    ],
)
def test_shape_of_a_secret(text, clean):
    assert Scrubber().clean(text) == clean


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ('password = "hunter22"', 'password = "********"'),
        ("client(api_key='hunter22')", "client(api_key='********')"),
        ('get(url, auth=("user", "hunter22"))', 'get(url, auth=("********", "********"))'),
        ("auth=Basic('ann', 'hunter22')", "auth=Basic('********', '********')"),
        ('PASSWORD: str = "hunter22"', 'PASSWORD: str = "********"'),
        ("os.environ['DB_PW'] = 'hunter22'", "os.environ['DB_PW'] = '********'"),
        ('run(["psql", "--password", "hunter22"])', 'run(["psql", "--password", "********"])'),
        ('system("psql --password hunter22 -U x")', 'system("psql --password ******** -U x")'),
        ('execute("SET password = hunter22")', 'execute("SET password = ********")'),
        ('get("http://x/?token=hunter22&y=1")', 'get("http://x/?token=********&y=1")'),
        ('{"Authorization": "Bearer hunter22"}', '{"Authorization": "********"}'),
        ('url = "redis://:hunter22@cache"', 'url = "redis://:********@cache"'),
        ('f"password={password}"', 'f"password={password}"'),
        ('"password: %s" % password', '"password: %s" % password'),
        ("def login(password: str) -> Token:", "def login(password: str) -> Token:"),
        ("auth = get_auth(name)", "auth = get_auth(name)"),
        ("password = ask()", "password = ask()"),
        ("password=password,", "password=password,"),
        ("if token == other:", "if token == other:"),
    ],
)
def test_line_of_source(line, clean):
    assert Scrubber().clean(line, source=True) == clean


def test_secret_is_masked_in_what_the_exception_says():
    def fail():
        token = "tok-" + "98765"
        raise KeyError(f"no {token}\nhere")

    found = reported(fail)

    assert found["message"] == "KeyError: 'no ********\\nhere'"


def test_secret_with_characters_that_are_escaped():
    secret = "a'b\"c\\d\ne"

    found, whole = variables(password=secret, shown=repr(secret), twice=json.dumps([secret]))

    assert "c\\\\d" not in json.dumps(whole)
    assert found["'shown'"] == "\"'********'\""


def test_secret_of_several_lines():
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----"

    _, whole = variables(private_key=key, line="BgkqhkiG9w0B")

    assert "BgkqhkiG9w0B" not in json.dumps(whole)


def test_secret_of_a_frame_that_is_left_out():
    """100 of 600 frames are shown; the secret was in another one."""

    def fall(depth):
        if depth == 300:
            return hold(depth)
        if depth == 0:
            raise ValueError("-".join(("hunter", "22")))
        return fall(depth - 1)

    def hold(depth):
        password = "-".join(("hunter", "22"))
        return fall(depth - 1) or password

    sys.setrecursionlimit(sys.getrecursionlimit() + 800)
    try:
        found = reported(lambda: fall(600))
    finally:
        sys.setrecursionlimit(sys.getrecursionlimit() - 800)

    assert found["message"] == "ValueError: ********"


def test_secret_that_contains_a_mask():
    found, _ = variables(password="x*****", text="xhunter22", token="hunter22")

    assert "x*****" not in found["'text'"]


def test_long_secret():
    secret = "ab" * 5000

    found, whole = variables(password=secret, copy=f"-{secret}-")

    assert "ababab" not in json.dumps(whole)
    assert found["'copy'"].startswith("'-********")


@pytest.mark.parametrize("blank", ["      ", "\n\n\n\n\n\n\n", "********"])
def test_blank_secret_masks_nothing_else(blank):
    found, _ = variables(password=blank, text=f"a{blank}b")

    assert found["'text'"] == repr(f"a{blank}b")


def test_command_line(monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["prog", "--password", "hunter22", "--token=abcdefg", "--user", "ann", 5, "-v"]
    )

    argv = reported(ValueError("hunter22 abcdefg"))["extra"]["sys.argv"]

    shown = ["'prog'", "'--password'", "********", "'--token=********'"]
    assert argv == [*shown, "'--user'", "'ann'", "?", "'-v'"]


def test_fields_are_scrubbed_too():
    def fail():
        password = SECRET  # noqa: F841
        raise ValueError

    client = raven_client()
    with heka.context(request=f"for {SECRET}", host="web"):
        try:
            fail()
        except ValueError:
            client.raven(f"msg {SECRET}", api_key="abc", note=f"{SECRET}!", many=["x", SECRET])

    assert fields(message(client)) == {
        "msg": "msg ********",
        "request": "for ********",
        "host": "web",
        "api_key": "********",
        "note": "********!",
        "many": ["x", "********"],
    }
    assert event(client)["extra"]["msg"] == "'msg ********'"


def test_secret_in_names_of_the_program(tmp_path):
    path = tmp_path / f"{SECRET}.py"
    path.write_text(f"1 / 0  # {SECRET}\n")
    code = compile("1 / 0", str(path), "exec")
    names = {"password": SECRET, "__name__": SECRET, "__builtins__": {}}

    found = reported(lambda: exec(code, names))

    assert SECRET not in json.dumps(found)
    assert found["culprit"] == "******** in <module>"


def test_mask_is_that_of_raven():
    assert MASK == "********"


def kept(*parts):
    """Return a secret that no source line shows."""
    return "".join(parts)


def test_secret_of_a_variable_is_masked_by_each_name_of_sentry():
    names = ["auth", "session", "csrf", "pin", "otp", "pw", "db_pass", "signature", "connect_sid"]

    found, _ = variables(**dict.fromkeys(names, SECRET))

    assert found == {f"'{name}'": "********" for name in names}


def test_pair_of_user_and_password_is_masked_everywhere():
    found, whole = variables(auth=("shop", SECRET), text=f"refused for {SECRET}")

    assert found["'auth'"] == "********"
    assert SECRET not in json.dumps(whole)


def test_harmless_names_are_shown():
    names = {"max_tokens": 4096, "tokens_used": 17, "cookies_enabled": "yes", "author": "Ann"}

    found, _ = variables(**names)

    assert list(found.values()) == [4096, 17, "'yes'", "'Ann'"]


def test_argument_behind_a_flag_is_masked_in_a_list():
    command = [
        "psql",
        "--password",
        kept("hunt", "er22"),
        "-U",
        "ann",
        "-u",
        kept("ann:", "pw4567"),
    ]

    found, _ = variables(command=command, text="hunter22 ann:pw4567")

    shown = ["'psql'", "'--password'", "********", "'-U'", "'ann'", "'-u'", "********"]
    assert found["'command'"] == shown
    assert found["'text'"] == "'******** ********'"


@pytest.mark.parametrize("names", [("name", "value"), ("key", "val"), ("header", "content")])
def test_value_of_an_object_that_has_a_name_and_a_value_is_masked(names):
    header = dict(zip(names, ["X-Api-Key", SECRET], strict=True))

    found, whole = variables(headers=[header], text=f"<{SECRET}>")

    assert found["'headers'"][0][f"'{names[1]}'"] == "********"
    assert SECRET not in json.dumps(whole)


@dataclasses.dataclass
class Login:
    """A dataclass with a secret."""

    user: str
    password: str


Named = collections.namedtuple("Named", "user password")  # as programs write it


class Form(dict):
    """A dict with its own methods, as MultiDicts have."""

    def items(self):
        raise AssertionError("not asked")

    __iter__ = keys = values = items


@pytest.mark.parametrize(
    "holder",
    [
        pytest.param(Login("ann", SECRET), id="dataclass"),
        pytest.param(Named("ann", SECRET), id="named-tuple"),
        pytest.param(collections.OrderedDict(password=SECRET), id="OrderedDict"),
        pytest.param(collections.defaultdict(list, {"password": [SECRET]}), id="defaultdict"),
        pytest.param(Form(password=[SECRET]), id="MultiDict"),
        pytest.param([Form(deep=Login("ann", SECRET))], id="nested"),
    ],
)
def test_secret_in_an_object_that_is_not_shown_is_masked_in_texts(holder):
    _, whole = variables(holder=holder, text=f"cannot log in with {SECRET}")

    assert SECRET not in json.dumps(whole)


@pytest.mark.parametrize("repr_", ["safe", "full"])
def test_arguments_of_a_failed_command_are_masked(repr_):
    password = kept("hunt", "er22")

    def fail():
        raise subprocess.CalledProcessError(1, ["psql", "--password", password])

    assert "hunter22" not in json.dumps(reported(fail, repr=repr_))


def test_argument_behind_a_flag_is_masked_in_a_field():
    client = raven_client()

    client.raven(exc_info=ValueError(), command=["psql", "--password", "hunter22", "-U", "ann"])

    found = fields(message(client))["command"]
    assert found == ["psql", "--password", "********", "-U", "ann"]


def test_no_more_than_so_many_secrets_are_looked_for():
    scrubber = Scrubber()
    text = " ".join(f"password=secret{number}" for number in range(3000))

    clean = scrubber.clean(text, len(text))

    assert "secret" not in clean
    assert len(scrubber._secrets) <= 2000


def test_repetitive_secret_in_a_repetitive_text():
    scrubber = Scrubber()
    scrubber.learn("a" * 2000)

    assert scrubber.clean("a" * 60_000, 60_000) == "********"
    assert Scrubber().clean("ababab", 10) == "ababab"


def test_overlapping_places_of_a_secret_are_one():
    scrubber = Scrubber()
    scrubber.learn("abcabcab")

    assert scrubber.clean("-abcabcabcabcab-") == "-********-"
