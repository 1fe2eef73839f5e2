"""Frames: put a message into a frame, and read frames from a stream."""

from heka._core import HEADER_MAX, Frame, StreamReader, frame

__all__ = ["HEADER_MAX", "Frame", "StreamReader", "frame"]
