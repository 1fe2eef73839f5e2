"""Wrong arguments: every function, method and type of the extension refuses them as Python does.

The words are compared with those of Python itself: of a function of the same name and signature,
and of a built-in method where arguments have no names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from python.unit.support import Text

import heka
from heka import _core
from heka.streams import FanOutStream, QueuedStream
from heka.testing import capture

SIGNER = heka.SignerConfig("ops", 1, "key", "sha1")

#: An instance of each type, to call its methods on.
INSTANCES: dict[str, Callable[[], Any]] = {
    "Block": lambda: heka.BlockReader().feed(heka.pack())[0],
    "BlockReader": _core.BlockReader,
    "Bound": lambda: _core.Bound({}),
    "Client": lambda: _core.Client(),
    "Emitter": lambda: _core.Emitter(lambda to: _core.Sink(print)),
    "Field": lambda: heka.Field(1),
    "Frame": lambda: heka.StreamReader().feed(heka.pack())[0],
    "Matcher": lambda: _core.Matcher("TRUE"),
    "Message": heka.Message,
    "NoTimer": _core.NoTimer,
    "Regex": lambda: _core.Regex("a"),
    "Ring": lambda: _core.Ring(4096, 1000),
    "SignerConfig": lambda: SIGNER,
    "Sink": lambda: _core.Sink(print),
    "StatTable": _core.StatTable,
    "StreamReader": heka.StreamReader,
}
#: Types that only the extension itself makes.
NOT_MADE = {"Block", "Clause", "Frame", "Settings"}
#: Types without state, which are made as any object is.
STATELESS = {"NoTimer"}


def types() -> dict[str, type]:
    own = {name: getattr(_core, name) for name in dir(_core)}
    return {
        name: value
        for name, value in own.items()
        if isinstance(value, type) and not issubclass(value, Exception)
    }


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function, type and method of the extension that has a signature."""
    for name, value in vars(_core).items():
        if inspect.isbuiltin(value):
            yield name, value
    for name, kind in types().items():
        if name not in NOT_MADE and kind.__text_signature__ is not None:
            yield name, kind
            yield f"{name}.__new__", lambda *args, kind=kind, **kw: kind.__new__(kind, *args, **kw)
        for method in vars(kind):
            signature = getattr(getattr(kind, method), "__text_signature__", None)
            if not method.startswith("_") and signature:
                yield f"{name}.{method}", getattr(INSTANCES[name](), method)


def signature_of(name: str, function: Callable[..., Any]) -> inspect.Signature:
    if name.endswith(".__new__"):
        function = types()[name.removesuffix(".__new__")]
    return inspect.signature(function)


ALL = {name: function for name, function in callables() if name != "Field.__new__"}
NAMED = {
    name: function
    for name, function in ALL.items()
    if any(p.kind != p.POSITIONAL_ONLY for p in signature_of(name, function).parameters.values())
}
NAMELESS = {name: function for name, function in ALL.items() if name not in NAMED}

each_named = pytest.mark.parametrize("name", NAMED)
each_nameless = pytest.mark.parametrize("name", NAMELESS)


def python_says(name: str, /, *args: Any, **kwargs: Any) -> str:
    """Return what Python says when a function of its own is called like this."""
    short = name.removesuffix(".__new__").rpartition(".")[2]
    space: dict[str, Any] = {}
    exec(f"def {short}{signature_of(name, NAMED[name])}: pass", {"Ellipsis": ...}, space)
    with pytest.raises(TypeError) as error:
        space[short](*args, **kwargs)
    return str(error.value)


def we_say(name: str, /, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(TypeError) as error:
        ALL[name](*args, **kwargs)
    return str(error.value)


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(signature_of(name, ALL[name]).parameters)


def required(name: str) -> list[str]:
    return [p.name for p in parameters(name).values() if p.default is p.empty]


def test_no_type_is_left_out():
    """A new type needs an entry in INSTANCES or in NOT_MADE."""
    assert set(types()) == set(INSTANCES) | NOT_MADE
    assert len(NAMED) > 15
    assert len(NAMELESS) > 8


# ---- arguments with names ---------------------------------------------------------------------


@each_named
def test_missing(name):
    """None of the required ones, then all but one."""
    needed = required(name)
    for given in range(len(needed)):
        args = [object()] * given

        assert we_say(name, *args) == python_says(name, *args)


@each_named
def test_each_single_one_missing(name):
    needed = required(name)
    for absent in needed:
        kwargs = {other: object() for other in needed if other != absent}

        assert we_say(name, **kwargs) == python_says(name, **kwargs)


@each_named
def test_too_many_positionals(name):
    kinds = [p.kind for p in parameters(name).values()]
    positional = sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
    for more in (1, 5, 100):
        args = [object()] * (positional + more)

        assert we_say(name, *args) == python_says(name, *args)


@each_named
@pytest.mark.parametrize("keyword", ["zzz", "", "é€😀", "x" * 1000, "self"])
def test_an_unknown_keyword(name, keyword):
    """Python's words, of a long name the beginning, and then what the function takes."""
    kwargs = {**dict.fromkeys(required(name)), keyword: object()}
    theirs = (
        python_says(name, **kwargs).replace(keyword, keyword[:64])
        if keyword
        else (python_says(name, **kwargs))
    )

    ours = we_say(name, **kwargs)

    assert ours.startswith(f"{theirs}; it takes {', '.join(parameters(name))}")
    assert ("goes into fields={" in ours) is ("fields" in parameters(name))


@each_named
def test_a_keyword_with_a_typing_error(name):
    for parameter in parameters(name):
        kwargs = {**dict.fromkeys(required(name)), f"{parameter}x": object()}

        ours = we_say(name, **kwargs)

        if len(parameter) > 2:
            assert f"argument '{parameter}x'; did you mean '{parameter}'?" in ours


def test_a_keyword_of_a_megabyte():
    assert len(we_say("pack", **{"severity" * (1 << 17): 1})) < 400


@each_named
def test_a_keyword_in_another_case(name):
    """Compared as text, not as something like it."""
    for parameter in parameters(name):
        kwargs = {**dict.fromkeys(required(name)), parameter.upper(): 1}

        ours = we_say(name, **kwargs)

        assert ours.startswith(python_says(name, **kwargs).partition(". Did you mean")[0])


@each_named
def test_an_argument_given_twice(name):
    for index, parameter in enumerate(parameters(name).values()):
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            args = [object()] * (index + 1)
            kwargs = {parameter.name: object()}

            assert we_say(name, *args, **kwargs) == python_says(name, *args, **kwargs)


@each_named
def test_keywords_may_be_of_a_str_subclass(name):
    """They are, where a program builds its arguments from its own kind of text."""
    first = next(p.name for p in parameters(name).values() if p.kind is not p.POSITIONAL_ONLY)

    assert (
        we_say(name, **{first: 1, Text("zzz"): 1})
        .partition("; it takes ")[0]
        .endswith("argument 'zzz'")
    )
    if parameters(name)[first].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        assert we_say(name, object(), **{Text(first): 1}).endswith(f"for argument '{first}'")


@each_named
def test_keywords_are_text(name):
    with pytest.raises(TypeError, match="keywords must be strings"):
        NAMED[name](**{1: 2})  # type: ignore[arg-type]


def test_keywords_of_a_str_subclass_are_taken():
    names = {Text("type"): "t", Text("severity"): 3, Text("payload"): "p"}
    message = heka.Message(**names)

    assert (message.type, message.severity, message.payload) == ("t", 3, "p")
    assert heka.Message.__new__(heka.Message, **names).payload == "p"
    assert heka.StreamReader().feed(heka.pack(**names))[0].message.payload == "p"
    with capture() as captured:
        heka.log(**names)
    assert captured[0].payload == "p"
    assert heka.Field(**{Text("values"): 1, Text("representation"): "s"}).representation == "s"


# ---- arguments without names ------------------------------------------------------------------


@each_nameless
def test_without_names_too_few_or_too_many(name):
    """With the text of built-in methods: ``b''.find`` has none, one or several."""
    params = parameters(name)
    low, high = len(required(name)), len(params)
    for count in (low - 1, high + 1, high + 10):
        if count >= 0:
            text = we_say(name, *[b""] * count)

            assert re.search(
                rf"takes no arguments \({count} given\)"
                rf"|takes exactly one argument \({count} given\)"
                rf"|takes (from \d to )?\d positional arguments? but {count} (was|were) given",
                text,
            ), text
            assert name.rpartition(".")[2] in text


@each_nameless
def test_without_names_a_keyword(name):
    args = [b""] * len(required(name))

    assert "takes no keyword arguments" in we_say(name, *args, data=b"")


# ---- types ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(types().keys() - STATELESS))
def test_the_new_of_object_makes_none(name):
    with pytest.raises(TypeError):
        object.__new__(types()[name])


@pytest.mark.parametrize("name", sorted(types().keys() - NOT_MADE - STATELESS))
@pytest.mark.parametrize("other", [object, int, list, heka.HekaError])
def test_new_is_for_its_own_type(name, other):
    kind = types()[name]

    with pytest.raises(TypeError):
        kind.__new__(other)
    with pytest.raises(TypeError):
        kind.__new__(5)
    with pytest.raises(TypeError):
        kind.__new__()


@pytest.mark.parametrize("name", sorted(NOT_MADE))
def test_types_that_cannot_be_made(name):
    with pytest.raises(TypeError):
        types()[name]()
    with pytest.raises(TypeError):
        types()[name](1, zzz=2)


@pytest.mark.parametrize("name", INSTANCES)
def test_methods_are_for_their_own_type(name):
    for method, value in vars(types()[name]).items():
        if isinstance(value, (staticmethod, classmethod)):
            continue
        if inspect.ismethoddescriptor(value) and not method.startswith("__"):
            for other in (object(), 5, heka.HekaError()):
                with pytest.raises(TypeError):
                    value(other)


@pytest.mark.parametrize("name", INSTANCES)
def test_attributes_are_for_their_own_type(name):
    for value in vars(types()[name]).values():
        if inspect.isgetsetdescriptor(value):
            for other in (object(), 5, heka.HekaError()):
                with pytest.raises(TypeError):
                    value.__get__(other)
                with pytest.raises((TypeError, AttributeError)):
                    value.__set__(other, 1)


# ---- functions that Python has made ------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        *(heka.configure, heka.stats, heka.flush, heka.flush_on_sigterm),
        *(heka.HekaConnection, QueuedStream, FanOutStream),
    ],
)
def test_functions_of_python(function):
    with pytest.raises(TypeError, match="positional argument"):
        function(*[1] * 20)
    with pytest.raises(TypeError, match="unexpected keyword argument 'zzz'"):
        function(zzz=1)


@pytest.mark.parametrize("value", ["ops", ("ops", 1, "key", "sha1"), SIGNER.sign])
def test_a_connection_s_signer_is_one(value):
    """The constructor raises, not the first message."""
    with pytest.raises(TypeError, match="signer_config must be SignerConfig or None, not"):
        heka.HekaConnection("localhost:5565", value, lazy=True)
