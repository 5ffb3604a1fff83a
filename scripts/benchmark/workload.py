"""The workload: 1,000 party keys, 200 assets whose use follows Zipf's law, bodies of about 270 incompressible bytes.

Everything random comes from one seed. Batches are signed before the clock starts, under the tree head that stood when
set-up was done: what is measured is the node, not the load's own signing.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.ed25519 import public_bytes
from proofs.entry import Batch, sign_batch
from proofs.records import make_body
from proofs.ref import Ref, unpack_ref

PARTIES = 1_000
ASSETS = 200
DERIVED_EVERY = 5
"""Of the priced assets every fifth is derived, two levels deep."""
CURRENCY = "USD"
SHARE_BPS = 500
PRICE_NANOS, PER = 2_500_000_000, 1_000_000
NOW_MS = 1_760_000_000_000
UNITS = ("token", "input_token", "output_token", "item")


class Workload:
    """Keys, their next numbers, and the stream of usage bodies."""

    def __init__(self, seed: int, origin: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a repeatable load, no secret
        self.origin = origin
        self.keys = [Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32)) for _ in range(PARTIES)]
        self.numbers = [0] * PARTIES
        self.refs: list[bytes] = []
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, ASSETS + 1)))
        self._turn = 0

    def parties(self, head: tuple[int, bytes]) -> Iterator[Batch]:
        """The parties' first records."""
        for place in range(PARTIES):
            yield self._sign(place, [make_body({"kind": "party", "at": NOW_MS, "name": f"party {place}"})], head)

    def assets(self, head: tuple[int, bytes]) -> Iterator[Batch]:
        """One asset each from the first 200 parties."""
        for place in range(ASSETS):
            fields = {"kind": "asset", "at": NOW_MS, "type": "dataset", "name": f"asset {place}", "version": "1"}
            yield self._sign(place, [make_body(fields)], head)

    def terms(self) -> dict[str, object]:
        """Terms with an offer for every unit of the load, and a share for what is made from the asset."""
        offers = [{"per": PER, "price": PRICE_NANOS, "unit": unit, "use": "ground"} for unit in sorted(UNITS)]
        return {"currency": CURRENCY, "derivatives": SHARE_BPS, "offers": offers}

    def priced(self, place: int, *, name: str, source: Ref | None, head: tuple[int, bytes]) -> Batch:
        """An asset with terms of its own, perhaps derived from another with such terms."""
        fields: dict[str, object] = {"kind": "asset", "at": NOW_MS, "type": "dataset", "name": name}
        if source is not None:
            fields["sources"] = [{"as": "derived_from", "asset": source.pack(), "bps": SHARE_BPS}]
        return self._sign(place, [make_body({**fields, "terms": self.terms()})], head)

    def set_assets(self, refs: list[Ref]) -> None:
        """The references of the registered assets."""
        self.refs = [ref.pack() for ref in refs]

    def reference(self, place: int) -> Ref:
        """The reference of an asset."""
        return unpack_ref(self.refs[place])

    def public(self, place: int) -> bytes:
        """A party."""
        return public_bytes(self.keys[place])

    def body(self) -> bytes:
        """One usage record of about 270 bytes."""
        rand = self.random
        ended = NOW_MS + rand.randrange(10**9)
        asset = rand.choices(self.refs, cum_weights=self._weights)[0]
        return make_body(
            {
                "kind": "usage",
                "at": ended,
                "asset": asset,
                "use": "ground",
                "quantities": {rand.choice(UNITS): rand.randrange(1, 5_000_000)},
                "from": ended - rand.randrange(60_000),
                "until": ended,
                "call": f"{rand.getrandbits(112):028x}",
                "commitment": rand.randbytes(32),
                "names": ["prompt"],
                "user": rand.randbytes(32),
            }
        )

    def batches(self, count: int, *, records: int, head: tuple[int, bytes], only: int | None = None) -> Iterator[Batch]:
        """`count` batches of `records` records, from one key after the other, or all from the key `only`."""
        for _ in range(count):
            place = self._turn % PARTIES if only is None else only
            self._turn += 1
            yield self._sign(place, [self.body() for _ in range(records)], head)

    def signed(self, place: int, fields: dict[str, Any], head: tuple[int, bytes]) -> Batch:
        """A batch of one record with these fields."""
        return self._sign(place, [make_body(fields)], head)

    def signed_many(self, place: int, bodies: list[bytes], head: tuple[int, bytes]) -> Batch:
        """A batch of these records."""
        return self._sign(place, bodies, head)

    def unsent(self, place: int, body: bytes, head: tuple[int, bytes], *, gap: int = 0) -> Batch:
        """A batch of one at the key's next number (or so far behind it), which stays the next: for what is refused."""
        return sign_batch(
            self.keys[place],
            origin=self.origin,
            size=head[0],
            root=head[1],
            first=self.numbers[place] + gap,
            bodies=[body],
        )

    def _sign(self, place: int, bodies: list[bytes], head: tuple[int, bytes]) -> Batch:
        batch = sign_batch(
            self.keys[place], origin=self.origin, size=head[0], root=head[1], first=self.numbers[place], bodies=bodies
        )
        self.numbers[place] += len(bodies)
        return batch
