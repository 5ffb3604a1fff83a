"""What a node answers from its index: matches of prints that somebody sent, and print sets that are taken in.

Everything here runs on the node's threads for it (node/detection.py).
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from ledger.errors import StorageError
from node.detect.calibration import boilerplate
from node.detect.index import Index, create_index, has_index, open_index
from node.detect.indexrows import Owner
from node.detect.matching import MILLION, RULES, Matching, Pair, Rule
from node.detect.prints import NO_HASHES, NO_PLACES, PRINTS_MAX, Prints
from node.detect.printset import PrintSetReader, Summary, parse_leaf
from node.detect.winnow import DEFAULT, Scheme, parse_scheme
from proofs import codec
from proofs.errors import InputError, RetryableError, excerpt

ITEMS_MAX = 4096
"""In one request."""
PAIRS_MAX = 4096
"""In one answer: those of the first items; the others are counted."""
FOUND_MAX = 512 * 1024
"""Places that one look-up may find in a node's index: about 200 MB while they are joined."""
PORTION_PRINTS = 128 * 1024
JOINED_MAX = 256 * 1024
"""Pairs of places looked at together: 40 MB."""
WORK_MAX = 4 * 1024 * 1024
"""Pairs of places looked at for one request, about 3 seconds; an item alone has at most half as many."""
WORK_FREE = 16
"""For each print, so many pairs of places cost nothing; those beyond count as prints."""
RUN_STEP = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to look. `items`: with their position for a name."""

    rule: Rule
    items: list[Prints]

    @property
    def prints(self) -> int:
        """Of all items; one that has none counts as one."""
        return sum(max(1, len(item)) for item in self.items)


def parse_asked(body: bytes, *, prints_max: int) -> Asked:
    """What is asked: `{"items": [leaf…], "rule": name, "scheme": text}`, canonical MessagePack, leaves as a print set
    has them (printset.leaf_of). Raises InputError."""
    value = codec.unpack_wide(body, field="body", items_max=ITEMS_MAX, containers_max=2)
    if (
        type(value) is not dict
        or set(value) != {"items", "rule", "scheme"}
        or codec.pack(codec.sort_maps(value)) != body
    ):
        raise InputError("not a request to look", field="body", expected="canonical items, rule and scheme")
    if type(value["rule"]) is not str or value["rule"] not in RULES:
        raise InputError(f"no rule {excerpt(value['rule'])}", field="rule", expected=" or ".join(RULES))
    if type(value["scheme"]) is not str or parse_scheme(value["scheme"]) != DEFAULT:
        raise InputError(f"another scheme: {excerpt(value['scheme'])}", field="scheme", expected=str(DEFAULT))
    leaves = value["items"]
    if type(leaves) is not list or not leaves or any(type(leaf) is not bytes for leaf in leaves):
        raise InputError("no items", field="items", expected=f"1 to {ITEMS_MAX} items, each the bytes of a leaf")
    asked = Asked(RULES[value["rule"]], [_parse_leaf(leaf, at) for at, leaf in enumerate(leaves)])
    if asked.prints > prints_max:
        raise InputError(f"{asked.prints:,} prints", field="items", expected=f"at most {prints_max:,} in a request")
    return asked


def _parse_leaf(leaf: bytes, at: int) -> Prints:
    try:
        return parse_leaf(leaf, name=str(at))
    except InputError as error:
        raise InputError(error.detail, field=f"items.{at}", expected=error.expected) from None


class Serving:
    """An index that is served. `stopping`: set when the node stops."""

    def __init__(self, folder: str, uploads: str, *, stopping: threading.Event) -> None:
        """Open the index, or make it. Raises StorageError, StartupError."""
        self._uploads, self._stopping = uploads, stopping
        try:
            os.makedirs(uploads, mode=0o700, exist_ok=True)
            if not has_index(folder):
                create_index(folder).close()
            self._index: Index = open_index(folder, found_max=FOUND_MAX)
        except InputError as error:  # there is something else: for who runs the node, not for who asks it
            raise StorageError(
                f"the index {folder} can't be used ({error.detail}): move the folder away, and owners send their print "
                "sets again"
            ) from None
        except OSError as error:
            raise StorageError(
                f"the index {folder} can't be made: {error.strerror}; free space or mend the disk"
            ) from None
        self._boilerplate = boilerplate()

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    @property
    def size(self) -> tuple[int, int]:
        """Owners and prints."""
        return self._index.owners, self._index.prints

    @staticmethod
    def parse(body: bytes, *, prints_max: int) -> Asked:
        """See parse_asked."""
        return parse_asked(body, prints_max=prints_max)

    @staticmethod
    def summary(record: dict[str, Any]) -> Summary:
        """What an asset's record says of its prints. Raises InputError for another program's."""
        return Summary(parse_scheme(record["scheme"]), record["count"], record["root"])

    def look(self, asked: Asked) -> tuple[dict[str, Any], int]:
        """What matches, as the answer says it, and what it cost beyond the prints, in prints. Raises InputError where
        so much is alike that fewer items have to be asked for at a time, StorageError."""
        index, rule = self._index, asked.rule
        pairs: list[dict[str, Any]] = []
        too_short: list[int] = []
        left_out = known = work = 0
        for first, portion in _portions([_dense(item, rule, index.scheme) for item in asked.items]):
            matches = Matching(
                portion, index, rule, boilerplate=self._boilerplate, joined_max=JOINED_MAX,
                pairs_max=PAIRS_MAX - len(pairs),
            )  # fmt: skip
            work += matches.joined
            if work > WORK_MAX and len(asked.items) > 1:
                raise InputError(
                    "these items have too much in common with what is registered", field="items",
                    expected="fewer items in a request",
                )  # fmt: skip
            too_short += [first + at for at, item in enumerate(portion) if item.length < rule.length or not len(item)]
            known += matches.boilerplate
            for pair in chain(matches.pairs(), self._copies(portion)):
                if len(pairs) >= PAIRS_MAX:
                    left_out += 1
                elif (shown := self._shown(first, pair, portion[pair.item], rule)) is not None:
                    pairs.append(shown)
            left_out += matches.left_out
        answer = {
            "rule": rule.name,
            "scheme": str(index.scheme),
            "index": {"owners": index.owners, "items": index.items},
            "pairs": pairs,
            "left_out": left_out,
            "too_short": too_short,
            "boilerplate": known,
        }
        return answer, max(0, work - WORK_FREE * asked.prints)

    def _copies(self, items: list[Prints]) -> Iterator[Pair]:
        """Of what is no text, the hash alone."""
        for at, item in enumerate(items):
            if item.length == 0:
                for doc in self._index.copies(item.sha256):
                    yield Pair(at, doc, 0, 1_000_000, 1_000_000, 0, 0, 0)

    def _shown(self, first: int, pair: Pair, item: Prints, rule: Rule) -> dict[str, Any] | None:
        """A pair, in rounded figures and without the places in the source, which would tell what else is in it. None
        where its owner was removed meanwhile, or where it is no text and the item is."""
        try:
            source = self._index.source(pair.doc)
            owner = self._index.owner(source.owner)
        except InputError:
            return None
        if owner is None or (item.length == 0) != (source.length == 0):
            return None
        return {
            "item": first + pair.item,
            "owner": source.owner,
            "prints_root": owner.root.hex(),
            "source": {"sha256": source.sha256.hex(), "length": source.length},
            "hits": rounded(pair.hits, step=5, least=rule.hits),
            "of_item": pair.of_item - pair.of_item % (MILLION // 100),
            "of_source": pair.of_source - pair.of_source % (MILLION // 100),
            "run": rounded(pair.run, step=RUN_STEP, least=rule.run or 0),
            "place": pair.item_place,
            "copy": source.sha256 == item.sha256,
        }

    def new_upload(self) -> str:
        """An empty file for a print set. Raises StorageError."""
        try:
            handle, path = tempfile.mkstemp(dir=self._uploads)
            os.close(handle)
        except OSError as error:
            raise StorageError(f"a print set can't be stored: {error.strerror}; free space or mend the disk") from None
        return path

    def take(self, owner: str, path: str, registered: Summary) -> dict[str, Any]:
        """Take in a print set for an asset, if it is the one that was registered. Raises InputError, StorageError,
        RetryableError where the node stops meanwhile."""
        there = self._index.owner(owner)
        is_there = there is not None and there.root == registered.root
        if not is_there:
            try:
                there = self._add(owner, path, registered)
            except OSError as error:
                raise StorageError(
                    f"a print set can't be stored: {error.strerror}; free space or mend the disk"
                ) from None
        if there is None:
            raise StorageError("the index lost an owner: remove the folder, and make the index again")
        return {
            "ref": owner,
            "status": "there" if is_there else "taken",
            "items": there.items,
            "prints": there.prints,
            "root": there.root.hex(),
        }

    def _add(self, owner: str, path: str, registered: Summary) -> Owner:
        """Read it to the end, then again into the index."""
        with open(path, "rb") as file:
            reader = PrintSetReader(file)
            _check(reader.scheme, self._index.scheme)
            for _ in self._going_on(reader):
                pass
            if reader.summary() != registered:
                raise InputError(
                    "this is not the print set that the asset's record names", field="root",
                    expected=f"{registered.count:,} prints with the root {registered.root.hex()}",
                )  # fmt: skip
        with open(path, "rb") as file:
            items = ((prints, None) for prints in self._going_on(PrintSetReader(file)))
            return self._index.add(owner, items, replaces=True)

    def _going_on(self, items: Iterator[Prints] | PrintSetReader) -> Iterator[Prints]:
        for item in items:
            if self._stopping.is_set():
                raise RetryableError("the node is stopping", retry_after_s=1)
            yield item


def rounded(value: int, *, step: int, least: int) -> int:
    """Down to two digits, and to a multiple of `step`, but not below `least`, where it is that: so one guess more
    mostly changes nothing."""
    step = max(step, 10 ** (len(str(value)) - 2))
    return max(value - value % step, min(value, least))


def _dense(item: Prints, rule: Rule, scheme: Scheme) -> Prints:
    """The item, or one without prints where these can't be of so long a text: winnowing leaves no gap wider than a
    window. (What was cut out of an honest text, as a prompt or a line for the fifth time, counts as not there.)"""
    steps = np.diff(item.places.astype(np.int64))
    if int(steps[steps <= scheme.window].sum()) + scheme.gram >= rule.length - 2 * (scheme.window - 1):
        return item
    return replace(item, hashes=NO_HASHES, places=NO_PLACES)


def _check(scheme: object, wanted: object) -> None:
    if scheme != wanted:
        raise InputError(f"prints of another scheme: {scheme}", field="scheme", expected=str(wanted))


def _portions(items: list[Prints]) -> Iterator[tuple[int, list[Prints]]]:
    """Items side by side with about PORTION_PRINTS prints, and the position of the first."""
    first, size = 0, 0
    for at, item in enumerate(items):
        if at > first and size + len(item) > min(PORTION_PRINTS, PRINTS_MAX):
            yield first, items[first:at]
            first, size = at, 0
        size += len(item)
    yield first, items[first:]
