"""What a log's owner keeps beside its entries: conflicts, and the closing note of a log that has ended.

Neither is in the tree, so each is judged by its own signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from ledger import keys
from ledger.append import CONFLICTS_MAX
from ledger.query import PAGE_MAX, Conflict
from ledger.store import Row
from node.errors import NetworkError, ProblemError
from proofs import codec, ed25519
from proofs.entry import BATCH_RECORDS_MAX, batch_lines
from proofs.errors import InputError, VerifyError
from proofs.note import NOTE_BYTES_MAX
from proofs.text import parse_decimal, parse_hash

CONFLICTS_TOTAL_MAX = 1_000_000


class Reads(Protocol):
    """What is asked of node/transport.py."""

    def get_json(self, path: str) -> dict[str, Any]:
        """A JSON object by its path."""

    def get_bytes(self, path: str, *, bytes_max: int) -> bytes:
        """The bytes at a path."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What was found. `conflicts`: None where whoever serves the log says nothing of any (a mirror of its tiles);
    `closing`: the closing note, None while the log goes on."""

    conflicts: list[Conflict] | None = None
    closing: bytes | None = None


def fetch_beside(reads: Reads, origin: str) -> Beside:
    """Ask a node. Raises NetworkError, ProblemError, and VerifyError for a conflict that isn't one."""
    conflicts = _unless_missing(lambda: list(_fetch_conflicts(reads.get_json, origin)))
    closing = _unless_missing(lambda: reads.get_bytes("/closed", bytes_max=NOTE_BYTES_MAX))
    return Beside(conflicts, closing)


def _unless_missing(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ProblemError as error:
        if error.status == 404:
            return None
        raise


def _fetch_conflicts(get_json: Callable[[str], dict[str, Any]], origin: str) -> Iterator[Conflict]:
    """All of them, page by page. A page begins with its first key's conflicts, so those of a page's last key, which it
    may not hold all of, come once more with the next."""
    start, total = "", 0
    while True:
        said = get_json(f"/conflicts?key={quote(start)}" if start else "/conflicts").get("conflicts")
        if not isinstance(said, list) or len(said) > PAGE_MAX:
            raise NetworkError("the node doesn't list its conflicts; is that a Usance node?")
        page = [_read(item) for item in said]
        names = [one.key.hex() for one in page]
        if names != sorted(names) or (names and names[0] < start):
            raise VerifyError("the node's conflicts are out of order", field="conflicts")
        is_last = len(page) < PAGE_MAX
        for one in page:
            if is_last or one.key.hex() != names[-1]:
                check_conflict(one, origin)
                total += 1
                yield one
        if is_last:
            return
        if names[-1] == start or total > CONFLICTS_TOTAL_MAX:
            raise VerifyError("the node lists more conflicts than a log keeps", field="conflicts")
        start = names[-1]


def _read(item: Any) -> Conflict:
    try:
        lines, first, count = item["lines"], item["first"], item["count"]
        if type(lines) is not str or type(first) is not int or type(count) is not int:
            raise TypeError
        return Conflict(bytes.fromhex(item["key"]), lines.encode(), bytes.fromhex(item["signature"]), first, count)
    except (KeyError, TypeError, ValueError):
        raise NetworkError("a conflict of the node's has another form; is that a Usance node?") from None


def check_conflict(conflict: Conflict, origin: str) -> None:
    """Raise VerifyError unless the key signed these lines, for a batch of this log with these numbers."""
    if conflict.lines != _batch_lines(conflict, origin):
        raise VerifyError("a conflict isn't about a batch of this log", field="conflicts", expected=origin)
    ed25519.check(conflict.key, conflict.lines, conflict.signature)


def _batch_lines(conflict: Conflict, origin: str) -> bytes | None:
    """The five lines as a batch of what these say has them; None where none can. So they are bounded, too: what a
    backup file holds of a conflict has to fit its reader."""
    try:
        _, _, head, _, bodies_root, _ = conflict.lines.decode("ascii").split("\n")
        size, root = head.split(" ")
        parse_decimal(str(conflict.first), field="first", maximum=codec.INT_MAX)
        if not 1 <= conflict.count <= BATCH_RECORDS_MAX:
            return None
        return batch_lines(
            origin=origin, size=parse_decimal(size, field="size"), root=parse_hash(root, field="root"),
            first=conflict.first, count=conflict.count, bodies_root=parse_hash(bodies_root, field="root"),
        )  # fmt: skip
    except (ValueError, InputError):
        return None


def conflict_rows(conflicts: Iterable[Conflict]) -> list[Row]:
    """The rows that a database holds of conflicts: each once, at most CONFLICTS_MAX a key, in the order given."""
    by_key: dict[bytes, dict[bytes, Conflict]] = {}
    for one in conflicts:
        of_key = by_key.setdefault(one.key, {})
        if len(of_key) < CONFLICTS_MAX:
            of_key.setdefault(one.lines, one)
    return [
        (
            keys.CONFLICT + key + bytes([number]),
            codec.pack([one.lines, one.signature, one.first, one.count]),
        )
        for key, of_key in sorted(by_key.items())
        for number, one in enumerate(of_key.values())
    ]
