"""Text whose UTF-8 the str holds already: the same bytes, and heka never makes a str hold it."""

from __future__ import annotations

import ctypes
import sys

import pytest

import heka

NS = 1_700_000_000_000_000_000
TEXTS = [
    "üß",
    "Grüße aus München",
    "Заказ оплачен",
    "订单已付款",
    "📦 paid 💶",
    "a" * 5000 + "€",
    "\x80" * 300,
]

as_utf8 = ctypes.pythonapi.PyUnicode_AsUTF8AndSize
as_utf8.restype = ctypes.c_void_p
as_utf8.argtypes = [ctypes.py_object, ctypes.c_void_p]


def fresh(text):
    return "".join(list(text))


def cached(text):
    made = fresh(text)
    before = sys.getsizeof(made)
    assert as_utf8(made, None)
    assert sys.getsizeof(made) == before + len(text.encode()) + 1, "the str holds its UTF-8"
    return made


def packed(text):
    """Return a message with *text* wherever a message can have text."""
    return heka.pack(
        *(text, text, 6),
        payload=text,
        fields={text: text, "list": [text, text], "unit": heka.Field([text], "unit")},
        uuid=bytes(16),
        timestamp_ns=NS,
    )


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_bytes_are_the_same(text):
    assert packed(cached(text)) == packed(fresh(text))
    read = heka.StreamReader().feed(packed(cached(text)))[0].message
    assert (read.type, read.payload) == (text, text)
    assert read.fields[text] == [text]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_encoding_leaves_no_copy_on_the_text(text):
    plain = fresh(text)
    before = sys.getsizeof(plain)
    packed(plain)
    assert sys.getsizeof(plain) == before


def test_a_text_that_is_too_long_is_cut_in_the_same_place(monkeypatch):
    came = []
    monkeypatch.setattr(heka.api._emitter, "capture", came.append)
    for make in (fresh, cached):
        text = make("ü" * 100_000)
        assert heka.log("t", payload=text, oversize="truncate", uuid=bytes(16), timestamp_ns=NS)
    assert came[0] == came[1]
