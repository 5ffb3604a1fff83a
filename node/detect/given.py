"""What a command names to look at or to look for: files of text, print sets, an index (docs/detect.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from node.detect.finding import Against
from node.detect.index import has_index, open_index
from node.detect.looking import LocalSources, Looked, hold, read_looked
from node.detect.matching import ANSWERS, Rule
from node.detect.printset import FORMAT, PrintSetReader
from node.detect.reading import STREAM, Options, printed, read_items
from node.detect.remarks import Remarks
from node.detect.winnow import DEFAULT, Hashes, Scheme, Winnower
from node.errors import FileError
from proofs.errors import InputError

NAMES_CHARS_MAX = 200
_HEAD_BYTES = 64

Show = Callable[[], None]
"""Called after each item."""


def is_print_set(path: str) -> bool:
    """Whether a file begins as a print set does. A file that can't be read is none: reading it says so."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return FORMAT.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def read_given(
    paths: Sequence[str], winnower: Winnower, *, options: Options, remarks: Remarks, show: Show = lambda: None
) -> Iterator[Looked]:
    """Items of print sets, and of everything else that can be read. Raises FileError, and InputError for a print set
    that is damaged or of another scheme."""
    sets = [path for path in paths if path != STREAM and is_print_set(path)]
    texts = [path for path in paths if path not in sets]
    if texts:
        reads = read_items(texts, options=options, remarks=remarks)
        for looked in read_looked(reads, remarks=remarks, winnower=winnower):
            show()
            yield looked
    for path in sets:
        for looked in _read_set(path, winnower.scheme):
            remarks.items += 1
            show()
            yield looked


def _read_set(path: str, scheme: Scheme) -> Iterator[Looked]:
    try:
        with open(path, "rb") as file:
            reader = PrintSetReader(file)
            if reader.scheme != scheme:
                raise InputError(f"prints made as {reader.scheme}", field="scheme", expected=str(scheme))
            for prints in reader:
                named = f"{printed(os.fsencode(path))}: {prints.name}"
                yield Looked(type(prints)(named, prints.sha256, prints.length, prints.hashes, prints.places), None)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="PATH") from None
    except InputError as error:
        if isinstance(error, FileError):
            raise
        raise InputError(f"{path}: {error.detail}", field=error.field, expected=error.expected) from None


def open_sources(
    paths: Sequence[str], *, rule: Rule, options: Options, remarks: Remarks, boilerplate: Hashes,
    at_end: Callable[[Callable[[], None]], object], show: Show = lambda: None,
) -> LocalSources:  # fmt: skip
    """What to look for: an index, or texts and print sets held in memory, each path an owner. Raises InputError."""
    indexes = [path for path in paths if has_index(path)]
    if indexes:
        if len(paths) > 1:
            raise InputError(
                f"{indexes[0]} is an index, and there is more to look for", field="--against",
                expected="one index alone: add the rest to it with `usance detect index`",
            )  # fmt: skip
        return _index_sources(indexes[0], boilerplate, at_end)
    winnower = Winnower(DEFAULT)

    def owners() -> Iterator[tuple[str, Iterator[Looked]]]:
        for path in dict.fromkeys(paths):
            # Each for itself: what two owners have alike is both's.
            yield printed(os.fsencode(path)), read_given([path], winnower, options=options, remarks=remarks, show=show)

    return hold(
        owners(), DEFAULT, _called(paths), boilerplate=boilerplate,
        prompts=options.prompt is not None and rule == ANSWERS,
    )  # fmt: skip


def _called(paths: Sequence[str]) -> str:
    name = ", ".join(printed(os.fsencode(path)) for path in paths)
    return name if len(name) <= NAMES_CHARS_MAX else f"{printed(os.fsencode(paths[0]))} and {len(paths) - 1:,} more"


def _index_sources(path: str, boilerplate: Hashes, at_end: Callable[[Callable[[], None]], object]) -> LocalSources:
    index = open_index(path)
    at_end(index.close)
    against = Against("index", printed(os.fsencode(path)), index.owners, index.items)
    # Ours is a list for the default scheme: another's prints are never in it.
    return LocalSources(index, against, texts=index.texts, boilerplate=boilerplate)
