"""`usance node migrate`: a database that an older program made becomes one of this version, with the same entries, and
a crash at any moment leaves the one or the other."""

import contextlib
import shutil
from pathlib import Path

import pytest

from ledger import keys, swap
from ledger.append import STORE_VERSION, VERSION_KEY
from ledger.errors import StartupError, StorageError
from node import fsck as checking
from node.fsck import fsck, migrate
from node.server import load_config, open_node
from proofs.errors import VerifyError
from tests.node.clitool import Cli
from tests.node.oldstores import SIZES, change, old_folder, quiet, rows_of, snapshots

VERSIONS = pytest.mark.parametrize("version", sorted(SIZES))
LOG_ITSELF = (keys.ENTRY, keys.BATCH, keys.CONFLICT)


@pytest.fixture(autouse=True)
def in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are examined in this process, which costs less than starting others for so few."""
    monkeypatch.setattr(checking, "Examiners", lambda: contextlib.nullcontext(None))


@VERSIONS
def test_an_old_database_is_migrated_whole(version: int, tmp_path: Path) -> None:
    """Refused at start with the command's name; then entries, batches and conflicts are the same bytes, every other
    row is this version's, and the node starts where it was."""
    folder, cli = old_folder(version, tmp_path / "node"), Cli(tmp_path)
    before, record = rows_of(folder), (folder / "sign-record.json").read_bytes()
    with pytest.raises(StartupError, match="usance node migrate"):
        open_node(str(folder), load_config(str(folder)))
    for command in ("fsck", "run"):
        assert "usance node migrate" in cli.fails(5, "node", command, folder)
    said = cli.json("node", "migrate", folder)
    assert (said["from_version"], said["to_version"], said["kept"]) == (version, STORE_VERSION, f"db.v{version}")
    assert said["size"] == SIZES[version]
    after = rows_of(folder)
    assert after[VERSION_KEY] == bytes([STORE_VERSION])
    for prefix in LOG_ITSELF:
        assert {k: v for k, v in after.items() if k[:1] == prefix} == {
            k: v for k, v in before.items() if k[:1] == prefix
        }
    assert [key for key in after if key[:1] == keys.CONFLICT]
    assert rows_of(folder, f"db.v{version}") == before
    report = fsck(str(folder), show=quiet)
    assert (report.findings, report.checked.size) == ([], SIZES[version])
    assert f"db.v{version}" in "".join(report.remarks)
    node = open_node(str(folder), load_config(str(folder)))
    assert node.signer.sign(node.ledger.size, node.ledger.tree.root) == node.signer.last.note
    node.store.close()
    assert (folder / "sign-record.json").read_bytes() == record
    again = cli.json("node", "migrate", folder)
    assert (again["from_version"], again["kept"]) == (STORE_VERSION, None)


def test_the_old_database_is_deleted_where_that_is_asked_for(tmp_path: Path) -> None:
    """With --delete-old only the new one is left; in words, too."""
    folder = old_folder(1, tmp_path / "node")
    out = Cli(tmp_path).ok("node", "migrate", folder, "--delete-old").out
    assert f"migrated {SIZES[1]} records from store version 1 to {STORE_VERSION}" in out
    assert [path.name for path in folder.glob("db*")] == ["db"]


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """What a newer program wrote is named as such by start, fsck and migrate, and stays as it is."""
    folder, cli = old_folder(1, tmp_path / "node"), Cli(tmp_path)
    change(folder, {VERSION_KEY: bytes([STORE_VERSION + 1])})
    before = rows_of(folder)
    for command in ("fsck", "migrate", "run"):
        assert "newer program" in cli.fails(5, "node", command, folder)
    assert rows_of(folder) == before


def test_an_old_database_that_isn_t_what_was_signed_is_not_migrated(tmp_path: Path) -> None:
    """A changed entry, a missing one, another head or a database behind the sign record ends it; the old one stands,
    and nothing is left beside it."""
    good = old_folder(1, tmp_path / "good")
    entry = keys.ENTRY + keys.number(20)
    newer = rows_of(old_folder(2, tmp_path / "other"))
    changes: list[dict[bytes, bytes | None]] = [
        {entry: rows_of(good)[entry][:-1] + b"\x07"},
        {entry: None},
        {keys.META + b"head": newer[keys.META + b"head"]},
    ]
    for at, rows in enumerate(changes):
        folder = shutil.copytree(good, tmp_path / f"changed-{at}")
        change(folder, rows)
        before = rows_of(folder)
        with pytest.raises((VerifyError, StorageError)):
            migrate(str(folder), show=quiet)
        assert rows_of(folder) == before
        assert [path.name for path in folder.glob("db*")] == ["db"]
    behind = shutil.copytree(good, tmp_path / "behind")
    shutil.copy(tmp_path / "other" / "sign-record.json", behind / "sign-record.json")
    with pytest.raises(StorageError, match="signed last"):
        migrate(str(behind), show=quiet)
    assert [path.name for path in behind.glob("db*")] == ["db"]


def test_a_migration_waits_for_what_the_last_one_kept(tmp_path: Path) -> None:
    """An old database that is kept is never overwritten."""
    folder = old_folder(1, tmp_path / "node")
    (folder / "db.v1").mkdir()
    with pytest.raises(StartupError, match="still there"):
        migrate(str(folder), show=quiet)
    assert rows_of(folder)[VERSION_KEY] == b"\1"


def test_a_migration_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk can't hold both databases it says so before it begins."""
    folder = old_folder(1, tmp_path / "node")
    monkeypatch.setattr(checking, "SPACE_FACTOR", 2**60)
    with pytest.raises(StorageError, match="free space"):
        migrate(str(folder), show=quiet)
    assert rows_of(folder)[VERSION_KEY] == b"\1"


def test_a_kill_at_any_step_leaves_the_old_database_or_the_new_one(tmp_path: Path) -> None:
    """Whatever was there at each step: a start, or the next migrate, goes on from it to a good database."""
    folder, seen = old_folder(1, tmp_path / "node"), set()
    with snapshots(folder, tmp_path) as made:
        migrate(str(folder), delete_old=True, show=quiet)
    assert len(made) > 15
    for left in made:
        names = {path.name for path in left.glob("db*")}
        seen.add(frozenset(names))
        said = swap.recover(str(left))
        assert (said is None) == ("db" in names)
        version = rows_of(left)[VERSION_KEY][0]
        if (left / "db.v1").exists() and version == 1:
            raise AssertionError("an old database in two places")
        found = migrate(str(left), show=quiet)
        assert (found.old_version, found.size) == (version, SIZES[1])
        report = fsck(str(left), show=quiet)
        assert (report.findings, report.checked.root) == ([], found.root)
        assert not {"db.new", "db.making"} & {path.name for path in left.glob("db*")} or version == STORE_VERSION
    assert frozenset(("db.new", "db.v1")) in seen, "no snapshot fell between the two renames"
