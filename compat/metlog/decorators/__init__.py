"""metlog.decorators: ``@timeit`` and ``@incr_count``."""

from heka.decorators import incr_count, timeit

__all__ = ["incr_count", "timeit"]
