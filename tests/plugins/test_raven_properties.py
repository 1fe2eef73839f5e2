"""For any exception ``client.raven`` sends one message that fits and holds no secret."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plugins.raven_support import DSN, event, fields, message, raven_client

import heka
from heka.plugins.raven.profiles import NAMES, PROFILES


class OddType(type):
    """A metaclass whose classes are compared and hashed by code that fails."""

    def __eq__(cls, other: object) -> bool:
        if Odd.armed:
            raise SystemExit("asked")
        return cls is other

    def __hash__(cls) -> int:
        if Odd.armed:
            raise SystemExit("asked")
        return id(cls)


class Odd(metaclass=OddType):
    """An object whose repr, bool and str raise, except when hypothesis prints it."""

    armed = False

    def __repr__(self) -> str:
        if Odd.armed:
            raise SystemExit("asked")
        return "Odd()"

    __str__ = __repr__

    def __bool__(self) -> bool:
        raise SystemExit("asked")


class Talking(Exception):
    """An exception whose str() returns the given text, or raises."""

    def __init__(self, text: Any) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> Any:  # no text is a TypeError
        return self.text


TEXT = st.text(st.characters(codec=None), max_size=60)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(max_size=30),
    TEXT,
    st.text(min_size=390, max_size=900),
    st.builds(Odd),
    st.just(Odd),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(TEXT, st.integers(), st.none()), inner, max_size=6),
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [ValueError, KeyError, OSError, RecursionError, MemoryError, SystemExit, GeneratorExit, Talking]
)
#: Secrets that an event must not contain; words of the format itself are excluded.
SECRETS = st.text(st.characters(codec=None), min_size=6, max_size=80).filter(
    lambda text: len(text.strip()) >= 6 and text.strip().strip("*")
)
SECRET_NAMES = st.sampled_from(["password", "api_key", "authToken", "Set-Cookie", "client_secret"])


def raise_with(error: BaseException, depth: int, names: dict[str, Any]) -> None:
    """Raise *error* from *depth* calls, each with *names* for its variables."""
    if depth:
        raise_with(error, depth - 1, names)
    scope = {"__builtins__": {}, "error": error, **names}
    exec(compile("raise error", "<program>", "exec"), scope)


def report(client: Any, error: BaseException, depth: int, names: Any, **given: Any) -> Any:
    """Return the result of ``client.raven`` where *error* was caught."""
    Odd.armed = True
    try:
        raise_with(error, depth, names)
    except BaseException:
        return client.raven(**given)
    finally:
        Odd.armed = False


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    kind=KINDS,
    args=st.lists(VALUES, max_size=2),
    names=st.dictionaries(TEXT, VALUES, max_size=6),
    repeat=st.sampled_from([0, 0, 60, 1000]),
    depth=st.integers(0, 12),
    max_frame=st.sampled_from([0, 8192, 2000, 1400]),
    profile=st.sampled_from(sorted(PROFILES)),
    msg=VALUES,
    extra=st.dictionaries(st.text(max_size=10), VALUES, max_size=3),
    bound=st.sampled_from([0, 0, 1000, 20_000]),
)
def test_whatever_is_raised_one_message_is_sent(
    kind, args, names, repeat, depth, max_frame, profile, msg, extra, bound
):
    if repeat:  # in here, as hypothesis would show the whole of it
        names = {name: [[value] * repeat] * repeat for name, value in names.items()}
    # A small time budget: how much is shown of variables does not matter here.
    client = raven_client(max_frame, dsn=DSN, profile=profile, time_budget=0.05)
    error = (
        kind(*(args[:1] if kind is Talking else args)) if args or kind is not Talking else kind(5)
    )
    for name in ("msg", "exc_info", "logger", "severity", "payload", "self"):
        extra.pop(name, None)

    with heka.context(bound="x" * bound):
        assert report(client, error, depth, names, msg=msg, **extra) is True

    assert event(client)["event_id"] == message(client).uuid.hex()
    assert len(client.stream.frames) == 1
    assert len(client.stream.frames[0]) <= (max_frame or 65_536 + 20)
    assert client.stats()["dropped"] == {}


def texts(value: Any, where: str = "") -> Any:
    """Yield every text in a JSON value, without the keys of the format."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in NAMES:
                yield name
            if name not in ("event_id", "timestamp", "platform", "level", "checksum", "dsn"):
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    data=st.data(),
    secret=SECRETS,
    name=SECRET_NAMES,
    form=st.sampled_from(["text", "list", "nested", "pair", "bytes"]),
    depth=st.integers(0, 3),
    max_frame=st.sampled_from([0, 8192, 2000, 1400]),
    profile=st.sampled_from(sorted(PROFILES)),
)
def test_no_secret_is_sent(data, secret, name, form, depth, max_frame, profile):
    def around(draw: Any) -> str:
        before, after = draw(st.text(max_size=420)), draw(st.text(max_size=420))
        return f"{before}{secret}{after}"

    held: Any = {
        "text": {name: secret},
        "list": {name: [1, secret]},
        "nested": {"config": {"deep": [{name: {"value": secret}}]}},
        "pair": {"headers": [(name, secret)]},
        "bytes": {name: secret.encode("utf-8", "surrogatepass")},
    }[form]
    names = {
        **held,
        "copy": around(data.draw),
        "keys": {around(data.draw): 1},
        "bytes": around(data.draw).encode("utf-8", "surrogatepass"),
        "shown": repr(around(data.draw)),
        "json": json.dumps(around(data.draw)),
    }
    client = raven_client(max_frame, dsn=DSN, profile=profile)
    error = data.draw(KINDS)(around(data.draw))

    report(client, error, depth, names, msg=around(data.draw), note=around(data.draw))

    told = [*texts(event(client)), *texts(fields(message(client))), message(client).logger]
    assert [text for text in told if secret in text] == []
