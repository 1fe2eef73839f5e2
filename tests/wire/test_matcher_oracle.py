"""Random expressions on random messages: heka.matcher against a naive evaluator in Python."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from wire.matcher_model import NUMBERS, RELATIONS, TEXTS, Both, Clause, Constant, Model

import heka
from heka import matcher

# Few values, so that comparisons are often true.
TEXT = st.sampled_from(
    [b"", b"a", b"ab", b"b'", b"ab/c", "é".encode(), b"a" * 20, b"a" * 19 + b"b"]
)
WIRE_TEXT = TEXT | st.sampled_from([b"\0", b"b\xff", b"a\n"])
INTEGERS = st.sampled_from([0, 1, 3, 7, 2**31 - 1, -1, -(2**31)])
WIDE = INTEGERS | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
DOUBLES = st.sampled_from([0.0, -0.0, 1.0, 0.5, 3.0, 7e300, 5e-324, float("nan"), float("inf")])
LITERALS = st.sampled_from(
    [0, 1, 3, 7, 2**53, 2**53 + 1, 2**63, 0.5, 7e300, 5e-324, 1e-07, -1, -0.5]
)
NAMES = st.sampled_from([b"n", b"name two", b"n" * 130, b"\xc3\xa9"])
REGEXES = st.sampled_from(
    [b"", b"a", b"^a", b"b$", b"^ab$", b"^(?:a|b)", b"a+b", b"[a-f]/c", b"^.$"]
)
FIELD_VALUES = [WIRE_TEXT, WIRE_TEXT, WIDE, DOUBLES, st.booleans()]


@st.composite
def fields(draw: st.DrawFn) -> tuple[bytes, int, list[Any]]:
    kind = draw(st.integers(0, 4))
    return draw(NAMES), kind, draw(st.lists(FIELD_VALUES[kind], max_size=3))


MODELS = st.builds(
    Model,
    st.sampled_from([bytes(16), bytes(range(16)), b"\xff" * 16]),
    st.dictionaries(st.sampled_from(sorted(TEXTS)), WIRE_TEXT),
    st.fixed_dictionaries({"Timestamp": WIDE}, optional={"Severity": INTEGERS, "Pid": INTEGERS}),
    st.lists(fields(), max_size=5),
)


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    relation = st.sampled_from(sorted(RELATIONS))
    text = st.tuples(relation, TEXT) | st.tuples(
        st.sampled_from(["=~", "!~"]), REGEXES.map(re.compile)
    )
    number = st.tuples(relation, LITERALS)
    equality = st.sampled_from(["==", "!="])
    name = draw(st.sampled_from(["Uuid", *TEXTS, *NUMBERS, "F", "F", "F", "F", "F"]))
    if name == "F":
        op, value = draw(
            text | number | st.tuples(equality, st.booleans()) | st.tuples(equality, st.none())
        )
        indexes = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
        least = 2 if indexes[1] else 1 if indexes[0] else 0
        shown = draw(st.integers(least, 2))
        return Clause(f"Fields[{draw(NAMES).decode()}]", op, value, indexes, shown)
    return Clause(name, *draw(number if name in NUMBERS else text))


TREES = st.recursive(
    clauses() | st.builds(Constant, st.booleans()),
    lambda inner: st.builds(Both, st.sampled_from(["&&", "||"]), inner, inner, st.booleans()),
    max_leaves=12,
)


@settings(max_examples=150)
@given(TREES, MODELS, st.randoms(use_true_random=False), st.booleans())
def test_answers_are_those_of_the_naive_evaluator(tree, model, random, packed):
    """On messages in any order of attributes, canonical or not; each clause by itself too."""

    def order(entries: list[bytes]) -> list[bytes]:
        return random.sample(entries, len(entries)) if not packed else sorted(entries)

    data = model.encoded(order, packed)
    made = matcher.compile(tree.text(), "heka2")

    assert made.matches(data) is tree.holds(model)
    assert made.matches(heka.Message.decode(data)) is tree.holds(model)
    [block] = heka.BlockReader().feed(heka.frame(data))
    assert made.count(block) == tree.holds(model)
    assert [clause.matched for clause in made.explain(data)] == [
        clause.holds(model) for clause in leaves(tree)
    ]


def leaves(tree: Any) -> list[Any]:
    return [*leaves(tree.left), *leaves(tree.right)] if isinstance(tree, Both) else [tree]


TOKENS = st.sampled_from(
    [
        *("Type", "Fields[a]", "Severity", "TRUE", "NIL", "==", "!=", "=~", "<", "'a'", "/a/", "1"),
        *("(", ")", "&&", "||", "!", "-1", "\n", "\0", "é", "'", "Fields[", "/("),
    ]
)


@settings(max_examples=300)
@given(st.lists(TOKENS, max_size=12).map(" ".join), st.sampled_from(["heka", "heka2"]))
def test_any_text_is_compiled_or_refused_at_a_column(text, dialect):
    error = refusal(text, dialect)

    if error is None:
        assert matcher.compile(text, dialect).clauses
    else:
        assert 1 <= error.column <= len(text) + 1
        assert str(error).startswith(f"column {error.column}: ")


def refusal(text: str, dialect: str) -> matcher.MatcherError | None:
    try:
        matcher.compile(text, dialect)
    except matcher.MatcherError as error:
        return error
    return None
