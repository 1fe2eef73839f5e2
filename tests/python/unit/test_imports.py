"""What ``import heka``, ``import heka.logging`` and ``python -m heka --help`` import.

A program that logs pays for these at each start. What sends is imported by the first use.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import heka
from heka.cli import COMMANDS, command_of

ROOT = str(Path(heka.__file__).parent.parent)

#: Modules that ``import heka`` may add to those of an empty interpreter.
MOST = 30
OF_HEKA = {
    *("heka", "heka._context", "heka._core", "heka.api", "heka.severity"),
    *("heka._runtime", "heka._runtime.accounts", "heka._runtime.exits", "heka._runtime.forks"),
    *("heka._runtime.explaining", "heka._runtime.seconds"),
}
#: Modules of the standard library that take long to import, or import many others.
HEAVY = {
    *("argparse", "asyncio", "configparser", "contextlib", "dataclasses", "datetime", "enum"),
    *("hashlib", "importlib.metadata", "inspect", "json", "logging", "multiprocessing", "random"),
    *("re", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile"),
    *("traceback", "typing", "urllib", "uuid"),
}
#: Those that argparse, gettext and runpy do not import; ``rich`` is not of the standard library.
HEAVY_FOR_HELP = HEAVY - {
    # argparse of newer versions imports some of these for its colours
    *("argparse", "contextlib", "dataclasses", "enum", "inspect", "re", "typing"),
} | {"platform", "rich"}


def imported(code: str) -> set[str]:
    """Return the modules that *code* imports, in an interpreter that has imported only ``site``.

    A second name of a module that was there, as ``collections.abc`` is one, is no import.
    """
    program = (
        f"import sys, site; sys.path.insert(0, {ROOT!r}); before = list(sys.modules.values())\n"
        f"{code}\n"
        "new = [n for n, module in sys.modules.items() if all(module is not b for b in before)]\n"
        "import json; print(json.dumps(sorted(new)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr))


def of_heka(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "heka"}


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """The modules of ``import heka``."""
    return imported("import heka")


def test_heka_imports_few_modules(bare):
    assert of_heka(bare) == OF_HEKA
    assert not bare & HEAVY
    assert len(bare) <= MOST, sorted(bare)


def test_heka_logging_imports_logging_and_two_modules_more(bare):
    modules = imported("import heka.logging") - bare - imported("import logging")

    # logging of later versions imports contextlib too
    assert modules - {"contextlib"} == {"heka.logging", "heka._recording"}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["no-such-command"], id="wrong-command"),
        pytest.param([], id="no-command"),
    ],
)
def test_help_imports_no_command(bare, arguments):
    modules = imported(
        f"import runpy; sys.argv = ['heka', *{arguments!r}]\n"
        "sys.stderr, kept = sys.stdout, sys.stderr\n"
        "try: runpy.run_module('heka', run_name='__main__', alter_sys=True)\n"
        "except SystemExit: pass\n"
        "sys.stderr = kept"
    )

    assert of_heka(modules) - bare <= {"heka.cli", "heka.__main__"}
    assert not modules & HEAVY_FOR_HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_a_module(name):
    module = command_of(name)

    assert module.__name__ == f"heka.cli.commands.{name}"
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_no_other_command_is_found():
    with pytest.raises(ValueError, match="no-such-command"):
        command_of("no-such-command")


# ---- names that are imported at their first use --------------------------------------------------


@pytest.mark.parametrize("name", [*heka.__all__, *heka._MODULES])
def test_each_public_name_is_an_attribute_after_import_heka(name):
    """In an interpreter of its own where it is imported late; ``dir()`` lists it before."""
    assert name in dir(heka)
    if name in heka._LATER or name in heka._MODULES:
        imported(
            f"import heka\nassert {name!r} not in vars(heka)\nassert {name!r} in dir(heka)\n"
            f"assert heka.{name} is heka.{name}\nassert {name!r} in vars(heka)"
        )
    assert getattr(heka, name) is not None


def test_star_import_takes_every_name():
    imported(
        "from heka import *\nimport heka\n"
        "assert set(heka.__all__) <= set(globals()), set(heka.__all__) - set(globals())"
    )


def test_late_names_are_those_of_the_modules_that_define_them():
    """The table of heka/__init__.py and the imports for type checkers say the same."""
    for name, module in heka._LATER.items():
        assert name in heka.__all__
        assert getattr(heka, name) is getattr(sys.modules[module], name)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'heka' has no attribute 'no_such_name'"):
        _ = heka.no_such_name


@pytest.mark.parametrize("name", ["EnvironmentNotFoundError", "MethodNotFoundError"])
def test_exceptions_of_configparser_are_imported_late(name):
    imported(
        "import heka, pickle\nassert 'configparser' not in sys.modules\n"
        f"assert {name!r} in dir(heka.exceptions)\n"
        f"error = heka.exceptions.{name}\n"
        "import configparser\nassert issubclass(error, (heka.ConfigError, configparser.Error))\n"
        "assert error.__module__ == 'heka.exceptions'\n"
        "assert pickle.loads(pickle.dumps(error)) is error"
    )


def test_an_enum_is_known_if_it_is_imported_after_heka():
    imported(
        "import heka\nassert heka.pack('t', fields={'k': 1})\n"
        "assert 'enum' not in sys.modules\n"
        "try: heka.pack('t', fields={'k': object()})\n"
        "except heka.FieldError: pass\n"
        "import enum\nE = enum.Enum('E', {'A': 'a'})\n"
        "assert heka.Message('t', fields={'k': E.A}).fields['k'] == ['a']"
    )
