"""`usance node fsck`: a good folder passes; what is wrong is named; a repair loses nothing that was acknowledged, and a
crash in the middle of it leaves the old database or the new one."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import keys, leveldb, swap
from ledger.append import VERSION_KEY
from ledger.errors import StartupError, StorageError
from ledger.leveldb import LevelStore
from ledger.tree import HEAD_KEY, tile_key
from node import fsck as checking
from node import rekey
from node.audit import audit
from node.ending import close_log
from node.fsck import Report, fsck, migrate
from node.keyfiles import new_key
from node.server import load_config, open_node
from node.sources import open_source
from proofs.checkpoint import open_checkpoint, parse_log_vkey
from proofs.errors import VerifyError
from tests.node.certs import Authority
from tests.node.clitool import ROOT, Cli
from tests.node.oldstores import SIZES, change, grow, old_folder, quiet, rows_of, snapshots

SIZE = SIZES[2]
LOG_ITSELF = (keys.ENTRY, keys.BATCH, keys.CONFLICT)


@pytest.fixture(autouse=True)
def in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are examined in this process, which costs less than starting others for so few."""
    monkeypatch.setattr(checking, "Examiners", lambda: contextlib.nullcontext(None))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped node's folder with records of most kinds; tests work on copies."""
    folder = old_folder(2, tmp_path_factory.mktemp("base") / "node")
    migrate(str(folder), delete_old=True, show=quiet)
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return shutil.copytree(base, tmp_path / "node")


def check(folder: Path, *, repair: bool = False, delete_old: bool = False) -> Report:
    return fsck(str(folder), repair=repair, delete_old=delete_old, show=quiet)


def of_log(folder: Path) -> dict[bytes, bytes]:
    return {row: value for row, value in rows_of(folder).items() if row[:1] in LOG_ITSELF}


def test_a_good_folder_passes(folder: Path, tmp_path: Path) -> None:
    """Exit 0, in words and as JSON, and nothing in the folder has changed."""
    cli, record = Cli(tmp_path), (folder / "sign-record.json").read_bytes()
    before = rows_of(folder)
    assert f"GOOD: {SIZE} records" in cli.ok("node", "fsck", folder).out
    said = cli.json("node", "fsck", folder, "--repair")
    assert (said["verdict"], said["size"], said["findings"], said["repaired"]) == ("good", SIZE, [], False)
    assert (rows_of(folder), (folder / "sign-record.json").read_bytes()) == (before, record)
    assert [path.name for path in folder.glob("db*")] == ["db"]


def test_every_sort_of_derived_row_is_repaired(folder: Path, tmp_path: Path) -> None:
    """One row of every prefix changed, and one taken away: exit 1 with the prefix and how many; --repair makes a
    database whose log is byte for byte the same and whose rows are right; then exit 0."""
    good, cli, record = rows_of(folder), Cli(tmp_path), (folder / "sign-record.json").read_bytes()
    names = {value: name for name, value in keys.PREFIXES.items()}
    prefixes = sorted({row[:1] for row in good} - set(LOG_ITSELF))
    assert len(prefixes) > 25
    rows: dict[bytes, bytes | None] = {VERSION_KEY: good[VERSION_KEY]}
    for prefix in prefixes:
        mine = sorted(row for row in good if row[:1] == prefix and row != VERSION_KEY)
        rows[mine[0]] = good[mine[0]] + b"\0"
        rows[mine[-1]] = None
    change(folder, rows)
    done = cli("node", "fsck", folder, "--json")
    assert done.code == 1
    said = done.json()
    assert (said["verdict"], said["can_repair"]) == ("different", True)
    assert said["findings"][0]["where"] == "rows"
    assert any(names[prefix] in said["findings"][0]["detail"] for prefix in prefixes)
    text = cli("node", "fsck", folder, "--repair")
    assert (text.code, "REPAIRED" in text.out, "db.old" in text.out) == (0, True, True)
    assert check(folder).findings == []
    after = rows_of(folder)
    assert {row for row in after if after[row] != good.get(row)} == set()
    assert after.keys() == good.keys()
    assert (folder / "sign-record.json").read_bytes() == record
    change(folder, {HEAD_KEY: None})
    with pytest.raises(StartupError, match=r"db\.old is still there"):
        check(folder, repair=True)
    shutil.rmtree(folder / "db.old")
    report = check(folder, repair=True, delete_old=True)
    assert (report.is_repaired, report.open, report.kept) == (True, [], "")
    assert [path.name for path in folder.glob("db*")] == ["db"]


def test_a_wrong_entry_is_named_and_never_repaired(folder: Path, tmp_path: Path) -> None:
    """A record changed, missing or added: its leaf is named, --repair changes nothing, and it says what helps."""
    good = shutil.copytree(folder, tmp_path / "good")
    entry = keys.ENTRY + keys.number(40)
    body = rows_of(good)[entry]
    for rows in ({entry: body[:-1] + b"\x07"}, {entry: None}, {keys.BATCH + keys.number(0): None}):
        shutil.rmtree(folder)
        shutil.copytree(good, folder)
        change(folder, rows)
        before = rows_of(folder)
        done = Cli(tmp_path)("node", "fsck", folder, "--repair")
        assert done.code == 1
        assert "DIFFERENT: entries: entry " in done.out
        assert "NOT TO BE REPAIRED" in done.out
        assert rows_of(folder) == before
        assert [path.name for path in folder.glob("db*")] == ["db"]


def test_a_database_behind_the_sign_record_is_not_repaired(folder: Path, base: Path, tmp_path: Path) -> None:
    """Rolled back, or forked: what was signed is missing, and nothing is made of what is left."""
    old = old_folder(1, tmp_path / "old")
    migrate(str(old), show=quiet)
    shutil.rmtree(folder / "db")
    shutil.copytree(old / "db", folder / "db")
    report = check(folder, repair=True)
    assert not report.is_repaired
    assert [finding.where for finding in report.checked.findings] == ["sign record"]


def test_entries_that_were_never_signed_are_kept_as_far_as_they_are_whole(folder: Path, base: Path) -> None:
    """A crash left entries behind the sign record, then the disk damaged one of them: a repair keeps what was signed,
    drops what can't be read, and the node goes on from there."""
    starts = sorted(int.from_bytes(row[1:], "big") for row in rows_of(folder) if row[:1] == keys.BATCH)
    node = open_node(str(folder), load_config(str(folder)))
    size = starts[-2]
    root = node.ledger.root_at(size)
    os.unlink(folder / "sign-record.json")
    node.signer.last = None
    node.signer.sign(size, root)
    node.store.close()
    change(folder, {keys.ENTRY + keys.number(starts[-1]): None})
    report = check(folder)
    assert (report.findings[0].leaf, report.checked.can_rebuild) == (starts[-1], True)
    assert check(folder, repair=True).is_repaired
    after = check(folder)
    assert (after.findings, after.checked.size) == ([], starts[-1])
    node = open_node(str(folder), load_config(str(folder)))
    assert node.ledger.size == starts[-1]
    node.store.close()


def break_log(folder: Path) -> None:
    """Damage the last block of the write-ahead log, not its length."""
    with contextlib.closing(LevelStore(str(folder / "db"))) as store:
        store.write({b"\xfetail": b"x" * 300})
    path = max((folder / "db").glob("*.log"), key=os.path.getsize)
    data = path.read_bytes()
    path.write_bytes(data[:-40] + bytes([data[-40] ^ 16]) + data[-39:])


def cut_current(folder: Path) -> None:
    (folder / "db" / "CURRENT").write_bytes(b"")


def break_manifest(folder: Path) -> None:
    path = next((folder / "db").glob("MANIFEST-*"))
    data = path.read_bytes()
    path.write_bytes(data[:10] + bytes([data[10] ^ 1]) + data[11:])


def no_manifest(folder: Path) -> None:
    next((folder / "db").glob("MANIFEST-*")).unlink()


@pytest.mark.parametrize("damage", [break_log, cut_current, break_manifest, no_manifest])
def test_a_database_that_can_t_be_opened_is_read_all_the_same(
    folder: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Where LevelDB refuses, start points to fsck; fsck reads what it can beside it, and a repair makes a database of
    the entries, since they are all that was signed."""
    good, cli = of_log(folder), Cli(tmp_path)
    damage(folder)
    files = {path.name: path.read_bytes() for path in (folder / "db").iterdir()}
    assert "usance node fsck" in cli.fails(5, "node", "run", folder)
    done = cli("node", "fsck", folder, "--json")
    said = done.json()
    assert (done.code, said["findings"][0]["where"], said["can_repair"]) == (1, "database", True)
    kept = {path.name: path.read_bytes() for path in (folder / "db").iterdir() if path.name not in ("LOG", "LOG.old")}
    assert kept == {name: data for name, data in files.items() if name not in ("LOG", "LOG.old")}
    assert cli.json("node", "fsck", folder, "--repair")["verdict"] == "repaired"
    assert of_log(folder) == good
    assert check(folder).findings == []
    assert not (folder / "db.salvage").exists()


def test_a_database_of_which_nothing_can_be_read_needs_a_backup(folder: Path, tmp_path: Path) -> None:
    """All of its files cut to nothing: named, and nothing is made of it."""
    for path in (folder / "db").iterdir():
        path.write_bytes(b"")
    done = Cli(tmp_path)("node", "fsck", folder, "--repair")
    assert done.code in (1, 5)
    assert "estore" in done.out + done.err
    assert [path.name for path in folder.glob("db*")] == ["db"]
    shutil.rmtree(folder / "db")
    assert "no database" in Cli(tmp_path).fails(5, "node", "fsck", folder)


def test_a_database_that_a_process_holds_is_left_alone(folder: Path, tmp_path: Path) -> None:
    """While the node runs, fsck and migrate say so."""
    with contextlib.closing(LevelStore(str(folder / "db"))):
        for command in ("fsck", "migrate"):
            assert "close it first" in Cli(tmp_path).fails(5, "node", command, folder)


def test_files_around_the_database_are_checked(folder: Path, base: Path, tmp_path: Path) -> None:
    """Configuration, keys and their modes, vkey, sign record: each by itself, named by its file; --repair leaves them,
    and the database, as they are."""

    def reset() -> None:
        shutil.rmtree(folder)
        shutil.copytree(base, folder)

    def other_key(name: str) -> None:
        os.unlink(folder / name)
        new_key(str(folder / name))

    toml = (folder / "node.toml").read_text()
    cases: dict[str, list[Callable[[], object]]] = {
        "node.toml": [
            lambda: (folder / "node.toml").unlink(),
            lambda: (folder / "node.toml").write_text("[log"),
            lambda: (folder / "node.toml").write_text(toml.replace("log.example/old", "log.example/new")),
        ],
        "log.key": [
            lambda: (folder / "log.key").unlink(),
            lambda: (folder / "log.key").chmod(0o644),
            lambda: (folder / "log.key").write_text("junk"),
            lambda: other_key("log.key"),
        ],
        "operator.key": [lambda: (folder / "operator.key").chmod(0o640), lambda: other_key("operator.key")],
        "log.vkey": [lambda: (folder / "log.vkey").unlink(), lambda: (folder / "log.vkey").write_text("junk\n")],
        "sign-record.json": [
            lambda: (folder / "sign-record.json").unlink(),
            lambda: (folder / "sign-record.json").write_text("{}"),
        ],
    }
    for name, damages in cases.items():
        for damage in damages:
            reset()
            damage()
            before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
            report = check(folder, repair=True)
            assert name in [finding.where for finding in report.findings], (name, report.findings)
            assert report.checked.findings == []
            assert (report.open, report.is_repaired) == (report.findings, False)
            assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
        done = Cli(tmp_path)("node", "fsck", folder)
        assert (done.code, "Traceback" in done.err, name in done.out) == (1, False, True)


def test_the_key_of_a_certificate_is_no_key_of_the_log(folder: Path, tmp_path: Path) -> None:
    """A node with TLS has it in its folder, of another kind than Ed25519; a wrong mode of it is still found."""
    certificate, key = Authority(tmp_path / "ca").issue(tmp_path)
    shutil.move(certificate, folder / "tls.pem")
    shutil.move(key, folder / "tls.key")
    with (folder / "node.toml").open("a") as toml:
        toml.write('\n[tls]\ncertificate = "tls.pem"\nprivate_key = "tls.key"\n')
    assert check(folder).findings == []
    (folder / "tls.key").chmod(0o644)
    assert [finding.where for finding in check(folder).findings] == ["tls"]


def test_a_repair_waits_for_what_was_signed(folder: Path, tmp_path: Path) -> None:
    """Rows differ and the sign record is missing or damaged: what to put back first is said, and not that entries are
    lost."""
    change(folder, {tile_key(0, 0): None})
    record = (folder / "sign-record.json").read_bytes()
    for data in (None, b"{}"):
        (folder / "sign-record.json").unlink() if data is None else (folder / "sign-record.json").write_bytes(data)
        done = Cli(tmp_path)("node", "fsck", folder, "--repair")
        assert done.code == 1
        assert "put sign-record.json right first" in done.out
        assert "entries don't hash" not in done.out
        (folder / "sign-record.json").write_bytes(record)
    assert check(folder, repair=True).is_repaired


def test_a_closed_log_passes_as_it_was_closed(folder: Path, base: Path, tmp_path: Path) -> None:
    """Also without its key, which was erased; a closed.json that is gone, and a database that isn't the one that was
    closed, are named."""
    close_log(str(folder), erase_key=True)
    assert not (folder / "log.key").exists()
    report = check(folder)
    assert (report.findings, report.checked.size) == ([], SIZE)
    mark = (folder / "closed.json").read_bytes()
    (folder / "closed.json").unlink()
    assert [finding.where for finding in check(folder).findings] == ["closed.json"]
    (folder / "closed.json").write_bytes(mark)
    other = shutil.copytree(base, tmp_path / "other")
    grow(other, 1)
    shutil.copy(folder / "closed.json", other)
    assert "closed.json" in [finding.where for finding in check(other).findings]


def test_a_log_that_changes_its_key_passes(folder: Path) -> None:
    """While it signs with both keys, and after the change, when the sign record's note is of the old one still."""
    for step in (rekey.begin, rekey.cancel):
        step(str(folder))
        assert check(folder).findings == []


def test_a_clock_before_the_last_signature_is_named(folder: Path) -> None:
    """As a start refuses it, so fsck says it."""
    record = json.loads((folder / "sign-record.json").read_text())
    (folder / "sign-record.json").write_text(json.dumps({**record, "time_ms": 2**50}))
    assert [(one.where, "clock" in one.detail) for one in check(folder).findings] == [("sign-record.json", True)]


def test_a_kill_at_any_step_of_a_repair_leaves_a_database(folder: Path, tmp_path: Path) -> None:
    """The damaged one, which can be repaired again, or the new one; what is left beside it is named, and entries are
    never lost."""
    good = of_log(folder)
    change(folder, {tile_key(0, 0): None})
    with snapshots(folder, tmp_path) as made:
        assert check(folder, repair=True, delete_old=True).is_repaired
    assert len(made) > 12
    for left in made:
        names = {path.name for path in left.glob("db*")}
        report = check(left)
        assert report.checked.can_rebuild or not report.findings
        beside = {path.name for path in left.glob("db*")} - {"db"}
        assert all(any(name in remark for remark in report.remarks) for name in beside), (names, report.remarks)
        assert of_log(left) == good
        if report.findings:
            shutil.rmtree(left / swap.OLD, ignore_errors=True)
            assert check(left, repair=True).is_repaired
        assert check(left).findings == []


def test_what_is_replaced_is_closed_and_still_locked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LevelDB deletes by path in the background, so the old database isn't open when its folder is renamed: what it
    did then would be done in the new one's. No other process can open it, either."""
    seen: list[tuple[str, list[str], str]] = []
    rename = os.rename
    script = "import sys; from ledger.leveldb import LevelStore; LevelStore(sys.argv[1])"

    def look(old: str, new: str) -> None:
        done = subprocess.run([sys.executable, "-c", script, old], cwd=ROOT, capture_output=True, text=True, timeout=60)
        seen.append((Path(old).name, list(leveldb._open_stores), done.stderr))
        rename(old, new)

    change(folder, {tile_key(0, 0): None})
    monkeypatch.setattr(swap.os, "rename", look)
    assert check(folder, repair=True).is_repaired
    monkeypatch.undo()
    assert [(name, opened) for name, opened, _ in seen] == [("db.making", []), ("db", []), ("db.new", [])]
    assert "another process holds the database" in seen[1][2]
    assert check(folder).findings == []


def test_each_rename_of_a_repair_is_durable_before_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of power leaves one of the states that a kill leaves: no later rename without the one before."""
    seen: list[str] = []
    rename, fsync = os.rename, os.fsync

    def renamed(old: str, new: str) -> None:
        seen.append(Path(new).name)
        rename(old, new)

    def synced(handle: int) -> None:
        seen.append("sync " + Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        fsync(handle)

    change(folder, {tile_key(0, 0): None})
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "fsync", synced)
    assert check(folder, repair=True).is_repaired
    names = ("db.new", "db.old", "db", f"sync {folder.name}")
    assert [what for what in seen if what in names][-6:] == [
        "db.new", f"sync {folder.name}", "db.old", f"sync {folder.name}", "db", f"sync {folder.name}",
    ]  # fmt: skip


def test_a_database_that_was_opened_meanwhile_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that came in between the close and the lock may have logged: its database stays, and it is said."""
    finish = swap.finish

    def late(where: str, **how: Any) -> None:
        change(folder, {b"\xfelate": b""})
        finish(where, **how)

    change(folder, {tile_key(0, 0): None})
    monkeypatch.setattr(swap, "finish", late)
    with pytest.raises(StartupError, match="meanwhile"):
        check(folder, repair=True)
    assert b"\xfelate" in rows_of(folder)
    assert {path.name for path in folder.glob("db*")} == {"db", "db.making"}
    monkeypatch.undo()
    assert check(folder, repair=True).is_repaired


def test_one_repair_at_a_time(folder: Path, tmp_path: Path) -> None:
    """Also of a database that can't be opened, which no lock of LevelDB's guards."""
    break_manifest(folder)
    with swap.alone(str(folder)):
        for words in (("fsck", "--repair"), ("migrate",)):
            assert "is under way in" in Cli(tmp_path).fails(5, "node", *words, folder)
    assert check(folder, repair=True).is_repaired


def test_a_database_that_can_t_be_renamed_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    """A link to another disk: the new one would come to stand on this one."""
    change(folder, {tile_key(0, 0): None})
    (folder / "db").rename(tmp_path / "elsewhere")
    (folder / "db").symlink_to(tmp_path / "elsewhere")
    assert "is a link or a disk of its own" in Cli(tmp_path).fails(5, "node", "fsck", folder, "--repair")
    assert sorted(path.name for path in folder.glob("db*")) == ["db"]


def test_a_new_database_that_stayed_behind_is_never_taken(folder: Path) -> None:
    """A change that was cut before its second rename leaves db.new beside db. Once a node has run on db, that is an old
    copy: it must not come to stand in db's place when db is lost or moved away."""
    shutil.copytree(folder / "db", folder / "db.new")
    open_node(str(folder), load_config(str(folder))).store.close()
    (folder / "db").rename(folder / "broken")
    with pytest.raises(StartupError, match="no database"):
        open_node(str(folder), load_config(str(folder)))
    assert not (folder / "db").exists()


def test_a_closed_log_without_its_sign_record_was_signed_all_the_same(folder: Path, base: Path) -> None:
    """As a restore leaves it: its end tells what was signed last, so an older database is found, and a repair knows
    what has to be there."""
    grow(folder, 1)
    close_log(str(folder))
    (folder / "sign-record.json").unlink()
    assert check(folder).findings == []
    change(folder, {tile_key(0, 0): None})
    assert check(folder, repair=True, delete_old=True).is_repaired
    shutil.rmtree(folder / "db")
    shutil.copytree(base / "db", folder / "db")
    report = check(folder)
    assert [finding.where for finding in report.findings] == ["sign record"]
    assert not report.checked.can_rebuild


def test_a_start_ends_a_swap_that_was_cut(folder: Path, tmp_path: Path) -> None:
    """Between the two renames there is no database: a start ends the change and serves; an audit, which writes nothing,
    says who does."""
    (folder / "db").rename(folder / "db.new")
    vkey = parse_log_vkey((folder / "log.vkey").read_text().strip())
    with pytest.raises(StartupError, match="usance node fsck"):
        open_source(str(folder), vkey)
    node = open_node(str(folder), load_config(str(folder)))
    assert node.ledger.size == SIZE
    node.store.close()
    assert [path.name for path in folder.glob("db*")] == ["db"]


def test_an_audit_finds_what_fsck_finds(folder: Path) -> None:
    """A repaired database is one that an audit of the folder passes, tiles and all."""
    change(folder, {tile_key(0, 0): bytes(8192)})
    vkey = parse_log_vkey((folder / "log.vkey").read_text().strip())

    def judged() -> int:
        source = open_source(str(folder), vkey)
        try:
            checkpoint = open_checkpoint(source.checkpoint(), vkey)
            return audit(source, checkpoint, vkey, progress=lambda done: None).tiles
        finally:
            source.close()

    with pytest.raises((VerifyError, StorageError)):
        judged()
    assert check(folder, repair=True).is_repaired
    assert judged() > 0
