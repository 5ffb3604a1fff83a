"""What a command names to look at or to look for: files of text, print sets, an index (docs/detect.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from node.detect.finding import Against
from node.detect.index import has_index, open_index
from node.detect.looking import LocalSources, Looked, cut_name, hold, read_looked
from node.detect.matching import ANSWERS, Rule
from node.detect.prints import Prints
from node.detect.printset import PrintSetReader, has_format
from node.detect.reading import SEEN_MAX, STREAM, Options, printed, read_items
from node.detect.remarks import REPEATED, Remarks
from node.detect.winnow import DEFAULT, Hashes, Scheme, Winnower
from node.errors import FileError
from proofs.errors import InputError

NAMES_CHARS_MAX = 200

Show = Callable[[], None]
"""Called after each item."""


def is_print_set(path: str) -> bool:
    """Whether a file's first frame is a print set's. A file that can't be read is none: reading it says so."""
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return has_format(file)
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
    seen: set[bytes] = set()
    for path in sets:
        for looked in _read_set(path, winnower.scheme):
            prints = looked.prints
            key = sha256(prints.sha256 + prints.hashes.tobytes()).digest()[:16]  # answers may differ in prompts alone
            if key in seen:
                remarks.note(REPEATED, prints.name)
                continue
            if len(sets) > 1 and len(seen) < SEEN_MAX:
                seen.add(key)
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
                made = Prints(named, prints.sha256, prints.length, prints.hashes, prints.places)
                yield Looked(made, None, is_binary=made.length == 0)
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
    if len(name) <= NAMES_CHARS_MAX:
        return name
    first = printed(os.fsencode(paths[0]))
    first = first if len(first) <= NAMES_CHARS_MAX else first[: NAMES_CHARS_MAX - 1] + "…"
    return f"{first} and {len(paths) - 1:,} more" if len(paths) > 1 else first


def _index_sources(path: str, boilerplate: Hashes, at_end: Callable[[Callable[[], None]], object]) -> LocalSources:
    index = open_index(path)
    at_end(index.close)
    against = Against("index", cut_name(printed(os.fsencode(path))), index.owners, index.items)
    # Ours is a list for the default scheme: another's prints are never in it.
    return LocalSources(index, against, texts=index.texts, boilerplate=boilerplate)
