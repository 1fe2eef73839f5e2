"""Frames: one around a message, and all of them out of a stream."""

from heka._core import HEADER_MAX, Frame, StreamReader, frame

__all__ = ["HEADER_MAX", "Frame", "StreamReader", "frame"]
