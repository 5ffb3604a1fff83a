"""`usance audit`: a whole log judged over HTTP, from a copy, and from a node's folder; what is wrong is named."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.replay import AuditFailure
from node.audit import audit
from node.sources import FolderSource, HttpSource, in_order
from proofs import merkle, tiles
from proofs.checkpoint import Checkpoint
from proofs.entry import parse_entry, sign_batch
from proofs.errors import VerifyError
from proofs.records import make_body
from tests.node.clitool import ROOT, Cli
from tests.node.fakelog import NOW_MS, ORIGIN, FakeLog, serving
from tests.node.harness import NodeProcess

SIZE = 700


def usage(number: int) -> bytes:
    """A small record of its own."""
    return make_body(
        {"kind": "usage", "at": NOW_MS, "asset": "model:x/y", "use": "infer", "quantities": {"token": number + 1},
         "from": NOW_MS, "until": NOW_MS}
    )  # fmt: skip


def make_log(
    size: int = SIZE, operator: Ed25519PrivateKey | None = None, key: Ed25519PrivateKey | None = None
) -> FakeLog:
    """A log with batches of every length, up to a size that cuts a tile and a bundle."""
    log = FakeLog(operator=operator, key=key)
    signer = Ed25519PrivateKey.generate()
    log.join(signer)
    number = 1
    for count in (1, 2, 3, 100, 256, 1, 1):
        log.log(signer, number, [usage(number + at) for at in range(count)])
        number += count
    while log.ledger.size < size:
        log.log(signer, number, [usage(number)])
        number += 1
    return log


def export(log: FakeLog, folder: Path) -> Path:
    """The log as files, as tlog-tiles lays them out."""
    size, reader = log.ledger.size, log.reader
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_bytes(log.checkpoint())
    for level, count in tiles.tiles_of(size):
        for index in range(count):
            width = tiles.tile_width(level, index, size)
            if not width:
                continue
            write(folder, tiles.tile_path(level, index, width), reader.tile(level, index, width))
            if level == 0:
                write(folder, tiles.entries_path(index, width), reader.bundle(index, width))
    return folder


def write(folder: Path, path: str, data: bytes) -> None:
    """A file below the folder."""
    full = folder / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(data)


@pytest.fixture(scope="module")
def log() -> FakeLog:
    """A log that nobody changes."""
    return make_log()


@pytest.fixture
def copy(log, tmp_path) -> Path:
    """Its files, for a test to change."""
    return export(log, tmp_path / "copy")


@pytest.fixture
def cli(tmp_path, log) -> Cli:
    """An auditor who has the log's key."""
    made = Cli(tmp_path)
    (tmp_path / "log.vkey").write_text(log.vkey.text + "\n")
    made.environment["USANCE_LOG"] = "log.vkey"
    return made


def failure(cli: Cli, where: object) -> dict:
    """An audit that fails; what it says as JSON, with the same in one line on stderr."""
    done = cli("audit", where, "--json")
    assert done.code == 1, done
    assert done.err.count("\n") == 1
    value = done.json()
    assert value["verdict"] == "failed"
    assert cli.fails(1, "audit", where).startswith("usance audit: " + value["detail"][:40])
    return value


# What is good


def test_a_good_copy(cli, copy, log) -> None:
    """Counts by kind and status, and the root that the checkpoint has."""
    value = cli.json("audit", copy)
    assert (value["verdict"], value["size"], value["root"]) == ("good", SIZE, log.reader.root_at(SIZE).hex())
    assert value["kinds"] == {"genesis": 1, "party": 1, "usage": SIZE - 2}
    assert value["statuses"] == {"unclaimed": SIZE - 2}
    assert value["tiles"] == 3 + 1
    text = cli.ok("audit", copy).out
    assert "GOOD: 700 records" in text
    assert "NOT SHOWN" in text


def test_a_good_log_over_http(cli, log) -> None:
    """The same over HTTP; a later audit says that it is one history with this one."""
    with serving(log):
        first = cli.json("audit", log.url)
        assert first["seen_before"] is None
        assert cli.json("audit", log.url)["seen_before"] == SIZE


def test_full_tiles_stand_in_for_partial_ones(cli, tmp_path) -> None:
    """A mirror that has grown may have dropped partial tiles: the full ones are cut to the checkpoint's size."""
    log = make_log(512)
    checkpoint = log.checkpoint(300)
    copy = export(log, tmp_path / "grown")
    (copy / "checkpoint").write_bytes(checkpoint)
    source = FolderSource(str(copy))
    with pytest.raises(AuditFailure, match="inside a batch"):  # 300 isn't where a batch ends, but all was read
        audit(source, Checkpoint(ORIGIN, 300, log.reader.root_at(300)), log.vkey, progress=lambda count: None)
    assert source.bundle(1, 44) == list(log.reader.entries(256, 44))
    assert source.tile(0, 1, 44) == log.reader.tile(0, 1, 44)


def test_a_real_node_running_and_stopped(tmp_path, make_node) -> None:
    """Over HTTP while it runs; its folder only when it stands still, then with the database's own bytes."""
    node: NodeProcess = make_node()
    cli = Cli(tmp_path, {"USANCE_LOG": node.vkey.text, "USANCE_NODE": node.url, "USANCE_KEY": "me.key"})
    cli.ok("key", "new", "me.key")
    cli.ok("party", "Me")
    cli.ok("use", "model:x/y", "--as", "infer", "--token", "1")
    value = cli.json("audit", node.url)
    assert (value["size"], value["kinds"]) == (3, {"genesis": 1, "party": 1, "usage": 1})
    assert "a node probably runs on" in cli.fails(5, "audit", node.folder)
    assert node.stop() == 0
    assert cli.json("audit", node.folder)["root"] == value["root"]
    assert node.vkey.text in cli.fails(1, "audit", node.folder, "--log", "me.vkey")
    assert cli("audit", node.url).code == 4


# What is wrong


def test_a_changed_entry_is_named(cli, copy) -> None:
    """Any changed byte of any entry fails at its leaf."""
    path = copy / tiles.entries_path(1)
    entries = tiles.parse_bundle(path.read_bytes(), 256)
    for place in (0, 100, 255):
        for at in (1, 40, len(entries[place]) - 1):
            changed = list(entries)
            changed[place] = bytes([*changed[place][:at], changed[place][at] ^ 1, *changed[place][at + 1 :]])
            path.write_bytes(tiles.encode_bundle(changed))
            assert failure(cli, copy)["entry"] == 256 + place, (place, at)


def test_a_changed_tile_is_named(cli, copy) -> None:
    """Tiles are compared hash by hash: the first leaf below a wrong one is named."""
    for level, index, width, place, leaf in ((0, 0, 256, 7, 7), (0, 2, SIZE - 512, 3, 515), (1, 0, 2, 1, 256)):
        path = copy / tiles.tile_path(level, index, width)
        data = path.read_bytes()
        path.write_bytes(data[: 32 * place] + bytes(32) + data[32 * place + 32 :])
        value = failure(cli, copy)
        assert value["entry"] == leaf
        assert tiles.tile_path(level, index, width) in value["detail"]
        path.write_bytes(data)
    assert cli("audit", copy).code == 0


@pytest.mark.parametrize("change", ["missing bundle", "missing tile", "cut", "longer", "swapped", "left out", "twice"])
def test_bundles_that_are_not_the_logs(cli, copy, change) -> None:
    """Missing, cut, extended, reordered or repeated: none passes."""
    path = copy / tiles.entries_path(1)
    data = path.read_bytes()
    entries = tiles.parse_bundle(data, 256)
    if change == "missing bundle":
        path.unlink()
    elif change == "missing tile":
        (copy / tiles.tile_path(1, 0, 2)).unlink()
    elif change in ("cut", "longer"):
        path.write_bytes(data[:-1] if change == "cut" else data + b"\0")
    elif change == "swapped":
        path.write_bytes(tiles.encode_bundle([entries[1], entries[0], *entries[2:]]))
    else:
        other = entries[5] if change == "twice" else entries[0]
        path.write_bytes(tiles.encode_bundle([*entries[1:], other]))
    failure(cli, copy)


def test_a_checkpoint_that_is_not_the_logs(cli, copy, log) -> None:
    """Another key's, another size's, another root's, or none at all."""
    other = FakeLog()
    (copy / "checkpoint").write_bytes(other.checkpoint())
    failure(cli, copy)
    (copy / "checkpoint").write_bytes(log.checkpoint(root=bytes(32)))
    assert failure(cli, copy)["entry"] is None
    (copy / "checkpoint").write_bytes(log.checkpoint(SIZE - 1))
    cli("audit", copy)
    (copy / "checkpoint").unlink()
    assert "no checkpoint" in cli.fails(2, "audit", copy)
    assert "no folder and no URL" in cli.fails(2, "audit", copy / "nowhere")


def test_a_log_that_broke_its_rules(cli, tmp_path) -> None:
    """A log that signs what it should have refused: the rule and the leaf are named, although every hash fits."""
    log = make_log(300)
    key = Ed25519PrivateKey.generate()
    log.join(key)
    entries = list(log.reader.entries(0, log.ledger.size))
    cases = {
        "gap": (sign_batch(key, origin=ORIGIN, size=0, root=merkle.EMPTY_ROOT, first=2, bodies=[usage(1)]), "gap"),
        "head": (sign_batch(key, origin=ORIGIN, size=5, root=bytes(32), first=1, bodies=[usage(1)]), "past"),
        "future": (sign_batch(key, origin=ORIGIN, size=10**6, root=bytes(32), first=1, bodies=[usage(1)]), "past"),
        "origin": (sign_batch(key, origin="log.example/b", size=0, root=merkle.EMPTY_ROOT, first=1, bodies=[usage(1)]),
                   "signature"),
        "field": (sign_batch(key, origin=ORIGIN, size=0, root=merkle.EMPTY_ROOT, first=1, bodies=[b"\x80"]), "kind"),
        "stranger": (sign_batch(Ed25519PrivateKey.generate(), origin=ORIGIN, size=0, root=merkle.EMPTY_ROOT, first=0,
                                bodies=[usage(1)]), "not bound"),
    }  # fmt: skip
    for name, (batch, says) in cases.items():
        value = failure(cli, _published(log, [*entries, *batch.entries()], tmp_path / name, cli))
        assert value["entry"] == len(entries), name
        assert says in value["detail"], name


def _published(log: FakeLog, entries: list[bytes], folder: Path, cli: Cli) -> Path:
    """A folder in which these entries have right tiles and a checkpoint by the log's key."""
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    (cli.folder / "log.vkey").write_text(log.vkey.text)
    folder.mkdir()
    (folder / "checkpoint").write_bytes(log.checkpoint(len(leaves), merkle.root(leaves)))
    for index in range(-(-len(entries) // 256)):
        part = slice(256 * index, min(256 * index + 256, len(entries)))
        write(folder, tiles.entries_path(index, part.stop - part.start), tiles.encode_bundle(entries[part]))
        write(folder, tiles.tile_path(0, index, part.stop - part.start), b"".join(leaves[part]))
    full = b"".join(merkle.root(leaves[at : at + 256]) for at in range(0, len(leaves) - 255, 256))
    write(folder, tiles.tile_path(1, 0, len(full) // 32), full)
    return folder


def test_another_history_than_the_one_seen(cli, tmp_path, log, copy) -> None:
    """A log that passes by itself, but isn't the continuation of what this user saw: exit 1 and both notes kept."""
    cli.ok("audit", copy)
    forked = make_log(SIZE + 50, key=log.key)
    value = failure(cli, export(forked, tmp_path / "forked"))
    assert "seen before" in value["detail"]
    assert len([name for name in os.listdir(tmp_path / "state") if ".fork-" in name]) == 1
    cli.ok("audit", copy)


def test_an_older_copy_is_said_to_be_one(cli, tmp_path, log, copy) -> None:
    """Exit 3, so that a rolled-back log doesn't pass: whether what was seen continues it can't be told from it."""
    cli.ok("audit", copy)
    older = make_log(366, key=log.key)
    done = cli("audit", export(older, tmp_path / "older"))
    assert done.code == 3
    assert "ends at size 366" in done.err


# How it works


def test_an_audit_runs_on_the_base_packages(cli, log, tmp_path) -> None:
    """With neither database nor server importable, over HTTP."""
    code = (
        "import sys\nclass Base:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('plyvel', 'plyvel_next', 'aiohttp', 'uvloop', 'rich'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Base())\nfrom node.cli import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    with serving(log):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, "audit", log.url, "--log", log.vkey.text, "--json"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "USANCE_STATE": str(tmp_path / "s")},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["size"] == SIZE


def test_what_is_read_ahead_is_bounded_and_in_order() -> None:
    """Results come in order whichever is first, no more than a few ahead; a failure comes at its place."""
    started = []

    def work(item: int) -> int:
        started.append(item)
        time.sleep(0.01 * (item % 3))
        if item == 20:
            raise VerifyError("here")
        return item

    seen = []

    def take() -> None:
        for item in in_order(range(100), work):
            seen.append(item)
            assert max(started) <= item + 8

    with pytest.raises(VerifyError, match="here"):
        take()
    assert seen == list(range(20))


@pytest.mark.parametrize("module", ["node", "queue"])
def test_nothing_in_the_audited_folder_is_run(log, tmp_path, module) -> None:
    """An auditor who stands in a copy of a log runs no program that the copy holds, under whatever name."""
    folder = export(log, tmp_path / "copy")
    trap = f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
    (folder / "node").mkdir()
    write(folder, "node/__init__.py" if module == "node" else f"{module}.py", trap.encode())
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", "import sys; from node.cli import main; sys.exit(main())",
         "audit", ".", "--log", log.vkey.text, "--json"], cwd=folder, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "USANCE_STATE": str(tmp_path / "state")}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr, os.path.exists(tmp_path / "ran")) == (0, "", False)


def test_an_audit_that_is_killed_leaves_no_process(cli, log, tmp_path) -> None:
    """Its helpers end when their input does."""
    slow = make_log(2000)
    slow.hook = lambda method, path, body, answer: (time.sleep(0.02), answer)[1]
    with serving(slow):
        process = cli.start("audit", slow.url, "--log", slow.vkey.text)
        with process:
            children: list[str] = []
            deadline = time.monotonic() + 30
            while not children and time.monotonic() < deadline and process.poll() is None:
                path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
                if not path.exists():
                    process.kill()
                    pytest.skip("this system doesn't list a process's children")
                found = [p.read_text() for p in Path(f"/proc/{process.pid}/task").glob("*/children")]
                children = " ".join(found).split()
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
    if not children:
        pytest.skip("one processor: signatures are checked in line")
    deadline = time.monotonic() + 20
    while any(_runs(int(pid)) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(int(pid)) for pid in children)


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_http_threads_have_connections_of_their_own(log) -> None:
    """Several threads read through one source, and every answer is its own."""
    with serving(log):
        source = HttpSource(log.url)
        found = list(in_order(range(2), lambda index: source.bundle(index, 256)))
        source.close()
    assert [merkle.leaf_hash(entry) for part in found for entry in part] == [
        log.reader.tree.leaf(at) for at in range(512)
    ]
    assert parse_entry(found[0][0]).count == 1


def test_copies_keep_nothing_of_this_machine(copy, tmp_path) -> None:
    """A copy can be moved and is audited wherever it lies."""
    shutil.move(copy, tmp_path / "moved")
    assert FolderSource(str(tmp_path / "moved")).bundle(0, 256)
