"""`usance backup`: all of a log in one file; what isn't the log's is refused, what is cut is continued."""

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StorageError
from node import backupwriter
from node.errors import BackupDamage, FileError, IncompleteError
from node.tokens import add_token
from proofs import merkle, tiles
from proofs.closing import sign_closing
from proofs.errors import VerifyError
from tests.node.backuptool import MAGIC, Growing, entries_in, judge, marks_in, pieces, rewritten
from tests.node.clitool import Cli
from tests.node.fakelog import ORIGIN, PROBLEM, Answer, FakeLog, serving
from tests.node.harness import Actor, NodeProcess, nil_body, until

KILLS = 6
KILLS_LONG = 120


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    """A log of 300 entries behind HTTP."""
    made = Growing(Cli(tmp_path))
    made.grow(1, 2, 30, 255, 10)
    with serving(made.log):
        yield made


def test_a_backup_holds_the_log(growing: Growing) -> None:
    """Every entry as served, under a checkpoint of the log's, by another reading of the file than the program's."""
    said = growing.run()
    assert entries_in(growing.data) == growing.entries()
    assert marks_in(growing.data) == [300]
    assert (said["size"], said["added"], said["resumed"], said["conflicts_served"]) == (300, 300, 0, False)
    assert said["root"] == growing.log.ledger.tree.root.hex()
    assert said["bytes"] == len(growing.data)
    assert growing.path.stat().st_mode & 0o777 == 0o600
    checked = growing.cli.json("backup", "--check", growing.path, "--log", growing.log.vkey.text)
    assert (checked["verdict"], checked["size"], checked["tail_bytes"]) == ("good", 300, 0)


def test_a_second_run_adds_only_what_is_new(growing: Growing) -> None:
    """What was there stays byte for byte; entries behind a partial bundle come once; nothing new adds nothing."""
    growing.run()
    before = growing.data
    assert growing.run()["added"] == 0
    assert growing.data == before
    for batches in ((1,), (200, 11), (1, 1), (256, 256, 300)):
        growing.grow(*batches)
        growing.log.requests.clear()
        assert growing.run()["added"] == sum(batches)
        assert growing.data.startswith(before)
        assert entries_in(growing.data) == growing.entries()
        bundles = [path for _, path, _ in growing.log.requests if "entries" in path]
        assert len(bundles) <= sum(batches) // 256 + 2
        before = growing.data
    assert marks_in(growing.data) == [300, 301, 512, 514, 1326]
    assert judge(growing.path, growing.log.vkey).checkpoints == 5


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    """Of a small file, each byte changed in turn: the block is named by its offset, or what it ends doesn't count."""
    made = Growing(Cli(tmp_path))
    with serving(made.log):
        made.run()
        made.grow(2, 1)
        made.run()
    data, blocks = made.data, list(pieces(made.data))
    assert [block.kind for block in blocks] == ["L", "E", "C", "E", "C"]
    spoiled = tmp_path / "spoiled"
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << (at % 8)
        spoiled.write_bytes(changed)
        place = next((block for block in blocks if block.offset <= at < block.end), None)
        if place is None:
            assert at < len(MAGIC)
            with pytest.raises(FileError):
                judge(spoiled, made.log.vkey)
        elif place == blocks[-1]:  # the last checkpoint: then the file is the backup of the size before
            found = judge(spoiled, made.log.vkey)
            assert found.checkpoint.size == blocks[2].first
            assert found.tail_bytes == len(data) - blocks[2].end
            assert f"at byte {place.offset}" in found.tail
        else:
            with pytest.raises(BackupDamage) as raised:
                judge(spoiled, made.log.vkey)
            assert raised.value.offset == place.offset


def test_a_file_cut_anywhere_is_an_earlier_backup(growing: Growing, long_run: bool) -> None:
    """Cut at any byte, it is good up to the last checkpoint that it has whole, says what is behind, is continued."""
    growing.run()
    growing.grow(3, 250)
    growing.run()
    data = growing.data
    sealed = {piece.end: piece.first for piece in pieces(data) if piece.kind == "C"}
    draw = random.Random(5)
    edges = {at + offset for piece in pieces(data) for at in (piece.offset, piece.end) for offset in (-1, 0, 30)}
    cuts = sorted(
        {at for at in edges if 0 <= at < len(data)} | set(draw.sample(range(len(data)), 400 if long_run else 5))
    )
    for at in cuts:
        growing.path.write_bytes(data[:at])
        size = max((size for end, size in sealed.items() if end <= at), default=0)
        if size:
            found = judge(growing.path, growing.log.vkey)
            assert found.checkpoint.size == size
            assert found.tail_bytes == at - max(end for end in sealed if end <= at)
        else:
            with pytest.raises(IncompleteError):
                judge(growing.path, growing.log.vkey)
        said = growing.run()
        assert said["added"] + said["resumed"] + size == growing.log.ledger.size
        assert entries_in(growing.data) == growing.entries()
        assert judge(growing.path, growing.log.vkey).tail_bytes == 0


def test_a_log_that_shows_an_end_and_a_larger_head_is_refused(growing: Growing) -> None:
    """Also by the first run, when nothing of it is known yet; the same for another root at the end's size."""
    ledger, said = growing.log.ledger, [b""]
    growing.log.hook = lambda method, path, body, answer: (200, "text/plain", said[0]) if path == "/closed" else answer
    for size, root in ((200, growing.log.reader.root_at(200)), (ledger.size, bytes(32))):
        said[0] = sign_closing(origin=ORIGIN, size=size, root=root, private_keys=[growing.log.key])
        assert f"ended at size {size}" in growing.cli.fails(1, *growing.words)
        assert not growing.path.exists()


def test_a_log_that_goes_on_after_its_end_is_refused(growing: Growing) -> None:
    """The file has the closing note; a larger head is the log's broken word: kept beside it, and nothing is added."""
    ledger = growing.log.ledger
    note = sign_closing(origin=ORIGIN, size=ledger.size, root=ledger.tree.root, private_keys=[growing.log.key])

    def ended(method: str, path: str, body: bytes, answer: Answer) -> Answer:
        return (200, "text/plain", note) if path == "/closed" else answer

    growing.log.hook = ended
    assert growing.run()["closed"] is True
    before = growing.data
    growing.log.hook = lambda method, path, body, answer: answer
    assert growing.run()["closed"] is True
    growing.grow(2)
    line = growing.cli.fails(1, *growing.words)
    assert f"ended at size {ledger.size - 2}" in line
    assert growing.data == before
    kept = list(growing.path.parent.glob("log.backup.fork-*"))
    assert [path.read_bytes() for path in kept] == [growing.log.checkpoint()]


def test_damage_is_told_from_a_cut(growing: Growing) -> None:
    """Where a later checkpoint stands, a run refuses to go on and changes nothing; the last one damaged is fetched
    anew."""
    growing.run()
    growing.grow(5)
    growing.run()
    data, blocks = growing.data, list(pieces(growing.data))
    spoiled = bytearray(data)
    spoiled[blocks[2].offset + 3] ^= 1
    growing.path.write_bytes(spoiled)
    line = growing.cli.fails(1, *growing.words)
    assert f"at byte {blocks[2].offset}" in line
    assert growing.data == spoiled
    spoiled = bytearray(data)
    spoiled[-1] ^= 1
    growing.path.write_bytes(spoiled)
    done = growing.cli("backup", "--check", growing.path, "--log", growing.log.vkey.text)
    assert (done.code, "300 records" in done.err) == (3, True)
    assert growing.run()["resumed"] == 5
    assert judge(growing.path, growing.log.vkey).checkpoint.size == 305


def test_rewritten_files_are_found(growing: Growing) -> None:
    """Whoever rewrites blocks with their checksums doesn't get past the root, the order or the signature: an entry
    changed, a block left out, put elsewhere, twice, or a checkpoint that vouches for more."""
    growing.run()
    growing.grow(256, 256, 3)
    growing.run()
    blocks = list(pieces(growing.data))
    assert [block.kind for block in blocks] == list("LEECEEEC")
    spoiled = blocks[1]._replace(payload=blocks[1].payload[:-1] + bytes([blocks[1].payload[-1] ^ 1]))
    cut = blocks[6]._replace(payload=blocks[6].payload[:-1])
    assert rewritten(blocks) == growing.data
    for text, made in (
        ("don't hash to its root", [blocks[0], spoiled, *blocks[2:]]),
        ("doesn't fit what stands before", [*blocks[:4], *blocks[5:]]),
        ("doesn't fit what stands before", [*blocks[:4], blocks[5], blocks[4], *blocks[6:]]),
        ("doesn't fit what stands before", [*blocks[:3], *blocks[2:]]),
        ("doesn't fit what stands before", [blocks[0], *blocks]),
        ("holds no entries", [*blocks[:6], cut, blocks[7]]),
    ):
        growing.path.write_bytes(rewritten(made))
        with pytest.raises(BackupDamage, match=text):
            judge(growing.path, growing.log.vkey)
    for text, made in (
        ("doesn't fit what stands before", [*blocks[:6], blocks[7]]),
        ("is wrong", [*blocks[:7], blocks[3]._replace(first=815)]),
    ):  # no checkpoint that holds follows: what is wrong is behind what counts
        growing.path.write_bytes(rewritten(made))
        found = judge(growing.path, growing.log.vkey)
        assert (found.checkpoint.size, text in found.tail) == (300, True)


def test_a_lying_node_leaves_the_file_as_it_was(growing: Growing) -> None:
    """Wrong entries, wrong tiles, a forged checkpoint, a missing bundle: refused, named, and nothing of it stays."""
    growing.run()
    before = growing.data
    growing.grow(300)

    def wrong(part: str) -> Callable[..., object]:
        def hook(method: str, path: str, body: bytes, answer: tuple[int, str, bytes]) -> tuple[int, str, bytes]:
            if part not in path:
                return answer
            data = bytearray(answer[2])
            at = -20 if path == "/checkpoint" else -1
            data[at] = data[at] ^ 1 if at == -1 else data[at] % 20 + 65
            return answer[0], answer[1], bytes(data)

        return hook

    expected = {"/tile/entries/001": "tile/entries/001", "/tile/entries/002": "hash to", "/tile/1/": "",
                "/tile/0/": "isn't one history", "/checkpoint": "signature"}  # fmt: skip
    for part, text in expected.items():
        growing.log.hook = wrong(part)  # type: ignore[assignment]
        assert text in growing.cli.fails(1, *growing.words), part
        assert growing.data == before, part
    growing.log.hook = lambda method, path, body, answer: (404, PROBLEM, b"{}") if "entries" in path else answer
    assert "doesn't hold tile/entries/001" in growing.cli.fails(1, *growing.words)
    assert growing.data == before
    growing.log.hook = lambda method, path, body, answer: answer
    growing.run()
    assert entries_in(growing.data) == growing.entries()


def test_wrong_entries_of_a_cut_run_are_not_kept(growing: Growing) -> None:
    """What a run left behind the last checkpoint is taken only as far as the log's tiles hold it."""
    other = Growing(growing.cli)
    other.grow(1, 2, 30, 255, 10)
    growing.run()
    growing.grow(300)
    with serving(other.log), mock.patch.object(backupwriter.BackupWriter, "seal", side_effect=StorageError("full")):
        other.grow(300)
        growing.path.unlink()
        other.cli.fails(5, *other.words)
    unsealed = [piece for piece in pieces(growing.data) if piece.kind == "E"]
    assert len(unsealed) > 1
    said = growing.run()
    assert said["resumed"] == 0
    assert entries_in(growing.data) == growing.entries()


def test_a_run_that_stopped_is_continued(growing: Growing) -> None:
    """A network that is lost in the middle leaves whole bundles, which the next run doesn't fetch again."""
    growing.grow(256, 256, 256, 256)
    lost = tiles.entries_path(3)
    growing.log.hook = lambda method, path, body, answer: None if lost in path else answer
    with mock.patch("node.transport.BACKOFF_S", 0.001):
        growing.cli.fails(4, *growing.words)
    assert [piece.kind for piece in pieces(growing.data)][1:] == ["E"] * 3
    growing.log.hook = lambda method, path, body, answer: answer
    growing.log.requests.clear()
    said = growing.run()
    assert (said["resumed"], said["added"]) == (768, 1324 - 768)
    assert not any(tiles.entries_path(1) in path for _, path, _ in growing.log.requests)
    assert entries_in(growing.data) == growing.entries()


def test_another_log_and_a_fork_are_refused(growing: Growing) -> None:
    """The backup of another log, of another name or key, and of a forked one stay as they are; a fork's note is
    kept."""
    growing.run()
    before = growing.data
    stranger = Growing(growing.cli)
    stranger.grow(1, 2, 30, 255, 11)
    with serving(stranger.log):
        assert "another log of this name" in growing.cli.fails(2, *stranger.words)
        assert "isn't signed by" in growing.cli.fails(
            1, "backup", stranger.log.url, growing.path, "--log", growing.log.vkey.text
        )
        assert "isn't signed by" in growing.cli.fails(
            1, "backup", "--check", growing.path, "--log", stranger.log.vkey.text
        )
    for sizes in ((1, 2, 30, 255, 11), (1, 2, 30, 255, 10), (1, 2, 30)):
        fork = Growing(growing.cli, FakeLog(key=growing.log.key))
        fork.grow(*sizes)
        with serving(fork.log):
            line = growing.cli.fails(1, *fork.words)
        assert "isn't one history" in line
        kept = [path for path in growing.cli.folder.iterdir() if ".fork-" in path.name]
        assert any(path.read_bytes() == fork.log.checkpoint() for path in kept)
    assert growing.data == before


def test_a_rolled_back_node_is_noticed(growing: Growing) -> None:
    """A node that serves less than was backed up, of the same history, is behind its backup; the file stays."""
    growing.run()
    before = growing.data
    note = growing.log.checkpoint(40)
    growing.log.hook = lambda method, path, body, answer: (200, "text/plain", note) if path == "/checkpoint" else answer
    line = growing.cli.fails(1, *growing.words)
    assert "has 40 entries, the backup 300 of the same log" in line
    assert "usance node restore" in line
    assert growing.data == before
    assert list(growing.cli.folder.glob("*.fork-*")) == []


def test_files_that_are_no_backups_are_left_alone(growing: Growing) -> None:
    """Another file under the name, a folder, or a folder that doesn't exist: said, and nothing is written."""
    growing.path.write_bytes(b"a letter to somebody")
    assert "no backup file" in growing.cli.fails(2, *growing.words)
    assert growing.data == b"a letter to somebody"
    growing.path.unlink()
    growing.path.mkdir()
    growing.cli.fails(2, *growing.words)
    words = ("backup", growing.log.url, growing.path / "no" / "such", "--log", growing.log.vkey.text)
    assert "can't make" in growing.cli.fails(5, *words)
    growing.path.rmdir()
    growing.path.write_bytes(b"")
    assert growing.run()["size"] == 300
    assert "there is no file" in growing.cli.fails(2, "backup", "--check", "gone", "--log", growing.log.vkey.text)
    assert "reads a file alone" in growing.cli.fails(2, *growing.words, "--check")
    assert "no node is named" in growing.cli.fails(2, "backup", growing.path, "--log", growing.log.vkey.text)


def test_a_node_that_is_away_leaves_no_file(growing: Growing) -> None:
    """Nothing is made before the log's checkpoint is known and holds."""
    growing.log.hook = lambda method, path, body, answer: (500, PROBLEM, b"{}") if path == "/checkpoint" else answer
    growing.cli.fails(4, *growing.words)
    assert not growing.path.exists()


def test_what_a_checkpoint_vouches_for_is_on_the_disk_before_it(growing: Growing) -> None:
    """Entries, sync, checkpoint, sync: in this order, so that a loss of power leaves no checkpoint without its
    entries."""
    done: list[str] = []
    pwrite, sync = backupwriter.os.pwrite, backupwriter.os.fdatasync

    def spied(handle: int, data: bytes, offset: int) -> int:
        done.append(chr(data[0]))
        return pwrite(handle, data, offset)

    def synced(handle: int) -> None:
        done.append("sync")
        sync(handle)

    with mock.patch.object(backupwriter.os, "pwrite", spied), mock.patch.object(backupwriter.os, "fdatasync", synced):
        growing.run()
    assert done == ["u", "L", "E", "E", "sync", "C", "sync"]


def test_one_run_at_a_time(growing: Growing) -> None:
    """A second process that writes to the file is refused."""
    growing.run()
    with backupwriter.open_backup(str(growing.path), write=True):
        assert "another process writes" in growing.cli.fails(5, *growing.words)
    growing.run()


def test_a_full_disk_costs_nothing_that_counted(growing: Growing) -> None:
    """A write that fails half-way leaves a backup of the size before, which the next run continues."""
    growing.run()
    growing.grow(256, 256, 256)
    before = growing.data
    real, left = backupwriter.os.pwrite, [20_000]

    def pwrite(handle: int, data: bytes, offset: int) -> int:
        if left[0] <= 0:
            raise OSError(28, "No space left on device")
        done = real(handle, bytes(data)[: left[0]], offset)
        left[0] -= done
        return done

    with mock.patch.object(backupwriter.os, "pwrite", pwrite):
        assert "No space left" in growing.cli.fails(5, *growing.words)
    assert growing.data.startswith(before)
    assert judge(growing.path, growing.log.vkey).checkpoint.size == 300
    said = growing.run()
    assert said["resumed"] > 0
    assert entries_in(growing.data) == growing.entries()


@pytest.mark.timeout(600)
def test_killed_at_any_time_it_is_a_backup(growing: Growing, long_run: bool) -> None:
    """kill -9 at random moments while the log grows: the file is always good up to a size that it once had, never
    damaged, and is continued."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    draw = random.Random(seed)

    def slow(method: str, path: str, body: bytes, answer: tuple[int, str, bytes]) -> tuple[int, str, bytes]:
        time.sleep(draw.uniform(0, 0.01))
        return answer

    def size() -> int:
        return growing.path.stat().st_size if growing.path.exists() else 0

    growing.log.hook = slow
    sealed, inside = 0, 0
    for _ in range(KILLS_LONG if long_run else KILLS):
        growing.grow(*(draw.choice((1, 200, 256)) for _ in range(8)))
        before = size()
        with growing.cli.start(*growing.words) as process:
            until(lambda at=before: size() != at or process.poll() is not None)
            time.sleep(draw.uniform(0, 0.15))
            inside += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait(30)
            process.communicate()
        try:
            found = judge(growing.path, growing.log.vkey).checkpoint.size
        except IncompleteError:
            found = 0
        assert found >= sealed
        sealed = found
    assert inside, "no kill met a run"
    growing.log.hook = lambda method, path, body, answer: answer
    growing.run()
    assert entries_in(growing.data) == growing.entries()
    assert judge(growing.path, growing.log.vkey).tail_bytes == 0


def test_while_records_are_written(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Runs beside a node under load end at a checkpoint of its own; conflicts are in them, each once; so is the end
    state."""
    node = make_node()
    cli = Cli(tmp_path)
    end = threading.Event()
    actor = Actor(node).join()

    def write() -> None:
        number = 0
        while not end.is_set():
            actor.log(*(nil_body(number + at) for at in range(40)))
            number += 40

    writer = threading.Thread(target=write)
    writer.start()
    words = ("backup", node.url, "log.backup", "--log", node.vkey.text)
    try:
        sizes = [cli.json(*words)["size"] for _ in range(6)]
        quarrel = Actor(node).join()
        for offset in range(3):
            assert node.submit(quarrel.sign(nil_body(offset + 1), first=0))[0]["status"] == 409
        assert cli.json(*words)["conflicts"] == 3
    finally:
        end.set()
        writer.join()
    said = cli.json(*words)
    assert sizes == sorted(sizes)
    assert said["size"] == node.checkpoint().size
    assert (said["conflicts"], said["conflicts_served"], said["closed"]) == (3, True, False)
    data = (tmp_path / "log.backup").read_bytes()
    leaves = [merkle.leaf_hash(entry) for entry in entries_in(data)]
    assert merkle.root(leaves) == node.checkpoint().root
    checked = cli.json("backup", "--check", "log.backup", "--log", node.vkey.text)
    assert checked["conflicts"] == 3
    assert (node.folder / "sign-record.json").read_text() not in data.decode("latin-1")
    for secret in ("log.key", "operator.key"):
        assert (node.folder / secret).read_bytes() not in data


def test_a_node_that_wants_a_token(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """With the reader's token all of it comes, conflicts included; without one it is said and no file is left."""
    node = make_node(start=False, readers="token")
    (tmp_path / "token").write_text(add_token(str(node.folder), "backup", now_ms=1))
    (tmp_path / "token").chmod(0o600)
    actor = Actor(node.start()).join()
    assert node.submit(actor.sign(nil_body(), first=0))[0]["status"] == 409
    cli = Cli(tmp_path)
    words = ("backup", node.url, "log.backup", "--log", node.vkey.text)
    assert "token" in cli.fails(2, *words)
    assert not (tmp_path / "log.backup").exists()
    said = cli.json(*words, "--token-file", "token")
    assert (said["size"], said["conflicts"]) == (2, 1)


def test_a_backup_goes_on_over_a_change_of_the_logs_key(
    make_node: Callable[..., NodeProcess], tmp_path: Path
) -> None:  # fmt: skip
    """While both keys sign, either is enough; afterwards whoever knows both goes on with the same file, and its last
    checkpoint is what counts."""
    node, cli = make_node(), Cli(tmp_path)
    actor = Actor(node).join()
    words = ("backup", "URL", "log.backup", "--log", node.vkey.text)
    cli.ok("backup", node.url, *words[2:])
    for step, count in (("begin", 3), ("finish", 4)):
        assert node.stop() == 0
        (tmp_path / "policy").write_text(cli("node", "rekey", node.folder, step).out)
        node.start()
        actor.log(*(nil_body(at) for at in range(count)))
        if step == "begin":
            cli.ok("backup", node.url, *words[2:])
        else:
            assert "isn't signed by" in cli.fails(1, "backup", node.url, *words[2:])
            cli.ok("backup", node.url, "log.backup", "--policy", "policy")
    new = (node.folder / "log.vkey").read_text().strip()
    assert new != node.vkey.text
    assert cli.json("backup", "--check", "log.backup", "--log", new)["size"] == 9
    assert cli.json("backup", "--check", "log.backup", "--policy", "policy")["checkpoints"] == 3


def test_conflicts_that_nobody_signed_are_refused(growing: Growing) -> None:
    """A node that makes up a conflict, or lists them without end or order, isn't believed."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw().hex()
    lines = f"usance/batch/v1\n{growing.log.vkey.name}\n0 {'A' * 43}=\n0 1\n{'A' * 43}=\n"
    good = {"key": public, "lines": lines, "signature": key.sign(lines.encode()).hex(), "first": 0, "count": 1}

    def signed(old: str, new: str, **changed: int) -> dict[str, object]:
        """Lines that the key did sign, and that no batch has: written, they would be what no reader takes."""
        text = lines.replace(old, new)
        return {**good, "lines": text, "signature": key.sign(text.encode()).hex(), **changed}

    cases = [
        ([signed("0 AAAA", f"0 {'A' * 1_000_000}")], 1),
        ([signed("0 AAAA", "0  AAAA")], 1),
        ([signed("0 AAAA", "01 AAAA")], 1),
        ([signed("A=\n0 1", "A=\n0 0", count=0)], 1),
        ([signed("A=\n0 1", "A=\n0 1025", count=1025)], 1),
        ([signed("A=\n0 1", f"A=\n{2**70} 1", first=2**70)], 1),
        ([signed("A=\n0 1", "A=\n-1 1", first=-1)], 1),
        ([signed("A=\n0 1", "\U0001f600=\n0 1")], 1),
        ([{**good, "signature": "00" * 64}], 1),
        ([{**good, "first": 1}], 1),
        ([{**good, "lines": lines.replace("fake", "real")}], 1),
        ([{**good, "count": "1"}], 4),
        ([{"key": public}], 4),
        ([good, {**good, "key": "00" * 32}], 1),
        ([good] * 1000, 1),
        ([good] * 1001, 4),
        ("none", 4),
    ]
    said: list[object] = []

    def hook(method: str, path: str, body: bytes, answer: tuple[int, str, bytes]) -> tuple[int, str, bytes]:
        if not path.startswith("/conflicts"):
            return answer
        return 200, "application/json", json.dumps({"conflicts": said[-1]}).encode()

    growing.log.hook = hook
    for listed, code in cases:
        said.append(listed)
        growing.cli.fails(code, *growing.words)
        assert not growing.path.exists()
    said.append([good, good])
    assert growing.run()["conflicts"] == 1
    assert growing.run()["conflicts"] == 1
    assert [piece.count for piece in pieces(growing.data) if piece.kind == "X"] == [1]


def test_conflicts_are_read_page_by_page() -> None:
    """All conflicts of many keys come, each once, wherever pages are cut."""
    from node.backupbeside import fetch_beside
    from node.errors import ProblemError

    made = (Ed25519PrivateKey.generate() for _ in range(80))
    keys = sorted(made, key=lambda key: key.public_key().public_bytes_raw())
    rows = []
    for key in keys:
        for count in range(1, 17):
            lines = f"usance/batch/v1\na.b\n0 {'A' * 43}=\n0 {count}\n{'A' * 43}=\n"
            rows.append({"key": key.public_key().public_bytes_raw().hex(), "lines": lines, "first": 0, "count": count,
                         "signature": key.sign(lines.encode()).hex()})  # fmt: skip

    class Reads:
        """The node's pages."""

        def get_json(self, path: str) -> dict[str, object]:
            """A page of 1,000."""
            start = path.partition("=")[2]
            return {"conflicts": [row for row in rows if str(row["key"]) >= start][:1000]}

        def get_bytes(self, path: str, *, bytes_max: int) -> bytes:
            """No closing note."""
            raise ProblemError("open", status=404)

    found = fetch_beside(Reads(), "a.b")
    assert found.closing is None
    assert found.conflicts is not None
    assert [(one.key.hex(), one.count) for one in found.conflicts] == [(row["key"], row["count"]) for row in rows]


def test_the_check_refuses_what_is_not_signed(growing: Growing, tmp_path: Path) -> None:
    """A file whose blocks fit each other under a checkpoint that the log's key didn't sign is no backup."""
    growing.run()
    stranger = FakeLog(key=Ed25519PrivateKey.generate())
    with pytest.raises(VerifyError, match="isn't signed by"):
        judge(growing.path, stranger.vkey)
