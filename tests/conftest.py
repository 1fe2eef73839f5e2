"""What every test shares: which build is tested, and how long hypothesis may look.

HEKA_TEST_CORE names the folder that heka has to come from: a run meant for a sanitizer or debug
build must not quietly test the release build that stands in the source tree.
"""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# No deadline: the same tests run under sanitizers, many times slower.
hypothesis.settings.register_profile("heka", deadline=None, print_blob=True)
hypothesis.settings.load_profile("heka")


def pytest_report_header() -> str:
    """Name the build under test in the first lines of every run."""
    from heka import _core

    return f"heka: {_core.__file__}"


def pytest_configure(config: pytest.Config) -> None:
    """End the run at once if the extension is not the one asked for."""
    wanted = os.environ.get("HEKA_TEST_CORE")
    if wanted is None:
        return
    from heka import _core

    if not Path(str(_core.__file__)).is_relative_to(Path(wanted).resolve()):
        raise pytest.UsageError(f"HEKA_TEST_CORE={wanted}, but heka._core is {_core.__file__}")
