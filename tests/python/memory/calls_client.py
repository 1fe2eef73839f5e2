"""Calls on Client and Bound: the classic methods, their plan, and the fields of a context."""

from __future__ import annotations

from functools import partial as do
from typing import Any

from python.memory import misfits
from python.memory.misfits import Oops
from python.memory.table import Calls
from python.memory.world import World, sink, streamed

import heka
from heka._core import Bound, Client, Matcher, NoTimer, Settings, capture_clients, context_var

CALLS = Calls()
add = CALLS.add
#: A plan without filters.
PLAN = ((), 7, None, None, None, None, None)

# ---- what is sent --------------------------------------------------------------------------------

for name, arguments, error in (
    ("plain", lambda w: {"payload": w.text, "fields": w.fields}, None),
    ("all", lambda w: {"logger": w.wide, "severity": 3, "timestamp": w.real, "uuid": w.uuid}, None),
    (
        "absent",
        lambda w: {"logger": None, "severity": None, "fields": None, "timestamp": None},
        None,
    ),
    ("repr", lambda w: {"fields": {"a": w.thing}, "bad_values": "repr"}, None),
    ("bad-values", lambda w: {"bad_values": w.text}, ValueError),
    ("severity-name", lambda w: {"severity": "Error"}, None),
    ("severity-text", lambda w: {"severity": w.text}, ValueError),
    ("severity-wide", lambda w: {"severity": w.wide}, ValueError),
    ("severity-raises", lambda w: {"severity": misfits.BadIndex()}, Oops),
    ("logger-type", lambda w: {"logger": w.blob}, TypeError),
    ("payload-type", lambda w: {"payload": w.thing}, TypeError),
    ("unknown", lambda w: {"fields": {"a": w.thing}}, heka.FieldError),
    ("raises", lambda w: {"fields": {"a": misfits.BadIndex()}}, Oops),
    ("keyword", lambda w: {"nonsense": w.thing}, TypeError),
    ("too-long", lambda w: {"payload": w.long}, None),
):
    add(
        f"client-heka-{name}",
        lambda w, arguments=arguments: do(client(w).heka, w.text, **arguments(w)),
        error,
    )
    add(
        f"client-deliver-{name}",
        lambda w, arguments=arguments: do(client(w, deliver=id).heka, w.text, **arguments(w)),
        error,
    )
add("client-heka-none", lambda w: client(w).heka, TypeError)
add("client-heka-type", lambda w: do(client(w).heka, w.thing), TypeError)
add("client-heka-inactive", lambda w: do(Client().heka, w.text))
add("client-deliver-fails", lambda w: do(client(w, deliver=misfits.fail).heka, w.text), TypeError)
add("client-deliver-refuses", lambda w: do(client(w, deliver=[].extend).heka, "t"), TypeError)
add("client-stream", lambda w: do(streaming(w.text.format).heka, w.text, fields=w.fields))
add("client-stream-raises", lambda w: do(streaming(misfits.fail_on).heka, w.text))

for name, amount in (("incr", "count"), ("gauge", "value"), ("timer_send", "elapsed")):
    for kind, arguments, error in (
        ("number", lambda w: {"amount": w.number}, None),
        ("text", lambda w: {"amount": f"{w.number}"}, None),
        ("no-number", lambda w: {"amount": w.wide}, ValueError),
        ("fields", lambda w: {"amount": 1, "fields": {"name": w.text, "x": 1, "rate": 2}}, None),
        ("rate", lambda w: {"amount": 1, "rate": 1 / w.real}, None),
        (
            "rate-over-1",
            lambda w: {"amount": 1, "rate": w.real},
            None if name == "timer_send" else ValueError,
        ),
        ("sampled", lambda w: {"amount": 1, "rate": 0.5}, None),
        ("severity", lambda w: {"amount": 1, "severity": 5, "logger": w.wide}, None),
        ("repr-raises", lambda w: {"amount": misfits.BadRepr()}, ValueError),
        ("rate-type", lambda w: {"amount": 1, "rate": w.text}, TypeError),
        ("rate-raises", lambda w: {"amount": 1, "rate": misfits.BadFloat()}, Oops),
        ("fields-type", lambda w: {"amount": 1, "fields": w.list}, TypeError),
        ("lax", lambda w: {"amount": 1, "fields": {"a": w.thing}, "bad_values": "repr"}, None),
    ):
        add(
            f"client-{name}-{kind}",
            lambda w, name=name, amount=amount, arguments=arguments: do(
                getattr(client(w), name),
                w.text,
                **{amount if key == "amount" else key: its for key, its in arguments(w).items()},
            ),
            error,
        )
    add(f"client-{name}-none", lambda w, name=name: getattr(client(w), name), TypeError)
    add(
        f"client-{name}-type",
        lambda w, name=name: do(getattr(client(w), name), w.thing, 1),
        TypeError,
    )
    add(
        f"client-{name}-surrogate",
        lambda w, name=name: do(getattr(client(w), name), w.lone, 1),
        heka.EncodeError,
    )
    add(
        f"client-{name}-escaped",
        lambda w, name=name: do(getattr(client(w), name), w.lone, 1, bad_values="repr"),
    )
add("client-timer", lambda w: do(Timed().timer, w.text, w.text, 3, w.fields, 0.5))
add("client-timer-short", lambda w: do(Timed().timer, w.text))
add("client-timer-type", lambda w: do(Timed().timer, w.thing), TypeError)
add("client-timer-none", lambda w: Timed().timer, TypeError)
add("client-timer-absent", lambda w: do(Client().timer, w.text), AttributeError)
add("client-timer-disabled", lambda w: do(disabling(w.text).timer, w.text))
add("client-timer-all-disabled", lambda w: do(disabling("*").timer, w.text))
add("client-timer-hash", lambda w: do(disabling(w.text).timer, BadHashText("x")), Oops)
add("no-timer", lambda w: NoTimer)
add("no-timer-arguments", lambda w: do(NoTimer, w.text), TypeError)
add("no-timer-enter", lambda w: NoTimer().__enter__)
add("no-timer-exit", lambda w: do(NoTimer().__exit__, None, None, None))
add("no-timer-exit-none", lambda w: NoTimer().__exit__, TypeError)
add("no-timer-call", lambda w: do(NoTimer(), w.thing))
add("no-timer-call-none", lambda w: NoTimer(), TypeError)
add("no-timer-result", lambda w: do(getattr, NoTimer(), "result"))
add("client-send", lambda w: do(client(w)._send, w.message))
add("client-send-read", lambda w: do(client(w)._send, w.read))
add("client-send-long", lambda w: do(client(w)._send, w.lengthy_message))
add("client-send-broken", lambda w: do(client(w)._send, w.broken), heka.FieldError)
add("client-send-inactive", lambda w: do(Client()._send, w.message))
add("client-send-type", lambda w: do(client(w)._send, w.text), TypeError)
add("client-send-bare", lambda w: do(client(w, framed=False)._send, w.message))

# ---- the plan ------------------------------------------------------------------------------------

for name, plan, error in (
    ("threshold", {"threshold": 3}, None),
    ("blocked", {"blocked": frozenset(["some text"])}, None),
    ("allowed", {"allowed": frozenset(["other"])}, None),
    ("levels", {"levels": {"some text": 3}}, None),
    ("asked", {"asked": (lambda type, severity: False,)}, None),
    ("asked-long", {"asked": ("{} {}".format, "{}".format, "".format)}, None),
    ("asked-raises", {"asked": (misfits.fail,)}, TypeError),
):
    add(
        f"client-plan-{name}",
        lambda w, plan=plan: do(client(w, **plan).heka, w.text),
        error,
    )
    add(
        f"client-admits-{name}",
        lambda w, plan=plan: do(client(w, **plan).admits, w.text, 6),
        error,
    )
for name in ("blocked", "allowed"):
    add(
        f"client-admits-hash-{name}",
        lambda w, name=name: do(client(w, **{name: frozenset(["x"])}).admits, BadHashText("x"), 6),
        Oops,
    )
add("client-admits-hash-levels", lambda w: do(levelled(w).admits, BadHashText("x"), 6), Oops)
add("client-admits-severity", lambda w: do(client(w).admits, w.text, w.text), ValueError)
add("client-admits-type", lambda w: do(client(w).admits, w.thing, 6))
add("client-admits-none", lambda w: client(w).admits, TypeError)
add("client-admits-inactive", lambda w: do(Client().admits, w.text, 6))
add("client-no-plan", lambda w: do(unplanned(w, Client()).heka, w.text), AttributeError)
add("client-bad-plan", lambda w: do(unplanned(w, BadPlan()).heka, w.text), Oops)
add("client-empty-plan", lambda w: do(unplanned(w, EmptyPlan()).heka, w.text))
add("client-changed-filters", lambda w: do(filtering(w, [id]).heka, w.text), AttributeError)
add("client-more-filters", lambda w: do(filtering(w, [len, id]).heka, w.text), AttributeError)
add("client-once", lambda w: do(Client()._set_plan, *PLAN, 3))
add("client-once-negative", lambda w: do(Client()._set_plan, *PLAN, -1), ValueError)
add("client-replan", lambda w: client(w)._replan)
for number, arguments in enumerate(
    (
        (),
        ([], 7, None, None, None, None, None),
        ((), "x", None, None, None, None, None),
        ((), 7, [], None, None, None, None),
        ((), 7, None, 5, None, None, None),
        ((), 7, None, None, (), None, None),
        ((), 7, None, None, {"a": "x"}, None, None),
        ((), 7, None, None, None, [], None),
        ((), 7, None, None, None, None, 5),
        (*PLAN, 0, [5]),
        (*PLAN, 0, (5,)),
    )
):
    add(
        f"client-set-plan-bad-{number}",
        lambda w, arguments=arguments: do(Client()._set_plan, *arguments),
        TypeError,
    )
for name, refused in (("matched", "FALSE"), ("matched-regex", "Payload =~ /a.c/")):
    add(f"client-{name}", lambda w, refused=refused: do(matching("TRUE", refused).heka, w.text))
add("client-matched-sent", lambda w: do(matching("TRUE", "Type != ''").heka, w.text))
add(
    "client-set-plan-again",
    lambda w: do(levelled(w)._set_plan, (), 3, {w.text}, set(), {w.text: 1}, (id,), id),
)

# ---- the attributes ------------------------------------------------------------------------------

add("client", lambda w: Client)
add("client-arguments", lambda w: do(Client, w.text, logger=w.text))
add("client-subclass", lambda w: Timed)
add("settings-new", lambda w: Settings, TypeError)
for name, good, bad in (
    ("severity", 3, "x"),
    ("sink", None, "x"),
    ("filters", (id,), 5),
    ("filters", [id], 5),
    ("_disabled_timers", {"x"}, ["x"]),
    ("_noop_timer", "anything", None),
):
    number = len(CALLS)
    add(
        f"client-set-{name}-{number}",
        lambda w, name=name, good=good: do(setattr, client(w), name, good),
    )
    if bad is not None:
        add(
            f"client-set-{name}-{number}-bad",
            lambda w, name=name, bad=bad: do(setattr, client(w), name, bad),
            ValueError if name == "severity" else TypeError,
        )
    add(f"client-get-{name}-{number}", lambda w, name=name: do(getattr, client(w), name))
    add(
        f"client-del-{name}-{number}",
        lambda w, name=name: do(delattr, client(w), name),
        AttributeError,
    )
for name, find, error in (
    ("frame", lambda client: len, None),
    ("nothing", lambda client: None, None),
    ("raises", misfits.fail_on, Oops),
    ("type", str, TypeError),
):
    add(f"client-captured-{name}", lambda w, find=find: do(captured, client(w), find), error)
    add(
        f"client-captured-inactive-{name}",
        lambda w, find=find: do(captured, Client(), find),
        AttributeError if name == "frame" else error,  # it has no plan to send by
    )
add("client-captured-deliver", lambda w: do(captured, client(w, deliver=bool), lambda c: len))
add("capture-clients-type", lambda w: do(capture_clients, w.text), TypeError)
add("client-get-inactive", lambda w: do(getattr, Client(), "_is_inactive"))
add("client-get-captured", lambda w: do(getattr, client(w), "_is_captured"))
add("client-set-sink", lambda w: do(setattr, client(w), "sink", w.sink))

# ---- the fields of a context ---------------------------------------------------------------------

add("bound", lambda w: do(Bound, w.fields))
add("bound-lax", lambda w: do(Bound, {"a": w.thing, w.lone: w.lone, w.number: 1}))
add("bound-long", lambda w: do(Bound, {"a": w.lengthy}))
add("bound-empty", lambda w: do(Bound, {}))
add("bound-rich", lambda w: do(Bound, w.rich))
add("bound-interrupted", lambda w: do(Bound, {"a": misfits.Interrupted()}), KeyboardInterrupt)
add("bound-type", lambda w: do(Bound, w.list), TypeError)
add("bound-none", lambda w: Bound, TypeError)
add("bound-get", lambda w: do(getattr, Bound(w.fields), "fields"))
for name, fields in (
    ("alone", lambda w: None),
    ("beside", lambda w: {"other": 1}),
    ("hidden", lambda w: w.fields),
):
    add(
        f"bound-log-{name}",
        lambda w, fields=fields: (
            context_var.set(Bound(w.fields)),
            do(w.emitter.log, w.text, fields=fields(w)),
        )[1],
    )
add("bound-log-other", lambda w: (context_var.set(w.text), do(w.emitter.log, w.text))[1])


class BadHashText(str):
    """A type whose hash raises."""

    __hash__ = misfits.fail


class Timed(Client):
    """A client with the package's timer attributes."""

    _make_timer = "{} {} {} {} {}".format


class EmptyPlan(Client):
    """A client whose ``_plan`` returns nothing."""

    _plan = "".strip


class BadPlan(Client):
    """A client whose filters cannot be planned."""

    _plan = misfits.fail


def client(w: World, *, framed: bool = True, **plan: Any) -> Client:
    """Return a client with a destination and a plan."""
    made = Client()
    made.bad_values = "raise"
    made.sink = sink(framed=framed)
    parts = ("blocked", "allowed", "levels", "asked", "deliver")
    made._set_plan((), plan.get("threshold", 7), *(plan.get(name) for name in parts))
    return made


def matching(*expressions: str) -> Client:
    """Return a client with a destination, whose messages have to match all expressions."""
    made = Client()
    made.sink = sink()
    made._set_plan(*PLAN, 0, tuple(Matcher(text) for text in expressions))
    return made


def filtering(w: World, filters: list[Any]) -> Client:
    """Return a client whose filter plan is out of date: it was made for ``len`` only."""
    made = unplanned(w, Client())
    made.filters = filters
    made._set_plan((len,), 7, None, None, None, None, None)
    return made


def captured(made: Client, find: Any) -> bool:
    """Send a message while *find* says who takes the frames of clients."""
    capture_clients(find)
    try:
        return made.heka("t", payload="text")
    finally:
        capture_clients(None)


def levelled(w: World) -> Client:
    """Return a client whose plan has some of everything."""
    return client(w, levels={"x": 3}, asked=(id,), blocked=set(), allowed={"x"}, deliver=id)


def unplanned(w: World, made: Client) -> Client:
    """Return that client with a destination and without a plan."""
    made.sink = w.sink
    return made


def disabling(name: str) -> Client:
    """Return a client that has a timer switched off."""
    made = Timed()
    made._disabled_timers = {name}
    return made


def streaming(write: Any) -> Client:
    """Return a client whose stream's write() is that callable."""
    made = Client()
    made.sink = streamed(write)
    made._set_plan((), 7, None, None, None, None, None)
    return made
