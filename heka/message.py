"""Messages and their fields."""

from heka._core import MESSAGE_MAX, UUID_SIZE, Field, Message, pack

__all__ = ["MESSAGE_MAX", "UUID_SIZE", "Field", "Message", "pack"]
