"""Regular expressions of matchers answer as google-re2 does, for random patterns and texts."""

from __future__ import annotations

import random

import pytest

import heka

re2 = pytest.importorskip("re2", reason="google-re2 has no wheel here")

COUNT = 250  # patterns
#: Lines that both read; flags stand for themselves, as what follows them is repeated otherwise.
ATOMS = [
    *("a", "b", "c", "k", "K", "s", "S", "0", "1", "_", " ", "-", "é", "α", "Ω", "ß", "😀", "."),
    *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\v", r"\t", r"\n", r"\.", r"\x41", r"\x{3b1}"),
    *(r"\101", r"\Qa.\E", "{", "{,2}", "}", "]", r"\b", r"\B", "^", "$", r"\A", r"\z", '"'),
    *("[[:alpha:]]", "[[:^digit:]]", "[[:punct:]]", "[[:space:]]", "[[:word:]-]", "[a-c]"),
    *("[^a-c]", r"[^\d]", r"[\W]", r"[\Wa]", "[α-ω]", "[^é]", r"[\s\S]", "[]a]", "[^]a]", "[k-s]"),
]
PROPERTIES = [r"\pL", r"\PL", r"\p{Greek}", r"\p{^Greek}", r"\pN", r"\p{Lu}", r"[\pN\P{Lu}]"]
GROUPS = ["(", "(?:", "(?i:", "(?s:", "(?m:", "(?-i:", "(?U:", "(?P<n>"]
TIMES = [
    *("*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "*?", "+?", "??", "{1,3}?", "{17,20}", "{33,}"),
]
LETTERS = [*"aabbc01_ -kKsS\n\n\tAB.", *("é", "É", "α", "Ω", "ω", "ß", "😀", "\v"), "\u212a", "ſ"]


def pattern(source: random.Random, depth: int = 0, *, folds: bool = False) -> str:
    """Return a pattern of the syntax that both have; a group that folds holds no property."""
    parts = []
    for _ in range(source.randint(0 if depth else 1, 4)):
        if source.random() < 0.25 and depth < 3:
            group = source.choice(GROUPS)
            inner = folds or group == "(?i:"
            branches = source.randint(1, 3)
            texts = [pattern(source, depth + 1, folds=inner) for _ in range(branches)]
            name = f"n{source.randrange(10**9)}>" if group == "(?P<n>" else ""
            part = f"{group.removesuffix('n>') if name else group}{name}{'|'.join(texts)})"
        else:
            part = source.choice(ATOMS if folds else ATOMS + PROPERTIES)
        parts.append(part + (source.choice(TIMES) if source.random() < 0.35 else ""))
    return "".join(parts)


def text(source: random.Random) -> str:
    """Return a short text, or one that is longer than what the plain program serves."""
    short = "".join(source.choices(LETTERS, k=source.choice([0, 1, 3, 8, 20])))
    return short * 40 if source.random() < 0.15 else short


def compiled(wanted: str) -> heka.matcher.Matcher | None:
    """Return a matcher, or None where PCRE2's program would be too large."""
    try:
        return heka.matcher.compile(f"Payload =~ /{wanted}/")
    except heka.matcher.MatcherError as exc:
        if "PCRE2 makes a smaller program" not in str(exc):
            raise
        return None


def test_answers_are_those_of_re2():
    source = random.Random(12)
    options = re2.Options()
    options.log_errors = False
    accepted = answered = 0
    for _ in range(COUNT):
        wanted = pattern(source)
        try:
            oracle = re2.compile(wanted, options=options)
        except re2.error as exc:
            if "too large" in str(exc):
                continue
            with pytest.raises(heka.matcher.MatcherError):
                heka.matcher.compile(f"Payload =~ /{wanted}/")
            continue
        matcher = compiled(wanted)
        if matcher is None:
            continue
        accepted += 1
        for _ in range(4):
            subject = text(source)
            found = matcher.matches(heka.Message("t", payload=subject))
            if matcher.limits:
                break
            assert found == (oracle.search(subject) is not None), (wanted, subject)
            answered += 1

    assert accepted > COUNT / 2
    assert answered > 3 * accepted
