"""Logging many records of one key, each for itself: one that the log refuses doesn't hold up the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client import Client
from node.errors import ProblemError
from proofs.ref import Ref

BATCH_RECORDS = 64
_OF_ONE_RECORD = (409, 422)
_OF_ALL = ("usance:sequence", "usance:history")


def log_each(
    client: Client, key: Ed25519PrivateKey, bodies: Sequence[bytes]
) -> Iterator[list[tuple[int, Ref | ProblemError]]]:
    """Log the bodies in batches; after each batch what became of some of them: (position in `bodies`, where it stands,
    or why it was refused). Every position comes once, and what has come is durable.

    Raises what Client.log raises where it isn't one record that is refused; what was told until then is logged.
    """
    for start in range(0, len(bodies), BATCH_RECORDS):
        left = list(range(start, min(start + BATCH_RECORDS, len(bodies))))
        while left:
            try:
                taken = client.log(key, [bodies[at] for at in left])
            except ProblemError as error:
                if error.position is None or error.status not in _OF_ONE_RECORD or error.type in _OF_ALL:
                    raise
                yield [(left.pop(error.position), error)]
                continue
            yield list(zip(left, taken.refs, strict=True))
            break
