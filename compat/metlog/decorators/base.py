"""metlog.decorators.base: the base class of decorators that implement ``metlog_call``."""

from typing import Any

from heka.decorators.base import HekaDecorator

__all__ = ["MetlogDecorator"]


class MetlogDecorator(HekaDecorator):
    """``HekaDecorator`` whose subclasses implement ``metlog_call`` instead of ``heka_call``."""

    def heka_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call ``metlog_call``."""
        return self.metlog_call(*args, **kwargs)

    def metlog_call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function and send a message; pass on what the function returns or raises."""
        raise NotImplementedError(f"{self.decorator_name} does not implement metlog_call()")
