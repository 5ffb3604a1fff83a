"""Helper processes: how this program starts a module of its own.

`python -m` would look in the current folder first, which may hold what somebody else made: a copy of a log that is to
be audited, with a `node/` of its own in it. A helper finds its modules where this process found them.
"""

from __future__ import annotations

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CODE = "import sys; sys.path.append(sys.argv[1]); from {module} import main; sys.exit(main())"


def command(module: str, *words: str) -> list[str]:
    """The command that runs `main()` of a module of this program, with `words` last on its command line."""
    return [sys.executable, "-P", "-c", _CODE.format(module=module), _ROOT, *words]
