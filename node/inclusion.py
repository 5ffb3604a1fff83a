"""Many leaves at once: one check that a run of own entries stands in a log's tree (RFC 6962 section 2.1).

The nodes above one's own leaves are hashed from those leaves; every other node that the root needs is asked for. If
what comes out is the root of a checkpoint that holds, each of these leaves is where it is said to be: what was asked
for is the inclusion path of them all together. Costs one hash a leaf and two paths a run.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from proofs import merkle
from proofs.errors import InputError, VerifyError
from proofs.merkle import NodeReader

Run = tuple[int, Sequence[bytes]]
"""Index of the first leaf, and the leaf hashes from there on."""


def check_runs(runs: Sequence[Run], *, size: int, root: bytes, read: NodeReader) -> None:
    """Checks that all these leaves stand in the tree of that size and root.

    `read(level, index)`: hashes of nodes that hold none of the leaves; not trusted. Runs may come in any order, and the
    same run more than once. Raises VerifyError where a leaf isn't there, runs overlap, or the tree is too small; and
    whatever `read` raises.
    """
    ordered: list[Run] = []
    for run in sorted(runs, key=lambda run: run[0]):
        if not ordered or ordered[-1] != run:
            ordered.append(run)
    end = 0
    for first, leaves in ordered:
        if first < end or not leaves:
            raise VerifyError(f"two records are said to stand at leaf {first}", field="first_index")
        end = first + len(leaves)
    if end > size:
        raise VerifyError(
            f"a record is said to stand at leaf {end - 1}, past the checkpoint", field="first_index",
            expected=f"below {size}",
        )  # fmt: skip
    if not ordered:
        return
    folded = _Folded(ordered, read)
    try:
        computed = merkle.root_at(size, folded.node)
    except InputError as error:
        raise VerifyError(f"the log's tiles don't fit its checkpoint: {error.detail}", field=error.field) from None
    if computed != root:
        raise VerifyError("the checkpoint's tree doesn't hold these records", field="checkpoint")


class _Folded:
    """Node hashes, from own leaves where a node holds any."""

    def __init__(self, runs: Sequence[Run], read: NodeReader) -> None:
        self._starts = [first for first, _ in runs]
        self._runs = runs
        self._read = read

    def node(self, level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        at = bisect.bisect_left(self._starts, end) - 1
        if at < 0:
            return self._read(level, index)
        first, leaves = self._runs[at]
        stop = first + len(leaves)
        if stop <= start:
            return self._read(level, index)
        if first <= start and end <= stop:
            return merkle.root(leaves[start - first : end - first])
        return merkle.node_hash(self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1))
