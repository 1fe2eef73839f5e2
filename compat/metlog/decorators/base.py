"""metlog.decorators.base: the base of decorators, which implement ``metlog_call``."""

from typing import Any

from heka.decorators.base import HekaDecorator

__all__ = ["MetlogDecorator"]


class MetlogDecorator(HekaDecorator):
    """``HekaDecorator`` whose subclasses call the function in ``metlog_call``."""

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call what the subclass has for it."""
        return self.metlog_call(*args, **kwargs)

    def metlog_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and tell the client; what the function raises goes to its caller."""
        raise NotImplementedError(f"{self.decorator_name} has no metlog_call()")
