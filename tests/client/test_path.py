"""Dotted names: both notations, relative names, and errors of names that do not exist."""

from __future__ import annotations

import collections.abc
import sys
import xml.dom
import xml.dom.minidom

import pytest

from heka.path import DottedNameResolver, resolve_name


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package hekapath with modules that can be imported and modules that raise."""
    folder = tmp_path / "hekapath"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "fine.py").write_text("class Thing:\n    class Inner:\n        value = 5\n")
    (folder / "broken.py").write_text("import no_such_module_at_all\n")
    (folder / "failing.py").write_text("1 / 0\n")
    (folder / "moved.py").write_text(
        "asked = []\n"
        "def __getattr__(name):\n"
        "    asked.append(name)\n"
        "    if name == 'Old':\n"
        "        return 'new'\n"
        "    raise AttributeError(f'{name} has gone to hekapath.fine')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "hekapath"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("xml.dom.minidom:parse", xml.dom.minidom.parse, id="colon"),
        pytest.param("xml.dom.minidom.parse", xml.dom.minidom.parse, id="dots"),
        pytest.param("xml.dom", xml.dom, id="module"),
        pytest.param("collections", collections, id="top-module"),
        pytest.param("xml.dom:Node.ELEMENT_NODE", 1, id="attribute-of-attribute"),
        pytest.param("xml.dom.Node.ELEMENT_NODE", 1, id="all-dots"),
        pytest.param("  xml.dom:Node ", xml.dom.Node, id="spaces-around"),
    ],
)
def test_name_resolves(name, found):
    assert resolve_name(name) is found


def test_submodule_of_a_dotted_name_is_imported(package):
    """The submodule need not be imported before."""
    assert resolve_name("hekapath.fine.Thing.Inner.value") == 5


@pytest.mark.parametrize(
    ("package_of", "name", "found"),
    [
        pytest.param("xml.dom", ".minidom:parse", xml.dom.minidom.parse, id="one-dot"),
        pytest.param(xml.dom, ".minidom.parse", xml.dom.minidom.parse, id="package-object"),
        pytest.param(xml.dom.minidom, ".Node", xml.dom.Node, id="module-means-its-package"),
        pytest.param("xml.dom", "..dom.Node", xml.dom.Node, id="two-dots"),
        pytest.param("xml.dom", ":Node", xml.dom.Node, id="colon-first"),
        pytest.param("xml.dom", ".", xml.dom, id="itself"),
        pytest.param("xml.dom", "collections.abc", collections.abc, id="absolute-anyway"),
    ],
)
def test_relative_name_starts_at_the_package(package_of, name, found):
    assert resolve_name(name, package_of) is found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("xml.dom:Nod", "'xml.dom' has no 'Nod'; did you mean 'Node'?", id="colon"),
        pytest.param("xml.dom.Nod", "'xml.dom' has no 'Nod'; did you mean 'Node'?", id="dots"),
        pytest.param("xml.dom.Node.X.y", "'xml.dom.Node' has no 'X'", id="deeper"),
        pytest.param("no_such_top.thing", "No module named 'no_such_top'", id="no-module"),
        pytest.param("no_such_top:thing", "No module named 'no_such_top'", id="no-module-colon"),
    ],
)
def test_name_that_does_not_exist_is_an_import_error(name, said):
    with pytest.raises(ImportError) as caught:
        resolve_name(name)

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("name", ["hekapath.broken.X", "hekapath.broken:X"])
def test_error_inside_a_module_is_not_hidden(package, name):
    """If an import inside of the module fails, the error names that import."""
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        resolve_name(name)


@pytest.mark.parametrize("name", ["hekapath.moved.Gone", "hekapath.moved:Gone"])
def test_import_error_of_a_modules_getattr_is_shown(package, name):
    with pytest.raises(ImportError, match=r"Gone has gone to hekapath\.fine"):
        resolve_name(name)


@pytest.mark.parametrize("name", ["hekapath.moved.Old", "hekapath.moved:Old"])
def test_a_module_is_asked_for_a_name_once(package, name):
    """The module's ``__getattr__`` may issue a DeprecationWarning."""
    assert resolve_name(name) == "new"
    assert resolve_name("hekapath.moved:asked").count("Old") == 1


def test_exception_raised_while_importing_is_passed_on(package):
    with pytest.raises(ZeroDivisionError):
        resolve_name("hekapath.failing.X")


@pytest.mark.parametrize("name", ["", " ", "a..b", "a:", "a:b:c", "a b", "a-b.c", "1a", None, 5])
def test_invalid_dotted_name_is_a_value_error(name):
    with pytest.raises(ValueError, match=r"expected 'package\.module:attribute'"):
        resolve_name(name)


@pytest.mark.parametrize("name", [".minidom", ":Node"])
def test_relative_name_needs_a_package(name):
    with pytest.raises(ValueError, match="there is no package; give an absolute name"):
        DottedNameResolver().resolve(name)


def test_relative_name_stays_below_the_top():
    with pytest.raises(ValueError, match="above the top"):
        resolve_name("...x", "xml.dom")


def test_maybe_resolve_returns_any_object_that_is_not_text():
    thing = object()

    assert DottedNameResolver().maybe_resolve(thing) is thing
    assert DottedNameResolver().maybe_resolve("xml.dom") is xml.dom
