"""``_core.nearest``: the known name that a mistaken one is a typing error of."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python.unit.support import Text

from heka._core import nearest

NAMES = ["type", "logger", "severity", "fields", "payload", "timestamp", "uuid"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("serverity", "severity"),
        ("SEVERITY", "severity"),
        ("sev", "severity"),
        ("feilds", "fields"),
        ("filed", "fields"),
        ("time", "timestamp"),
        ("uid", "uuid"),
        ("user", None),
        ("", None),
        ("éééééééé", None),
        ("sévérity", "severity"),
        ("\ud800everity", "severity"),
        (b"severity", None),
        (5, None),
        (None, None),
        (Text("sevrity"), "severity"),
    ],
)
def test_the_nearest_name(name, expected):
    assert nearest(name, NAMES) == expected


def test_the_result_is_the_name_as_it_is_known():
    assert nearest("jsonencoder", ("NullEncoder", "JSONEncoder")) == "JSONEncoder"


def test_of_equally_near_names_the_first():
    assert nearest("spend", ["send", "spent"]) == "send"
    assert nearest("spend", ["spent", "send"]) == "spent"


@pytest.mark.parametrize("known", [[], (), [5, None, b"severity"]])
def test_without_names(known):
    assert nearest("severity", known) is None


def test_at_most_so_many_letters_differ():
    assert nearest("file", ["filter"]) == "filter"
    assert nearest("file", ["filter"], 1) is None
    assert nearest("fitler", ["filter"], 1) == "filter"
    assert nearest("fitler", ["filter"], 0) is None


@pytest.mark.parametrize("args", [(), ("a",), ("a", [], 1, 2)])
def test_it_takes_two_arguments_or_three(args):
    with pytest.raises(TypeError, match="takes from 2 to 3 positional arguments"):
        nearest(*args)


def test_the_third_is_a_number():
    with pytest.raises(TypeError, match="most must be int, not str"):
        nearest("a", [], "b")  # type: ignore[arg-type]


def test_known_names_that_are_no_sequence():
    with pytest.raises(TypeError, match="must be a list or a tuple"):
        nearest("severity", 5)  # type: ignore[arg-type]


def test_a_name_of_a_megabyte_costs_nothing():
    """Neither does a known one: of configurations, programs choose both."""
    start = time.process_time()

    assert nearest("a" * (1 << 20), ["a" * (1 << 20), "b"]) is None
    assert nearest("severity", ["a" * (1 << 20), "severit"]) == "severit"

    assert time.process_time() - start < 0.1


@given(st.text(max_size=70), st.lists(st.text(max_size=70), max_size=5))
def test_any_text(name, known):
    """The result is one of the names; a name itself is found."""
    assert nearest(name, known) in [None, *known]
    if name.isascii() and 0 < len(name) <= 64:
        found = nearest(name, [*known, name])
        assert found is not None
        assert found.lower() == name.lower()


def test_no_module_is_imported_for_it():
    code = (
        "import sys, heka\n"
        "before = set(sys.modules)\n"
        "try: heka.log('x', serverity=3)\n"
        "except TypeError as error: assert \"did you mean 'severity'?\" in str(error)\n"
        "assert set(sys.modules) == before\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
