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
    in a line; `options`: what its reader takes beside a file, each an option of the command: `base`, the address of the
    site that paths in the file belong to; `name`, whose the file is, where it doesn't say so itself."""

    name: str
    module: str
    function: str
    help: str
    options: tuple[str, ...] = ()


FORMATS = (
    Format("provenance", "provenance", "read_provenance",
           "the Data Provenance Collection: JSON Lines, a data set a row"),
    Format("rsl", "rsl", "read_rsl",
           "RSL 1.0 licences of web content, XML", options=("base",)),
    Format("croissant", "croissant", "read_croissant",
           "Croissant 1.0 and 1.1 descriptions of data sets, JSON-LD"),
    Format("spdx", "spdx", "read_spdx",
           "SPDX 3 documents of the AI and Dataset profiles, JSON-LD"),
    Format("hfcard", "hfcard", "read_hfcard",
           "Hugging Face cards: the header of a data set's or model's README.md", options=("name",)),
    Format("litellm", "litellm", "read_litellm",
           "litellm's table of model prices, JSON"),
    Format("cawg", "cawg", "read_cawg",
           "CAWG training and data mining assertions, JSON as c2patool prints it", options=("name",)),
)  # fmt: skip


def reader_of(name: str, /, **options: str | None) -> Reader:
    """The reader of a format; its module is loaded now. `options`: those given, the reader gets; None is not given.
    Raises InputError for a name that isn't in the table, and for an option that its format has no use for."""
    for known in FORMATS:
        if known.name == name:
            given = {option: value for option, value in options.items() if value is not None}
            for option in given.keys() - set(known.options):
                fitting = ", ".join(other.name for other in FORMATS if option in other.options)
                raise InputError(f"{name} has no use for it", field=f"--{option}", expected=f"a format of {fitting}")
            found: Reader = getattr(importlib.import_module(f"node.imports.{known.module}"), known.function)
            return functools.partial(found, **given) if given else found
    raise InputError(
        f"{excerpt(name)} is no format", field="FORMAT", expected="one of " + ", ".join(known.name for known in FORMATS)
    )
