"""Calls that build a message: pack, Message and log take the same arguments and refuse the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from python.memory import misfits
from python.memory.misfits import Oops
from python.memory.table import Calls
from python.memory.world import NS, World

import heka
from heka._core import mark_own_thread, monotonic, set_sources

CALLS = Calls()
add = CALLS.add

#: What is called, in each World.
MAKERS: dict[str, Callable[[World], Any]] = {
    "pack": lambda w: heka.pack,
    "Message": lambda w: heka.Message,
    "new": lambda w: partial(heka.Message.__new__, heka.Message),
    "log": lambda w: w.emitter.log,
    "lax": lambda w: w.lax.log,
}
#: Those that take every attribute of a message; a log call knows its own process.
FULL = ("pack", "Message")

#: Message.__new__ reads its arguments in a way of its own, and is the same from there on.
OF_NEW = ("plain", "rich", "long-keyword", "unknown-keyword", "twice", "time-raises", "unknown")

Arguments = Callable[[World], dict[str, Any]]
Error = type[BaseException] | None

ARGUMENTS: dict[str, tuple[Arguments, Error]] = {
    "plain": (lambda w: {"payload": w.text, "fields": w.fields}, None),
    "rich": (lambda w: {"payload": w.wide, "fields": w.rich}, None),
    "iterator": (lambda w: {"fields": {"list": iter([1, 2]), "set": {w.text}}}, None),
    "enum": (lambda w: {"fields": {"enum": misfits.Color.RED}}, None),
    "long": (lambda w: {"payload": w.lengthy, "fields": {w.text: [w.lengthy, w.lengthy]}}, None),
    "long-path": (lambda w: {"fields": w.nested}, None),
    "long-path-thorough": (lambda w: {"fields": {**w.nested, w.text: misfits.Index()}}, None),
    "subclass": (lambda w: {"payload": misfits.Text("x"), "logger": misfits.Text("y")}, None),
    "seconds": (lambda w: {"timestamp": w.real}, None),
    "datetime": (lambda w: {"timestamp": w.moment}, None),
    "time-by-float": (lambda w: {"timestamp": misfits.Real()}, None),
    "time-by-int": (lambda w: {"timestamp": 12}, None),
    "nanoseconds": (lambda w: {"timestamp_ns": w.number}, None),
    "uuid": (lambda w: {"uuid": w.uuid}, None),
    "uuid-bytes": (lambda w: {"uuid": w.uuid.bytes}, None),
    "uuid-text": (lambda w: {"uuid": str(w.uuid)}, None),
    "unknown-keyword": (lambda w: {"nonsense": w.thing}, TypeError),
    "long-keyword": (lambda w: {"".join(["pay", "load"]): w.text}, None),
    "twice": (lambda w: {"type": w.text}, TypeError),
    "severity-range": (lambda w: {"severity": w.huge}, ValueError),
    "severity-raises": (lambda w: {"severity": misfits.BadIndex()}, Oops),
    "logger-type": (lambda w: {"logger": w.blob}, TypeError),
    "payload-type": (lambda w: {"payload": w.thing}, TypeError),
    "time-type": (lambda w: {"timestamp": w.text}, TypeError),
    "time-nan": (lambda w: {"timestamp": float("nan")}, ValueError),
    "time-huge": (lambda w: {"timestamp": 10**400}, ValueError),
    "time-raises": (lambda w: {"timestamp": misfits.BadFloat()}, Oops),
    "time-class": (lambda w: {"timestamp": misfits.BadClass()}, Oops),
    "time-far": (lambda w: {"timestamp": w.moment.replace(year=3)}, ValueError),
    "time-zone": (lambda w: {"timestamp": misfits.BadTime(2024, 1, 1)}, Oops),
    "time-odd": (lambda w: {"timestamp": misfits.OddTime(2024, 1, 1)}, ValueError),
    "time-wordy": (lambda w: {"timestamp": misfits.WordyTime(2024, 1, 1)}, TypeError),
    "time-partless": (lambda w: {"timestamp": misfits.PartlessTime(2024, 1, 1)}, AttributeError),
    "time-no-time": (lambda w: {"timestamp": misfits.TimelessTime(2024, 1, 1)}, TypeError),
    "time-both": (lambda w: {"timestamp": 1, "timestamp_ns": 2}, ValueError),
    "ns-type": (lambda w: {"timestamp_ns": w.real}, TypeError),
    "ns-range": (lambda w: {"timestamp_ns": w.huge}, ValueError),
    "uuid-type": (lambda w: {"uuid": w.number}, TypeError),
    "uuid-class": (lambda w: {"uuid": misfits.BadClass()}, Oops),
    "uuid-length": (lambda w: {"uuid": w.blob}, ValueError),
    "uuid-no-text": (lambda w: {"uuid": w.text}, ValueError),
    "uuid-surrogate": (lambda w: {"uuid": w.lone}, UnicodeEncodeError),
    "no-mapping": (lambda w: {"fields": w.list}, TypeError),
    "no-mapping-class": (lambda w: {"fields": misfits.BadClass()}, Oops),
}

FIELDS: dict[str, tuple[Callable[[World], Any], type[BaseException]]] = {
    "none": (lambda w: {w.text: None}, heka.FieldError),
    "unknown": (lambda w: {w.text: w.thing}, heka.FieldError),
    "unknown-among": (lambda w: {w.text: [1, w.thing]}, heka.FieldError),
    "complex": (lambda w: {w.text: misfits.NumpyComplex()}, heka.FieldError),
    "nested-list": (lambda w: {w.text: [[1]]}, heka.FieldError),
    "empty": (lambda w: {w.text: []}, heka.FieldError),
    "empty-field": (lambda w: {w.text: w.loose}, heka.FieldError),
    "mixed": (lambda w: {w.text: [1, w.text]}, heka.FieldError),
    "overflow": (lambda w: {w.text: w.huge}, heka.FieldError),
    "overflow-among": (lambda w: {w.text: [1, w.huge]}, heka.FieldError),
    "overflow-double": (lambda w: {w.text: heka.Field(10**400, "", 3)}, heka.FieldError),
    "surrogate": (lambda w: {w.text: w.lone}, heka.FieldError),
    "surrogate-among": (lambda w: {w.text: [w.text, w.lone]}, heka.FieldError),
    "surrogate-unit": (lambda w: {w.text: heka.Field(1, w.lone)}, heka.FieldError),
    "surrogate-name": (lambda w: {w.lone: 1}, heka.FieldError),
    "surrogate-inner": (lambda w: {w.lone: {"a": 1}}, heka.FieldError),
    "key": (lambda w: {w.number: 1}, heka.FieldError),
    "long-path": (lambda w: {**w.nested, w.text: {w.text: w.thing}}, heka.FieldError),
    "deep": (lambda w: w.cycle, heka.FieldError),
    "value-type": (lambda w: {w.text: heka.Field(w.text, "", 2)}, heka.FieldError),
    "no-value": (lambda w: {w.text: misfits.Color.ODD}, heka.FieldError),
    "index": (lambda w: {w.text: misfits.BadIndex()}, Oops),
    "index-among": (lambda w: {w.text: [1, misfits.BadIndex()]}, Oops),
    "float": (lambda w: {w.text: misfits.BadFloat()}, Oops),
    "truth": (lambda w: {w.text: misfits.BadNumpyBool()}, Oops),
    "iter": (lambda w: {w.text: misfits.BadIter()}, Oops),
    "next": (lambda w: {w.text: misfits.two_then_fail()}, Oops),
    "length": (lambda w: {w.text: misfits.BadLength()}, Oops),
    "point": (lambda w: {w.text: misfits.BadPoint()}, Oops),
    "bare-point": (lambda w: {w.text: misfits.BarePoint()}, Oops),
    "released": (lambda w: {w.text: misfits.released_memory()}, ValueError),
    "class": (lambda w: {w.text: misfits.BadClass()}, Oops),
    "class-among": (lambda w: {w.text: [1, misfits.BadClass()]}, Oops),
    "mapping": (lambda w: misfits.bad_mapping(), Oops),
    "inner-mapping": (lambda w: {w.text: misfits.bad_mapping()}, Oops),
}

for maker, make in MAKERS.items():
    for name, (arguments, error) in ARGUMENTS.items():
        if maker == "new" and name not in OF_NEW:
            continue
        add(
            f"{maker}-{name}",
            lambda w, make=make, arguments=arguments: partial(make(w), w.text, **arguments(w)),
            error,
        )
    for name, (fields, field_error) in FIELDS.items():
        if maker == "new" and name not in OF_NEW:
            continue
        # With the repr policy only the names of a mapping itself can fail.
        lax = maker == "lax" and name != "mapping"
        add(
            f"{maker}-fields-{name}",
            lambda w, make=make, fields=fields: partial(make(w), w.text, fields=fields(w)),
            None if lax else field_error,
        )
    add(
        f"{maker}-severity-text",
        lambda w, make=make: partial(make(w), w.text, severity=w.text),
        TypeError if maker in FULL or maker == "new" else ValueError,
    )
    add(f"{maker}-many", lambda w, make=make: partial(make(w), *([w.text] * 17)), TypeError)
    add(f"{maker}-type", lambda w, make=make: partial(make(w), w.thing), TypeError)
    add(
        f"{maker}-surrogate",
        lambda w, make=make: partial(make(w), w.lone, w.lone, payload=w.lone),
        None if maker == "lax" else heka.EncodeError,
    )
for maker in FULL:
    make = MAKERS[maker]
    add(f"{maker}-nothing", lambda w, make=make: make(w))
    add(
        f"{maker}-twice-flat",
        lambda w, make=make: partial(make(w), fields={"a": {"b": 1}, "a.b": 2}),
        heka.FieldError,
    )
    for name in ("env_version", "hostname"):
        for kind, pick, refusal in (
            ("good", lambda w: w.wide, None),
            ("type", lambda w: w.number, TypeError),
            ("surrogate", lambda w: w.lone, heka.EncodeError),
        ):
            add(
                f"{maker}-{name}-{kind}",
                lambda w, make=make, name=name, pick=pick: partial(make(w), **{name: pick(w)}),
                refusal,
            )
    add(f"{maker}-pid", lambda w, make=make: partial(make(w), pid=misfits.Index()))
    add(f"{maker}-pid-type", lambda w, make=make: partial(make(w), pid=w.text), TypeError)
    add(f"{maker}-pid-range", lambda w, make=make: partial(make(w), pid=w.huge), ValueError)
    for name, endless in {
        "value": lambda w: {"a": w.large},
        "value-among": lambda w: {"a": [b"", w.large]},
        "memory": lambda w: {"a": memoryview(w.large)},
        "name": lambda w: {w.endless_name: 1},
        "inner-name": lambda w: {w.endless_name: {"a": 1}},
        "inner-name-thorough": lambda w: {w.endless_name: misfits.Dict(a=1)},
    }.items():
        add(
            f"{maker}-endless-{name}",
            lambda w, make=make, endless=endless: partial(make(w), fields=endless(w)),
            heka.EncodeError,
        )

add("pack-big", lambda w: partial(heka.pack, payload=w.long), heka.EncodeError)
add("pack-endless", lambda w: partial(heka.pack, payload=w.endless_name), heka.EncodeError)
add("pack-signed", lambda w: partial(heka.pack, w.text, fields=w.fields, signer=w.signer))
add("pack-signer-type", lambda w: partial(heka.pack, w.text, signer=w.text), TypeError)

SOURCES: dict[str, tuple[Arguments, Error]] = {
    "clock": (lambda w: {"clock": NS.__int__}, None),
    "clock-raises": (lambda w: {"clock": misfits.fail}, Oops),
    "clock-type": (lambda w: {"clock": str}, TypeError),
    "clock-range": (lambda w: {"clock": w.huge.__int__}, ValueError),
    "uuid": (lambda w: {"uuid": partial(getattr, w, "uuid")}, None),
    "uuid-bytes": (lambda w: {"uuid": bytes(16).lower}, None),
    "uuid-raises": (lambda w: {"uuid": misfits.fail}, Oops),
    "uuid-type": (lambda w: {"uuid": list}, TypeError),
    "uuid-length": (lambda w: {"uuid": bytes}, ValueError),
}
for name, (sources, error) in SOURCES.items():
    add(
        f"pack-source-{name}",
        lambda w, sources=sources: (set_sources(**sources(w)), partial(heka.pack))[1],
        error,
    )
add("sources", lambda w: partial(set_sources, NS.__int__, None))
add("monotonic", lambda w: monotonic)
add("own-thread", lambda w: partial(mark_own_thread, 0))
add("own-thread-raises", lambda w: partial(mark_own_thread, misfits.BadTruth()), Oops)
add("sources-type", lambda w: partial(set_sources, w.text), TypeError)
add("sources-many", lambda w: partial(set_sources, None, None, None), TypeError)
