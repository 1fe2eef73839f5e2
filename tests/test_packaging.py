"""The distribution: what it says of itself, what it holds, and that it builds where it should.

The tests marked ``packaging`` build and install into environments of their own and fetch setuptools
as pip does; the others look at the installed package.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import heka
import heka.cli

ROOT = Path(__file__).resolve().parent.parent

LIBRARIES = {
    "libprotobuf-c": ("libprotobuf-c >= 1.3", "libprotobuf-c-dev", "protobuf-c-devel"),
    "libpcre2-8": ("libpcre2-8 >= 10.34", "libpcre2-dev", "pcre2-devel"),
    "uuid": ("uuid >= 2.20", "uuid-dev", "libuuid-devel"),
    "libcrypto": ("libcrypto >= 3.0", "libssl-dev", "openssl-devel"),
}
# Encodes, signs, frames and reads back: every layer of the C code, every library. The plugins are
# found by their published names.
SMOKE = """
import heka
signer = heka.SignerConfig("me", 1, "key", "sha1")
frame = heka.pack("t", fields={"a": 1}, signer=signer)
reader = heka.StreamReader(signers={("me", 1): "key"})
[got] = reader.feed(frame)
assert got.message.fields["a"] == [1] and got.signer == "me"
from heka.config import client_from_dict_config
plugins = {name: (name, {}) for name in ("raven", "cef")}
client = client_from_dict_config({"to": "udp://localhost:1", "plugins": plugins})
assert client.raven and client.cef
print(heka.__version__, heka._core.__file__)
"""


def pyproject_version() -> str:
    """Read the version without tomllib, which Python 3.10 has not."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1]


def run(*command: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run *command* in *cwd*, where the source tree cannot be imported by accident."""
    inherited = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=inherited | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def succeed(*command: object, cwd: Path, **environment: str) -> str:
    """Run *command* and return what it printed; its output is the failure's text."""
    result = run(*command, cwd=cwd, **environment)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def script(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the source tree without anything that was built in it."""
    copy = tmp_path_factory.mktemp("tree") / "source"
    built = shutil.ignore_patterns(
        *(".git", ".venv*", "build", "_build", "dist", "out"),
        *("*.egg-info", "*.so", "__pycache__", ".*_cache"),
    )
    return Path(shutil.copytree(ROOT, copy, ignore=built, symlinks=True))


@pytest.fixture(scope="module")
def sdist(tree, tmp_path_factory) -> Path:
    """A source distribution, built by PEP 517 on a machine that seems to have no C library."""
    out = tmp_path_factory.mktemp("dist")
    succeed(
        *(sys.executable, "-m", "build", "--sdist", "--outdir", out, tree),
        cwd=out,
        PKG_CONFIG="false",
    )
    (archive,) = out.iterdir()
    return archive


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory) -> Path:
    """The source distribution as its reader finds it."""
    out = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (folder,) = out.iterdir()
    return folder


@pytest.fixture
def clean_python(tmp_path) -> Path:
    """The interpreter of an environment that holds nothing but pip."""
    venv.create(tmp_path / "clean", with_pip=True, symlinks=True)
    return tmp_path / "clean" / "bin" / "python"


def test_version_is_the_same_everywhere():
    assert heka.__version__ == pyproject_version()
    assert importlib.metadata.version("heka-py") == pyproject_version()


def test_there_is_no_run_time_dependency():
    required = importlib.metadata.requires("heka-py") or []

    assert [line for line in required if "extra ==" not in line] == []


def test_pytest_plugin_is_announced():
    (entry,) = (
        entry
        for entry in importlib.metadata.entry_points(group="pytest11")
        if entry.value.startswith("heka.")
    )

    assert (entry.name, entry.value) == ("heka", "heka.pytest_plugin")
    assert entry.load().__name__ == "heka.pytest_plugin"


def test_console_scripts_are_announced():
    scripts = {
        entry.name: entry.load()
        for entry in importlib.metadata.entry_points(group="console_scripts")
        if entry.value.startswith("heka.")
    }

    assert scripts == {"heka": heka.cli.main, "mb": heka.cli.mb}


def test_console_script_is_the_command_line(tmp_path):
    """``heka`` does what ``python -m heka`` does, and its texts name it as it was called."""
    installed = Path(sysconfig.get_path("scripts")) / "heka"

    called = succeed(installed, "listen", "--help", cwd=tmp_path)
    module = succeed(sys.executable, "-m", "heka", "listen", "--help", cwd=tmp_path)

    assert called.startswith("usage: heka listen ")
    assert module.startswith("usage: python -m heka listen ")


@pytest.mark.packaging
@pytest.mark.parametrize("absent", [[name] for name in LIBRARIES] + [["uuid", "libcrypto"]])
def test_missing_library_is_named_in_one_sentence(absent, tree, tmp_path):
    """Without a library the compiler is never started; the text says what to install."""
    found = "|".join(set(LIBRARIES) - set(absent)) or "none"
    fake = script(
        tmp_path / "pkg-config", f'case "$*" in *{found.replace("|", "*|*")}*) ;; *) exit 1 ;; esac'
    )

    result = run(
        *(sys.executable, "setup.py", "-q", "build_ext", "--build-lib", tmp_path / "lib"),
        *("--build-temp", tmp_path / "temp"),
        cwd=tree,
        PKG_CONFIG=str(fake),
        CC="false",
    )

    wanted, debian, fedora = zip(*(LIBRARIES[name] for name in absent), strict=True)
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1
    assert lines[0].startswith(
        f"heka-py cannot be built without {', '.join(wanted)}: "
        f"install {' '.join(debian)} (Debian), {' '.join(fedora)} (Fedora) or "
    )
    assert lines[0].endswith(" (Homebrew).")


@pytest.mark.packaging
def test_missing_pkg_config_is_named_in_one_sentence(tree, tmp_path):
    result = run(
        *(sys.executable, "setup.py", "-q", "build_ext", "--build-lib", tmp_path / "lib"),
        cwd=tree,
        PKG_CONFIG=str(tmp_path / "not-there"),
    )

    assert result.returncode != 0
    assert result.stderr.strip() == (
        "heka-py cannot be built without pkg-config: install pkg-config (Debian), "
        "pkgconf-pkg-config (Fedora) or pkgconf (Homebrew)."
    )


@pytest.mark.packaging
@pytest.mark.parametrize(
    ("interpreters", "users", "level"),
    [
        ("-O2", {}, "-O3"),
        ("-O3", {}, "-O3"),
        ("-O0", {}, "-O0"),
        ("-O2", {"HEKA_CFLAGS": "-O1"}, "-O1"),
        ("-O2", {"CFLAGS": "-O2"}, "-O2"),
    ],
)
def test_o3_is_set_where_the_interpreters_own_flags_say_o2(
    interpreters, users, level, tree, tmp_path
):
    """Debian's Python says -O2; who names a level has it."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sysconfig\nsysconfig.get_config_vars()['CFLAGS'] = '-O1 -Wall {interpreters}'\n"
    )
    compiler = script(tmp_path / "cc", f'echo "$@" >>{tmp_path}/flags; exit 1')

    run(
        *(sys.executable, "setup.py", "-q", "build_ext", "--build-lib", tmp_path / "lib"),
        *("--build-temp", tmp_path / "temp"),
        cwd=tree,
        CC=str(compiler),
        PYTHONPATH=str(tmp_path),
        **users,
    )

    flags = (tmp_path / "flags").read_text(encoding="utf-8").splitlines()[0].split()
    assert [flag for flag in flags if flag.startswith("-O")][-1] == level


@pytest.mark.packaging
def test_sdist_holds_the_sources(tree, unpacked):
    """Every source file is there, and nothing that was built."""
    kinds = {".c", ".h", ".py", ".pyi", ".proto", ".json", ".md", ".sh", ".toml", ".svg"}

    def sources(top: Path) -> set[str]:
        found = (path.relative_to(top) for path in top.rglob("*") if path.suffix in kinds)
        return {path.as_posix() for path in found if ".egg-info" not in path.as_posix()}

    assert sources(tree) - sources(unpacked) == set()
    assert list(unpacked.rglob("*.so")) == []
    dotted = (".clang-format", ".ci/run", ".editorconfig", ".pre-commit-config.yaml")
    for name in ("Makefile", "LICENSE", "heka/py.typed", *dotted):
        assert (unpacked / name).is_file(), name


@pytest.mark.packaging
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", [[], ["-e"]], ids=["install", "install-editable"])
def test_unpacked_sdist_installs_in_a_clean_environment(options, unpacked, clean_python, tmp_path):
    """Both ways of installing work, bring nothing else, and leave a package that works."""
    source = shutil.copytree(unpacked, tmp_path / "source")

    fast = {"HEKA_CFLAGS": "-O0"} if options else {}  # one of the two as users have it
    succeed(clean_python, "-m", "pip", "install", "-q", *options, source, cwd=tmp_path, **fast)

    version, core = succeed(clean_python, "-c", SMOKE, cwd=tmp_path).split()
    if sys.platform == "linux":  # gdb and callgrind need the symbols, users do not
        sections = succeed("readelf", "-SW", core, cwd=tmp_path)
        assert (".symtab" in sections) == bool(options)
    assert version == pyproject_version()
    assert Path(core).is_relative_to(source if options else clean_python.parent.parent)
    installed = succeed(clean_python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path)
    names = {line.partition("==")[0] for line in installed.splitlines()}
    assert names - {"pip", "setuptools", "wheel"} == {"heka-py"}


@pytest.mark.packaging
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_wheel_holds_the_package_and_nothing_else(unpacked, tmp_path):
    source = shutil.copytree(unpacked, tmp_path / "source")

    succeed(
        *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "w", source),
        cwd=tmp_path,
        HEKA_CFLAGS="-O0",
    )

    (wheel,) = (tmp_path / "w").iterdir()
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    own = {path.relative_to(ROOT).as_posix() for path in (ROOT / "heka").rglob("*.py*")}
    old = {path.relative_to(ROOT / "compat").as_posix() for path in (ROOT / "compat").rglob("*.py")}
    expected = {name for name in own | old if not name.endswith(".pyc")} | {"heka/py.typed"}
    extension = names - expected
    assert expected - names == set()
    assert len(extension) == 1
    assert re.fullmatch(r"heka/_core\..*\.so", extension.pop())
