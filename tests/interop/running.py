"""A node in a process of its own, grown to the sizes that matter, and what it must serve to the clients of others.

The sizes stand around a tile's edges: one leaf, one short of a full tile, full, one beyond, inside the third tile; in
the long form also a full tile of level 1 and beyond. The expected leaves are computed here from what was submitted.
"""

from __future__ import annotations

import base64
import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.keyfiles import load_key
from proofs.checkpoint import sign_checkpoint
from proofs.entry import BATCH_RECORDS_MAX, encode_request, sign_batch
from proofs.merkle import EMPTY_ROOT, leaf_hash
from proofs.merkle import root as tree_root
from proofs.records import make_body
from tests.node.harness import NodeProcess

ORIGIN = "interop.example/log"
SIZES = (1, 255, 256, 257, 600)
LONG_SIZES = (65_536, 70_000)
NOW_MS = 1_700_000_000_000


def fetch(url: str, path: str, *, method: str = "GET", body: bytes | None = None) -> bytes:
    """The body of an answer 200 to one request; anything else raises."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/msgpack"} if body is not None else {})
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status} {data[:300]!r}")
    return data


@dataclass
class RunningLog:
    """A log that a node serves.

    `notes`: the checkpoints that it gave out on its way, by size. `entries`: every leaf as it was submitted.
    """

    node: NodeProcess
    entries: list[bytes] = field(default_factory=list)
    notes: dict[int, bytes] = field(default_factory=dict)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def url(self) -> str:
        """Its prefix for clients."""
        return self.node.url

    @property
    def vkey(self) -> str:
        """The log's verifier key, as text."""
        return self.node.vkey.text

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self.entries)

    def get(self, path: str) -> bytes:
        """What the node answers."""
        return fetch(self.url, path)

    def expected(self) -> dict[str, object]:
        """What a client that checked the whole log prints: from what was submitted, not from what the node says."""
        leaves = [leaf_hash(entry) for entry in self.entries]
        return {
            "size": self.size,
            "root": tree_root(leaves).hex(),
            "leaves": {str(index): leaves[index].hex() for index in self.sample()},
            "consistent": sorted(self.notes),
        }

    def arguments(self, folder: Path, *, url: str = "") -> list[str]:
        """The arguments of a client's `log` command: URL, vkey, sampled indices, files with the earlier checkpoints."""
        indices = ",".join(map(str, self.sample()))
        return [url or self.url, self.vkey, indices, *self.earlier_notes(folder)]

    def sample(self) -> list[int]:
        """Leaves at every kind of place: both ends of the tree, both sides of tile edges, and within."""
        edges = (0, 1, 254, 255, 256, 257, 511, 512, 65_535, 65_536, 65_792)
        places = {*edges, self.size // 2, self.size - 2, self.size - 1}
        return sorted(index for index in places if 0 <= index < self.size)

    def earlier_notes(self, folder: Path) -> list[str]:
        """The earlier checkpoints as files in a folder, smallest first."""
        paths = []
        for size, note in sorted(self.notes.items()):
            path = folder / f"{size}.note"
            path.write_bytes(note)
            paths.append(str(path))
        return paths

    def forked_note(self, size: int) -> bytes:
        """A checkpoint of this size by the log's own key over other leaves: what a lying log would have given out."""
        leaves = [leaf_hash(entry) for entry in self.entries[:size]]
        leaves[size // 2] = leaf_hash(b"another entry")
        key = load_key(str(self.node.folder / "log.key"))
        return sign_checkpoint(origin=ORIGIN, size=size, root=tree_root(leaves), private_key=key)

    def grow(self, size: int) -> None:
        """Submit records, up to 1,024 a batch, until the log has this size; keep the checkpoint."""
        while self.size < size:
            first = self.size - 1  # leaf 0 is the genesis, and all others are of one key
            count = min(BATCH_RECORDS_MAX, size - self.size)
            batch = sign_batch(
                self.key, origin=ORIGIN, size=0, root=EMPTY_ROOT, first=first,
                bodies=[make_body(record(first + i)) for i in range(count)],
            )  # fmt: skip
            answer = json.loads(fetch(self.url, "/records", method="POST", body=encode_request([batch])))
            result = answer["results"][0]
            if result["status"] != 200 or result["first_index"] != self.size:
                raise RuntimeError(f"the node refused: {result}")
            self.entries += batch.entries()
        self.notes[size] = self.get("/checkpoint")


def record(number: int) -> dict[str, object]:
    """A key's record of this number: who it is, then uses of unlike length."""
    if number == 0:
        return {"kind": "party", "at": NOW_MS, "name": "Interop Lab"}
    call = "call-" + "x" * (number % 97)
    return {
        "kind": "usage", "at": NOW_MS + number, "asset": "doi:10.5555/interop", "use": "ground",
        "quantities": {"input_token": number}, "from": NOW_MS, "until": NOW_MS + number, "call": call,
    }  # fmt: skip


def start(folder: Path) -> RunningLog:
    """Make and run a node on a free port; its log holds the genesis alone."""
    log = RunningLog(NodeProcess(folder, origin=ORIGIN).start())
    proof = log.get("/proof/0").decode()
    log.entries.append(base64.b64decode(proof.split("\nextra ", 1)[1].split("\n", 1)[0]))
    log.notes[1] = log.get("/checkpoint")
    return log
