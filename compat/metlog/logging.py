"""metlog.logging: HekaHandler, for stdlib ``logging``, under its old name MetlogHandler."""

from heka.logging import HekaHandler, hook_logger

__all__ = ["MetlogHandler", "hook_logger"]

MetlogHandler = HekaHandler
