"""Decorators that time and count calls: ``@timeit``, ``@incr_count`` and their base class."""

from heka.decorators.base import HekaDecorator
from heka.decorators.stats import incr_count, timeit

__all__ = ["HekaDecorator", "incr_count", "timeit"]
