"""metlog.decorators.stats: ``@timeit`` and ``@incr_count``."""

from heka.decorators.stats import incr_count, timeit

__all__ = ["incr_count", "timeit"]
