"""``python -m heka agent``: run the agent, check its configuration, and talk to one that runs."""

from __future__ import annotations

import argparse
import json
import os
import socket
import stat
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from heka._display.escape import counted, visible
from heka._display.style import style_for
from heka.cli.errors import CommandError
from heka.exceptions import ConfigError

if TYPE_CHECKING:
    from heka.agent.config import Plan

_EPILOG: Final = """\
CONFIG is a file as hekad's hekad.toml, or a directory of such files. 'reload',
'status' and 'stop' also take the path of the control socket of a running agent.

examples:
  heka agent check /etc/heka/agent.toml
  heka agent run /etc/heka/agent.toml
  heka agent status /etc/heka/agent.toml
  heka agent --from tcp://:5565 --to tls://logs.example.org:5565
"""
_REPLY_TIMEOUT: Final = 60.0  # seconds; a reload waits for inputs and outputs that end
_REPLY_MAX: Final = 16 * 1024 * 1024  # bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions, and the options that stand for a configuration."""
    parser.epilog = _EPILOG
    _add_urls(parser)
    add_actions(parser)


def _add_urls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="sources",
        metavar="URL",
        action="append",
        default=[],
        help="without CONFIG: receive here, for instance tcp://:5565; repeatable",
    )
    parser.add_argument(
        "--to",
        dest="targets",
        metavar="URL",
        action="append",
        default=[],
        help="without CONFIG: forward everything there, for instance tcp://host:5565; repeatable",
    )
    parser.add_argument("--base-dir", metavar="DIR", help="without CONFIG: where queues are kept")


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with a configuration."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    for name, text in (
        ("run", "run it until SIGTERM; SIGHUP reloads"),
        ("check", "check the configuration, and print what it says"),
        ("status", "print what each section of a running agent has done"),
        ("reload", "have a running agent read its configuration again"),
        ("stop", "end a running agent in good order"),
        ("streams", "print which log files belong to which stream, and where each one is"),
        ("test", "give lines to its decoders, and compare what comes with what CASES expects"),
        ("unit", "print a unit file of systemd that runs it"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("config", metavar="CONFIG", help="a file, or a directory of .toml")
        if name == "status":
            action.add_argument("--json", action="store_true", help="as one line of JSON")
        if name == "test":
            action.add_argument("cases", metavar="CASES", help="a file of cases, in TOML")
        if name == "unit":
            action.add_argument(
                "--user", metavar="NAME", default="heka", help="run it as NAME; default heka"
            )

    schema = actions.add_parser("schema", help="print the tables that an output writes to")
    schema.add_argument("store", metavar="STORE", choices=["cassandra"], help="cassandra")
    for option, metavar, kind, default, text in (
        ("--rate", "N", float, 100.0, "messages a second of the busiest logger; default 100"),
        ("--keep", "DAYS", float, 30.0, "days that rows are kept, 0: for ever; default 30"),
        ("--keyspace", "NAME", str, "heka", "default heka"),
        ("--replication", "N", int, 3, "copies of each row; default 3"),
    ):
        schema.add_argument(option, metavar=metavar, type=kind, default=default, help=text)


def run(args: argparse.Namespace) -> int:
    """Do what the action says; return the exit code.

    Raises:
        CommandError: The configuration is wrong, or no agent answers.
    """
    from heka.agent.config import load

    try:
        if args.action is None:
            return _run(_plan_of(args), None)
        if args.sources or args.targets or args.base_dir:
            raise CommandError(
                "--from, --to and --base-dir stand for a CONFIG; give one or the other"
            )
        return act(args, load)
    except ConfigError as problem:
        raise CommandError(str(problem)) from problem


def act(args: argparse.Namespace, load: Callable[[str], Plan]) -> int:
    """Do what the action says with the configuration that *load* reads; ConfigError."""
    if args.action == "schema":
        return _schema(args)
    path = args.config
    if args.action == "run":
        return _run(load(path), lambda: load(path))
    if args.action == "check":
        return _check(load(path), path)
    if args.action == "streams":
        return _streams(load(path))
    if args.action == "test":
        return _test(load(path), args.cases)
    if args.action == "unit":
        return _unit(load(path), path, args.user, args.command)
    return _ask(args, load)


def _plan_of(args: argparse.Namespace) -> Plan:
    from heka.agent.config import load_text

    if not args.sources or not args.targets:
        raise CommandError(
            "expected an action with CONFIG, or --from URL and --to URL; see 'heka agent --help'"
        )
    from heka.agent.config.urls import toml_of

    return load_text(toml_of(args.sources, args.targets, args.base_dir), "the command line")


def _run(plan: Plan, load: Callable[[], Plan] | None) -> int:
    from heka.agent.supervise import Agent

    def no_file() -> Plan:
        raise ConfigError("the agent runs without a file; there is nothing to read again")

    for note in plan.notes:
        _say(f"note: {note}")
    agent = Agent(plan, load or no_file, _say)
    agent.start()
    for name, address in agent.addresses():
        _say(f"{name}: listening on {address}")
    if plan.settings.control:
        _say(f"control socket {plan.settings.control}")
    return agent.run()


def _say(text: str) -> None:
    print(f"heka agent: {visible(text)}", file=sys.stderr, flush=True)


def _check(plan: Plan, path: str) -> int:
    for note in plan.notes:
        print(f"note: {note}")
    for section in plan.sections:
        match = f"  {section.matcher.text}" if section.matcher is not None else ""
        print(f"{section.kind:8}{section.name}  {section.type}{match}")
    print(f"{path}: {counted(len(plan.sections), 'section', 'sections')}, no error")
    return 0


def _streams(plan: Plan) -> int:
    from heka.agent.logs.listing import listing

    for line in listing(plan):
        print(visible(line))
    return 0


def _schema(args: argparse.Namespace) -> int:
    from heka.agent.outputs.cassandra_schema import NAME, schema, sizes_for

    if not NAME.fullmatch(args.keyspace):
        raise CommandError(f"--keyspace: expected letters, digits and _, got {args.keyspace!r}")
    if not (0 < args.rate < 1e9 and 0 <= args.keep < 36_500 and 1 <= args.replication <= 100):
        raise CommandError("expected a --rate over 0, --keep in days, and --replication from 1 on")
    days = args.keep * 86_400
    sys.stdout.write(schema(sizes_for(args.rate), days, args.keyspace, args.replication))
    return 0


def _test(plan: Plan, path: str) -> int:
    from heka.agent.trial import try_cases

    outcomes = list(try_cases(plan, path))
    for outcome in outcomes:
        for difference in outcome.differences:
            print(visible(f"{outcome.place}: {outcome.name}: {difference}"))
    failed = sum(1 for outcome in outcomes if outcome.differences)
    print(f"{path}: {counted(len(outcomes), 'case', 'cases')}, {failed} failed")
    return 1 if failed else 0


def _unit(plan: Plan, path: str, user: str, command: str) -> int:
    from heka.agent.unit import unit_text

    sys.stdout.write(unit_text(plan.settings, path, sys.executable, user, command))
    return 0


# ---- talking to an agent that runs ---------------------------------------------------------------


def _ask(args: argparse.Namespace, load: Callable[[str], Plan]) -> int:
    path = args.config if _is_socket(args.config) else load(args.config).settings.control
    if not path:
        raise CommandError(
            "the agent has no control socket; set control in the [agent] section, or use signals: "
            "SIGHUP to reload, SIGTERM to stop"
        )
    reply = request(path, {"request": args.action})
    if reply.get("ok") is not True:
        raise CommandError(visible(str(reply.get("error", "the agent refuses the request"))))
    if args.action == "status":
        del reply["ok"]
        print(json.dumps(reply) if args.json else "\n".join(_table(reply)))
    elif args.action == "reload":
        changed = [
            f"{name} ({kind})" for kind in ("new", "gone", "changed") for name in reply[kind]
        ]
        print(", ".join(changed) or "nothing has changed")
    return 0


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def request(path: str, line: Mapping[str, object]) -> dict[str, Any]:
    """Send one request to the control socket at *path*; return the reply.

    Raises:
        CommandError: Nothing listens there, or it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_REPLY_TIMEOUT)
        try:
            sock.connect(path)
        except OSError as problem:
            raise CommandError(
                f"no agent listens at {path!r} ({problem.strerror or problem}); is it running?"
            ) from problem
        try:
            sock.sendall(json.dumps(line).encode() + b"\n")
            data = b""
            while b"\n" not in data and len(data) < _REPLY_MAX:
                part = sock.recv(65_536)
                if not part:
                    break
                data += part
            reply = json.loads(data.partition(b"\n")[0])
        except (OSError, ValueError) as problem:
            raise CommandError(f"the agent at {path!r} does not answer: {problem}") from problem
    if not isinstance(reply, dict):
        raise CommandError(f"the agent at {path!r} answers {reply!r}; expected an object")
    return reply


#: Columns of the table of ``status``: the heading, and the counts that it adds up.
_COLUMNS: Final = (
    ("in", ("in", "datagrams")),
    ("matched", ("matched",)),
    ("delivered", ("acknowledged",)),
    ("waiting", ("waiting",)),
    ("queue bytes", ("bytes_waiting",)),
    (
        "dropped",
        (
            *("dropped", "refused", "rejected", "lost", "cut", "bad_lines", "bad_values"),
            *("dropped_keys", "dropped_values", "dropped_messages"),
        ),
    ),
    ("paused s", ("paused",)),
)


def _table(status: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table of all sections."""
    style = style_for(sys.stdout)
    rows = [("section", *(heading for heading, _ in _COLUMNS))]
    for section in status["sections"]:
        cells = [_cell(section, keys) for _, keys in _COLUMNS]
        rows.append((visible(str(section["name"])), *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for number, row in enumerate(rows):
        first, *others = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        line = "  ".join([first, *others]).rstrip()
        lines.append(style.paint("name", line) if number == 0 else line)
    lines.append("")
    lines.append(f"pid {status['pid']}, running for {status['seconds']:.0f} s")
    return lines


def _cell(section: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    found = [section[key] for key in keys if key in section]
    if not found:
        return "-"
    total = sum(sum(value.values()) if isinstance(value, dict) else value for value in found)
    return f"{total:,.1f}" if isinstance(total, float) else f"{total:,}"
