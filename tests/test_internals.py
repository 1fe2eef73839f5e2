"""docs/explanation/internals.md and its drawings say what the sources say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "explanation" / "internals.md").read_text(encoding="utf-8")
SCRIPT = runpy.run_path(str(ROOT / "docs" / "draw_internals.py"))

#: The folders that heka.log calls through to the kernel, when it sends without a queue.
HOT_PATH = {
    *("python/calls", "python/messages", "python/values", "python/base"),
    *("core/wire", "core/base", "core/io"),
}


@pytest.mark.parametrize("name", SCRIPT["PICTURES"])
def test_drawing_is_what_the_sources_say(name):
    committed = (ROOT / "docs" / "_static" / name).read_text(encoding="utf-8")

    assert committed == SCRIPT["PICTURES"][name](), "run: python docs/draw_internals.py"


def test_log_calls_through_seven_folders():
    """From the Emitter's log to the send, a frame that is put into a queue left out."""
    calls = SCRIPT["c_functions"](SCRIPT["c_sources"]())
    reached = SCRIPT["reached"](calls, "emitter_log", without="heka_ring_")

    assert {name for _, name in reached} >= {"hk_send_now", "hk_frame_seal", "hk_encode_head"}
    assert {SCRIPT["folder_of"](file) for file, _ in reached} == HOT_PATH
    assert all(f"`{folder}`" in PAGE for folder in HOT_PATH)


def test_calls_between_folders_go_down():
    """No function of csrc calls one in a folder that stands on its own floor or above it."""
    sources = SCRIPT["c_sources"]()
    floors = SCRIPT["ranks"](SCRIPT["c_floors"](sources))
    folder_of = SCRIPT["folder_of"]
    calls = SCRIPT["c_functions"](sources)

    upward = [
        f"{file}: {function} calls {other} of {target}"
        for (file, function), called in calls.items()
        for target, other in called
        if folder_of(target) != folder_of(file)
        and floors[folder_of(target)] >= floors[folder_of(file)]
    ]

    assert len(calls) > 500
    assert not upward, "\n".join(upward)


def test_every_call_upward_is_listed():
    """A row for each C file that calls Python of heka: what is called, and the modules it is of."""
    rows = {
        match[1]: match[2]
        for match in re.finditer(r"^\| `csrc/(\S+)\.c` \|(.*)\|$", PAGE, re.M)
        if "`heka/" in match[2]
    }
    calls = SCRIPT["upward_calls"](SCRIPT["c_sources"](), SCRIPT["python_sources"]())

    problems = [
        f"{file}: {word} is not in its row"
        for file, what, rooms in calls
        for word in [*re.findall(r"[\w.]+", what), *(f"`heka/{room}" for room in rooms)]
        if word not in rows.get(file, "")
    ]

    assert len(calls) > 5
    assert not problems, "\n".join(problems)


def test_every_path_in_the_page_is_there():
    """Names in capitals stand for any name."""
    paths = set(re.findall(r"`((?:csrc|heka|tests|docs|tools|proto|benchmarks)/[\w./-]+)`", PAGE))
    paths = {path for path in paths if not re.search(r"NAME|FOLDER", path)}

    assert len(paths) > 50
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def test_every_c_name_in_the_page_is_there():
    """Functions, macros and headers of ours, by their prefix."""
    names = set(re.findall(r"`((?:hk_|heka_|HK_|HEKA_)\w+)[.`]", PAGE)) - {"hk_NAME"}
    text = "\n".join(SCRIPT["c_sources"]().values())

    assert "hk_buffer" in names
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", text)) == []


def test_every_folder_of_c_is_described():
    folders = set(SCRIPT["c_floors"](SCRIPT["c_sources"]())) - {"python"}

    assert sorted(folder for folder in folders if f"| `csrc/{folder}` |" not in PAGE) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("import heka.api", {"api"}, id="import"),
        pytest.param("from heka.api import log", {"api.log"}, id="from"),
        pytest.param("from heka import api", {"api"}, id="of-the-package"),
        pytest.param("import heka", {"heka"}, id="the-package"),
        pytest.param("from .base import x", {"streams.base.x"}, id="relative"),
        pytest.param("from ..api import x", {"api.x"}, id="two-up"),
        pytest.param("def f():\n import heka.api", {"api"}, id="in-a-function"),
        pytest.param("import hekabut, os", set(), id="not-ours"),
    ],
)
def test_imports_are_found(source, found):
    assert set(SCRIPT["imported"](source, "streams/url.py")) == found


def test_functions_and_calls_are_found():
    """Static functions are of their file; those of headers and others are of all."""
    sources = {
        "a/one.c": "static int\nhelper(int x)\n{\n    return x;\n}\n\nint\none(void)\n{\n"
        '    /* two() */ return helper(1) + shared(2) + strlen("three()");\n}\n',
        "b/two.c": "static int\nhelper(int x)\n{\n    return one();\n}\n",
        "b/two.h": "static inline int\nshared(int x)\n{\n    return x;\n}\n",
    }

    calls = SCRIPT["c_functions"](sources)

    assert calls["a/one.c", "one"] == {("a/one.c", "helper"), ("b/two.h", "shared")}
    assert calls["b/two.c", "helper"] == {("a/one.c", "one")}


def test_a_call_of_python_that_is_in_no_table_is_an_error():
    sources = {**SCRIPT["c_sources"](), "python/base/more.c": "PyObject_CallNoArgs(x);"}

    with pytest.raises(ValueError, match="python/base/more"):
        SCRIPT["upward_calls"](sources, SCRIPT["python_sources"]())


def test_a_longer_way_implies_an_arrow():
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set()}

    assert SCRIPT["direct"](graph) == [("a", "b"), ("b", "c")]
    assert SCRIPT["ranks"](graph) == {"a": 2, "b": 1, "c": 0}


def test_a_circle_has_no_floors():
    with pytest.raises(ValueError, match="a -> b -> a"):
        SCRIPT["ranks"]({"a": {"b"}, "b": {"a"}})
