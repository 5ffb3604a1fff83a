"""What a node refuses to start on, and what it starts on all the same (design section 8), as an operator meets it:
one line that says what to do, the exit code, no traceback, and nothing changed."""

import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import plyvel
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.store import MemoryStore
from ledger.tree import Tree, tile_key
from node import rekey, witnesses
from node.config import parse_config
from node.keyfiles import load_key, new_key
from proofs import cosignature
from proofs.checkpoint import sign_checkpoint
from proofs.logkeys import log_keys
from proofs.note import TYPE_ED25519, VerifierKey, add_signature
from tests.simulation.audit import check_all
from tests.simulation.nodes import ORIGIN, Connection, Log, Node, NodeDied, make_log

USAGE, STORAGE = 2, 5
LOGGED = re.compile(r"\d{4}-\d\d-\d\d .*")
WITNESS = "witness.example/w"


@dataclass(frozen=True)
class Folders:
    """One log at three moments. `early`: 3 entries; `late`: 304 entries, `early` and more; `fork`: as many others."""

    early: Path
    late: Path
    fork: Path
    log: Log


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Made once; tests work on copies."""
    base = tmp_path_factory.mktemp("startup")
    log = make_log(base / "late", seed=31, submitters=2)
    shutil.copytree(log.folder, base / "early")
    shutil.copytree(log.folder, base / "fork")
    for name, submitter in (("fork", log.submitters[1]), ("late", log.submitters[0])):
        with Node(base / name) as node, Connection(node.port) as connection:
            assert submitter.send(connection, batches=2, records=150).status == 200
            assert node.stop() == 0
        log.journal.checkpoints = {}
    # The journal goes on with what the late folder's node said.
    late = log.journal.answered[-1].batch.key
    log.journal.answered = [item for item in log.journal.answered if item.batch.key == late]
    log.submitters.pop()
    return Folders(base / "early", base / "late", base / "fork", log)


@pytest.fixture
def folder(folders: Folders, tmp_path: Path) -> Path:
    """A copy of the late folder."""
    return shutil.copytree(folders.late, tmp_path / "node")


def refused(folder: Path, code: int, *words: str, options: tuple[str, ...] = ()) -> None:
    """The node doesn't start: exit code, one line with these words, no traceback; the sign record stays as it was."""
    record = folder / "sign-record.json"
    before = record.read_bytes() if record.is_file() else None
    with pytest.raises(NodeDied) as died, Node(folder, options=options):
        pass
    text = died.value.text
    lines = [line for line in text.splitlines() if not LOGGED.fullmatch(line)]
    assert died.value.code == code, text
    assert len(lines) == 1, text
    assert lines[0].startswith("usance node: ")
    assert "Traceback" not in text
    assert "b'" not in text
    for word in words:
        assert word in lines[0], text
    assert (record.read_bytes() if record.is_file() else None) == before


def starts(folder: Path, *, options: tuple[str, ...] = (), size: int = 304) -> str:
    """The node starts at this size and stops; answers what it wrote to stderr."""
    with Node(folder, options=options) as node:
        assert node.request("/checkpoint").good().decode().split("\n")[1] == str(size)
        assert node.stop() == 0
        return node.stderr()


def replace_database(folder: Path, source: Path) -> None:
    """Put another folder's database in place."""
    shutil.rmtree(folder / "db")
    shutil.copytree(source / "db", folder / "db")


def configure(folder: Path, name: str, value: object) -> None:
    """Set a commented setting of node.toml."""
    path = folder / "node.toml"
    text, count = re.subn(rf"(?m)^(# )?{name} = .*$", f"{name} = {json.dumps(value)}", path.read_text())
    assert count == 1
    path.write_text(text)


def change_row(folder: Path, key: bytes, value: bytes | None) -> None:
    """Change a row of the stopped node's database."""
    database = plyvel.DB(str(folder / "db"))
    if value is None:
        database.delete(key)
    else:
        database.put(key, value)
    database.close()


def test_untouched_folder_starts(folder: Path, folders: Folders) -> None:
    """What all others change a little starts, and has everything."""
    with Node(folder) as node:
        check_all(Log(folder, folders.log.journal, []), node)
        assert node.stop() == 0


def test_rolled_back_database_is_refused(folder: Path, folders: Folders) -> None:
    """An earlier copy of the database, from a backup say, is behind the sign record; no option passes that."""
    replace_database(folder, folders.early)
    refused(folder, STORAGE, "size 3", "size 304", "rolled back", "never delete the sign record")
    refused(folder, STORAGE, "rolled back", options=("--new-sign-record",))


def test_forked_database_is_refused(folder: Path, folders: Folders) -> None:
    """A database of the same size with another root is not what was signed."""
    replace_database(folder, folders.fork)
    refused(folder, STORAGE, "isn't a continuation", "Put back")


def test_database_ahead_of_the_record_starts(folder: Path, folders: Folders) -> None:
    """A crash between commit and record leaves that: the start signs what is there and writes the record."""
    shutil.copy(folders.early / "sign-record.json", folder / "sign-record.json")
    starts(folder)
    assert json.loads((folder / "sign-record.json").read_text())["size"] == 304


def _damage(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        value = json.loads(data)
        change(value)
        return json.dumps(value).encode()

    return apply


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-40], id="cut"),
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"[" * 60_000, id="deep"),
        pytest.param(lambda data: b"\xff\xfe" + data, id="no-text"),
        pytest.param(_damage(lambda value: value.update(size=3)), id="other-size"),
        pytest.param(_damage(lambda value: value.update(note=str(value["note"])[:-8] + "AAAAAA=\n")), id="signature"),
        pytest.param(_damage(lambda value: value.update(time_ms="0")), id="time-no-number"),
        pytest.param(_damage(lambda value: value.pop("note")), id="no-note"),
    ],
)
def test_damaged_sign_record_is_refused(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    """A record that can't be trusted is never passed over, nor overwritten."""
    record = folder / "sign-record.json"
    record.write_bytes(damage(record.read_bytes()))
    refused(folder, STORAGE, "sign-record.json", "put back")


def test_missing_sign_record_needs_a_word(folder: Path) -> None:
    """Without the record a start is refused; --new-sign-record writes one, and then all is as ever."""
    (folder / "sign-record.json").unlink()
    refused(folder, STORAGE, "sign-record.json is missing", "--new-sign-record")
    starts(folder, options=("--new-sign-record",))
    assert json.loads((folder / "sign-record.json").read_text())["size"] == 304
    starts(folder)


def test_clock_before_the_record_is_refused(folder: Path) -> None:
    """A clock that went back since the last signature; told once that it is right now, the node goes on, with the same
    signature."""
    record = folder / "sign-record.json"
    value = json.loads(record.read_text())
    value["time_ms"] = time.time_ns() // 1_000_000 + 3_600_000
    record.write_text(json.dumps(value))
    refused(folder, STORAGE, "the clock is before", "set the clock", "--clock-back")
    starts(folder, options=("--clock-back",))
    starts(folder)
    assert {**json.loads(record.read_text()), "time_ms": 0} == {**value, "time_ms": 0}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(tile_key(0, 0), bytes(8192), id="tile-changed"),
        pytest.param(tile_key(0, 0), b"", id="tile-cut"),
        pytest.param(tile_key(0, 0), None, id="tile-missing"),
        pytest.param(keys.ENTRY + keys.number(303), b"\x80", id="last-entry-changed"),
        pytest.param(keys.ENTRY + keys.number(260), None, id="entry-missing"),
        pytest.param(keys.BATCH + keys.number(154), None, id="batch-missing"),
        pytest.param(keys.META + b"head", b"\x93\x01", id="head-cut"),
        pytest.param(keys.META + b"head", None, id="head-missing"),
        pytest.param(keys.META + b"version", b"\x09", id="another-version"),
    ],
)
def test_damaged_right_edge_is_refused(folder: Path, key: bytes, value: bytes | None) -> None:
    """Tiles, entries and batches at the right edge have to hash to the root, or the log doesn't grow any further."""
    change_row(folder, key, value)
    refused(folder, STORAGE)


def test_flipped_bit_in_the_write_ahead_log_is_refused(folder: Path) -> None:
    """One bit of the newest rows: without paranoid checks LevelDB would drop them and say nothing."""
    path = max((folder / "db").glob("*.log"))
    data = bytearray(path.read_bytes())
    assert len(data) > 10_000
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    refused(folder, STORAGE, "can't be opened", "backup")


def test_missing_database_is_refused(folder: Path) -> None:
    """No database, or an empty folder in its place."""
    shutil.rmtree(folder / "db")
    refused(folder, STORAGE, "no database")
    (folder / "db").mkdir()
    refused(folder, STORAGE, "database")


def test_second_process_is_refused(folder: Path) -> None:
    """While one process holds the folder a second one doesn't start, and the first doesn't notice."""
    with Node(folder) as node:
        with pytest.raises(NodeDied) as died, Node(folder, errors=folder.parent / "second.err"):
            pass
        lines = [line for line in died.value.text.splitlines() if not LOGGED.fullmatch(line)]
        assert (died.value.code, len(lines)) == (STORAGE, 1), died.value.text
        assert f"a node probably runs on {folder}. Stop it" in lines[0]
        assert node.request("/readyz").status == 200
        assert node.stop() == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[writer]\nfsync = false\n", ("unknown setting writer.fsync",)),
        ("[speed]\nfast = true\n", ("unknown section [speed]",)),
        ("[http]\nlisten = 8463\n", ("http.listen", "HOST:PORT")),
        ("[writer]\ncheck_threads = 0\n", ("writer.check_threads",)),
        ("= 1\n", ("node.toml",)),
    ],
)
def test_wrong_setting_is_refused(folder: Path, text: str, words: tuple[str, ...]) -> None:
    """A setting that isn't known or can't be right is named, with what was expected."""
    (folder / "node.toml").write_text(f'[log]\norigin = "{ORIGIN}"\n{text}')
    refused(folder, USAGE, *words)


def test_other_origin_is_refused(folder: Path) -> None:
    """The origin is in everything that was signed."""
    configure(folder, "origin", "another.example/log")
    refused(folder, STORAGE, ORIGIN, "another.example/log", "put the origin back")


def test_key_file_must_be_ones_own(folder: Path) -> None:
    """A key that others can read, that is missing, that is none, or that isn't this log's."""
    key = folder / "log.key"
    key.chmod(0o644)
    refused(folder, USAGE, "log.key", "0644", "chmod 600")
    key.write_text("-----BEGIN NOTHING-----\n")
    key.chmod(0o600)
    refused(folder, USAGE, "log.key", "PKCS#8")
    key.unlink()
    refused(folder, USAGE, "log.key", "No such file")
    new_key(str(key))
    refused(folder, STORAGE, "sign-record.json", "another log's")


def test_folder_without_a_node_is_refused(tmp_path: Path) -> None:
    """A folder that isn't there, and one that was never initialised, say how to make a node."""
    refused(tmp_path / "nowhere", STORAGE, "no ", "node.toml", "usance node init")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", STORAGE, "no ", "node.toml", "usance node init")


def test_taken_port_is_refused(folder: Path, folders: Folders) -> None:
    """A port that another process listens on."""
    with Node(folders.early) as node:
        refused(folder, STORAGE, "can't listen", str(node.port), options=("--listen", f"127.0.0.1:{node.port}"))
        assert node.stop() == 0


@pytest.fixture
def witness() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A loopback server that answers what the test puts under a witness' prefix: its URL, and prefix to answer."""
    answers: dict[str, bytes] = {}
    path = re.compile(rf"/(\w+)/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match = path.fullmatch(self.path)
            data = answers.get(match[1]) if match else None
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes([77]) * 32)


def seen(folder: Path, size: int, root: bytes, *, cosigned: bool = True, key: Ed25519PrivateKey | None = None) -> bytes:
    """A checkpoint as a witness serves it: signed by the log's key (or another), cosigned by the witness'."""
    log_key = key if key is not None else load_key(str(folder / "log.key"))
    note = sign_checkpoint(origin=ORIGIN, size=size, root=root, private_key=log_key)
    return cosign(note) if cosigned else note


def cosign(note: bytes) -> bytes:
    """The note with the witness' cosignature."""
    text = note[: note.index(b"\n\n") + 1].decode()
    line = cosignature.sign(text=text, name=WITNESS, time_s=1_700_000_000, private_key=WITNESS_KEY)
    return add_signature(note, line)


def witness_key() -> str:
    """The witness' verifier key."""
    return cosignature.witness_vkey(name=WITNESS, private_key=WITNESS_KEY).text


def test_witness_that_saw_more_stops_the_start(folder: Path, witness: tuple[str, dict[str, bytes]]) -> None:
    """A larger tree, or another of the same size, that this log's key signed and the witness cosigned."""
    url, answers = witness
    configure(folder, "witnesses", [f"{url}/one"])
    configure(folder, "witness_keys", [witness_key()])
    answers["one"] = seen(folder, 305, bytes(32))
    refused(folder, STORAGE, f"{url}/one", "305", "304", "rolled back", "Restore")
    answers["one"] = seen(folder, 304, bytes(32))
    refused(folder, STORAGE, f"{url}/one", "fork")
    answers["one"] = seen(folder, 7, bytes(32))
    refused(folder, STORAGE, f"{url}/one", "fork")
    configure(folder, "witness_keys", [])
    answers["one"] = seen(folder, 305, bytes(32), cosigned=False)
    refused(folder, STORAGE, "305")


def test_witness_is_believed_under_every_key_of_the_log(folder: Path, witness: tuple[str, dict[str, bytes]]) -> None:
    """What a witness saw before the log's key was changed stops a start as before; what it saw under a key that the
    log never had doesn't."""
    url, answers = witness
    configure(folder, "witnesses", [f"{url}/one"])
    old = load_key(str(folder / "log.key"))
    rekey.begin(str(folder))
    new = load_key(str(folder / "log-next.key"))
    for key in (old, new):
        answers["one"] = seen(folder, 305, bytes(32), key=key)
        refused(folder, STORAGE, f"{url}/one", "305", "Restore")
    del answers["one"]
    starts(folder)
    rekey.finish(str(folder))
    for key in (old, new):
        answers["one"] = seen(folder, 305, bytes(32), key=key)
        refused(folder, STORAGE, f"{url}/one", "305", "Restore")
    answers["one"] = seen(folder, 305, bytes(32), key=WITNESS_KEY)
    assert "no usable answer" in starts(folder)


def test_witness_that_is_down_or_lies_is_passed_over(
    folder: Path, folders: Folders, witness: tuple[str, dict[str, bytes]]
) -> None:
    """Nobody stops a node without the log's own signature: a warning each, and it starts."""
    url, answers = witness
    answers["noise"] = b"\x00\xff" * 50
    answers["nothing"] = b""
    answers["long"] = b"a" * 3_000_000
    answers["forged"] = seen(folder, 305, bytes(32), key=WITNESS_KEY)
    answers["alone"] = seen(folder, 305, bytes(32), cosigned=False)
    answers["behind"] = cosign(json.loads((folders.early / "sign-record.json").read_text())["note"].encode())
    answers["level"] = cosign(json.loads((folder / "sign-record.json").read_text())["note"].encode())
    bad = ("noise", "nothing", "long", "forged", "alone")
    good = ("behind", "level", "unknown")
    down = "http://127.0.0.1:1/down"
    configure(folder, "witnesses", [*(f"{url}/{name}" for name in (*bad, *good)), down])
    configure(folder, "witness_keys", [witness_key()])
    warnings = [line for line in starts(folder).splitlines() if "WARNING" in line]
    for name in bad:
        assert sum(f"{url}/{name} " in line for line in warnings) == 1, (name, warnings)
    assert sum(down in line for line in warnings) == 1
    assert len(warnings) == len(bad) + 1, warnings


def test_without_a_sign_record_a_silent_witness_stops_the_start(
    folder: Path, folders: Folders, witness: tuple[str, dict[str, bytes]]
) -> None:
    """Then the witnesses are all that can tell an old copy of the database from the newest: each has to say something,
    that it knows nothing included. With the record back, a silent one is passed over as ever."""
    url, answers = witness
    record = (folder / "sign-record.json").read_bytes()
    configure(folder, "witnesses", [f"{url}/one", f"{url}/unknown"])
    (folder / "sign-record.json").unlink()
    for answer in (b"", seen(folder, 305, bytes(32), key=WITNESS_KEY)):
        answers["one"] = answer
        refused(folder, STORAGE, f"{url}/one", "no usable answer", "Try again", options=("--new-sign-record",))
        assert not (folder / "sign-record.json").exists()
    (folder / "sign-record.json").write_bytes(record)
    starts(folder)
    (folder / "sign-record.json").unlink()
    answers["one"] = json.loads(record)["note"].encode()
    starts(folder, options=("--new-sign-record",))


def test_witness_that_drips_does_not_hold_up_a_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The time for a witness is one for its whole answer; a URL that is none costs a warning as well."""
    monkeypatch.setattr(witnesses, "TIMEOUT_S", 0.4)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                for _ in range(200):
                    if stop.wait(0.05):
                        return
                    connection.sendall(b"a")

        thread = threading.Thread(target=drip)
        thread.start()
        text = f'[log]\norigin = "{ORIGIN}"\n[start]\nwitnesses = '
        urls = [f"http://127.0.0.1:{server.getsockname()[1]}/w", "http://[no-address/w", "http://127.0.0.1:1/\xe4"]
        config = parse_config(text + json.dumps(urls, ensure_ascii=False))
        vkey = log_keys(VerifierKey(ORIGIN, TYPE_ED25519, WITNESS_KEY.public_key().public_bytes_raw()))
        began = time.monotonic()
        witnesses.check_witnesses(config, vkey, Tree().view(MemoryStore()))
        took = time.monotonic() - began
        stop.set()
        thread.join()
    assert took < 3
    assert len(caplog.records) == 3


def test_folder_is_no_business_of_others(folder: Path) -> None:
    """What init made is readable by its owner only where that matters."""
    assert os.stat(folder / "log.key").st_mode & 0o077 == 0
    assert os.stat(folder / "operator.key").st_mode & 0o077 == 0
