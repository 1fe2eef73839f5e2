"""``python -m heka``: the command line."""

import sys

from heka.cli import main

if __name__ == "__main__":
    sys.exit(main())
