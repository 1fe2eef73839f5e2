"""Run one command: its errors as a line on stderr, and its exit code.

Imported before a command runs, so that no error has to import anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from heka._secrets import masked
from heka.cli.errors import CommandError
from heka.cli.show.terminal import discard_stdout

if TYPE_CHECKING:
    from argparse import Namespace

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count


def execute(run: Callable[[Namespace], int], args: Namespace, name: str) -> int:
    """Return the exit code of ``run(args)``; *name* starts its error line on stderr."""
    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except CommandError as exc:
        print(masked(f"{name}: {exc}"), file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        discard_stdout()
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
