"""The public names of heka: each is there, documented, and the same object wherever it is."""

from __future__ import annotations

import copy
import importlib
import importlib.metadata
import inspect
import pickle
import pkgutil
import queue
import re
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import heka
from heka import _core

#: The module of each class and function, beside ``heka`` itself. A program may import from those
#: whose names have no underscore.
HOMES = {
    "heka.api": ["configure", "flush", "gauge", "incr", "log", "stats"],
    "heka._process": ["exception", "timer"],
    "heka.connections": ["HekaConnection"],
    "heka._net.defaults": ["DEFAULT_PORT"],
    "heka._delivery.lifecycle": ["flush_on_sigterm"],
    "heka.exceptions": [
        *("ConfigError", "DecodeError", "EncodeError", "FieldError", "HekaError"),
        *("QueueFullError", "SignatureError"),
    ],
    "heka.framing": ["Block", "BlockReader", "Frame", "StreamReader", "frame"],
    "heka.message": ["Field", "Message", "pack"],
    "heka.plugins": ["Plugin"],
    "heka.signing": ["SignerConfig"],
}

#: Types for annotations: an alias, which has no docstring, and dicts, whose signature is dict's.
ALIASES = {"FieldValue"}
DICTS = {"ProcessStats", "Stats"}

#: Each exception and its bases.
TREE: dict[str, tuple[Any, ...]] = {
    "HekaError": (Exception,),
    "EncodeError": (heka.HekaError, ValueError),
    "FieldError": (heka.EncodeError, TypeError),
    "DecodeError": (heka.HekaError, ValueError),
    "SignatureError": (heka.DecodeError,),
    "ConfigError": (heka.HekaError, ValueError),
    "QueueFullError": (heka.HekaError, queue.Full),
    "InvalidArgumentError": (heka.ConfigError, RuntimeError),
    "MatcherError": (heka.ConfigError,),
}


def modules() -> list[str]:
    """Every module of heka that a program may import; ``__main__`` runs when it is imported."""
    found = pkgutil.walk_packages(heka.__path__, "heka.")
    return ["heka", *(info.name for info in found if not info.name.endswith("__main__"))]


def load(name: str) -> types.ModuleType:
    """Import a module; skip where it bridges to a library that is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the names of older programs
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "heka").partition(".")[0] == "heka":
            raise
        pytest.skip(f"{error.name} is not installed")


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(kind).items():
        if not name.startswith("_") and (callable(member) or inspect.isdatadescriptor(member)):
            yield name, member


# ---- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", heka.__all__)
def test_each_name_is_there(name):
    assert hasattr(heka, name)


def test_all_has_each_name_once():
    assert len(set(heka.__all__)) == len(heka.__all__)


def test_all_has_every_name_that_is_public():
    """Every public name of the package except modules."""
    public = {
        name
        for name, value in vars(heka).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }

    assert public <= set(heka.__all__)


def test_star_import():
    space: dict[str, Any] = {}

    exec("from heka import *", space)

    assert set(heka.__all__) <= set(space)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in HOMES.items() for name in names]
)
def test_a_name_is_the_same_object_in_its_module(module, name):
    assert getattr(importlib.import_module(module), name) is getattr(heka, name)


@pytest.mark.parametrize("module", modules())
def test_all_of_each_module_is_there(module):
    found = load(module)

    for name in getattr(found, "__all__", ()):
        assert hasattr(found, name), name


CLASSES = [name for name in heka.__all__ if isinstance(getattr(heka, name), type)]


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_where_it_is(name):
    """``__module__`` is a public module, which pickle looks up, not a private one."""
    kind = getattr(heka, name)

    assert kind.__name__ == kind.__qualname__ == name
    assert kind.__module__.partition(".")[0] == "heka"
    assert "._" not in kind.__module__
    assert getattr(importlib.import_module(kind.__module__), name) is kind


def test_the_version_is_that_of_the_distribution():
    assert heka.__version__ == importlib.metadata.version("heka-py")
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|(a|b|rc)\d+)?", heka.__version__)


def test_numbers():
    assert heka.DEFAULT_PORT == 5565
    assert (_core.MESSAGE_MAX, _core.HEADER_MAX, _core.UUID_SIZE) == (65_536, 255, 16)


def test_importing_heka_imports_little():
    """No thread is started, and no third-party module is imported."""
    code = (
        "import sys, threading\n"
        "before = set(sys.modules)\n"
        "import heka\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'heka'}), threading.active_count())\n"
        "print(sorted(new & {'asyncio', 'logging', 'ssl', 'pickle', 'email', 'http'}))"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "[] 1\n[]\n"


# ---- docstrings -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", modules())
def test_each_module_has_a_docstring(name):
    assert load(name).__doc__


@pytest.mark.parametrize(
    "name", [n for n in heka.__all__ if callable(getattr(heka, n)) and n not in ALIASES]
)
def test_each_public_object_has_a_docstring(name):
    """Classes with all of their methods and attributes."""
    public = getattr(heka, name)

    assert (inspect.getdoc(public) or "").strip()
    if isinstance(public, type):
        bare = [own for own, member in methods(public) if not inspect.getdoc(member)]
        assert bare == []


@pytest.mark.parametrize("name", [n for n in dir(_core) if isinstance(getattr(_core, n), type)])
def test_each_type_of_the_extension_has_docstrings(name):
    kind = getattr(_core, name)

    assert (kind.__doc__ or "").strip()
    assert [own for own, member in methods(kind) if not (member.__doc__ or "").strip()] == []


@pytest.mark.parametrize(
    "name", [n for n in heka.__all__ if callable(getattr(heka, n)) and n not in {*TREE, *DICTS}]
)
def test_each_public_callable_has_a_signature(name):
    """help() and editors show it."""
    assert inspect.signature(getattr(heka, name)) is not None


# ---- exceptions -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "bases"), TREE.items())
def test_the_tree_of_exceptions(name, bases):
    kind = getattr(heka.exceptions, name)

    assert kind.__bases__ == bases
    assert issubclass(kind, heka.HekaError)
    assert kind.__module__ == "heka.exceptions"


def test_every_exception_is_a_heka_error():
    kinds = [value for value in vars(heka.exceptions).values() if isinstance(value, type)]
    own = [kind for kind in kinds if issubclass(kind, Exception) and not issubclass(kind, Warning)]

    assert own
    assert all([issubclass(kind, heka.HekaError) for kind in own])


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_exceptions_are_copied(name, duplicate):
    """For example to return from a worker process."""
    made = duplicate(getattr(heka.exceptions, name)("text"))

    assert (type(made).__name__, made.args) == (name, ("text",))


def test_a_decode_error_keeps_its_offset():
    with pytest.raises(heka.DecodeError) as error:
        heka.Message.decode(b"\x0a\x10" + bytes(16) + b"\xff")

    assert error.value.offset == 18
    assert pickle.loads(pickle.dumps(error.value)).offset == 18


def test_a_decode_error_without_a_byte_at_fault_has_offset_0():
    with pytest.raises(heka.SignatureError) as error:
        heka.SignerConfig("ops", 1, "key", "sha1").verify(b"data", bytes(20))

    assert error.value.offset == 0
    assert heka.DecodeError("made by hand").offset == 0
