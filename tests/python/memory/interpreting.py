"""Worker: interpreters beside the main one, one after the other and in parallel threads.

    python -m python.memory.interpreting AT level|parallel

Each has its own GIL from 3.12 on, so what the core shares between threads is shared for good.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from python.memory.ledger import in_use, settle

import heka

PATH = f"import sys; sys.path[:] = {sys.path!r}\n"
#: Interpreters between two looks at the memory, and how often that is looked at.
COUNT = 3
ROUNDS = 3

#: Tells what comes with heka, of the standard library. Not datetime, which is imported when a
#: message needs it: CPython 3.12 and 3.13 crash when several interpreters have it.
LOOK = """
import sys
before = set(sys.modules)
import heka, json, os
heka.api.load()
names = [name for name in sys.modules if name not in before and not name.startswith("heka")]
os.write(PIPE, json.dumps(names).encode())
"""

#: Builds, signs, reads, refuses and logs; every message has the interpreter's own name in it.
WORK = """
import heka, os
own = os.urandom(4).hex()
signer = heka.SignerConfig(own, 1, "key", "sha1")
reader = heka.StreamReader(signers={(own, 1): "key"})
for number in range(NUMBER):
    fields = {"number": number, "own": own, "list": [1.5, 2.5]}
    (read,) = reader.feed(heka.pack(own, fields=fields, signer=signer))
    assert (read.signer, read.message.type) == (own, own)
    assert read.message.fields == {"number": [number], "own": [own], "list": [1.5, 2.5]}
    assert heka.Message.decode(read.message.encode()) == read.message
    matcher = heka.matcher.compile(f"Signer == '{own}' && Type =~ /^[0-9a-f]{{8}}$/", "heka2")
    assert matcher.matches(read) and not matcher.matches(read.payload)
    assert [clause.matched for clause in matcher.explain(read)] == [True, True]
    try:
        heka.matcher.compile("Typ == 'a'")
        raise SystemExit("not refused")
    except heka.matcher.MatcherError as error:
        assert error.column == 1
    try:
        heka.Message(fields={own: None})
        raise SystemExit("not refused")
    except heka.FieldError as error:
        assert own in str(error)
names = {f"{own}{number}": number for number in range(100)}  # which the core keeps for a while
assert len(heka.Message.decode(heka.Message(fields=names).encode()).fields) == 100
for number in range(10):
    assert heka.log(own, fields={"number": number}, to=ADDRESS)
assert heka.stats()["sent"] == 10
"""


def interpreters() -> tuple[Callable[[], Any], Callable[[Any, str], None], Callable[[Any], None]]:
    """Return what creates one, runs code in one, and destroys one."""
    if sys.version_info >= (3, 13):
        import _interpreters

        def run(interpreter: Any, code: str) -> None:
            failure = _interpreters.exec(interpreter, code)
            assert failure is None, failure.errdisplay

        return _interpreters.create, run, _interpreters.destroy
    import _xxsubinterpreters

    return _xxsubinterpreters.create, _xxsubinterpreters.run_string, _xxsubinterpreters.destroy


create, run, destroy = interpreters()


class Receiver:
    """Receives the messages of the interpreters."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(20)

    def work(self, number: int) -> str:
        """Return the work of one interpreter, which logs to here."""
        values = f"NUMBER = {number}\nADDRESS = {self._socket.getsockname()!r}\n"
        return PATH + values + WORK

    def messages(self, count: int) -> Iterator[heka.Message]:
        """Read as many messages."""
        reader = heka.StreamReader()
        for _ in range(count):
            for frame in reader.feed(self._socket.recv(65536)):
                yield frame.message


def in_a_new_one(code: str) -> None:
    interpreter = create()
    try:
        run(interpreter, code)
    finally:
        destroy(interpreter)


def modules() -> list[str]:
    """Return the modules of the standard library that heka imports."""
    reading, writing = os.pipe()
    in_a_new_one(f"PIPE = {writing}\n{PATH}{LOOK}")
    names: list[str] = json.loads(os.read(reading, 65536))
    return names


def left_behind(code: str) -> float:
    """Return the bytes that each interpreter which ran *code* leaves behind, in the best round."""
    assert in_use is not None
    found = []
    for _ in range(ROUNDS):
        settle()
        before = in_use()
        for _ in range(COUNT):
            in_a_new_one(code)
        settle()
        found.append((in_use() - before) / COUNT)
    return min(found)


def size_of_names() -> int:
    """Return the bytes of the names in heka's modules and in the types of its core.

    From 3.12 on CPython interns them in each interpreter and never frees them.
    """
    names = {*vars(heka._core)}
    for kind in vars(heka._core).values():
        names |= {*vars(kind)} if isinstance(kind, type) else set()

    def look(value: object) -> None:
        if isinstance(value, str):
            names.add(value)
        elif isinstance(value, tuple | frozenset):
            for part in value:
                look(part)
        elif isinstance(value, types.CodeType):
            for part in dir(value):
                if part in ("co_consts", "co_name", "co_qualname") or part.endswith(
                    ("names", "vars")
                ):
                    look(getattr(value, part))

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "heka" and str(module.__file__).endswith(".py"):
            with open(str(module.__file__), encoding="utf-8") as file:
                look(compile(file.read(), name, "exec"))
    block = 16  # bytes that malloc adds, at most
    return sum(sys.getsizeof(name) + block for name in names if name.isidentifier())


def account(messages: list[heka.Message]) -> dict[str, int]:
    """Return the counts of messages, distinct ids and distinct interpreters."""
    return {
        "messages": len(messages),
        "uuids": len({message.uuid for message in messages}),
        "interpreters": len({message.type for message in messages}),
    }


def level() -> dict[str, Any]:
    """Compare the bytes left behind with those of the same standard library modules alone."""
    receiver = Receiver()
    heka.api.load()
    imports = "".join(f"import {name}\n" for name in modules())
    without_heka = left_behind(PATH + imports)
    with_heka = left_behind(PATH + imports + receiver.work(5))
    messages = list(receiver.messages(10 * COUNT * ROUNDS))
    facts = {"without_heka": without_heka, "with_heka": with_heka, "names": size_of_names()}
    return {**facts, **account(messages)}


def parallel() -> dict[str, Any]:
    """Run four interpreters at once, three times, while the main one works too."""
    receiver = Receiver()
    failures: list[str] = []
    messages: list[heka.Message] = []
    for _ in range(3):
        made = [create() for _ in range(4)]
        for one in made:
            run(one, PATH + "import heka")

        def work(one: Any) -> None:
            try:
                run(one, receiver.work(300))
            except BaseException as failure:
                failures.append(repr(failure))

        threads = [threading.Thread(target=work, args=(one,)) for one in made]
        for thread in threads:
            thread.start()
        exec(receiver.work(300), {})
        heka.api._reset_after_fork()  # its account begins anew
        for thread in threads:
            thread.join()
        for one in made:
            destroy(one)
        messages += receiver.messages(50)
    return {"failures": failures, **account(messages)}


if __name__ == "__main__":
    found = {"level": level, "parallel": parallel}[sys.argv[2]]()
    print(json.dumps({"calls": 0, "failures": found.pop("failures", []), "facts": found}))
