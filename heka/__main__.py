"""Run the command line: ``python -m heka``."""

import sys

from heka.cli import main

if __name__ == "__main__":
    sys.exit(main())
