"""Matchers: expressions of Heka's message_matcher language, evaluated in C.

::

    matcher = heka.matcher.compile("Type == 'ads_served' && Severity < 4")
    matcher.matches(message)
"""

from heka._core import Clause, Matcher, MatcherError

__all__ = ["Clause", "Matcher", "MatcherError", "compile"]


def compile(text: str, dialect: str = "heka") -> Matcher:
    """Compile *text*.

    Args:
        text: An expression, at most 65,536 bytes in UTF-8.
        dialect: ``"heka"``, or ``"heka2"`` with extensions: negative numbers, ``!= TRUE``, RFC 3339
            times for Timestamp, and ``Signer``.

    Raises:
        MatcherError: *text* is no expression; ``column`` says where, the text what was expected.
        ConfigError: *dialect* is neither.
    """
    return Matcher(text, dialect)
