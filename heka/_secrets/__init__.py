"""Recognises secrets by their names, and by their shape in text."""

from heka._secrets.cards import cards_in, is_card_number, may_hold_card
from heka._secrets.commands import hides_next
from heka._secrets.names import is_secret_name, is_secret_text
from heka._secrets.shapes import MASK, cover, masked, secrets_in
from heka._secrets.text import text_of
from heka._secrets.values import Found

__all__ = [
    "MASK",
    "Found",
    "cards_in",
    "cover",
    "hides_next",
    "is_card_number",
    "is_secret_name",
    "is_secret_text",
    "masked",
    "may_hold_card",
    "secrets_in",
    "text_of",
]
