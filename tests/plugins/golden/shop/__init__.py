"""A program that fails always in the same way."""

__version__ = "1.4.2"
