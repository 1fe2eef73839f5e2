"""Frames: put a message into a frame, and read frames from a stream."""

from heka._core import HEADER_MAX, Block, BlockReader, Frame, StreamReader, frame

__all__ = ["HEADER_MAX", "Block", "BlockReader", "Frame", "StreamReader", "frame"]
