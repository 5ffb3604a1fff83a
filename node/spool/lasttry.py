"""What the last try to send left in the spool, and why: for people who ask what waits (`usance spool status`).

Nothing depends on the file: it isn't synced, and where it can't be written or read, nothing is said.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LastTry:
    """`at_ms`: when it ended, Unix milliseconds; `why`: what ended it, empty where it went through; `kept`: segments
    that it left as they are, each with why."""

    at_ms: int
    why: str
    kept: Mapping[str, str] = field(default_factory=dict)


def note_try(path: str, last: LastTry) -> None:
    """Keep it in place of the one before; a try that left nothing removes that. Owner: who holds `sender.lock`."""
    with contextlib.suppress(OSError):
        if not last.why and not last.kept:
            if os.path.exists(path):
                os.unlink(path)
            return
        data = json.dumps({"at": last.at_ms, "why": last.why, "kept": dict(last.kept)}).encode()
        handle = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.rename(path + ".tmp", path)


def load_try(path: str) -> LastTry | None:
    """The last try that left something; None where there was none, or its file can't be read."""
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(BYTES_MAX))
        kept = {str(name): str(why) for name, why in value["kept"].items()}
        return LastTry(int(value["at"]), str(value["why"]), kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
