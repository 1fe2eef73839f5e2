"""The source line of a frame is the line that ran, or there is none."""

from __future__ import annotations

import linecache
import sys
import zipfile

import pytest
from plugins.raven_support import frames, reported

#: Ends of lines for str.splitlines(), but not for Python's compiler.
SIGNS = {
    "form feed": "\x0c",
    "vertical tab": "\x0b",
    "file separator": "\x1c",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
}


def line_of(function):
    """Return the number and the text of the line that raised."""
    frame = frames(reported(function))[-1]
    return frame["lineno"], frame.get("context_line")


@pytest.fixture
def zipped(tmp_path, monkeypatch, request):
    """Return a function that imports a module of a zip file from its source."""
    names = []

    def load(source, encoding="utf-8"):
        name = f"zipped_{abs(hash(request.node.nodeid))}"
        archive = tmp_path / "app.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(f"{name}.py", source.encode(encoding))
        monkeypatch.syspath_prepend(str(archive))
        names.append(name)
        return __import__(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
def test_sign_that_ends_no_line_of_python_moves_no_line_of_a_zipped_module(sign, zipped):
    module = zipped(f"# one {sign} comment\n\ndef fail():\n    raise ValueError('zipped')\n")

    assert line_of(module.fail) == (4, "    raise ValueError('zipped')")


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"], ids=["crlf", "cr", "lf"])
def test_zipped_module_with_any_end_of_line(end, zipped):
    module = zipped(end.join(["# one", "", "def fail():", "    raise ValueError('zipped')", ""]))

    assert line_of(module.fail) == (4, "    raise ValueError('zipped')")


def test_code_executed_in_a_zipped_module_does_not_show_the_lines_of_the_module(zipped):
    module = zipped("one = 1\ntwo = 2\nthree = 3\n")
    code = compile("\nraise ValueError", "<string>", "exec")

    assert line_of(lambda: exec(code, vars(module))) == (2, None)


def test_code_without_a_name_does_not_show_the_lines_of_a_file_called_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "<string>").write_text("not this\nnor this\n")
    code = compile("\nraise ValueError", "<string>", "exec")

    assert line_of(lambda: exec(code, {})) == (2, None)


@pytest.mark.parametrize("path", ["/tmp/ipykernel_47/123.py", "<ipython-input-1-ab>", "cell.py"])
@pytest.mark.parametrize("sign", ["", *SIGNS.values()], ids=["plain", *SIGNS])
def test_source_of_a_notebook_cell_is_what_linecache_has(path, sign, monkeypatch):
    source = f"def fail():\n    '{sign}'\n    raise ValueError('in a cell')\n"
    entry = (len(source), None, source.splitlines(True), path)
    monkeypatch.setitem(linecache.cache, path, entry)
    names = {"__name__": "__main__"}
    exec(compile(source, path, "exec"), names)

    assert line_of(names["fail"]) == (3, "    raise ValueError('in a cell')")


def test_lines_of_linecache_without_ends_stay_apart(monkeypatch):
    source = "def fail():\n    raise ValueError"
    monkeypatch.setitem(linecache.cache, "<made>", (9, None, source.split("\n"), "<made>"))
    names = {}
    exec(compile(source, "<made>", "exec"), names)

    assert line_of(names["fail"]) == (2, "    raise ValueError")


@pytest.mark.parametrize("lines", [None, [1, 2], "text"], ids=repr)
def test_linecache_with_something_else_shows_no_line(lines, monkeypatch):
    monkeypatch.setitem(linecache.cache, "<made>", (9, None, lines, "<made>"))
    code = compile("raise ValueError", "<made>", "exec")

    assert line_of(lambda: exec(code, {})) == (1, None)
