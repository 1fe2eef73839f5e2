"""Dependencies point down only: includes of csrc, imports of heka, and the size of every file.

The tables say what is allowed. A new module or header has to be entered here first: that is the
moment to ask whether it stands where it belongs.
"""

from __future__ import annotations

import ast
import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import heka

ROOT = Path(__file__).resolve().parent.parent

# Rooms of heka from the lowest layer to the highest. A room is a module, or a package with all that
# is in it but the rooms that have an entry of their own. A module may import from its own room and
# from lower layers, not from another room of its layer.
LAYERS = [
    ["_typing", "_core_types"],
    ["_core", "_secrets", "_recording", "_missing", "_values"],
    ["_lines"],
    ["_runtime", "_config_errors"],
    ["_timer"],
    ["exceptions", "severity", "path"],
    ["_net"],
    ["message", "framing", "signing", "_context", "matcher"],
    ["jsonlines", "_display"],
    ["connections", "filters", "encoders"],
    ["_delivery"],
    ["_receiving"],
    ["api", "streams"],
    ["testing", "senders", "client", "_process"],
    ["config"],
    ["holder"],
    ["_bridge"],
    ["logging", "decorators"],
    ["integrations", "plugins"],
    ["plugins.cef", "plugins.raven"],
    ["raven_plugin"],
    ["__init__"],
    ["agent"],
    ["cli.errors", "cli.show"],
    ["cli.keys"],
    ["cli.arguments"],
    ["cli.commands"],
    ["cli", "pytest_plugin"],
    ["__main__"],
]
# Names of older distributions, installed beside heka: each package of this folder stands on top.
COMPAT = "compat"
# Modules that import packages of others by a name: those of users, a TOML parser, rich, shtab; and
# plugins of the agent.
IMPORT_OTHERS = {
    "heka/agent/registry.py",
    "heka/cli/commands/completion.py",
    "heka/cli/show/meter.py",
    "heka/config/toml.py",
    "heka/path.py",
}
# Who may import these; everything else of heka may not.
IMPORTED_ONLY_BY = {"cli": {"cli", "__main__"}, "pytest_plugin": set(), "__main__": set()}
# What is written for users, or beside them; it knows the public names of heka only.
OUTSIDE = ("compat/**/*.py", "docs/**/*.py", "benchmarks/**/*.py", "tools/**/*.py")
MOST_NAMES = 26  # public modules and packages of heka
README_LINES = 15

# Folders of csrc from the lowest floor to the highest. A file may include what is on a lower floor
# or in its own folder, as long as no circle closes.
FLOORS = [
    *("gen", "core/base", "core/wire", "core/format", "core/queue", "core/io", "core/match"),
    "core/agent",
    *(
        "python/base",
        "python/values",
        "python/messages",
        "python/match",
        "python/queue",
        "python/calls",
        "python/agent",
        "python",
    ),
]

# Headers of the C library that any file of ours may include.
LIBC = {
    *("assert.h", "errno.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h"),
    *("stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "time.h", "unistd.h"),
    *("float.h", "inttypes.h", "math.h", "pthread.h", "sys/random.h", "sys/types.h"),
}
# Headers for some files only, as regular expressions over "folder/file" without its ending.
HEADERS = {
    r"Python\.h|structmember\.h": r"python/base/pycompat",
    r"openssl/.*": r"core/wire/hk_sign",
    r"pcre2\.h": r"core/match/hk_regex",
    r"locale\.h": r"core/match/hk_match_lex",
    r"uuid/.*": r"core/wire/hk_uuid",
    r"gen/message\.pb-c\.h": r"core/wire/hk_normalise",
    r"sys/(socket|un|uio)\.h|netinet/.*|arpa/.*|netdb\.h": r"core/io/hk_\w+",
    r"poll\.h|sys/ioctl\.h|linux/sockios\.h": r"core/io/hk_(pump|datagrams)",
    r"fcntl\.h|sys/(file|mman|stat)\.h|dirent\.h": (
        r"core/(base/hk_(file|lock)|queue/hk_(cursor|segment|journal|recover))"
    ),
    r"sys/inotify\.h": r"python/agent/watch",
    r"sys/vfs\.h|linux/magic\.h": r"core/base/hk_file",
}

MOST_LINES = 600
SIZED = (
    *("csrc/core/**/*.[ch]", "csrc/python/**/*.[ch]"),
    *("heka/**/*.py*", "compat/**/*.py", "tests/**/*.py"),
)
DESCRIBED = (
    *("heka/**/*.py*", "compat/**/*.py", "tests/**/*.py"),
    *("benchmarks/**/*.py", "docs/**/*.py", "*.py"),
)
DESCRIBED_C = ("csrc/core/**/*.[ch]", "csrc/python/**/*.[ch]", "tests/core/**/*.[ch]")


def files(*patterns: str) -> list[str]:
    """Paths below the root that match, without what tools have left there."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    kept = [path for path in found if path.suffix in {".c", ".h", ".py", ".pyi"}]
    names = (path.relative_to(ROOT).as_posix() for path in kept)
    return sorted(name for name in names if not re.search(r"(^|/)(_?build|out|__pycache__)/", name))


def include_problem(path: str, target: str, own: set[str]) -> str | None:
    """Say why csrc/*path* may not include *target*; *own* are our headers as "folder/file.h"."""
    folder = path.rpartition("/")[0]
    if target.endswith(".c"):
        return "a .c file is compiled, not included"
    for pattern, user in HEADERS.items():
        if re.fullmatch(pattern, target):
            if re.fullmatch(user, path.rpartition(".")[0]):
                return None
            return f"only {user}.* may"
    if f"{folder}/{target}" in own or target in LIBC:
        return None
    if target not in own:
        return "not one of our headers, nor of LIBC or HEADERS in tests/test_layers.py"
    floor = target.rpartition("/")[0]
    unknown = {folder, floor} - set(FLOORS)
    if unknown:
        return f"csrc/{min(unknown)} is on no floor: enter it in FLOORS of tests/test_layers.py"
    if floor == folder:
        return "a header of the same folder is included by its bare name"
    if FLOORS.index(floor) > FLOORS.index(folder):
        return f"{floor} stands above {folder}"
    return None


def includes() -> list[tuple[str, str]]:
    """Every (file, what it includes) of the core and the binding, relative to csrc."""
    found = []
    for name in files("csrc/core/**/*.[ch]", "csrc/python/**/*.[ch]"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', text, re.M):
            found.append((name.removeprefix("csrc/"), target))
    return found


def unit(path: str) -> str:
    """A .c file and its header are one: "core/wire/hk_sign.h" is "core/wire/hk_sign"."""
    return path.rpartition(".")[0]


def module_name(path: str) -> str:
    """``heka/cli/demo.py`` is ``cli.demo``, ``heka/cli/__init__.py`` is ``cli``."""
    parts = path.removeprefix("heka/").rpartition(".")[0].split("/")
    if len(parts) > 1 and parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def imported(source: str, module: str, known: set[str]) -> set[str]:
    """Return the modules of heka that *source*, the text of *module*, imports anywhere in it."""
    is_package = any(name.startswith(f"{module}.") for name in known)
    package = [] if module == "__init__" else module.split(".")[: None if is_package else -1]
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ["heka", *package][: len(package) + 2 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        for name in names:
            if name == "heka" or name.startswith("heka."):
                inner = name.partition(".")[2]
                # `from heka.message import Message` names something in a module.
                while inner and inner not in known:
                    inner = inner.rpartition(".")[0]
                found.add(inner or "__init__")
    return found - {module}


def packages_imported(source: str) -> set[str]:
    """Return the top-level packages that *source* imports, itself left out when it is relative."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def room(module: str) -> str | None:
    """Return the innermost room of LAYERS that *module* is in, None if it is in none."""
    rooms = {name for names in LAYERS for name in names}
    while module and module not in rooms:
        module = module.rpartition(".")[0]
    return module or None


def layer(name: str) -> int:
    """Return the index of the layer of the room *name*."""
    return next(index for index, names in enumerate(LAYERS) if name in names)


def import_problem(module: str, target: str) -> str | None:
    """Say why *module* may not import *target*."""
    here, there = room(module), room(target)
    if here is None or there is None:
        unknown = module if here is None else target
        return f"heka.{unknown} is in no room: enter it in LAYERS of tests/test_layers.py"
    allowed = IMPORTED_ONLY_BY.get(target.partition(".")[0])
    if allowed is not None and module.partition(".")[0] not in allowed:
        return f"only {sorted(allowed) or 'nobody'} may"
    if here == there or layer(there) < layer(here):
        return None
    return f"{there} stands {'beside' if layer(there) == layer(here) else 'above'} {here}"


def private_modules(source: str) -> set[str]:
    """Return the names with a leading underscore in the modules of heka that *source* imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {name for name in names if re.match(r"heka\..*\b_(?!_)", name)}
    return found


def imports() -> dict[str, set[str]]:
    """Return each module of heka with the modules of heka that it imports."""
    paths = {module_name(path): path for path in files("heka/**/*.py", "heka/*.pyi")}
    return {
        module: imported((ROOT / path).read_text(encoding="utf-8"), module, set(paths))
        for module, path in paths.items()
    }


def described(path: str, text: str) -> bool:
    """The first line (after a #!) says what the file is; a C file's begins with its name."""
    lines = text.splitlines() or [""]
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    if path.endswith((".c", ".h")):
        return re.match(rf"/\* {re.escape(Path(path).name)} -- \S", first) is not None
    return re.match(r'r?"""\S.{9,}', first) is not None


def test_includes_point_down():
    """A folder includes lower folders and itself; a library's headers are where the tables say."""
    own = {name.removeprefix("csrc/") for name in files("csrc/**/*.h")}
    pairs = includes()

    problems = [
        f"csrc/{path} includes {target}: {problem}"
        for path, target in pairs
        if (problem := include_problem(path, target, own))
    ]

    assert len(pairs) > 100
    assert not problems, "\n".join(problems)


def test_includes_close_no_circle():
    """A .c file and its header taken as one, one unit comes first, within a folder too."""
    own = {name.removeprefix("csrc/") for name in files("csrc/**/*.h")}
    graph: dict[str, set[str]] = {}
    for path, target in includes():
        beside = f"{path.rpartition('/')[0]}/{target}"
        header = beside if beside in own else target
        if header in own and unit(header) != unit(path):
            graph.setdefault(unit(path), set()).add(unit(header))
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"files of csrc include each other in a circle: {' -> '.join(error.args[1])}")

    assert len(order) > 50


def test_imports_point_down():
    """Every module is in a room and imports from its own and from lower ones."""
    modules = imports()

    problems = [
        f"heka.{module} imports heka.{target}: {problem}"
        for module, targets in modules.items()
        for target in sorted(targets)
        if (problem := import_problem(module, target))
    ]
    problems += [
        f"heka.{module} is in no room: enter it in LAYERS of tests/test_layers.py"
        for module in modules
        if room(module) is None
    ]
    problems += [
        f"heka.{name} of LAYERS is not there"
        for names in LAYERS
        for name in names
        if name not in modules
    ]

    assert not problems, "\n".join(problems)


def test_imports_by_name_are_seen_too():
    """What ``heka.__getattr__`` imports stands in import statements as well; others import none."""
    late = {*heka._LATER.values(), *(f"heka.{name}" for name in heka._MODULES)}
    by_name = {
        path
        for path in files("heka/**/*.py")
        if re.search(r"\b(import_module|__import__)\(", (ROOT / path).read_text(encoding="utf-8"))
    }

    assert {name.removeprefix("heka.") for name in late} <= imports()["__init__"]
    assert by_name == {"heka/__init__.py", *IMPORT_OTHERS}


def test_imports_close_no_circle():
    """Within a room too, one module comes first."""
    try:
        order = list(TopologicalSorter(imports()).static_order())
    except CycleError as error:
        pytest.fail(f"heka modules import each other in a circle: {' -> '.join(error.args[1])}")

    assert "__init__" in order


def test_old_packages_stand_on_top():
    """They import heka, themselves and the standard library; heka does not know them."""
    old = {path.name for path in (ROOT / COMPAT).iterdir() if path.is_dir()}
    problems = []
    for path in files(f"{COMPAT}/**/*.py", "heka/**/*.py"):
        folder, package = path.split("/")[:2]
        allowed = {"heka", package} if folder == COMPAT else set()
        known = packages_imported((ROOT / path).read_text(encoding="utf-8"))
        forbidden = known & old if folder != COMPAT else known - set(sys.stdlib_module_names)
        problems += [f"{path} imports {name}" for name in sorted(forbidden - allowed)]

    assert "metlog" in old
    assert not problems, "\n".join(problems)


def test_private_rooms_are_imported_in_heka_only():
    """What users read or get with the package uses names that they may use too."""
    paths = files(*OUTSIDE)
    problems = [
        f"{path} imports {name}, which is private"
        for path in paths
        for name in sorted(private_modules((ROOT / path).read_text(encoding="utf-8")))
    ]

    assert len(paths) > 30
    assert not problems, "\n".join(problems)


def test_public_names_are_few():
    """Whatever of heka does not begin with an underscore is promised to users."""
    tops = {module.partition(".")[0] for module in imports()}
    public = sorted(name for name in tops if not name.startswith("_"))

    assert "client" in public
    assert len(public) <= MOST_NAMES, f"{len(public)} public names: {public}"


def test_no_file_is_too_long():
    """A file does one thing; over 600 lines it hardly does."""
    sizes = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in files(*SIZED)
    }
    problems = [
        f"{path} has {lines} lines, at most {MOST_LINES}: split it"
        for path, lines in sizes.items()
        if lines > MOST_LINES
    ]

    assert len(sizes) > 400
    assert not problems, "\n".join(problems)


def test_first_lines_say_what_files_are():
    """A docstring, and in C ``/* its name -- what it is``."""
    paths = files(*DESCRIBED, *DESCRIBED_C)
    problems = [
        f"the first line of {path} does not say what it is"
        for path in paths
        if not described(path, (ROOT / path).read_text(encoding="utf-8"))
    ]

    assert len(paths) > 400
    assert not problems, "\n".join(problems)


def test_each_folder_has_a_short_readme():
    """It says what the folder is for, and which of its files to read first."""
    sources = files("heka/**/*", "csrc/**/*", "tests/**/*")
    folders = {
        parent.as_posix() for path in sources for parent in Path(path).parents if parent.name
    }
    problems = []
    for folder in sorted(folders):
        readme = ROOT / folder / "README.md"
        lines = readme.read_text(encoding="utf-8").splitlines() if readme.is_file() else []
        if not lines:
            problems.append(f"{folder} has no README.md")
        elif len(lines) > README_LINES or lines[0] != f"# {folder}":
            problems.append(
                f"{folder}/README.md begins with '# {folder}' and has at most {README_LINES} lines"
            )

    assert {"heka/_net", "csrc", "tests/wire"} <= folders
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("path", "text", "fine"),
    [
        pytest.param("a.py", '"""Says what it is."""', True, id="docstring"),
        pytest.param("a.py", '#!/usr/bin/python3\n"""Says what it is."""', True, id="after-a-#!"),
        pytest.param("a.py", "import os", False, id="no-docstring"),
        pytest.param("a.py", "", False, id="empty"),
        pytest.param("b/a.c", "/* a.c -- what it is */", True, id="c"),
        pytest.param("b/a.c", "/* c.c -- what it is */", False, id="c-of-another-name"),
    ],
)
def test_first_line_rule(path, text, fine):
    assert described(path, text) is fine


@pytest.mark.parametrize(
    ("path", "target", "fine"),
    [
        pytest.param("core/wire/hk_frame.c", "hk_frame.h", True, id="own-header"),
        pytest.param("core/wire/hk_frame.c", "string.h", True, id="libc"),
        pytest.param("core/wire/hk_frame.c", "Python.h", False, id="core-knows-no-python"),
        pytest.param("core/wire/hk_frame.c", "python/base/state.h", False, id="nor-the-binding"),
        pytest.param(
            "core/wire/hk_frame.c", "core/queue/hk_queue.h", False, id="nor-a-higher-floor"
        ),
        pytest.param("core/wire/hk_frame.c", "core/base/hk_status.h", True, id="a-lower-floor"),
        pytest.param("core/wire/hk_frame.c", "core/wire/hk_frame.h", False, id="bare-name-beside"),
        pytest.param("core/wire/hk_frame.c", "hk_sign.c", False, id="no-code-is-included"),
        pytest.param("core/wire/hk_frame.c", "openssl/evp.h", False, id="openssl-is-hk-sign's"),
        pytest.param("core/wire/hk_sign.c", "openssl/evp.h", True, id="hk-sign-has-openssl"),
        pytest.param("core/wire/hk_frame.c", "sys/socket.h", False, id="wire-has-no-sockets"),
        pytest.param("core/io/hk_send.c", "sys/socket.h", True, id="io-has-sockets"),
        pytest.param("python/calls/send.c", "sys/socket.h", False, id="the-binding-has-none"),
        pytest.param("python/calls/send.c", "Python.h", False, id="python-is-pycompat's"),
        pytest.param("python/calls/send.c", "core/wire/hk_frame.h", True, id="binding-uses-core"),
        pytest.param("python/calls/send.c", "curl/curl.h", False, id="unknown-header"),
        pytest.param("python/more/send.c", "core/wire/hk_frame.h", False, id="unknown-folder"),
    ],
)
def test_include_rule(path, target, fine):
    own = {
        *("core/base/hk_status.h", "core/wire/hk_frame.h", "core/queue/hk_queue.h"),
        "python/base/state.h",
    }

    assert (include_problem(path, target, own) is None) is fine


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        pytest.param("api", "import heka._net", {"_net"}, id="import"),
        pytest.param("api", "from heka.message import Message", {"message"}, id="name-of-module"),
        pytest.param("api", "from heka import message", {"message"}, id="module-of-package"),
        pytest.param("api", "from heka import Message", {"__init__"}, id="name-of-package"),
        pytest.param("api", "from .message import x", {"message"}, id="relative"),
        pytest.param("api", "from . import message", {"message"}, id="relative-module"),
        pytest.param("__init__", "from .message import x", {"message"}, id="from-the-package"),
        pytest.param("cli", "from .demo import x", {"cli.demo"}, id="from-a-subpackage"),
        pytest.param("cli.demo", "from ..message import x", {"message"}, id="two-up"),
        pytest.param("cli.demo", "from . import demo, listen", {"cli.listen"}, id="beside"),
        pytest.param("api", "def f():\n import heka.message", {"message"}, id="in-a-function"),
        pytest.param("api", "import hekabut, os", set(), id="not-ours"),
    ],
)
def test_import_is_found(module, source, found):
    known = {"__init__", "api", "message", "_net", "cli", "cli.demo", "cli.listen"}

    assert imported(source, module, known) == found


@pytest.mark.parametrize(
    ("module", "target", "fine"),
    [
        pytest.param("api", "_net.sockets", True, id="down"),
        pytest.param("_net.tls", "_net.sockets", True, id="own-room"),
        pytest.param("encoders", "connections", False, id="beside"),
        pytest.param("message", "api", False, id="up"),
        pytest.param("cli.show.printer", "cli.keys", False, id="up-within-a-package"),
        pytest.param("cli.keys", "cli.errors", True, id="down-within-a-package"),
        pytest.param("plugins.cef.line", "plugins", True, id="a-room-below-its-package"),
        pytest.param("plugins.cef.line", "plugins.raven.dsn", False, id="the-room-next-door"),
        pytest.param("api", "cli.demo", False, id="nobody-imports-cli"),
        pytest.param("__main__", "cli", True, id="but-main"),
        pytest.param("cli.commands.demo", "__init__", True, id="cli-uses-public-names"),
        pytest.param("api", "surprise", False, id="unknown"),
    ],
)
def test_import_rule(module, target, fine):
    assert (import_problem(module, target) is None) is fine


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("import heka._net.tls", {"heka._net.tls"}, id="import"),
        pytest.param("from heka import _core, log", {"heka._core"}, id="room-of-the-package"),
        pytest.param("from heka._bridge import f", {"heka._bridge.f"}, id="name-of-a-room"),
        pytest.param("from heka.cli import _x", {"heka.cli._x"}, id="private-name"),
        pytest.param("from heka import __version__, log", set(), id="public"),
        pytest.param("import os._x", set(), id="not-ours"),
    ],
)
def test_private_import_is_found(source, found):
    assert private_modules(source) == found
