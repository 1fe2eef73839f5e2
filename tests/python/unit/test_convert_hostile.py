"""``bad_values='convert'`` with hostile values; when its module is imported."""

from __future__ import annotations

import datetime
import enum
import itertools
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from python.unit.support import BoomError, Index, Plain, boom, nested
from python.unit.test_convert import MOMENT, Address, User, altered_by, sent

import heka
from heka._values import SHOWN_MAX, show
from heka.testing import Captured, capture


@pytest.fixture(autouse=True)
def captured() -> Iterator[Captured]:
    with capture() as messages:
        yield messages


# ---- hostile values ---------------------------------------------------------------------------


class Liar:
    """Every look at it raises, but that at its type."""

    def __getattribute__(self, name: str) -> Any:
        raise BoomError

    def __repr__(self) -> str:
        raise BoomError


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise BoomError


class LyingType(metaclass=Meta):
    pass


class FalseDate(datetime.datetime):
    def isoformat(self, *args: Any, **options: Any) -> Any:
        return 5


class BrokenDate(datetime.datetime):
    def isoformat(self, *args: Any, **options: Any) -> Any:
        raise BoomError


class BrokenZone(datetime.tzinfo):
    def utcoffset(self, moment: Any) -> Any:
        raise BoomError


class BrokenModel:
    model_dump = boom


class ListModel:
    def model_dump(self) -> Any:
        return [1]


class FalseDataclass:
    __dataclass_fields__ = 5


class BrokenMapping(Plain):
    def __init__(self) -> None:
        super().__init__({"a": 1}, boom)


class Endless:
    def __iter__(self) -> Iterator[int]:
        return itertools.count()


class EndlessMapping(dict):  # type: ignore[type-arg]
    def keys(self) -> Any:
        return itertools.count()

    def __iter__(self) -> Any:
        return itertools.count()

    def __getitem__(self, key: Any) -> Any:
        return 1


def hostile() -> dict[str, Any]:
    class Broken(enum.Enum):
        A = 1

        @property
        def value(self) -> Any:
            raise BoomError

    circle = User("ann", Address("x"))
    circle.friend = circle
    return {
        "liar": Liar(),
        "liars": [Liar(), Liar()],
        "lying-type": LyingType(),
        "false-date": FalseDate(2026, 3, 1),
        "broken-date": BrokenDate(2026, 3, 1),
        "broken-zone": datetime.datetime(2026, 3, 1, tzinfo=BrokenZone()),
        "broken-model": BrokenModel(),
        "list-model": ListModel(),
        "false-dataclass": FalseDataclass(),
        "broken-mapping": BrokenMapping(),
        "broken-enum": Broken.A,
        "circle": circle,
        "index": Index(act=boom),
        "generator": (boom() for _ in range(1)),
    }


@pytest.mark.parametrize("name", hostile())
def test_no_value_raises(captured, name):
    fields = sent(captured, {"before": 1, "k": hostile()[name], "behind": 2})

    assert (fields["before"], fields["behind"]) == ([1], [2])
    assert isinstance(fields["k"][0], str)
    assert len(fields["k"][0]) <= SHOWN_MAX


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("make", [lambda act: Index(act=act), lambda act: model_that(act)])
def test_interrupts_pass(make, kind):
    def end(*ignored: Any) -> Any:
        raise kind

    with pytest.raises(kind):
        heka.log("t", fields={"k": make(end)})


def model_that(act: Any) -> Any:
    class Ending:
        model_dump = act

    return Ending()


def test_what_never_ends_is_cut(captured):
    assert sent(captured, {"k": Endless(), "z": 1})["k"][:3] == [0, 1, 2]
    assert sent(captured, {"k": EndlessMapping(), "z": 1}) == {"k": ["{}"], "z": [1]}


def test_fields_that_cannot_be_read_are_left_out(captured):
    assert altered_by(BrokenMapping()) == 1
    assert captured[-1].fields == {}


def test_fields_that_are_no_mapping_but_lie():
    with pytest.raises(TypeError, match="fields must be a mapping or None, not"):
        heka.log("t", fields=Liar())  # type: ignore[arg-type]


def test_nested_mappings_are_bounded(captured):
    """Each level holds the next one twice: 2^30 entries."""
    plain: Any = {"x": 1}
    mixed: Any = {"x": MOMENT}
    for _ in range(30):
        plain = {"a": plain, "b": plain}
        mixed = {"a": mixed, "b": mixed}

    fields = sent(captured, {"plain": plain, "mixed": mixed, "deep": nested(40), "z": 1})

    assert fields["mixed"][0].startswith("{'a': {'a': ")
    assert fields["deep"][0].startswith("{'a': {'a': ")
    assert fields["z"] == [1]


def test_the_repr_of_a_large_container_is_not_made(captured):
    """Only the items that are shown are asked for their repr."""
    asked = []

    class Item:
        def __repr__(self) -> str:
            asked.append(1)
            return "item"

    fields = {"l": [Item()] * 100_000, "d": {"k": [{"i": Item()}] * 100_000}}

    assert sent(captured, fields)["l"][0].endswith(" item, item, ...")
    assert len(asked) < 1000


# ---- show -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        *([], [1], (1,), (), (1, 2), {1}, set(), frozenset(), frozenset({1}), {}, {"a": [1, {}]}),
        *([[1, (2, {3: {4}})], "x"], "text", b"x", 5, 2**70, 1.5, None, object(), [[]], ((),)),
        *(["x" * 2000], list(range(3000)), {i: i for i in range(3000)}),
    ],
)
def test_show_is_the_repr(value):
    text = repr(value)

    assert show(value) == (text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "...")


def test_show_of_what_contains_itself_is_the_repr():
    circle: list[Any] = [1]
    circle.append({"in": circle, "twice": [5]})
    mapping: dict[str, Any] = {}
    mapping["m"] = (mapping, mapping)

    assert (show(circle), show(mapping)) == (repr(circle), repr(mapping))


# ---- when the converter is imported -----------------------------------------------------------


def run(code: str) -> str:
    """Run *code* in a new process, where every log call is captured; return what it prints."""
    program = textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_converter_is_imported_by_the_first_value_that_needs_it():
    out = run(
        """
        import datetime, sys
        import heka
        from heka.testing import capture

        with capture() as messages:
            heka.log("t", fields={"a": 1, "b": [1.5], "c": {"d": "x"}, "n": None, "e": []})
            print("heka._values" in sys.modules)
            heka.log("t", fields={"k": datetime.date(2026, 3, 1)})
            print("heka._values" in sys.modules, messages[-1].fields["k"][0])
        """
    )

    assert out.split() == ["False", "True", "2026-03-01"]


def test_a_signal_handler_amid_that_import_sends_the_repr():
    out = run(
        """
        import builtins, datetime
        import heka
        from heka.testing import capture

        real = builtins.__import__

        def importing(name, *args, **kwargs):
            if name == "heka._values":
                builtins.__import__ = real
                import sys, types
                sys.modules[name] = types.ModuleType(name)  # as while its code runs
                heka.log("inner", fields={"k": datetime.date(2026, 3, 1)})
                del sys.modules[name]
            return real(name, *args, **kwargs)

        builtins.__import__ = importing
        with capture() as messages:
            heka.log("outer", fields={"k": datetime.date(2026, 3, 1)})
            for message in messages:
                print(message.type, message.fields["k"][0])
        """
    )

    assert out.splitlines() == ["inner datetime.date(2026, 3, 1)", "outer 2026-03-01"]


def test_values_logged_while_the_interpreter_ends_raise_nothing(tmp_path):
    out = tmp_path / "out.heka"
    run(
        f"""
        import datetime, pathlib
        import heka

        class Last:
            def __init__(self):
                self.log, self.value = heka.log, datetime.date(2026, 3, 1)
            def __del__(self):
                self.log("last", fields={{"k": self.value, "n": None, "o": object}})

        heka.configure(to="file://{out}")
        heka.kept = Last()
        """
    )

    (frame,) = heka.StreamReader().feed(out.read_bytes())
    assert frame.message.type == "last"
    assert frame.message.fields["k"][0] in ("2026-03-01", "datetime.date(2026, 3, 1)")


def test_a_converter_that_cannot_be_loaded_costs_no_message(captured):
    from heka._core import set_converter
    from heka.api import _load_converter

    def fail() -> Any:
        raise OSError(24, "too many open files")

    try:
        for load in (fail, lambda: None, None):
            set_converter(load)
            assert sent(captured, {"k": MOMENT, "n": None}) == {"k": [repr(MOMENT)]}
    finally:
        set_converter(_load_converter)
    assert sent(captured, {"k": MOMENT}) == {"k": [MOMENT.isoformat()]}
    with pytest.raises(TypeError, match="load must be callable or None"):
        set_converter(5)  # type: ignore[arg-type]
