"""`python -m node.cli`: the command line where no `usance` program is installed."""

import sys

from node.cli import main

if __name__ == "__main__":
    sys.exit(main())
