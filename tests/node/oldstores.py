"""Folders of nodes whose databases older programs made, and what tests of fsck and migrate do with folders."""

import contextlib
import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import signrecord, swap
from ledger.append import prepare
from ledger.leveldb import LevelStore
from ledger.state import State
from node.server import load_config, open_node
from proofs.entry import sign_batch
from tests.node.harness import use_body

STORES = Path(__file__).with_name("stores")
ORIGIN = "log.example/old"
SIZES = {1: 317, 2: 327, 3: 333}


def old_folder(version: int, to: Path) -> Path:
    """A node's folder whose database has this store version."""
    with tarfile.open(STORES / f"v{version}.tar.xz") as archive:
        archive.extractall(to, filter="data")
    to.chmod(0o700)
    return to


def quiet(what: str, unit: str, total: int) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    """Nobody watches."""
    return contextlib.nullcontext(lambda done: None)


def rows_of(folder: Path, name: str = "db") -> dict[bytes, bytes]:
    """Every row of a folder's database, which is opened for it."""
    with contextlib.closing(LevelStore(str(folder / name))) as store:
        return dict(store.scan(b"", b"\xff" * 64))


def change(folder: Path, rows: dict[bytes, bytes | None]) -> None:
    """Write rows into a folder's database."""
    with contextlib.closing(LevelStore(str(folder / "db"))) as store:
        store.write(rows)


def grow(folder: Path, batches: int) -> None:
    """Log so many batches of 200 uses, so that most of the database is none of what a start reads."""
    signer = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"lab-2").digest())
    node = open_node(str(folder), load_config(str(folder)))
    for number in range(batches):
        row = State(node.store).key(signer.public_key().public_bytes_raw())
        assert row is not None
        head = (node.ledger.size, node.ledger.tree.root)
        bodies = [
            use_body(commitment=hashlib.sha256(b"%d %d" % (number, at)).digest(), names=["x"]) for at in range(200)
        ]
        batch = sign_batch(signer, origin=ORIGIN, size=head[0], root=head[1], first=row.next, bodies=bodies)
        group = node.ledger.group()
        group.take(prepare(batch, origin=ORIGIN, root_at=node.ledger.root_at))
        group.commit()
    node.signer.sign(node.ledger.size, node.ledger.tree.root)
    node.store.close()


@contextlib.contextmanager
def snapshots(folder: Path, into: Path) -> Iterator[list[Path]]:
    """Copies of a folder before and after every step that changes it: what a kill there would leave."""
    made: list[Path] = []

    def look() -> None:
        made.append(shutil.copytree(folder, into / str(len(made))))

    def step(real: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*args: Any, **how: Any) -> Any:
            look()
            found = real(*args, **how)
            look()
            return found

        return taken

    with contextlib.ExitStack() as patches:
        for owner, name in (
            (swap.os, "rename"), (swap, "remove"), (swap, "settle"), (signrecord, "settle"), (LevelStore, "write"),
            (LevelStore, "close"),
        ):  # fmt: skip
            patches.enter_context(mock.patch.object(owner, name, step(getattr(owner, name))))
        yield made
