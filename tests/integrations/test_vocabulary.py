"""Request ids, trace contexts, methods and ignore lists that clients and programs give."""

from __future__ import annotations

import string
import sys
import types

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heka._secrets import masked
from heka.integrations._vocabulary import (
    Ignored,
    current_span,
    method_of,
    new_request_id,
    read_request_id,
    read_trace,
    severity_of,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("good", ["a", "x" * 128, "9f8e-77.a:b_c", "with space", "{}"])
def test_a_request_id_is_kept(good):
    assert read_request_id(good) == good


@pytest.mark.parametrize(
    "bad",
    ["", " ", "x" * 129, "x" * (1 << 20), "a\r\nSet-Cookie: b", "a\0", "\x7f", "ä", "\udcff", b"a"],
    ids=lambda bad: repr(bad)[:20],
)
def test_a_request_id_is_refused(bad):
    assert read_request_id(bad) == ""


def test_a_request_id_hides_a_secret():
    assert "hunter2" not in read_request_id("password=hunter2hunter2")


@given(st.text("0123456789abcdefABCDEF-", min_size=1, max_size=128))
@example("9f8e7d6c-5b4a-3928-1706-f5e4d3c2b1a0")
@example("4111-1111-1111-1111")
def test_no_hexadecimal_number_or_uuid_holds_a_secret(text):
    """So the search for secrets is left out for them."""
    assert masked(text) == text == read_request_id(text)


def test_new_request_ids_are_32_digits_and_differ():
    made = {new_request_id() for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(one) == 32 and set(one) <= set(string.hexdigits.lower()) for one in made)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", id="sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", id="not-sampled"),
        pytest.param(f"01-{TRACE}-{SPAN}-01", id="later-version"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-what-comes", id="later-version-with-more"),
    ],
)
def test_a_trace_is_read(header):
    found = read_trace(header)

    assert found[:2] == (TRACE, SPAN)
    assert found.header == f"00{header[2:55]}"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="empty"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", id="no-trace"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="no-span"),
        pytest.param(f"ff-{TRACE}-{SPAN}-01", id="version-ff"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-more", id="version-0-with-more"),
        pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", id="capitals"),
        pytest.param(f"00-{TRACE[1:]}-{SPAN}-01", id="short"),
        pytest.param(f"00-{TRACE}-{SPAN}-1g", id="flags"),
        pytest.param(f"00-{TRACE}-{SPAN}-01\n", id="line-end"),
        pytest.param(f"01-{TRACE}-{SPAN}-01-" + "x" * (1 << 20), id="1-MB"),
        pytest.param(None, id="none"),
    ],
)
def test_a_trace_that_lies_is_no_trace(header):
    assert read_trace(header) is None


@given(st.text())
@example("٣" * 32)
def test_whatever_is_given_is_read(text):
    """No text raises, and what is kept is printable ASCII."""
    kept = read_request_id(text)

    assert kept.isascii()
    assert not kept or kept.isprintable()
    assert method_of(text) in (text, "_OTHER")
    assert read_trace(text) is None


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "VERSION-CONTROL", "QUERY"])
def test_a_method_is_a_name(method):
    assert method_of(method) == method


@pytest.mark.parametrize("method", ["get", "", "A" * 21, "GET /", None, 7, "GÉT"])
def test_what_is_no_name_is_no_method(method):
    assert method_of(method) == "_OTHER"


def test_severities():
    assert [severity_of(status) for status in (0, 200, 499, 500, 599)] == [6, 6, 6, 3, 3]


def test_ignored_names_and_prefixes():
    ignored = Ignored(["/health", "/static/*"], "X")

    assert "/health" in ignored
    assert "/static/a" in ignored
    assert "/static" not in ignored
    assert "/healthy" not in ignored
    assert None not in ignored


@pytest.mark.parametrize("names", ["/health", [7]])
def test_an_ignore_list_is_a_list_of_texts(names):
    with pytest.raises(TypeError, match=r"X: ignore must be a list of texts such as"):
        Ignored(names, "X")


def test_without_opentelemetry_there_is_no_span(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)

    assert current_span() is None
    assert "opentelemetry.trace" not in sys.modules


def opentelemetry(valid: bool = True) -> types.ModuleType:
    """Return a module with what is used of ``opentelemetry.trace``."""
    context = types.SimpleNamespace(
        is_valid=valid, trace_id=int(TRACE, 16), span_id=int(SPAN, 16), trace_flags=1
    )
    module = types.ModuleType("opentelemetry.trace")
    module.get_current_span = lambda: types.SimpleNamespace(get_span_context=lambda: context)
    return module


def test_the_current_span_of_opentelemetry_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", opentelemetry())
    assert current_span() == (TRACE, SPAN, "01")

    monkeypatch.setitem(sys.modules, "opentelemetry.trace", opentelemetry(valid=False))
    assert current_span() is None
