"""The types of heka, how each is created, and which the garbage collector traverses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from python.memory.world import emitter_to, sink

import heka
from heka import _core


class Kind(NamedTuple):
    """One type of the C part."""

    type: type[Any]
    make: Callable[[], Any] | None
    fail: Callable[[], Any]
    is_final: bool = True
    is_collected: bool = True

    @property
    def name(self) -> str:
        """The type's own name."""
        return self.type.__name__


class Evil:
    """A value whose ``__index__``, ``__iter__`` and ``__hash__`` raise."""

    __index__ = __iter__ = __hash__ = [].pop  # type: ignore[assignment]


def frame() -> heka.Frame:
    """Return a frame as a reader makes it."""
    return heka.StreamReader().feed(heka.pack("t", fields={"a": 1}))[0]


KINDS = [
    Kind(heka.Message, lambda: heka.Message("t", fields={"a": 1}), lambda: heka.Message(5)),
    Kind(heka.Field, lambda: heka.Field(["a"], "unit"), lambda: heka.Field(Evil())),
    Kind(
        heka.SignerConfig,
        lambda: heka.SignerConfig("n", 1, "k", "md5"),
        lambda: heka.SignerConfig("n" * 300, 1, "k", "md5"),
        is_collected=False,
    ),
    Kind(heka.Frame, frame, lambda: heka.Frame()),
    Kind(
        heka.StreamReader,
        lambda: heka.StreamReader(signers={("n", 1): "k"}),
        lambda: heka.StreamReader(signers={("n", 1): 5}),
        is_collected=False,
    ),
    Kind(
        _core.Block,
        lambda: _core.BlockReader().feed(heka.pack("t"))[0],
        lambda: _core.Block(),  # type: ignore[call-arg]
        is_collected=False,
    ),
    Kind(
        _core.BlockReader,
        lambda: _core.BlockReader(signers={("n", 1): "k"}),
        lambda: _core.BlockReader(signers={("n", 1): 5}),
        is_collected=False,
    ),
    Kind(
        _core.Matcher,
        lambda: _core.Matcher("Type =~ /a.b/ || Fields[x] == 1", "heka2"),
        lambda: _core.Matcher("Typ =~ /a.b/"),
        is_collected=False,
    ),
    Kind(
        _core.Regex,
        lambda: _core.Regex("(?P<a>x)(?P<b>y)?"),
        lambda: _core.Regex("(?P<a>"),
        is_collected=False,
    ),
    Kind(
        _core.Clause,
        lambda: _core.Clause(("Type == 'a'", 1, False, None)),
        lambda: _core.Clause(5),  # type: ignore[call-overload]
    ),
    Kind(
        _core.StatTable,
        lambda: _core.StatTable("heka", 1, percents=(50, 90)),
        lambda: _core.StatTable(percents=(90, 50)),
        is_collected=False,
    ),
    Kind(_core.Ring, lambda: _core.Ring(4096, 1000), lambda: _core.Ring(4096, 5000)),
    Kind(_core.Sink, sink, lambda: _core.Sink(5)),
    Kind(_core.Emitter, lambda: emitter_to(None), lambda: _core.Emitter(5)),
    Kind(_core.Settings, None, lambda: _core.Settings(), is_final=False),
    Kind(_core.Client, _core.Client, lambda: _core.Client()._set_plan(), is_final=False),
    Kind(_core.NoTimer, _core.NoTimer, lambda: _core.NoTimer(5), is_collected=False),
    Kind(_core.Bound, lambda: _core.Bound({"a": [1]}), lambda: _core.Bound(5)),
]
MADE = [kind for kind in KINDS if kind.make is not None]
EXCEPTIONS = [
    *(heka.HekaError, heka.EncodeError, heka.FieldError),
    *(heka.DecodeError, heka.SignatureError, heka.ConfigError, _core.MatcherError),
]


def name_of(kind: Kind) -> str:
    """Return the test id of this kind."""
    return kind.name
