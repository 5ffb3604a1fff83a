"""Logging many records of one key, each for itself: one that the log refuses doesn't hold up the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client import Client, Taken
from node.errors import ProblemError
from proofs.entry import sign_batch
from proofs.ref import Ref

BATCH_RECORDS = 64
_OF_ONE_RECORD = (409, 422)
_OF_ALL = ("usance:sequence", "usance:history")


def log_each(
    client: Client, key: Ed25519PrivateKey, bodies: Sequence[bytes], *, number: int | None = None
) -> Iterator[list[tuple[int, Ref | ProblemError]]]:
    """Log the bodies in batches; after each batch what became of some of them: (position in `bodies`, where it stands,
    or why it was refused). Every position comes once, and what has come is durable.

    `number`: what the first record's number has to be, so that nothing is logged if the key has signed anything else
    since its caller looked, not even a batch of a killed run that is still on its way; None for whichever is next.
    Raises what Client.log raises where it isn't one record that is refused (ProblemError of type usance:sequence for
    another number); what was told until then is logged.
    """
    for start in range(0, len(bodies), BATCH_RECORDS):
        left = list(range(start, min(start + BATCH_RECORDS, len(bodies))))
        while left:
            try:
                taken = _log(client, key, [bodies[at] for at in left], number)
            except ProblemError as error:
                if error.position is None or error.status not in _OF_ONE_RECORD or error.type in _OF_ALL:
                    raise
                yield [(left.pop(error.position), error)]
                continue
            number = None if number is None else number + len(left)
            yield list(zip(left, taken.refs, strict=True))
            break


def _log(client: Client, key: Ed25519PrivateKey, bodies: Sequence[bytes], number: int | None) -> Taken:
    if number is None:
        return client.log(key, bodies)
    head = client.head()
    batch = sign_batch(key, origin=client.origin, size=head.size, root=head.root, first=number, bodies=bodies)
    result = client.submit([batch])[0]
    if isinstance(result, Taken):
        return result
    raise result
