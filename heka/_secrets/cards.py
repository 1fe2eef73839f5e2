"""Finds numbers of payment cards: 13 to 16 digits, alone or in groups."""

from __future__ import annotations

from collections.abc import Iterator

from heka._secrets.pattern import Pattern
from heka._secrets.values import Found

# Not a part of more digits, nor of a fraction.
_CARD = Pattern(r"(?<![\d.])(?P<v>(?:\d[ -]?){12,15}\d)(?![\d.]{0,40}\d)")
_DIGITS = Pattern(r"[\d -]{13}")
_ASCII_DIGITS = Pattern(r"[0-9 -]{13}")
_CARD_NUMBERS = range(10**12, 10**16)


def is_card_number(number: int) -> bool:
    """Return whether *number* may be a card number: its check digit is right."""
    if number not in _CARD_NUMBERS:
        return False
    total = 0
    for index, digit in enumerate(reversed(str(number))):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def may_hold_card(text: str) -> bool:
    """Return whether *text* holds enough digits for a card number; quicker than to search one."""
    return (_ASCII_DIGITS if text.isascii() else _DIGITS).search(text) is not None


def cards_in(text: str) -> Iterator[Found]:
    """Yield possible card numbers in *text*; check digits are not verified."""
    for match in _CARD.finditer(text):
        yield Found(*match.span("v"), (match["v"],))
