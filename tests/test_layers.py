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

ROOT = Path(__file__).resolve().parent.parent

# Modules of heka from the lowest layer to the highest; a package stands for all that is in it.
# A module may import what is in a lower layer or in its own, as long as no circle closes.
LAYERS = [
    ["_core"],
    ["exceptions", "severity", "path"],
    ["_runtime"],
    ["_net"],
    ["message", "framing", "signing", "_context"],
    ["jsonlines"],
    ["connections", "filters", "encoders"],
    ["_delivery", "_receiving"],
    ["api", "testing", "streams", "senders"],
    ["client"],
    ["config", "holder"],
    ["_bridge"],
    ["logging", "decorators"],
    ["integrations"],
    ["plugins", "raven_plugin"],
    ["__init__"],
    ["pytest_plugin", "cli"],
    ["__main__"],
]
# Names of older distributions, installed beside heka: each package of this folder stands on top.
COMPAT = "compat"
# Who may import these; everything else of heka may not.
IMPORTED_ONLY_BY = {"cli": {"cli", "__main__"}, "pytest_plugin": set(), "__main__": set()}

# Folders of csrc from the lowest floor to the highest. A file may include what is on a lower floor
# or in its own folder, as long as no circle closes.
FLOORS = [
    *("gen", "core/base", "core/wire", "core/queue", "core/io"),
    *("python/base", "python/values", "python/messages", "python/queue", "python/calls", "python"),
]

# Headers of the C library that any file of ours may include.
LIBC = {
    *("assert.h", "errno.h", "limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h"),
    *("stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "time.h", "unistd.h"),
    *("inttypes.h", "pthread.h", "sys/random.h", "sys/types.h"),
}
# Headers for some files only, as regular expressions over "folder/file" without its ending.
HEADERS = {
    r"Python\.h|structmember\.h": r"python/base/pycompat",
    r"openssl/.*": r"core/wire/hk_sign",
    r"uuid/.*": r"core/wire/hk_uuid",
    r"gen/message\.pb-c\.h": r"core/wire/hk_normalise",
    r"sys/(socket|un|uio)\.h|netinet/.*|arpa/.*|netdb\.h": r"core/io/hk_\w+",
    r"poll\.h|sys/ioctl\.h|linux/sockios\.h": r"core/io/hk_pump",
    r"fcntl\.h|sys/(mman|stat)\.h|dirent\.h": (
        r"core/(base/hk_file|queue/hk_(cursor|segment|journal))"
    ),
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


def layer(module: str) -> int | None:
    """Return the index of the layer of *module*, None if it is in none."""
    top = module.partition(".")[0]
    return next((index for index, names in enumerate(LAYERS) if top in names), None)


def import_problem(module: str, target: str) -> str | None:
    """Say why *module* may not import *target*."""
    source_layer, target_layer = layer(module), layer(target)
    if source_layer is None or target_layer is None:
        unknown = module if source_layer is None else target
        return f"heka.{unknown} is in no layer: enter it in LAYERS of tests/test_layers.py"
    allowed = IMPORTED_ONLY_BY.get(target.partition(".")[0])
    if allowed is not None and module.partition(".")[0] not in allowed:
        return f"only {sorted(allowed) or 'nobody'} may"
    if target_layer > source_layer:
        return f"{LAYERS[target_layer]} stands above {LAYERS[source_layer]}"
    return None


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
    assert problems == []


def test_includes_close_no_circle():
    """A .c file and its header taken as one, one unit comes first, within a folder too."""
    own = {name.removeprefix("csrc/") for name in files("csrc/**/*.h")}
    graph: dict[str, set[str]] = {}
    for path, target in includes():
        beside = f"{path.rpartition('/')[0]}/{target}"
        header = beside if beside in own else target
        # What hk_spool.c and hk_spool_life.c share; it goes once there is one queue engine.
        if unit(path) == "core/queue/hk_spool_state":
            continue
        if header in own and unit(header) != unit(path):
            graph.setdefault(unit(path), set()).add(unit(header))
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"files of csrc include each other in a circle: {' -> '.join(error.args[1])}")

    assert len(order) > 50


def test_imports_point_down():
    """Every module is in a layer and imports from lower ones or its own."""
    modules = imports()

    problems = [
        f"heka.{module} imports heka.{target}: {problem}"
        for module, targets in modules.items()
        for target in targets
        if (problem := import_problem(module, target))
    ]
    problems += [
        f"heka.{module} is in no layer: enter it in LAYERS of tests/test_layers.py"
        for module in modules
        if layer(module) is None
    ]

    assert problems == []


def test_imports_close_no_circle():
    """Within a layer too, one module comes first."""
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
    assert problems == []


@pytest.mark.parametrize("path", files(*SIZED))
def test_file_is_not_too_long(path):
    """A file does one thing; over 600 lines it hardly does."""
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())

    assert lines <= MOST_LINES, f"{path} has {lines} lines, at most {MOST_LINES}: split it"


@pytest.mark.parametrize("path", files(*DESCRIBED, *DESCRIBED_C))
def test_first_line_says_what_the_file_is(path):
    text = (ROOT / path).read_text(encoding="utf-8")

    assert described(path, text), f"the first line of {path} has to be " + (
        "/* its name -- what it is" if path.endswith((".c", ".h")) else "a docstring"
    )


@pytest.mark.parametrize(
    ("path", "target", "fine"),
    [
        pytest.param("core/wire/hk_frame.c", "hk_frame.h", True, id="own-header"),
        pytest.param("core/wire/hk_frame.c", "string.h", True, id="libc"),
        pytest.param("core/wire/hk_frame.c", "Python.h", False, id="core-knows-no-python"),
        pytest.param("core/wire/hk_frame.c", "python/base/state.h", False, id="nor-the-binding"),
        pytest.param(
            "core/wire/hk_frame.c", "core/queue/hk_ring.h", False, id="nor-a-higher-floor"
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
        *("core/base/hk_status.h", "core/wire/hk_frame.h", "core/queue/hk_ring.h"),
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
        pytest.param("api", "_net", True, id="down"),
        pytest.param("encoders", "connections", True, id="beside"),
        pytest.param("message", "api", False, id="up"),
        pytest.param("api", "cli.demo", False, id="nobody-imports-cli"),
        pytest.param("__main__", "cli", True, id="but-main"),
        pytest.param("cli.demo", "__init__", True, id="cli-uses-public-names"),
        pytest.param("api", "surprise", False, id="unknown"),
    ],
)
def test_import_rule(module, target, fine):
    assert (import_problem(module, target) is None) is fine
