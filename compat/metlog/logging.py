"""metlog.logging: the handler of the standard library's logging."""

from heka.logging import HekaHandler, hook_logger

__all__ = ["MetlogHandler", "hook_logger"]

MetlogHandler = HekaHandler
