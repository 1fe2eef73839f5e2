"""Decorators on every kind of callable, and how the result resembles the function."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
import threading
import time

import pytest
from client.decorating import BOTH, default_client, told

from heka.decorators import incr_count, timeit
from heka.decorators.util import return_fq_name

HERE = __name__


@pytest.fixture
def client(monkeypatch):
    return default_client(monkeypatch)


@timeit
def timed_add(x: int, y: int = 2) -> int:
    """Add two numbers."""
    return x + y


# ---- what can be decorated -----------------------------------------------------------------------


class Decorated:
    def __init__(self, value):
        self.value = value

    @incr_count
    @timeit
    def method(self):
        return self.value

    @timeit
    @classmethod
    def class_inside(cls):
        return cls

    @classmethod
    @timeit
    def class_outside(cls):
        return cls

    @timeit
    @staticmethod
    def static_inside(x):
        return x

    @staticmethod
    @timeit
    def static_outside(x):
        return x

    @timeit
    async def coroutine(self, x):
        await asyncio.sleep(0.02)
        return self.value, x


class Derived(Decorated):
    pass


def test_method_is_bound(client):
    bound = Decorated(7).method

    assert bound() == Decorated.method(Decorated(7)) == 7
    assert bound.__self__.value == 7
    assert [row[:2] for row in told(client)] == [
        ("timer", f"{HERE}.method"),
        ("counter", f"{HERE}.method"),
    ] * 2


@pytest.mark.parametrize("name", ["class_inside", "class_outside"])
def test_class_method_has_its_class(client, name):
    assert getattr(Derived, name)() is Derived
    assert getattr(Derived(1), name)() is Derived
    assert [row[1] for row in told(client)] == [f"{HERE}.{name}"] * 2


@pytest.mark.parametrize("name", ["static_inside", "static_outside"])
def test_static_method_has_no_self(client, name):
    assert getattr(Decorated, name)(5) == getattr(Decorated(1), name)(5) == 5
    assert [row[1] for row in told(client)] == [f"{HERE}.{name}"] * 2


def test_property_may_be_decorated(client):
    class Owner:
        @property
        @timeit
        def value(self):
            return 5

    assert Owner().value == 5
    assert told(client)[0][1] == f"{HERE}.value"


def test_coroutine_is_timed_to_its_end(client):
    assert asyncio.run(Decorated(7).coroutine(1)) == (7, 1)

    ((kind, name, payload),) = told(client)
    assert (kind, name) == ("timer", f"{HERE}.coroutine")
    assert int(payload) >= 20


def test_coroutine_is_counted_when_it_has_ended(client):
    @incr_count
    async def fn():
        assert told(client) == []
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        asyncio.run(fn())
    assert len(told(client)) == 1


def test_cancelled_coroutine_is_timed(client):
    @timeit("n")
    async def wait():
        await asyncio.sleep(60)

    async def main():
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [row[:2] for row in told(client)] == [("timer", "n")]


def test_interleaved_tasks_are_timed_separately(client, clock):
    """The second task starts and ends while the first one waits."""

    @timeit("n")
    async def first():
        clock.go_on(1_000_000)
        await second()
        clock.go_on(10_000_000)

    async def second():
        await asyncio.ensure_future(timeit("m")(wait)())

    async def wait():
        clock.go_on(100_000_000)

    asyncio.run(first())
    assert told(client) == [("timer", "m", "100"), ("timer", "n", "111")]


def test_object_with_an_asynchronous_call_is_timed_to_its_end(client):
    class Job:
        async def __call__(self):
            await asyncio.sleep(0.02)
            return 5

    assert asyncio.run(timeit(Job())()) == 5
    ((_, name, payload),) = told(client)
    assert (name, int(payload) >= 20) == (f"{HERE}.Job", True)


def test_generator_is_timed_from_its_first_step_to_its_end(client, clock):
    @timeit("n")
    def numbers():
        clock.go_on(1_000_000)
        got = yield 1
        clock.go_on(100_000_000)
        return got

    running = numbers()
    clock.go_on(1_000_000_000)
    assert next(running) == 1
    clock.go_on(10_000_000)
    assert told(client) == []
    with pytest.raises(StopIteration) as end:
        running.send("sent")

    assert end.value.value == "sent"
    assert told(client) == [("timer", "n", "111")]


def test_generator_that_is_closed_is_timed(client):
    closed = []

    @timeit("n")
    def numbers():
        try:
            yield 1
        finally:
            closed.append(True)

    running = numbers()
    next(running)
    running.close()

    assert closed == [True]
    assert [row[:2] for row in told(client)] == [("timer", "n")]


def test_generator_is_counted_when_it_is_called(client):
    @incr_count("n")
    def numbers():
        yield 1

    running = numbers()
    assert told(client) == [("counter", "n", "1")]
    assert list(running) == [1]


def test_asynchronous_generator_keeps_its_protocol(client):
    """asend(), athrow() and aclose() reach the generator."""
    seen = []

    @timeit("n")
    async def numbers():
        try:
            seen.append((yield 1))
            try:
                yield 2
            except LookupError:
                yield 3
            yield 4
        finally:
            seen.append("closed")

    async def main():
        running = numbers()
        got = [
            await running.__anext__(),
            await running.asend("sent"),
            await running.athrow(LookupError()),
        ]
        await running.aclose()
        return got, [item async for item in numbers()]

    assert asyncio.run(main()) == ([1, 2, 3], [1, 2, 4])
    assert seen == ["sent", "closed", None, "closed"]
    assert [row[1] for row in told(client)] == ["n", "n"]


def test_recursive_and_concurrent_calls_are_timed_separately(client):
    """Recursive and concurrent calls do not share a start time."""

    @timeit("n")
    def nested(depth):
        time.sleep(0.01)
        return nested(depth - 1) if depth else threading.get_ident()

    threads = [threading.Thread(target=nested, args=(2,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    times = sorted(int(payload) for _, _, payload in told(client))
    assert len(times) == 12
    assert times[-4] >= 30


# ---- likeness ------------------------------------------------------------------------------------


def test_decorated_function_keeps_its_name_docstring_and_signature():
    assert timed_add.__name__ == "timed_add"
    assert timed_add.__qualname__ == "timed_add"
    assert timed_add.__module__ == HERE
    assert timed_add.__doc__ == "Add two numbers."
    assert timed_add.__wrapped__(1) == 3
    assert str(inspect.signature(timed_add)) == "(x: 'int', y: 'int' = 2) -> 'int'"
    assert repr(timed_add) == f"<timeit of {HERE}.timed_add>"


def test_bound_method_has_no_self_in_its_signature():
    assert str(inspect.signature(Decorated(1).coroutine)) == "(x)"


def test_attributes_of_the_function_are_there():
    def view():
        pass

    view.short_description = "A view"
    view.args = "not ours"
    outer = incr_count(timeit("n")(view))

    assert outer.short_description == "A view"
    assert outer.args == ()


@pytest.mark.parametrize(
    ("asks", "fn"),
    [
        (inspect.iscoroutinefunction, "coroutine"),
        (inspect.isgeneratorfunction, "generator"),
        (inspect.isasyncgenfunction, "asynchronous"),
    ],
)
@BOTH
def test_inspect_sees_the_same_kind_of_function(decorator, kind, asks, fn):
    """Frameworks use inspect to find out how to call a function."""

    class Owner:
        @decorator("n")
        @decorator
        async def coroutine(self):
            pass

        @decorator("n")
        @decorator
        def generator(self):
            yield

        @decorator("n")
        @decorator
        async def asynchronous(self):
            yield

    names = ("coroutine", "generator", "asynchronous")
    assert [name for name in names if asks(getattr(Owner(), name))] == [fn]
    assert not asks(timed_add)


def test_pickle_goes_by_name():
    """Like any function, so multiprocessing accepts it as a target."""
    assert pickle.loads(pickle.dumps(timed_add)) is timed_add


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        pytest.param(timed_add, f"{HERE}.timed_add", id="decorated"),
        pytest.param(functools.partial(time.sleep, 1), "time.sleep", id="partial"),
        pytest.param(Decorated(1), f"{HERE}.Decorated", id="object"),
        pytest.param(Decorated(1).method, f"{HERE}.method", id="method"),
        pytest.param(len, "builtins.len", id="builtin"),
        pytest.param(Decorated, f"{HERE}.Decorated", id="class"),
    ],
)
def test_name_of_what_is_decorated(fn, name):
    assert return_fq_name(fn) == name


def test_name_of_a_callable_of_a_class():
    assert return_fq_name(object(), Decorated) == f"{HERE}.Decorated.PyCallable"
