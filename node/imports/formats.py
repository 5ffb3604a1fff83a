"""The formats that `usance import` reads: where each one's reader is, and what it takes.

A reader is `read(path, *, place) -> Reading`: it reads a file, calls it `place` in messages, notes what it can't carry
over, and raises InputError only where the file as a whole can't be read.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from node.imports.model import Reading
from proofs.errors import InputError, excerpt

Reader = Callable[..., Reading]


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its name on the command line. `module`: in node/imports; `function`: its reader; `help`: what it is,
    in a line; `has_base`: its reader takes `base`, the address of the site that paths in the file belong to."""

    name: str
    module: str
    function: str
    help: str
    has_base: bool = False


FORMATS = (
    Format("provenance", "provenance", "read_provenance",
           "the Data Provenance Collection: JSON Lines, a data set a row"),
    Format("rsl", "rsl", "read_rsl",
           "RSL 1.0 licences of web content, XML", has_base=True),
    Format("croissant", "croissant", "read_croissant",
           "Croissant 1.0 and 1.1 descriptions of data sets, JSON-LD"),
)  # fmt: skip


def reader_of(name: str, *, base: str | None = None) -> Reader:
    """The reader of a format; its module is loaded now. `base`: where given, the reader gets it. Raises InputError for
    a name that isn't in the table, and for a base that its format has no use for."""
    for known in FORMATS:
        if known.name == name:
            module = importlib.import_module(f"node.imports.{known.module}")
            found: Reader = getattr(module, known.function)
            if base is None:
                return found
            if not known.has_base:
                fitting = ", ".join(other.name for other in FORMATS if other.has_base)
                raise InputError(f"{name} has no paths", field="--base", expected=f"a format of {fitting}")
            return functools.partial(found, base=base)
    raise InputError(
        f"{excerpt(name)} is no format", field="FORMAT", expected="one of " + ", ".join(known.name for known in FORMATS)
    )
