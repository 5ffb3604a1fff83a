"""`python -m node.cli`: the command line where no `usance` program is installed."""

import sys

from node.cli import main

sys.exit(main())
