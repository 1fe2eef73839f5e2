"""Say more in the TypeError of a call that Python cannot bind: what was meant, what there is.

``log() got an unexpected keyword argument 'levle'`` goes on with ``; did you mean 'level'?``. What
that needs is imported when such a call has failed.
"""

from __future__ import annotations

import functools

from heka._core import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from inspect import Parameter
    from typing import ParamSpec, TypeVar

    _P = ParamSpec("_P")
    _R = TypeVar("_R")

#: Characters of a keyword that an error text quotes.
_SHOWN_MAX = 64


def explained(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return *function*; a call of it that does not fit its signature says what does."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            # With a frame of the function in its traceback, the error is one of its own.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            raise TypeError(_explanation(function, str(error), kwargs)) from None

    return call


def _explanation(function: Callable[..., object], text: str, kwargs: Mapping[str, object]) -> str:
    from inspect import Parameter, signature

    takes = list(signature(function).parameters.values())
    if takes and takes[0].name == "self":
        del takes[0]
    unnamed = (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    names = [one.name for one in takes if one.kind not in unnamed]
    text = text.partition(". Did you mean")[0]  # of newer versions of Python
    if any(one.kind is one.VAR_KEYWORD for one in takes):
        called = function.__qualname__.removesuffix(".__init__")
        return f"{text}; name each value, as in {called}(name=value)"
    for name in kwargs:
        if name not in names:
            meant = nearest(name, names)
            where = text.partition("(")[0]
            shown = f"{where}() got an unexpected keyword argument {name[:_SHOWN_MAX]!r}"
            if meant:
                return f"{shown}; did you mean {meant!r}?"
            return f"{shown}; it takes {_listed(names, takes)}"
    if takes and all(one.kind is one.KEYWORD_ONLY for one in takes):
        return f"{text}; name each argument: {'=, '.join(names)}="
    return f"{text}; it takes {_listed(names, takes)}"


def _listed(names: list[str], takes: list[Parameter]) -> str:
    return ", ".join(names) or ("arguments without a name" if takes else "no arguments")
