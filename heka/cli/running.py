"""Run one command: its errors as a line on stderr, and its exit code.

Imported before a command runs, so that no error has to import anything.
"""

from __future__ import annotations

import errno
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
#: What standard output fails with: a full disk, a quota, a limit, a closed descriptor.
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def execute(run: Callable[[Namespace], int], args: Namespace, name: str) -> int:
    """Return the exit code of ``run(args)``; *name* starts its error line on stderr.

    A command whose exit code 1 is no failure sets ``exit_failed`` as a default of its parser.
    """
    failed: int = getattr(args, "exit_failed", EXIT_FAILED)
    try:
        code = run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except CommandError as exc:
        print(masked(f"{name}: {exc}"), file=sys.stderr)
        return failed
    except BrokenPipeError:
        discard_stdout()
        return 0
    except OSError as exc:
        if exc.errno not in _UNWRITABLE:
            raise
        discard_stdout()
        print(f"{name}: cannot write to standard output: {exc.strerror}", file=sys.stderr)
        return failed
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
