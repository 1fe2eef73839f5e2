"""The configuration of the agent: what becomes of files, and what a new one changes."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heka.agent.config import compare, load, load_text
from heka.agent.config.lines import lines_of
from heka.agent.options import REQUIRED, Problem, choice, option, read, tables_of
from heka.agent.registry import BUILT_IN, ELSEWHERE, kind_of, options_by_name
from heka.exceptions import ConfigError

#: As hekad's documentation would have it.
HEKAD = """\
[hekad]
base_dir = "/var/cache/hekad"
maxprocs = 4
poolsize = 100
plugin_chansize = 30
max_message_size = 131072

[TcpInput]
address = "127.0.0.1:5565"
splitter = "HekaFramingSplitter"
decoder = "ProtobufDecoder"

[HekaFramingSplitter.signer.ops_0]
hmac_key = "4865ey9urgkidls xtb0[7lf9rzcivthkm"

[UdpInput]
address = "127.0.0.1:5566"
splitter = "lines"
    [UdpInput.retries]
    max_delay = "5s"

[lines]
type = "TokenSplitter"
delimiter = "|"

[aggregator]
type = "TcpOutput"
address = "aggregator.example.com:5565"
message_matcher = "Type != 'heka.all-report' && Severity <= 6"
message_signer = "ops"
ticker_interval = 5
    [aggregator.buffering]
    max_file_size = 134217728
    cursor_update_count = 50
    [aggregator.retries]
    max_jitter = "500ms"
    delay = "250ms"
    max_delay = "1m30s"
    max_retries = -1

[PayloadEncoder]
append_newlines = false

[counter_file]
type = "FileOutput"
message_matcher = "Type == 'counter'"
path = "/var/log/counter.log"
perm = "666"
encoder = "PayloadEncoder"
can_exit = true
use_buffering = false
"""


INI = """\
[heka]
to = udp://localhost:5565

[agent]
stop_timeout = 2.5
max_message_size = 128 KiB

[agent:TcpInput]
address = 127.0.0.1:5565
require_signature = true
max_connections = 9 ; few

[agent:TcpInput.signer.ops_1]
hmac_key = ${HEKA_TEST_KEY}

[agent:counters]
type = FileOutput
message_matcher = Type == 'counter'
path = /var/log/counters
perm = 600

[agent:counters.buffering]
max_buffer_size = 4194304
full_action = drop_old
"""


# ---- files of hekad ------------------------------------------------------------------------------


def test_a_file_of_hekad_is_read_as_it_is():
    plan = load_text(HEKAD, "hekad.toml")
    sections = {section.name: section for section in plan.sections}
    tcp, udp = sections["TcpInput"].options, sections["UdpInput"].options
    aggregator, file = sections["aggregator"], sections["counter_file"]

    assert plan.is_hekad
    assert plan.settings.base_dir == "/var/cache/hekad"
    assert [*sections] == [
        *("TcpInput", "HekaFramingSplitter", "UdpInput", "lines", "aggregator"),
        *("PayloadEncoder", "counter_file"),
    ]
    assert tcp.signers() == {("ops", 0): b"4865ey9urgkidls xtb0[7lf9rzcivthkm"}
    assert (udp.splitter, udp.delimiter) == ("TokenSplitter", "|")
    assert tcp.max_message_size == udp.max_message_size == 131072
    assert aggregator.matcher.text == "Type != 'heka.all-report' && Severity <= 6"
    assert (aggregator.signer, aggregator.matcher.dialect) == ("ops", "heka")
    assert aggregator.retries.max_delay == 90
    assert (aggregator.place.line, file.place.line) == (26, 44)
    assert (file.type, file.kind, file.encoder) == ("FileOutput", "output", "PayloadEncoder")
    assert file.options.perm == "666"
    assert sections["PayloadEncoder"].options.append_newlines is False


def test_what_has_no_effect_is_noted_with_its_place():
    notes = load_text(HEKAD, "hekad.toml").notes

    assert [note.partition(": ")[0] for note in notes] == [
        f"hekad.toml:{line}" for line in (3, 4, 5, 31, 51)
    ]
    assert notes[-1].endswith(
        "counter_file.use_buffering: has no effect: every output has a queue on disk, and no "
        "filter has one"
    )


def test_defaults_are_those_of_hekad_in_its_configuration_only():
    output = "[LogOutput]\nmessage_matcher = 'TRUE'\n"
    of_hekad = load_text(f"[hekad]\n{output}", "a.toml").sections[0].queue
    ours = load_text(output, "a.toml").sections[0].queue

    assert (of_hekad.max_buffer_size, of_hekad.full_action) == (0, "shutdown")
    assert (ours.max_buffer_size, ours.full_action) == (1 << 30, "block")


def test_an_output_without_matcher_gets_nothing():
    plan = load_text("[LogOutput]\n", "a.toml")

    assert plan.sections[0].matcher.text == "FALSE"
    assert plan.notes == ("a.toml:1: LogOutput: has no message_matcher, so it gets no message",)


# ---- files, variables, lines ---------------------------------------------------------------------


def test_a_directory_is_read_in_alphabetical_order(tmp_path):
    (tmp_path / "20.toml").write_text("[b]\ntype = 'LogOutput'\nmessage_matcher = 'TRUE'\n")
    (tmp_path / "10.toml").write_text("[a]\ntype = 'TcpInput'\naddress = ':1'\n")
    (tmp_path / "notes.txt").write_text("no TOML")

    assert [section.name for section in load(str(tmp_path)).sections] == ["a", "b"]


def test_a_section_in_two_files_and_errors_of_both_are_told_together(tmp_path):
    for name in ("1.toml", "2.toml"):
        (tmp_path / name).write_text("[LogOutput]\nmessage_matcher = 'TRUE'\nx = 1\n")

    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path))

    first, second = str(caught.value).splitlines()
    assert first == f"{tmp_path}/1.toml:3: LogOutput.x: unknown option"
    assert second == (
        f"{tmp_path}/2.toml:1: LogOutput: this section is already in {tmp_path}/1.toml:1"
    )


@pytest.mark.parametrize(
    ("make", "text"),
    [
        pytest.param(lambda path: None, "cannot read the configuration: No such file", id="gone"),
        pytest.param(lambda path: path.mkdir(), "expected at least one file that ends in", id="no"),
        pytest.param(
            lambda path: path.write_bytes(b"\n\n# \xff"), ":3: expected UTF-8", id="no-text"
        ),
    ],
)
def test_what_cannot_be_read_is_an_error(tmp_path, make, text):
    path = tmp_path / "config"
    make(path)

    with pytest.raises(ConfigError, match=text):
        load(str(path))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[TcpInput\naddress = ':5565'", 1),
        ("[TcpInput]\naddress = :5565\nadress = 1", 2),
        ("[TcpInput]\n[UdpInput]\n[TcpInput]\nx = 1", 3),
    ],
)
def test_an_error_of_syntax_is_told_alone_with_its_line(text, line):
    with pytest.raises(ConfigError, match=rf"^a\.toml:{line}: TOML: ") as caught:
        load_text(text, "a.toml")

    assert "\n" not in str(caught.value)


def test_variables_are_replaced_anywhere_in_the_text(monkeypatch):
    """In a line that is a comment, and only there, a variable need not be set."""
    monkeypatch.setenv("HEKA_TEST_ROLE", "In")
    monkeypatch.delenv("HEKA_TEST_UNSET", raising=False)
    text = "# %ENV[HEKA_TEST_UNSET]\n[Tcp%ENV[HEKA_TEST_ROLE]put]\naddress = ':1'\n"

    assert load_text(text, "a.toml").sections[0].type == "TcpInput"


def test_the_line_of_every_table_and_key_is_known():
    text = '''\
[TcpInput] # [no]
address = ":1" # [no]
"quoted key" = """
[Fake]
fake = 1
\\\\" """
arr = [
  "a", # ]
  'b',
]
a.b.c = {x = "}"}

[ Out . "buf fering" ]
x = \'\'\'a
b = 1\'\'\'\'\'
y = 1
'''
    assert lines_of(text) == {
        ("TcpInput",): 1,
        ("TcpInput", "address"): 2,
        ("TcpInput", "quoted key"): 3,
        ("TcpInput", "arr"): 7,
        ("TcpInput", "a"): 11,
        ("TcpInput", "a", "b"): 11,
        ("TcpInput", "a", "b", "c"): 11,
        ("Out",): 13,
        ("Out", "buf fering"): 13,
        ("Out", "buf fering", "x"): 14,
        ("Out", "buf fering", "y"): 16,
    }


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *HEKAD.splitlines(),
                *INI.splitlines(),
                "[agent]",
                "[agent:agent]",
                "x = {",
                "y = '''",
                "[[TcpInput]]",
            ]
        ),
        st.sampled_from(["type", "encoder", "splitter", "decoder", "retries", "address"]).flatmap(
            lambda key: st.sampled_from(
                ["1", "-1", "nan", "1e400", "{}", "[[]]", "true", "1979-05-27", "'TcpInput'"]
            ).map(lambda value: f"{key} = {value}")
        ),
        st.text(max_size=8),
    ),
    max_size=30,
).map(lambda lines: "\n".join(lines).encode())


@settings(max_examples=150, deadline=None)
@given(data=st.one_of(st.binary(max_size=64), PIECES), name=st.sampled_from(["a.toml", "a.ini"]))
def test_any_bytes_are_a_plan_or_a_config_error(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(data)
    with suppress(ConfigError):
        assert compare(load(str(path)), load(str(path))).is_empty


def test_ini_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("HEKA_TEST_KEY", "007")
    path = tmp_path / "agent.ini"
    path.write_text(INI)
    plan = load(str(path))
    tcp, counters = plan.sections

    assert (plan.settings.stop_timeout, plan.is_hekad) == (2.5, False)
    assert (tcp.options.max_message_size, tcp.options.max_connections) == (1 << 17, 9)
    assert tcp.options.signers() == {("ops", 1): b"007"}
    assert (counters.options.perm, counters.place.line) == ("600", 16)
    assert (counters.queue.max_buffer_size, counters.queue.full_action) == (1 << 22, "drop_old")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("[agent]\nstop_timeout = soon", "2: agent.stop_timeout: expected seconds"),
        ("[agent:TcpInput]\naddress = :1\nmax_connections = 1.5", "3: TcpInput.max_connections: "),
        ("[agent:TcpInput]\nadress = :1", "1: TcpInput.address: expected text, got nothing"),
        ("[agent:TcpInput]\naddress = ${HEKA_TEST_UNSET}", "2: "),
        ("[agent:TcpInput]\naddress", "2: expected 'option = value'"),
        ("[agent:hekad]", "1: [agent:hekad]: expected [agent], or [agent:NAME]"),
        ("[agent:a]\nb = 1\n[agent:a.b]\n", " [agent:a.b]: 'b' is an option, not a table"),
        ("[heka]\nto = x", " expected [agent] or a section as [agent:TcpInput], found none"),
        ("[agent]\n[agent]", "2: section [agent] occurs twice"),
    ],
)
def test_an_error_in_ini_has_its_line(tmp_path, monkeypatch, text, answer):
    monkeypatch.delenv("HEKA_TEST_UNSET", raising=False)
    path = tmp_path / "agent.ini"
    path.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load(str(path))

    assert str(caught.value).startswith(f"{path}:{answer}")


# ---- options -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inner:
    """A table."""

    level: int = option(REQUIRED, "integer", "A level.")


@dataclass(frozen=True)
class Options:
    """Options of every kind."""

    wait: float = option(1.0, "seconds", "Time.", hekad=2.0)
    ratio: float = option(0.5, "number", "A part.")
    size: int = option(1024, "size", "Bytes.")
    names: tuple[str, ...] = option((), "names", "Names.")
    numbers: tuple[float, ...] = option((90.0,), "numbers", "Percents.")
    texts: dict[str, str] | None = option(None, "texts", "Texts.")
    way: str = option("up", choice("up", "down"), "A way.")
    mode: str = option("644", "mode", "A mode.")
    inner: Inner | None = option(None, Inner, "A table.")
    each: dict[str, Inner] | None = option(None, tables_of(Inner), "Tables.")


def test_options_of_every_kind_are_read():
    problems: list[Problem] = []
    table = {
        "wait": "1m0.5s",
        "ratio": 1,
        "size": "1 MiB",
        "names": ["a", "b"],
        "numbers": [1, 2.5],
        "texts": {"a": "b"},
        "way": "down",
        "mode": "0600",
        "inner": {"level": 1},
        "each": {"x": {"level": 2}},
    }

    assert read(Options, table, problems) == Options(
        wait=60.5,
        ratio=1.0,
        size=1 << 20,
        names=("a", "b"),
        numbers=(1.0, 2.5),
        texts={"a": "b"},
        way="down",
        mode="0600",
        inner=Inner(1),
        each={"x": Inner(2)},
    )
    assert not problems
    assert read(Options, {}, problems, hekad=True) == Options(wait=2.0)


@pytest.mark.parametrize(
    "table",
    [
        *({"wait": wait} for wait in (-1, True, "1 s", "s", "", "1d", float("inf"))),
        *({"size": size} for size in (True, -1, "1 KB", 1.5)),
        *({"names": names} for names in ("a", [1])),
        *({"numbers": numbers} for numbers in (1, ["1"], [True])),
        *({"mode": mode} for mode in (644, "rw", "888")),
        *({"inner": inner} for inner in (1, {}, {"level": 1.0}, {"level": True})),
        *({"each": each} for each in (1, {"x": 1}, {"x": {}})),
        *({"texts": texts} for texts in ("a", {"a": 1})),
        {"ratio": float("nan")},
        {"way": "left"},
        {"way": ["up"]},
        {"more": 1},
    ],
    ids=repr,
)
def test_a_wrong_value_is_one_problem(table):
    problems: list[Problem] = []

    assert read(Options, table, problems) is None
    assert [problem.path[0] for problem in problems] == [*table]


# ---- types ---------------------------------------------------------------------------------------


def test_every_built_in_type_has_a_kind_and_options():
    assert {kind_of(type_) for type_ in BUILT_IN} <= {
        *("input", "splitter", "decoder", "filter", "encoder", "output")
    }
    assert options_by_name().keys() == BUILT_IN.keys()
    assert not BUILT_IN.keys() & ELSEWHERE.keys()


def test_only_what_a_configuration_names_is_imported():
    code = (
        "import sys; from heka.agent.config import load_text; load_text(sys.argv[1], 'a.toml'); "
        "print(*sorted(m for m in sys.modules if m.startswith('heka.agent.')))"
    )
    config = "[TcpInput]\naddress = ':1'"
    done = subprocess.run([sys.executable, "-c", code, config], capture_output=True, text=True)

    assert "heka.agent.inputs.network" in done.stdout.split(), done.stderr
    assert not [name for name in done.stdout.split() if name.startswith("heka.agent.outputs")]


class Echo:
    """A filter; it makes messages of Type ``echo``."""

    Options: ClassVar[type] = Inner

    @staticmethod
    def sample(name: str, options: Inner) -> dict[str, object]:
        return {"type": "echo", "logger": name}


class Quiet:
    """A filter of which it is not known what it makes."""

    Options: ClassVar[type] = Inner


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """Types that another distribution offers."""
    metadata = tmp_path / "heka_more-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: heka-more\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        f"[heka.agent]\nEchoFilter = {__name__}:Echo\nQuietFilter = {__name__}:Quiet\n"
        "BrokenFilter = heka_more_missing:Broken\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_distribution_offers_types_by_entry_points(offered):
    plan = load_text("[EchoFilter]\nlevel = 3\nmessage_matcher = \"Type == 'x'\"", "a.toml")

    assert plan.sections[0].plugin.__name__ == "Echo"
    assert plan.sections[0].options.level == 3
    with pytest.raises(ConfigError, match="BrokenFilter: heka_more_missing:Broken cannot be load"):
        load_text("[BrokenFilter]", "a.toml")


def test_a_lua_decoder_that_has_a_counterpart_is_that():
    text = """
    [access]
    type = "SandboxDecoder"
    filename = "lua_decoders/nginx_access.lua"
    memory_limit = 8000000
    [access.config]
    type = "nginx.access"
    payload_keep = true
    """
    [section] = load_text(text, "a.toml").sections

    assert section.plugin.__name__ == "NginxAccessDecoder"
    assert (section.options.message_type, section.options.payload_keep) == ("nginx.access", True)


def filters(**matchers: str) -> str:
    """Return a configuration with an Echo for each matcher."""
    return "\n".join(
        f'[{name}]\ntype = "EchoFilter"\nlevel = 1\nmessage_matcher = "{text}"'
        for name, text in matchers.items()
    )


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (filters(a="Type == 'echo'"), {}),
        (filters(a="Logger == 'b'", b="Logger == 'a'"), {"a": "b", "b": "a"}),
        (filters(a="Logger == 'b'", b="Logger == 'x'"), {}),
        (filters(a="Type != 'echo'"), {}),
    ],
    ids=["itself", "two", "one-way", "none"],
)
def test_filters_that_feed_one_another_are_errors(offered, config, wrong):
    try:
        load_text(config, "a.toml")
        lines = []
    except ConfigError as error:
        lines = str(error).splitlines()

    assert [line.partition("; ")[0].partition(": ")[2] for line in lines] == [
        f"{name}.message_matcher: meets the messages that this filter makes by way of {way}"
        for name, way in wrong.items()
    ]


def test_filters_that_may_feed_one_another_are_noted(offered):
    quiet = "type = 'QuietFilter'\nlevel = 1\nmessage_matcher = 'TRUE'\n"
    plan = load_text(f"[a]\n{quiet}[b]\n{quiet}", "a.toml")

    assert plan.notes[0] == (
        "a.toml:4: a.message_matcher: may meet the messages that this filter makes by way of b; "
        "exclude them, as in ... && Logger != 'b'"
    )


# ---- what a new configuration changes ------------------------------------------------------------


def test_the_sections_that_a_new_configuration_changes_are_known():
    """A splitter and an encoder belong to the sections that name them; a new line moves nothing."""
    new = (
        ("\n" + HEKAD)
        .replace('delimiter = "|"', 'delimiter = ";"')
        .replace("append_newlines = false", "append_newlines = true")
        .replace("[aggregator", "[other")
    )
    changes = compare(load_text(HEKAD, "a.toml"), load_text(new, "a.toml"))

    assert vars(changes) == {
        "new": ("other",),
        "gone": ("aggregator",),
        "changed": ("UdpInput", "counter_file"),
        "kept": ("TcpInput",),
    }


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("max_message_size = 131072", "max_message_size = 65536", ("TcpInput", "UdpInput")),
        ("ops_0", "ops_1", ("TcpInput",)),
        ("cursor_update_count = 50", "max_buffer_size = 9999999", ("aggregator",)),
        ("Severity <= 6", "Severity <= 5", ("aggregator",)),
        ("[hekad]", "[agent]", ("TcpInput", "UdpInput", "aggregator", "counter_file")),
        ("poolsize = 100", "poolsize = 10", ()),
    ],
)
def test_each_change_is_that_of_its_sections(before, after, changed):
    changes = compare(load_text(HEKAD, "a.toml"), load_text(HEKAD.replace(before, after), "a.toml"))

    assert (changes.new, changes.gone, changes.changed) == ((), (), changed)


def test_no_secret_is_in_the_text_of_a_plan():
    assert "4865ey" not in repr(load_text(HEKAD, "a.toml"))
