"""A node's life: `init_node` makes its folder, `run_node` checks it, serves, and stops without losing anything.

The folder: `node.toml`, `operator.key`, `sign-record.json`, the database in `db/`, and the log's keys (logfolder.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys, swap
from ledger.append import Ledger, prepare
from ledger.context import LogIdentity
from ledger.errors import StartupError
from ledger.leveldb import LevelStore
from ledger.signrecord import Signer, load, settle, write_durably
from node.admission import Gate
from node.app import make_app
from node.checkers import CheckPool
from node.config import Config, default_toml, parse_config, parse_listen
from node.connections import Runner, reserve_descriptors
from node.context import NodeContext
from node.keyfiles import new_key
from node.listener import Listener
from node.logfolder import (
    CLOSED_FILE,
    LOG_KEY_FILE,
    LOG_VKEY_FILE,
    SIGN_RECORD_FILE,
    Closed,
    keep_closed,
    known_keys,
    load_signing_keys,
    read_closed,
    retired_keys,
)
from node.logs import event, set_up
from node.operating import operating
from node.published import Published
from node.readers import Readers
from node.tls import Tls
from node.tokens import Tokens
from node.witnesses import NO_ANSWER, check_witnesses
from node.writer import Writer
from proofs.ed25519 import public_bytes
from proofs.entry import sign_batch
from proofs.errors import InputError
from proofs.merkle import EMPTY_ROOT
from proofs.records import check_body, make_body

log = logging.getLogger("usance.node")

CONFIG_FILE = "node.toml"
CONFIG_CHARS_MAX = 1024 * 1024
OPERATOR_KEY_FILE = "operator.key"
DATABASE_FOLDER = "db"
_M_ARENA_MAX = -8  # malloc.h


def clock_ms() -> int:
    """Unix milliseconds by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass
class OpenNode:
    """A node's parts before it serves: everything that start-up refuses has been checked. `closed`: how a log that
    takes nothing more was ended."""

    config: Config
    store: LevelStore
    ledger: Ledger
    signer: Signer
    witnesses: dict[str, str]
    gate: Gate
    readers: Readers
    tls: Tls | None
    closed: Closed | None = None


def init_node(folder: str, *, origin: str, name: str, url: str | None = None, contact: str | None = None) -> str:
    """Make a node's folder with configuration, keys and a log of one entry, its genesis; returns the log's vkey text.

    Raises InputError where the folder isn't empty or a value is not allowed, StartupError where it can't be written.
    """
    config = parse_config(default_toml(origin=origin))
    profile = {key: value for key, value in (("url", url), ("contact", contact)) if value is not None}
    body = make_body({"kind": "genesis", "at": clock_ms(), "origin": config.origin, "name": name, **profile})
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.listdir(folder):
            raise InputError(f"{folder} is not empty", field="DIR", expected="a new or empty folder")
        operator_key = new_key(os.path.join(folder, OPERATOR_KEY_FILE))
        log_key = new_key(os.path.join(folder, LOG_KEY_FILE))
        store = LevelStore(os.path.join(folder, DATABASE_FOLDER), create=True)
    except OSError as error:
        raise StartupError(f"can't make {folder}: {error.strerror}") from None
    try:
        ledger = Ledger(store, log=LogIdentity(config.origin, frozenset((public_bytes(log_key),))))
        batch = sign_batch(operator_key, origin=config.origin, size=0, root=EMPTY_ROOT, first=0, bodies=[body])
        group = ledger.group()
        group.take(prepare(batch, origin=config.origin, root_at=ledger.root_at))
        group.commit()
        signer = Signer(
            os.path.join(folder, SIGN_RECORD_FILE), origin=config.origin, private_keys=(log_key,), clock_ms=clock_ms
        )
        signer.sign(ledger.size, ledger.tree.root)
        vkey = signer.keys.text
    finally:
        store.close()
    write_durably(os.path.join(folder, LOG_VKEY_FILE), vkey.encode() + b"\n")
    # Last: a folder without it is an init that was cut, and doesn't run.
    write_durably(os.path.join(folder, CONFIG_FILE), default_toml(origin=origin).encode())
    settle(os.path.abspath(folder))  # its own name, in the folder above
    return vkey


def load_config(folder: str) -> Config:
    """The node's configuration. Raises StartupError without the file, InputError for what it says wrong."""
    path = os.path.join(folder, CONFIG_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(CONFIG_CHARS_MAX + 1)
    except FileNotFoundError:
        raise StartupError(
            f"no {path}: put it back, or make a new node in an empty folder with `usance node init {folder} --origin "
            "ORIGIN`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise StartupError(f"can't read {path}: {why}") from None
    if len(text) > CONFIG_CHARS_MAX:
        raise StartupError(f"{path} is longer than {CONFIG_CHARS_MAX} characters: put the right file back")
    return parse_config(text)


def open_node(folder: str, config: Config, *, new_sign_record: bool = False, clock_back: bool = False) -> OpenNode:
    """Open the database and refuse to go on from anything but the continuation of what was signed (section 8).

    `clock_back`: a clock before the last signature's time is right, and that time is forgotten.

    Raises StartupError, StorageError or InputError, each saying what to do.
    """
    tls = Tls(config, folder) if config.certificate or config.private_key else None
    readers = Readers(Tokens(folder) if config.readers == "token" else None)
    signs = _load_keys(folder, config.origin)
    retired = retired_keys(folder)
    said = swap.recover(folder)
    if said is not None:
        log.warning("%s", said, extra=event("swap-ended"))
    store = LevelStore(os.path.join(folder, DATABASE_FOLDER))
    try:
        swap.drop_stale(folder)
        gate = Gate(config)
        own = frozenset(public_bytes(key) for key in signs) | {key.key for key in retired}
        ledger = Ledger(store, log=LogIdentity(config.origin, own), admission=gate.admits, budget=gate)
        if ledger.size == 0:
            raise StartupError("the database is empty: its genesis is missing; restore it, or init a new folder")
        _check_genesis(ledger, config.origin)
        signer = Signer(
            os.path.join(folder, SIGN_RECORD_FILE), origin=config.origin, private_keys=signs, clock_ms=clock_ms,
            retired=retired if signs else known_keys(folder).keys,
        )  # fmt: skip
        closed = read_closed(folder, signer.keys, signer.last)
        if signer.last is None and not new_sign_record and closed is None:
            raise StartupError(
                f"{SIGN_RECORD_FILE} is missing: without it a rolled-back database can't be told. Put it back; only if "
                "this folder was restored from a backup and the old node is gone for good, write a new one with "
                "`usance node run DIR --new-sign-record`"
            )
        signer.check_start(ledger.view(), clock_back=clock_back)
        if closed is not None:
            _check_end(ledger, closed)
        witnesses = check_witnesses(config, signer.keys, ledger.view())
        silent = [prefix for prefix, state in witnesses.items() if state == NO_ANSWER]
        if signer.last is None and closed is None and silent:
            raise StartupError(
                f"{SIGN_RECORD_FILE} is missing, and the witness {silent[0]} gave no usable answer: who saw more than "
                "the database holds can't be told. Try again when it answers"
            )
        # Last: a start that is refused has changed nothing.
        signer.set_clock_back()
        if closed is not None:
            _end(folder, ledger, signer, closed)
    except BaseException:
        store.close()
        raise
    return OpenNode(config, store, ledger, signer, witnesses, gate, readers, tls, closed)


def _load_keys(folder: str, origin: str) -> tuple[Ed25519PrivateKey, ...]:
    """The keys that sign; none where the log is closed and its key was erased."""
    if not os.path.exists(os.path.join(folder, LOG_KEY_FILE)):
        known = known_keys(folder)
        if read_closed(folder, known, load(os.path.join(folder, SIGN_RECORD_FILE), known)) is not None:
            return ()
    return load_signing_keys(folder, origin)


def _check_end(ledger: Ledger, closed: Closed) -> None:
    closing = closed.closing
    if (ledger.size, ledger.tree.root) != (closing.size, closing.root):
        raise StartupError(
            f"the log was closed at size {closing.size}, the database (size {ledger.size}) isn't what it held then: "
            "put back the one that was closed"
        )


def _end(folder: str, ledger: Ledger, signer: Signer, closed: Closed) -> None:
    """Serve a closed log as it was closed; its mark is made whole where a crash, or a hand, has left half of it."""
    ledger.is_closed = True
    if not os.path.exists(os.path.join(folder, CLOSED_FILE)):
        log.warning(
            "%s was gone: the log is closed all the same, as the sign record says; it is written again", CLOSED_FILE,
            extra=event("end-restored"),
        )  # fmt: skip
    keep_closed(folder, signer, closed)


def _check_genesis(ledger: Ledger, origin: str) -> None:
    body = ledger.store.get(keys.ENTRY + keys.number(0))
    said = check_body(body).get("origin") if body is not None else None
    if said != origin:
        raise StartupError(
            f"the database is the log {said!r}, node.toml says {origin!r}: put the origin back, it can't be changed"
        )


async def serve(node: OpenNode, folder: str, listen: tuple[str, int], *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; what was accepted is finished and answered before this returns.

    `on_ready(url)` is called once the port is open. Raises StartupError where it can't be opened.
    """
    config = node.config
    loop = asyncio.get_running_loop()
    checks = CheckPool(config.check_workers, config.origin)
    read_pool = ThreadPoolExecutor(4, thread_name_prefix="usance-read")
    context: NodeContext | None = None

    async def wake() -> None:
        if context is not None:
            async with context.grown:
                context.grown.notify_all()

    def published(_: Published) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed; nobody is left to wake
            asyncio.run_coroutine_threadsafe(wake(), loop)

    writer = Writer(
        node.ledger, node.signer, folder=folder, queue_requests_max=config.queue_requests_max,
        group_records_max=config.group_records_max, disk_free_bytes_min=config.disk_free_bytes_min,
        on_publish=published, expected=lambda: checks.pending,
    )  # fmt: skip
    context = NodeContext(config, writer, node.signer, checks, read_pool, folder, node.gate, node.readers, node.tls)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: _reload(context, folder))
    runner = Runner(
        make_app(context), connections_max=reserve_descriptors(config.connections_max),
        idle_timeout_s=config.idle_timeout_s, read_timeout_s=config.request_timeout_s, grace_s=config.grace_s,
    )  # fmt: skip
    context.witnesses, context.connections = node.witnesses, lambda: runner.open_connections
    context.closed = node.closed
    await runner.setup()
    try:
        listener = Listener(runner, *listen, tls=node.tls)
        try:
            await listener.start()
        except (OSError, UnicodeError) as error:  # a host name with an empty label is a UnicodeError
            reason = error.strerror if isinstance(error, OSError) else "no such host name"
            raise StartupError(f"can't listen on {listen[0]}:{listen[1]}: {reason}") from None
        await checks.start()
        writer.start()
        host, port = runner.addresses[0][:2]
        async with operating(context):
            _warn_of_clear_tokens(context, host)
            scheme = "http" if node.tls is None else "https"
            on_ready(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
            await stop.wait()
            log.info("finishing what was accepted", extra=event("stopping"))
            await context.stop()
    finally:
        # The sockets close first, then requests under way get grace_s, and their batches are still written.
        await runner.cleanup()
        await loop.run_in_executor(None, writer.stop)
        await checks.stop()
        await loop.run_in_executor(None, context.close)


def _warn_of_clear_tokens(context: NodeContext, host: str) -> None:
    if context.readers.tokens is not None and context.tls is None and not host.startswith("127.") and host != "::1":
        log.warning(
            "readers' tokens come in the clear: set tls in node.toml, or let a proxy with TLS alone reach the port",
            extra=event("tokens-in-the-clear"),
        )  # fmt: skip


def _reload(context: NodeContext, folder: str) -> None:
    """SIGHUP: certificate, tokens, admission and quotas are read again; a file that is wrong changes nothing."""
    try:
        config = load_config(folder)
    except (InputError, StartupError) as error:
        log.error("node.toml is as it was: %s", error.detail, extra=event("reload-failed"))
        context.refresh()
        return
    context.refresh(config)
    log.info("read again: admission, quotas, tokens, certificate", extra=event("reloaded"))


def _bound_arenas() -> None:
    """Let glibc keep two heaps, not eight a core: bundles of hundreds of kilobytes, made by several threads, would
    leave each of them full of holes. Elsewhere this does nothing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def run_node(
    folder: str, *, listen: str | None = None, new_sign_record: bool = False, clock_back: bool = False,
    on_ready: Callable[[str], None],
) -> None:  # fmt: skip
    """Run a node until it is told to stop. Raises StartupError, StorageError or InputError, each saying what to do."""
    config = load_config(folder)
    set_up(log_format=config.log_format, log_level=config.log_level)
    address = parse_listen(listen) if listen is not None else config.listen
    node = open_node(folder, config, new_sign_record=new_sign_record, clock_back=clock_back)
    # The default of 5 ms would make a thread that returns from the disk wait that long while another one computes.
    sys.setswitchinterval(0.0005)
    _bound_arenas()
    try:
        runner = asyncio.run
        with contextlib.suppress(ImportError):
            import uvloop

            runner = uvloop.run
        runner(serve(node, folder, address, on_ready=on_ready))
    finally:
        node.store.close()
