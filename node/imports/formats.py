"""The formats that `usance import` reads: where each one's reader is, and what it takes.

A reader is `read(path, *, place) -> Reading`: it reads a file, calls it `place` in messages, notes what it can't carry
over, and raises InputError only where the file as a whole can't be read.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from node.imports.model import Reading
from proofs.errors import InputError, excerpt

Reader = Callable[..., Reading]


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its name on the command line. `module`: in node/imports; `function`: its reader; `help`: what it is,
    in a line."""

    name: str
    module: str
    function: str
    help: str


FORMATS = (
    Format("provenance", "provenance", "read_provenance",
           "the Data Provenance Collection: JSON Lines, a data set a row"),
)  # fmt: skip


def reader_of(name: str) -> Reader:
    """The reader of a format; its module is loaded now. Raises InputError for a name that isn't in the table."""
    for known in FORMATS:
        if known.name == name:
            module = importlib.import_module(f"node.imports.{known.module}")
            found: Reader = getattr(module, known.function)
            return found
    raise InputError(
        f"{excerpt(name)} is no format", field="FORMAT", expected="one of " + ", ".join(known.name for known in FORMATS)
    )
