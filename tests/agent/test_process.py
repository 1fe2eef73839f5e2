"""ProcessInput: commands that are run at intervals or kept running, and what becomes of them."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from agent.test_stat_inputs import Agent, running, soon

from heka._core import monotonic
from heka.agent.config import load_text
from heka.agent.inputs import commands
from heka.agent.inputs.commands import Command, NotStartedError, run_chain
from heka.agent.inputs.process import CommandOptions, ProcessInput
from heka.agent.options import read
from heka.exceptions import ConfigError

LONG = 3600.0  # seconds; no test waits for them


def shell(*scripts: str, **more: object) -> dict[str, CommandOptions]:
    """Return the option ``command`` for a chain of scripts of sh."""
    return {
        str(number): CommandOptions(bin="sh", args=("-c", script), **more)
        for number, script in enumerate(scripts)
    }


def once(command: object, **options: object) -> tuple[list[object], dict[str, object]]:
    """Return the messages of one run, and the account after it."""
    agent = Agent()
    options = {"ticker_interval": LONG, "immediate_start": True, **options}
    with running(agent.add(ProcessInput, command=command, **options)):
        plugin = agent.plugins["ProcessInput"]
        soon(lambda: plugin.account()["runs"])
    return agent.shelf.messages, dict(plugin.account())


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that waits for init does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_output_of_a_run_is_one_message_with_the_exit_status():
    [message], account = once(shell("printf 'b\\na\\n'; exit 5", "sort; exit 3"))

    assert (message.type, message.logger, message.hostname) == (
        *("ProcessInput", "ProcessInput"),
        "web1.example",
    )
    assert message.pid == os.getpid()
    assert message.payload == "a\nb\n"
    assert {name: list(values) for name, values in message.fields.items()} == {
        "ProcessInputName": ["ProcessInput.stdout"],
        "ExitStatus": [3],
        "SubcmdErrors": [
            "Subcommand[0] returned an error: [exit status 5]\n"
            "Subcommand[1] returned an error: [exit status 3]"
        ],
    }
    assert (account["runs"], account["failed"]) == (1, 1)


def test_lines_of_both_streams_have_the_status_and_the_last_needs_no_end():
    messages, _ = once(
        shell("echo a; echo b; printf c; echo e >&2"), stderr=True, splitter="TokenSplitter"
    )

    found = [(m.payload, *m.fields["ProcessInputName"], *m.fields["ExitStatus"]) for m in messages]
    assert sorted(found) == [
        *(("a", "ProcessInput.stdout", 0), ("b", "ProcessInput.stdout", 0)),
        *(("c", "ProcessInput.stdout", 0), ("e", "ProcessInput.stderr", 0)),
    ]
    assert "SubcmdErrors" not in messages[0].fields


def test_a_run_without_output_makes_no_message():
    assert once(shell("exit 1"))[0] == []


def test_output_without_end_is_bounded_and_ended_at_the_timeout():
    [message], account = once(shell("yes"), timeout=0.1, max_output=100_000)

    assert 60_000 < len(message.encode()) <= 65_536
    assert message.payload.startswith("y\ny\n")
    assert list(message.fields["heka.truncated"]) == [len(message.payload) + account["cut_bytes"]]
    assert list(message.fields["ExitStatus"]) == [-1]
    assert "timed out after 0.1 s" in message.fields["SubcmdErrors"][0]
    assert (account["timed_out"], account["cut"]) == (1, 1)


def test_bytes_that_are_not_text_are_cut_to_whole_characters():
    [message], account = once(shell("head -c 60000 /dev/zero | tr '\\0' '\\377'"))

    assert set(message.payload) == {"\ufffd"}
    assert account["cut"] == 1


@pytest.mark.parametrize("trap", ["", "trap '' TERM; "], ids=["obeys", "ignores-sigterm"])
def test_a_timeout_ends_the_whole_group(trap, monkeypatch):
    monkeypatch.setattr(commands, "GRACE", 0.05)
    script = f"{trap}sh -c 'echo $$; while :; do sleep 9; done' & wait"
    [message], _ = once(shell(script), timeout=0.2)

    soon(lambda: not is_alive(int(message.payload)))


def test_what_a_command_leaves_behind_is_killed_and_the_output_has_an_end():
    """The one that left the group too keeps the pipe open, which ends nothing."""
    script = "sleep 3600 & echo $!; setsid sleep 3600 & echo $!"
    [message], account = once(shell(script), timeout=LONG)
    left, escaped = map(int, message.payload.split())

    try:
        soon(lambda: not is_alive(left))
        assert account["timed_out"] == 0
    finally:
        os.kill(escaped, signal.SIGKILL)


def test_a_chain_that_is_kept_running_gives_lines_at_once_and_is_ended_by_stop():
    agent = Agent()
    plugin = agent.add(
        ProcessInput,
        command=shell("echo $$; echo two; exec sleep 3600"),
        ticker_interval=0.0,
        splitter="TokenSplitter",
    )
    with running(plugin):
        pid, two = soon(lambda: len(agent.shelf.payloads) == 2 and agent.shelf.payloads)
        assert "ExitStatus" not in agent.shelf.messages[0].fields
    assert two == "two"
    assert not is_alive(int(pid))


def test_a_chain_that_ends_is_started_again_until_it_has_failed_often(monkeypatch):
    said = []
    monkeypatch.setattr(
        "heka._runtime.reporter.Reporter.report", lambda self, text: said.append(text)
    )
    agent = Agent()
    problems: list[object] = []
    table = {
        "command": {"0": {"bin": "sh", "args": ["-c", "echo x"]}},
        "ticker_interval": 0,
        "retries": {"delay": "1ms", "max_delay": 30, "max_retries": 2},
    }
    options = read(ProcessInput.Options, table, problems)
    assert not problems
    plugin = agent.add(ProcessInput, **vars(options))
    with running(plugin):
        soon(lambda: said)

    assert agent.shelf.payloads == ["x\n"] * 3
    assert said == ["ProcessInput: its commands ended 3 times in a row; they are not started again"]


def test_a_full_queue_makes_the_command_wait_and_loses_nothing():
    agent = Agent(room=0)
    plugin = agent.add(
        ProcessInput,
        command=shell("yes | head -n 200000; exec sleep 3600"),
        ticker_interval=0.0,
        splitter="TokenSplitter",
    )
    with running(plugin):
        soon(lambda: plugin._feed.paused_since)
        agent.shelf.room = None
        soon(lambda: len(agent.shelf.payloads) == 200_000)


def test_stop_does_not_wait_for_a_full_queue_longer_than_its_deadline():
    agent = Agent(room=0)
    plugin = agent.add(
        ProcessInput, command=shell("echo x"), ticker_interval=LONG, immediate_start=True
    )
    plugin.start()
    soon(lambda: plugin._feed.paused_since)
    plugin.stop(monotonic() + 0.05)

    soon(lambda: plugin._feed.dropped["stopped"] == 1)


def test_a_program_that_is_not_there_is_counted_and_the_chain_is_ended(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "heka._runtime.reporter.Reporter.report", lambda self, text: said.append(text)
    )
    chain = shell("sleep 3600", "cat")
    chain["1"] = CommandOptions(bin=str(tmp_path / "none"), args=("secret",))
    agent = Agent()
    plugin = agent.add(ProcessInput, command=chain, ticker_interval=LONG, immediate_start=True)
    with running(plugin):
        soon(lambda: plugin.account()["not_started"])

    none = str(tmp_path / "none")
    assert said == [f"ProcessInput: cannot start {none!r}: No such file or directory"]


def test_the_environment_is_what_the_section_says(monkeypatch):
    monkeypatch.setenv("HEKA_TEST_SECRET", "s")
    show = "echo ${HEKA_TEST_SECRET-none} ${A-none}"

    def said(**options: object) -> str:
        return once(**options)[0][0].payload

    path = f"PATH={os.environ['PATH']}"
    assert said(command=shell(show)) == "none none\n"
    assert said(command=shell(show), inherit_env=True) == "s none\n"
    assert said(command=shell(show, env=(path, "A=1=2")), inherit_env=True) == "none 1=2\n"


def test_commands_get_no_descriptor_and_no_ignored_signal_of_the_agent():
    """Python ignores SIGPIPE; the agent's locks are on descriptors."""
    kept = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(kept, True)
    try:
        script = f"test -e /proc/self/fd/{kept} || echo closed; sh -c 'kill -PIPE $$'; echo $?"
        [message], _ = once(shell(script))
    finally:
        os.close(kept)
    assert message.payload == f"closed\n{128 + signal.SIGPIPE}\n"


def test_chains_run_beside_each_other_in_threads():
    """Forks of several threads at once hand no pipe of one chain to another."""
    found: list[bytes] = []
    wake, end = os.pipe()

    def run(number: int) -> None:
        argv = ("sh", "-c", f"echo {number}")
        run_chain(
            [Command(argv, os.environ), Command(("cat",), os.environ)],
            {"stdout": found.append},
            wake,
        )

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    os.close(wake)
    os.close(end)
    assert sorted(found) == [b"%d\n" % number for number in range(8)]


def test_without_descriptors_of_processes_the_end_is_seen_too(monkeypatch):
    def missing(pid: int) -> int:
        raise OSError

    monkeypatch.setattr(os, "pidfd_open", missing)
    assert once(shell("echo x"))[0][0].payload == "x\n"


def test_a_process_that_the_kernel_reaps_is_an_end():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert once(shell("echo x"))[0][0].payload == "x\n"
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_the_error_of_a_directory_that_is_not_there():
    with pytest.raises(NotStartedError, match="cannot start 'true': No such file or directory"):
        run_chain([Command(("true",), os.environ, "/none")], {}, 0)


GOOD = "[P]\ntype = 'ProcessInput'\n"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[P.command]", "P.command: expected tables 0, 1 and so on without a gap, got none"),
        (
            "[P.command.1]\nbin = 'a'",
            "P.command: expected tables 0, 1 and so on without a gap, got",
        ),
        ("[P.command.0]\nbin = ''", "P.command.0.bin: expected a program, got ''"),
        ("[P.command.0]\nbin = 'a'\nargs = ['s\\u0000']", "P.command.0.args: expected"),
        ("[P.command.0]\nbin = 'a'\nenv = ['secret']", "P.command.0.env: expected NAME=VALUE, got"),
        ("stdout = false\n[P.command.0]\nbin = 'a'", "P.stdout: expected true"),
    ],
)
def test_wrong_options_are_told_without_secrets(text, answer):
    with pytest.raises(ConfigError) as caught:
        load_text(GOOD + text.replace("'s\\u0000'", '"s\\u0000"'), "a.toml")

    assert answer in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_section_of_hekad_is_read_with_its_defaults():
    text = """\
[hekad]
[on_space]
type = "TokenSplitter"
delimiter = " "
[P]
type = "ProcessInput"
ticker_interval = 2
splitter = "on_space"
[P.command.0]
bin = "/bin/cat"
args = ["a"]
"""
    options = load_text(text, "hekad.toml").sections[1].options

    assert (options.delimiter, options.longest(), options.inherit_env) == (" ", 0.0, True)
    assert options.commands()[0].environment == os.environ
