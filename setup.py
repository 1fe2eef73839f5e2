"""Build the C extension ``heka._core``; everything else is said in pyproject.toml."""

import glob
import os
import shlex
import subprocess
import sys

from setuptools import Extension, setup

# What pkg-config calls it, the least version, and the package that holds its headers.
LIBRARIES = [
    ("libprotobuf-c", "1.3", "libprotobuf-c-dev", "protobuf-c-devel", "protobuf-c"),
    ("uuid", "2.20", "uuid-dev", "libuuid-devel", "ossp-uuid"),
    ("libcrypto", "3.0", "libssl-dev", "openssl-devel", "openssl@3"),
]


def pkg_config(*args: str) -> list[str]:
    """Return what pkg-config prints for *args*, split as a shell would."""
    out = subprocess.run(
        [os.environ.get("PKG_CONFIG", "pkg-config"), *args],
        check=True,
        capture_output=True,
        text=True,
    )
    return shlex.split(out.stdout)


def library_flags() -> tuple[list[str], list[str]]:
    """Compiler and linker flags of the C libraries; one sentence and no build without them."""
    cflags: list[str] = []
    libs: list[str] = []
    for name, version, debian, fedora, homebrew in LIBRARIES:
        wanted = f"{name} >= {version}"
        try:
            cflags += pkg_config("--cflags", wanted)
            libs += pkg_config("--libs", wanted)
        except FileNotFoundError:
            sys.exit(
                "heka-py needs pkg-config to find its C libraries: "
                "install pkg-config (Debian), pkgconf (Fedora) or pkgconf (Homebrew)."
            )
        except subprocess.CalledProcessError:
            sys.exit(
                f"heka-py needs {wanted}: install {debian} (Debian), {fedora} (Fedora) "
                f"or {homebrew} (Homebrew)."
            )
    return cflags, libs


def extension() -> Extension:
    """Describe ``heka._core``; HEKA_CFLAGS and HEKA_LDFLAGS add flags (sanitizers, -Werror)."""
    cflags, libs = library_flags()
    return Extension(
        "heka._core",
        sources=sorted(
            glob.glob("csrc/core/*.c") + glob.glob("csrc/gen/*.c") + glob.glob("csrc/binding/*.c")
        ),
        depends=sorted(glob.glob("csrc/*/*.h")),
        include_dirs=["csrc"],
        extra_compile_args=[
            "-std=c11",
            "-fvisibility=hidden",
            *cflags,
            *shlex.split(os.environ.get("HEKA_CFLAGS", "")),
        ],
        extra_link_args=[*libs, *shlex.split(os.environ.get("HEKA_LDFLAGS", ""))],
        define_macros=[("_GNU_SOURCE", "1")],
    )


# A source distribution needs no C library: only a build asks for them.
needs_extension = not {"sdist", "--version", "--name", "egg_info"}.issuperset(sys.argv[1:2])
setup(ext_modules=[extension()] if needs_extension else [])
