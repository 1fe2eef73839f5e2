"""Build the C extension ``heka._core``; pyproject.toml holds all other settings."""

import os
import shlex
import subprocess
import sys
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# pkg-config name and least version, then the package with the headers on Debian, Fedora, Homebrew.
LIBRARIES = [
    ("libprotobuf-c >= 1.3", "libprotobuf-c-dev", "protobuf-c-devel", "protobuf-c"),
    ("uuid >= 2.20", "uuid-dev", "libuuid-devel", "util-linux"),
    ("libcrypto >= 3.0", "libssl-dev", "openssl-devel", "openssl@3"),
]
PKG_CONFIG = ("pkg-config", "pkg-config", "pkgconf-pkg-config", "pkgconf")


def missing(wanted: list[tuple[str, str, str, str]]) -> str:
    """Return the error text that names the missing libraries and the packages to install."""
    names, debian, fedora, homebrew = (" ".join(column) for column in zip(*wanted, strict=True))
    names = names if len(wanted) == 1 else ", ".join(entry[0] for entry in wanted)
    return (
        f"heka-py cannot be built without {names}: "
        f"install {debian} (Debian), {fedora} (Fedora) or {homebrew} (Homebrew)."
    )


def pkg_config(*args: str) -> subprocess.CompletedProcess[str]:
    """Run ``$PKG_CONFIG``; exit with an error if it is not installed."""
    command = shlex.split(os.environ.get("PKG_CONFIG", "pkg-config"))
    try:
        return subprocess.run([*command, *args], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit(missing([PKG_CONFIG]))


def library_flags() -> tuple[list[str], list[str]]:
    """Return the compiler and linker flags of the C libraries; exit if a library is missing."""
    absent = [entry for entry in LIBRARIES if pkg_config("--exists", entry[0]).returncode != 0]
    if absent:
        sys.exit(missing(absent))
    wanted = [entry[0] for entry in LIBRARIES]
    cflags = shlex.split(pkg_config("--cflags", *wanted).stdout)
    libs = shlex.split(pkg_config("--libs", *wanted).stdout)
    return cflags, libs


class BuildCore(build_ext):
    """Look for the C libraries only when something is compiled: an sdist needs none of them."""

    def build_extensions(self) -> None:
        """Add the flags, then compile; HEKA_CFLAGS and HEKA_LDFLAGS come last and override."""
        cflags, libs = library_flags()
        for extension in self.extensions:
            extension.extra_compile_args += cflags
            extension.extra_compile_args += shlex.split(os.environ.get("HEKA_CFLAGS", ""))
            extension.extra_link_args += libs
            extension.extra_link_args += shlex.split(os.environ.get("HEKA_LDFLAGS", ""))
        super().build_extensions()


setup(
    cmdclass={"build_ext": BuildCore},
    ext_modules=[
        Extension(
            "heka._core",
            sources=sorted(glob("csrc/**/*.c", recursive=True)),
            depends=sorted(glob("csrc/**/*.h", recursive=True)),
            include_dirs=["csrc"],
            define_macros=[("_GNU_SOURCE", "1")],
            extra_compile_args=["-std=c11", "-fvisibility=hidden"],
        )
    ],
)
