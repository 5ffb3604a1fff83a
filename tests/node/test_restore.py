"""`usance node restore`: the node that was, from a backup and a copy of the log; what stands is left alone."""

import contextlib
import http.server
import json
import random
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.leveldb import LevelStore
from ledger.rowcheck import compare_rows
from node import restore as restoring
from node.keyfiles import load_key
from node.restore import locked_folder
from proofs import tiles
from proofs.checkpoint import sign_checkpoint
from proofs.closing import sign_closing
from proofs.note import VerifierKey, parse_vkey
from tests.ledger.support import synced
from tests.node.backuptool import Growing, pieces, rewritten
from tests.node.clitool import Cli
from tests.node.fakelog import serving
from tests.node.harness import ORIGIN, Actor, NodeProcess, nil_body, use_body
from tests.node.moneyworld import make_world, settle_once
from tests.simulation.nodes import Node, NodeDied

KILLS = 3
KILLS_LONG = 60
MONEY_PATHS = ("/genesis", "/conflicts", "/accounts", "/assets", "/records?limit=1000")


@dataclass(frozen=True)
class Past:
    """A node that stood still: its folder, backups of two of its sizes, its log as files, and all that it served."""

    folder: Path
    early: Path
    late: Path
    files: Path
    sizes: tuple[int, int]
    served: dict[str, bytes]
    vkey: VerifierKey


def paths_of(node: NodeProcess, size: int) -> list[str]:
    """What is compared: every tile and bundle, full and partial, every entry's page and proof, and the views."""
    found = ["/checkpoint", *MONEY_PATHS, f"/consistency?from=5&to={size}"]
    for level, count in tiles.tiles_of(size):
        for index in range(count):
            width = tiles.tile_width(level, index, size)
            if width:
                found.append("/" + tiles.tile_path(level, index, width))
                found += ["/" + tiles.entries_path(index, width)] if level == 0 else []
    step = max(1, size // 60)
    for index in (*range(40), *range(40, size, step), size - 1):
        found += [f"/records/{index}", f"/proof/{index}", f"/proof/{index}?size={index + 1}"]
        if node.json(f"/records/{index}")["record"]["kind"] == "usage":
            found.append(f"/evidence/{index}")
    for row in node.json("/accounts")["accounts"]:
        found.append(f"/accounts/{row['payer']}/{row['payee']}/{row['currency']}")
    for row in node.json("/records?kind=party&limit=1000")["records"]:
        found += [f"/keys/{row['signer']['key']}", f"/parties/{row['signer']['party']}"]
    return found


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """A node with money, conflicts and batches that cross bundles."""
    base = tmp_path_factory.mktemp("past")
    node = NodeProcess(base / "n").start()
    cli = Cli(base)
    try:
        world = make_world(node)
        settle_once(world)
        world.lab.log(*(use_body("model:lab/one", quantities={"token": at + 1}) for at in range(300)))
        for number in range(3):
            assert node.submit(world.lab.sign(nil_body(number), first=1))[0]["status"] == 409
        early = cli.json("backup", node.url, "early", "--log", node.vkey.text)["size"]
        actor = Actor(node).join("Another")
        for count in (1, 200, 1, 70):
            actor.log(*(nil_body(at) for at in range(count)))
        node.submit(actor.sign(nil_body(9), first=0))
        shutil.copy(base / "early", base / "late")
        late = cli.json("backup", node.url, "late", "--log", node.vkey.text)["size"]
        served = {path: node.get(path).body for path in paths_of(node, late)}
        files = base / "files"
        for path, data in served.items():
            if path.startswith(("/tile/", "/checkpoint")):
                (files / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (files / path[1:]).write_bytes(data)
        assert node.stop() == 0
        yield Past(node.folder, base / "early", base / "late", files, (early, late), served, node.vkey)
    finally:
        node.kill()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The operator's shell."""
    return Cli(tmp_path)


@pytest.fixture
def lost(past: Past, tmp_path: Path) -> Path:
    """The node's folder after its database was lost."""
    shutil.copytree(past.folder, tmp_path / "n", ignore=lambda at, names: ["db"] if at == str(past.folder) else [])
    return tmp_path / "n"


def check_same(past: Past, folder: Path) -> None:
    """Every row that a replay makes, entries, batches and conflicts are the old database's."""
    stores = LevelStore(str(past.folder / "db")), LevelStore(str(folder / "db"))
    try:
        for prefix in (keys.ENTRY, keys.BATCH, keys.CONFLICT):
            old, new = (list(store.scan(prefix, keys.after(prefix))) for store in stores)
            assert old
            assert old == new
        compare_rows(stores[0].snapshot(), stores[1].snapshot(), size=past.sizes[1], progress=lambda rows: None)
    finally:
        for store in stores:
            store.close()


def check_serves(past: Past, folder: Path) -> None:
    """A node on the folder answers byte for byte as the old one, and goes on logging."""
    with Node(folder) as node:
        different = [path for path, data in past.served.items() if node.request(path).body != data]
        assert different == []
        process = NodeProcess.__new__(NodeProcess)
        process.port, process.origin = node.port, ORIGIN
        Actor(process).join("A newcomer").log(nil_body())
        assert node.stop() == 0


def test_restored_from_a_backup(past: Past, cli: Cli, lost: Path) -> None:
    """The same rows, an audit that finds nothing, the same answers to everything; and it goes on logging."""
    record = (lost / "sign-record.json").read_bytes()
    said = cli.json("node", "restore", past.late, lost)
    assert (said["size"], said["tail"], said["conflicts"], said["missing"]) == (past.sizes[1], 0, 4, [])
    assert said["sign_record"] is True
    assert (lost / "sign-record.json").read_bytes() == record
    assert sorted(path.name for path in lost.iterdir()) == sorted(path.name for path in past.folder.iterdir())
    check_same(past, lost)
    audited = cli.json("audit", lost, "--log", lost / "log.vkey")
    assert (audited["verdict"], audited["size"]) == ("good", past.sizes[1])
    check_serves(past, lost)


@pytest.mark.parametrize("copy", ["files", "folder", "node"])
def test_the_tail_comes_from_any_copy(past: Past, cli: Cli, lost: Path, copy: str) -> None:
    """What the backup lacks comes from a folder of tiles, the old node's folder, or a node: the result is the same,
    but for conflicts, which tiles don't tell."""
    early, late = past.sizes
    assert f"{late - early} entries are missing: the sign record" in cli.fails(5, "node", "restore", past.early, lost)
    assert not (lost / "db").exists()
    with contextlib.ExitStack() as stack:
        tail: object = {"files": past.files, "folder": past.folder}.get(copy)
        if copy == "node":
            tail = f"http://127.0.0.1:{stack.enter_context(Node(shutil.copytree(past.folder, lost.parent / 'o'))).port}"
        said = cli.json("node", "restore", past.early, lost, "--tail", tail)
    assert (said["size"], said["tail"]) == (late, late - early)
    assert said["conflicts"] == (3 if copy == "files" else 4)
    if copy == "files":
        assert cli.json("audit", lost, "--log", lost / "log.vkey")["size"] == late
    else:
        check_same(past, lost)
        check_serves(past, lost)


def test_a_tail_that_adds_nothing_is_fine_and_one_of_another_history_is_not(past: Past, cli: Cli, lost: Path) -> None:
    """A copy that ends before the backup is only looked at; a fork, also a shorter one, is refused."""
    key = load_key(str(past.folder / "log.key"))
    shorter = shutil.copytree(past.files, lost.parent / "shorter")
    root = bytes.fromhex(cli.json("backup", "--check", past.early, "--log", past.vkey.text)["root"])
    (shorter / "checkpoint").write_bytes(sign_checkpoint(origin=ORIGIN, size=past.sizes[0], root=root, private_key=key))
    assert cli.json("node", "restore", past.late, lost, "--tail", shorter)["tail"] == 0
    shutil.rmtree(lost / "db")
    for size in (past.sizes[0], past.sizes[1] + 5):
        (shorter / "checkpoint").write_bytes(sign_checkpoint(origin=ORIGIN, size=size, root=bytes(32), private_key=key))
        line = cli.fails(1, "node", "restore", past.late, lost, "--tail", shorter)
        assert "another history" in line or "doesn't hold" in line
        assert not (lost / "db").exists()


def test_a_damaged_tail_is_refused(past: Past, cli: Cli, lost: Path) -> None:
    """Wrong entries in the copy are found before anything is in place."""
    copy = shutil.copytree(past.files, lost.parent / "copy")
    path = max((copy / "tile" / "entries").rglob("*"), key=lambda path: (path.is_file(), str(path)))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "entry" in cli.fails(1, "node", "restore", past.early, lost, "--tail", copy)
    assert not (lost / "db").exists()
    assert not (lost / "db.restore").exists()


def test_what_was_restored_is_durable(past: Past, cli: Cli, lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the command ends, the database's name is on the disk, too."""
    with synced(monkeypatch) as seen:
        cli.ok("node", "restore", past.late, lost)
    assert seen[-2:] == [str(lost / "db"), str(lost)]


def test_nothing_that_stands_is_written_over(past: Past, cli: Cli, tmp_path: Path) -> None:
    """Onto a running node, onto a database, beside another restore: refused, and the database serves on."""
    folder = shutil.copytree(past.folder, tmp_path / "n")
    with Node(folder) as node:
        assert "a node runs on" in cli.fails(5, "node", "restore", past.late, folder)
        assert node.request("/checkpoint").good() == past.served["/checkpoint"]
        assert node.stop() == 0
    assert "never writes over a database" in cli.fails(5, "node", "restore", past.late, folder)
    check_same(past, folder)
    with locked_folder(str(tmp_path / "new")):
        words = ("node", "restore", past.late, "new", "--log", past.vkey.text)
        assert "is under way in new" in cli.fails(5, *words)
    (tmp_path / "file").write_text("")
    assert "can't restore into file" in cli.fails(5, "node", "restore", past.late, "file", "--log", past.vkey.text)


def test_a_database_that_came_meanwhile_stays(
    past: Past, cli: Cli, lost: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put back while a restore was at work: it is left alone, and nobody is told to rename over it."""
    real = restoring.rebuild

    def slow(*args: Any, **how: Any) -> Any:
        made = real(*args, **how)
        shutil.copytree(past.folder / "db", lost / "db")
        return made

    monkeypatch.setattr(restoring, "rebuild", slow)
    assert "never writes over a database" in cli.fails(5, "node", "restore", past.late, lost)
    check_same(past, lost)


def test_what_was_signed_decides(past: Past, cli: Cli, lost: Path) -> None:
    """A sign record behind the backup or equal to it is fine; ahead, of a fork, damaged or another log's, it stops the
    restore; it is never changed."""
    early, late = past.sizes
    key = load_key(str(lost / "log.key"))
    root = cli.json("backup", "--check", past.early, "--log", past.vkey.text)["root"]
    for size, text, words in (
        (late + 7, "00" * 32, "7 entries are missing: the sign record of this node knows"),
        (late, "00" * 32, "another log"),
        (early, "00" * 32, "another log"),
        (early - 30, "00" * 32, "another log"),
        (early, root, ""),
    ):
        note = sign_checkpoint(origin=ORIGIN, size=size, root=bytes.fromhex(text), private_key=key)
        value = {"format": "usance/sign-record/v1", "size": size, "root": text, "time_ms": 1, "note": note.decode()}
        (lost / "sign-record.json").write_text(json.dumps(value))
        before = (lost / "sign-record.json").read_bytes()
        if words:
            assert words in cli.fails(5, "node", "restore", past.late, lost)
            assert not (lost / "db").exists()
        else:
            assert cli.json("node", "restore", past.late, lost)["size"] == late
            with Node(lost) as node:
                assert node.request("/checkpoint").good() == past.served["/checkpoint"]
        assert (lost / "sign-record.json").read_bytes() == before or not words
    shutil.rmtree(lost / "db")
    (lost / "sign-record.json").write_text("{}")
    assert "damaged" in cli.fails(5, "node", "restore", past.late, lost)


@contextlib.contextmanager
def witness(answers: dict[str, bytes]) -> Iterator[str]:
    """A loopback witness."""
    path = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == path else 404)
            self.end_headers()
            self.wfile.write(answers["note"])

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_witness_that_saw_more_stops_the_restore(past: Past, cli: Cli, lost: Path) -> None:
    """Without a sign record, what a configured witness saw still counts: more entries, or another history."""
    (lost / "sign-record.json").unlink()
    key = load_key(str(lost / "log.key"))
    answers = {"note": past.served["/checkpoint"]}
    with witness(answers) as url:
        text = (lost / "node.toml").read_text()
        (lost / "node.toml").write_text(re.sub(r"(?m)^# witnesses = .*$", f'witnesses = ["{url}"]', text))
        missing = past.sizes[1] - past.sizes[0]
        line = cli.fails(5, "node", "restore", past.early, lost)
        assert f"{missing} entries are missing: the witness {url} knows" in line
        answers["note"] = sign_checkpoint(origin=ORIGIN, size=past.sizes[0], root=bytes(32), private_key=key)
        assert "another log" in cli.fails(5, "node", "restore", past.late, lost)
        assert not (lost / "db").exists()
        answers["note"] = past.served["/checkpoint"]
        said = cli.json("node", "restore", past.late, lost)
    assert said["sign_record"] is False
    assert any("--new-sign-record" in line for line in said["to_do"])


def test_a_new_folder_says_what_is_missing(past: Past, cli: Cli, tmp_path: Path) -> None:
    """Keys and configuration aren't in a backup: they are named; with them back, the node starts as after any loss of
    its sign record, and no sooner."""
    assert "the log's key isn't known" in cli.fails(2, "node", "restore", past.late, "new")
    done = cli.ok("node", "restore", past.late, "new", "--log", past.vkey.text)
    for name in ("node.toml", "log.key", "log.vkey"):
        assert f"put back {name}" in done.out
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["db"]
    for name in ("node.toml", "log.key", "log.vkey", "operator.key"):
        shutil.copy(past.folder / name, tmp_path / "new" / name)
    with pytest.raises(NodeDied, match="new-sign-record"), Node(tmp_path / "new"):
        pass
    with Node(tmp_path / "new", options=("--new-sign-record",)) as node:
        assert node.request("/checkpoint").good() == past.served["/checkpoint"]
        assert node.stop() == 0
    check_serves(past, tmp_path / "new")


def test_another_logs_folder_or_backup_is_refused(past: Past, cli: Cli, lost: Path) -> None:
    """A backup, a key or a configuration of another log: said, and nothing is made."""
    stranger = Growing(cli)
    with serving(stranger.log):
        stranger.run()
    assert "is a backup of the log log.example/fake" in cli.fails(2, "node", "restore", stranger.path, lost)
    assert "is the node of the log" in cli.fails(1, "node", "restore", past.late, lost, "--log", stranger.log.vkey.text)
    other = parse_vkey(NodeProcess(lost.parent / "twin").vkey.text)
    shutil.rmtree(lost.parent / "twin" / "db")
    assert "isn't signed by" in cli.fails(1, "node", "restore", past.late, lost.parent / "twin")
    assert other != past.vkey
    assert "is the node of the log" in cli.fails(1, "node", "restore", past.late, lost, "--log", other.text)
    (lost / "node.toml").write_text((lost / "node.toml").read_text().replace(ORIGIN, "log.example/other"))
    assert "is for the log log.example/other" in cli.fails(2, "node", "restore", past.late, lost)
    assert "is the folder that is restored" in cli.fails(2, "node", "restore", past.late, lost, "--tail", lost)
    assert not (lost / "db").exists()


def test_a_damaged_backup_restores_nothing(past: Past, cli: Cli, lost: Path, tmp_path: Path) -> None:
    """A changed byte in any block stops the restore and is named; of a cut file, what counts is not enough here."""
    data, spoiled = past.late.read_bytes(), tmp_path / "spoiled"
    blocks = list(pieces(data))
    for block in blocks[:-1]:
        changed = bytearray(data)
        changed[(block.offset + block.end) // 2] ^= 1
        spoiled.write_bytes(changed)
        assert f"at byte {block.offset}" in cli.fails(1, "node", "restore", spoiled, lost)
    spoiled.write_bytes(data[:-1])
    assert "entries are missing" in cli.fails(5, "node", "restore", spoiled, lost)
    spoiled.write_bytes(data[:100])
    assert "holds no checkpoint" in cli.fails(3, "node", "restore", spoiled, lost)
    entry = next(block for block in blocks if block.kind == "E")
    changed = bytearray(entry.payload)
    changed[-1] ^= 1
    spoiled.write_bytes(rewritten([block._replace(payload=bytes(changed)) if block == entry else block
                                   for block in blocks]))  # fmt: skip
    cli.fails(1, "node", "restore", spoiled, lost)
    assert sorted(path.name for path in lost.iterdir() if path.name.startswith("db")) == []


@pytest.mark.timeout(600)
def test_killed_at_any_time_a_restore_harms_nothing(past: Past, cli: Cli, lost: Path, long_run: bool) -> None:
    """kill -9 at random moments: there is no database or the whole one, and the next restore ends well."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    before = {path.name: path.read_bytes() for path in lost.iterdir()}
    inside = 0
    for _ in range(KILLS_LONG if long_run else KILLS):
        with cli.start("node", "restore", past.late, lost) as process:
            deadline = time.monotonic() + 60
            while not (lost / "db.restore").exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(draw.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        inside += (lost / "db.restore").exists()
        if (lost / "db").exists():
            check_same(past, lost)
            shutil.rmtree(lost / "db")
    assert inside, "no kill met a restore under way"
    cli.ok("node", "restore", past.late, lost)
    check_same(past, lost)
    assert {name: (lost / name).read_bytes() for name in before} == before
    assert {path.name for path in lost.iterdir()} == {*before, "db"}


def test_a_closed_log_is_restored_closed(cli: Cli, tmp_path: Path) -> None:
    """A backup of a log that has ended has its closing note; a restore without the mark puts it back first."""
    node = NodeProcess(tmp_path / "n").start()
    Actor(node).join()
    open_backup = cli.json("backup", node.url, "b", "--log", node.vkey.text)
    assert open_backup["closed"] is False
    assert node.stop() == 0
    cli.ok("node", "close", "n", "--yes")
    node.start()
    try:
        assert cli.json("backup", node.url, "b", "--log", node.vkey.text)["closed"] is True
        before = (tmp_path / "b").read_bytes()
        assert cli.json("backup", node.url, "b", "--log", node.vkey.text)["closed"] is True
        assert (tmp_path / "b").read_bytes() == before
    finally:
        node.kill()
    assert cli.json("backup", "--check", "b", "--log", node.vkey.text)["closed"] is True
    for name in ("db", "closed.json"):
        (shutil.rmtree if name == "db" else Path.unlink)(tmp_path / "n" / name)
    assert cli.json("node", "restore", "b", "n")["closed"] is True
    assert (tmp_path / "n" / "closed.json").exists()
    with Node(tmp_path / "n") as again:
        assert again.request("/closed").good()


def closing_on_record(folder: Path) -> str:
    """The closing note in a folder's sign record."""
    return str(json.loads((folder / "sign-record.json").read_text())["closing"])


def test_the_end_of_a_log_is_taken_from_the_tail(past: Past, cli: Cli, lost: Path, tmp_path: Path) -> None:
    """A backup made before the close holds every entry, and the tail adds none: still the log comes back closed, from
    the old node's folder, and from a node."""
    old = shutil.copytree(past.folder, tmp_path / "old")
    record = (lost / "sign-record.json").read_bytes()
    cli.ok("node", "close", "old", "--yes")
    for at, tail in (("folder", old), ("node", shutil.copytree(old, tmp_path / "served"))):
        with contextlib.ExitStack() as stack:
            url = f"http://127.0.0.1:{stack.enter_context(Node(tail)).port}" if at == "node" else tail
            assert cli.json("node", "restore", past.late, lost, "--tail", url)["closed"] is True
        assert (lost / "closed.json").read_bytes() == (old / "closed.json").read_bytes()
        assert closing_on_record(lost) == closing_on_record(old)
        (lost / "sign-record.json").write_bytes(record)
        for name in ("db", "closed.json"):
            (shutil.rmtree if name == "db" else Path.unlink)(lost / name)


def test_the_mark_of_a_closed_log_decides_as_well(past: Past, cli: Cli, lost: Path, tmp_path: Path) -> None:
    """Without the sign record, the folder's own closed.json says how many entries there have to be; the restore puts
    the end on record, which then says it without the file."""
    old, late = shutil.copytree(past.folder, tmp_path / "old"), past.sizes[1]
    cli.ok("node", "close", "old", "--yes")
    (lost / "sign-record.json").unlink()
    shutil.copy(old / "closed.json", lost)
    line = cli.fails(5, "node", "restore", past.early, lost)
    assert f"{late - past.sizes[0]} entries are missing: the mark of the closed log knows {late}" in line
    assert cli.json("node", "restore", past.late, lost)["closed"] is True
    assert (lost / "closed.json").read_bytes() == (old / "closed.json").read_bytes()
    assert closing_on_record(lost) == closing_on_record(old)
    shutil.rmtree(lost / "db")
    (lost / "closed.json").unlink()
    line = cli.fails(5, "node", "restore", past.early, lost)
    assert f"{late - past.sizes[0]} entries are missing" in line
    assert cli.json("node", "restore", past.late, lost)["closed"] is True
    assert (lost / "closed.json").read_bytes() == (old / "closed.json").read_bytes()


def test_what_a_closing_note_says_decides_too(past: Past, cli: Cli, lost: Path, tmp_path: Path) -> None:
    """More entries than the log ended with, fewer, or others: refused, whoever shows its end."""
    key, early = load_key(str(lost / "log.key")), past.sizes[0]
    root = bytes.fromhex(cli.json("backup", "--check", past.early, "--log", past.vkey.text)["root"])
    blocks = list(pieces(past.early.read_bytes()))
    (lost / "sign-record.json").unlink()
    for size, its_root, tail, code, words in (
        (early, root, past.files, 1, f"closed at size {early}, as the backup's closing note says"),
        (early + 3, bytes(32), None, 5, "3 entries are missing: the backup's closing note knows"),
        (early, bytes(32), None, 5, "another log"),
        (early, root, None, 0, ""),
    ):
        note = sign_closing(origin=ORIGIN, size=size, root=its_root, private_keys=[key])
        closing = blocks[-1]._replace(kind="Z", first=early, payload=note)
        (tmp_path / "b").write_bytes(rewritten([*blocks[:-1], closing, blocks[-1]]))
        words_given = ("node", "restore", "b", lost, *(("--tail", tail) if tail else ()))
        if not code:
            assert cli.json(*words_given)["closed"] is True
            continue
        assert words in cli.fails(code, *words_given)
        assert not (lost / "db").exists()
        assert not (lost / "closed.json").exists()


def test_a_forked_key_is_not_taken_for_the_logs(past: Past, cli: Cli, lost: Path) -> None:
    """A tail under another key than the log's is refused, however it looks."""
    copy = shutil.copytree(past.files, lost.parent / "copy")
    note = sign_checkpoint(origin=ORIGIN, size=1, root=bytes(32), private_key=Ed25519PrivateKey.generate())
    (copy / "checkpoint").write_bytes(note)
    assert "isn't signed by" in cli.fails(1, "node", "restore", past.late, lost, "--tail", copy)
