"""Folders of nodes whose databases older programs made, and what tests of fsck and migrate do with folders."""

import contextlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from ledger import signrecord, swap
from ledger.leveldb import LevelStore

STORES = Path(__file__).with_name("stores")
ORIGIN = "log.example/old"
SIZES = {1: 317, 2: 327}


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
