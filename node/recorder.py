"""What a training script logs its uses with: `usance.Recorder` (docs/library.md).

A record is judged and stored in the spool in the caller's thread; a background thread makes it durable, another one
sends. Nothing here waits for a network, except for a name that the node has to be asked about, once.

Invariants: when `use` or `record` returns, the record survives the end of the process, or an error was raised (or, with
on_error="warn", logged and counted in `lost`). What is refused leaves nothing in the spool.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.access import find_access
from node.backgroundsender import BackgroundSender, Left
from node.client import Client
from node.environment import need_log_keys
from node.errors import NetworkError
from node.heads import state_folder
from node.keyfiles import load_key
from node.rank import Rank, find_rank
from node.resolve import ASSET_FORMS, need_ref, resolve
from node.saidfields import UsageFields, plain_usage, record_fields, usage_fields
from node.spool.folder import spool_path
from node.spool.writer import OfflineWriter, SpoolWriter, clock_ms
from node.transport import check_url
from proofs.ed25519 import public_bytes
from proofs.errors import InputError, UsanceError, excerpt
from proofs.fields import is_external_name
from proofs.records import make_body
from proofs.ref import REF_BYTES, Ref, parse_ref

CLOSE_TIMEOUT_S = 10.0
NAMES_KEPT_MAX = 4096
Path = str | os.PathLike[str]
Asset = str | bytes | Ref

_log = logging.getLogger("usance")
_T = TypeVar("_T")


@contextlib.contextmanager
def _noted() -> Iterator[None]:
    """A traceback of what is wrong shows the field and what was expected, too."""
    try:
        yield
    except InputError as error:
        if (error.field or error.expected) and not getattr(error, "__notes__", None):
            error.add_note(": ".join(filter(None, (error.field, error.expected and f"expected {error.expected}"))))
        raise


class Recorder:
    """Logs uses and other records of one party on one log. For any number of threads; a fork may go on with it."""

    @_noted()
    def __init__(
        self, *, node: str | None = None, key: Path | None = None, log: Path | None = None, spool: Path | None = None,
        offline: Path | None = None, all_ranks: bool = False, on_error: Literal["raise", "warn"] = "raise",
        close_timeout_s: float = CLOSE_TIMEOUT_S, now_ms: Callable[[], int] = clock_ms,
    ) -> None:  # fmt: skip
        """`node`, `key`, `log`, `spool`: as on the command line, else from USANCE_NODE, USANCE_KEY, USANCE_LOG (or
        USANCE_POLICY) and USANCE_SPOOL. Without a node or key, records wait in the spool for `usance spool send`;
        `offline`: they go to this one file instead. `on_error`: "warn" logs what goes wrong later on and counts it in
        `lost`. `close_timeout_s`: how long `close` and the interpreter's exit wait for the node.

        Raises InputError for what is missing or wrong (a key file that others can read, say), StorageError where the
        spool can't be written.
        """
        if on_error not in ("raise", "warn"):
            raise InputError(f"on_error={excerpt(on_error)}", field="on_error", expected='"raise" or "warn"')
        if offline is not None and spool is not None:
            raise InputError("offline and spool exclude each other", field="offline", expected="one of them")
        self.lost = 0
        self._warns = on_error == "warn"
        self._now_ms, self._close_timeout_s, self._all_ranks = now_ms, close_timeout_s, all_ranks
        self._targets: dict[str, bytes | str] = {}
        self._lock = threading.Lock()  # owner of the client, and of becoming active or idle
        self._client: Client | None = None
        self._writer: SpoolWriter | None = None
        self._sender: BackgroundSender | None = None
        self._pid = os.getpid()
        self._is_closed = False
        self._is_sure = all_ranks  # whether the rank was looked at once more, at the first record
        self.active = self._is_chosen()
        if not self.active:
            return
        self._keys = need_log_keys(os.environ, log=None if log is None else os.fspath(log), policy=None)
        self._offline = None if offline is None else os.fspath(offline)
        online = self._offline is None
        self._node = (node or os.environ.get("USANCE_NODE")) if online else None
        self._url = check_url(self._node) if self._node else None
        self._access = find_access(os.environ)
        self._key = self._load_key(key)
        self._folder = os.fspath(spool) if spool is not None else spool_path(os.environ, self._keys.text)
        try:
            self._guard(self._open)
        except BaseException:
            self.close()
            raise
        atexit.register(self.close)

    @staticmethod
    def _load_key(key: Path | None) -> Ed25519PrivateKey | None:
        path = os.fspath(key) if key is not None else os.environ.get("USANCE_KEY")
        return load_key(path) if path else None

    def _is_chosen(self) -> bool:
        """Whether this process is the one of its run that logs; says so once where it isn't."""
        rank = None if self._all_ranks else find_rank(os.environ, sys.modules)
        if rank is None or rank.number == 0:
            return True
        _say_idle(rank)
        return False

    def _open(self) -> SpoolWriter:
        key = None if self._key is None else public_bytes(self._key)
        if self._offline is not None:
            writer: SpoolWriter = OfflineWriter(self._offline, self._keys.text, key=key, now_ms=self._now_ms)
        else:
            writer = SpoolWriter(self._folder, self._keys.text, key=key, now_ms=self._now_ms)
        self._writer = writer
        if self._offline is None and (self._url is None or self._key is None):
            missing = "no node is named" if self._url is None else "no key is named"
            _log.warning("%s: records wait in %s until `usance spool send` sends them", missing, self._folder)
        self._start_sender()
        return writer

    def _start_sender(self) -> None:
        if self._url is not None and self._key is not None and self._writer is not None:
            self._sender = BackgroundSender(self._folder, self._new_client(self._url), self._key, self._writer)
            self._sender.start()

    def _new_client(self, url: str) -> Client:
        return Client(url, self._keys, state_folder=state_folder(os.environ), access=self._access)

    def use(
        self, asset: Asset, use: str, *, quantities: dict[str, int] | None = None, from_: int | datetime | None = None,
        until: int | datetime | None = None, into: Asset | None = None, **fields: Unpack[UsageFields],
    ) -> None:  # fmt: skip
        """Log one use: `uses.use("pkg:huggingface/org/corpus@rev", "train", token=1_000_000)`.

        `asset`: a reference (`INDEX:HEX`), an external name, or what else names an asset on this log, which is asked
        for once. How much: token, input_token, cached_token, output_token, byte or second by name, any unit in
        `quantities`. `from_`, `until`: milliseconds or datetimes, now where missing. The rest are the fields of a
        usage record (docs/spec.md). Raises InputError naming the field, StorageError where the disk is full, and
        NetworkError where a name can't be asked for; then nothing was stored.
        """
        if not self.active:
            return
        try:
            if into is not None:
                fields["into"] = self._ref(into)  # type: ignore[typeddict-unknown-key]
            self._store(self._usage(self._target(asset), use, quantities, from_, until, fields))  # type: ignore[arg-type]
        except UsanceError as error:
            self._fail(error)

    def _usage(
        self, target: bytes | str, use: str, quantities: dict[str, int] | None, start: Any, until: Any,
        fields: dict[str, Any],
    ) -> bytes:  # fmt: skip
        now_ms = self._now_ms()
        try:  # nearly always: values that a record takes as they are
            return make_body(plain_usage(target, use, now_ms, quantities, start, until, fields))
        except InputError:
            return make_body(usage_fields(target, use, now_ms, quantities, start, until, fields))

    def record(self, kind: str, **fields: Any) -> None:
        """Log a record of any kind with these fields; `at` is now where it is missing. A name that Python reserves has
        an underscore behind it: `record("none", from_=…, until=…)`. Raises as `use`."""
        if not self.active:
            return
        try:
            asset = fields.get("asset")
            if isinstance(asset, str):
                fields["asset"] = self._target(asset)
            self._store(make_body(record_fields(kind, self._now_ms(), fields)))
        except UsanceError as error:
            self._fail(error)

    def _store(self, body: bytes) -> None:
        if (not self._is_sure or self._pid != os.getpid()) and not self._settle_first():
            return
        writer = self._writer
        if writer is None:
            if self._is_closed:
                raise InputError("the recorder is closed", expected="a new usance.Recorder")
            with self._lock:
                writer = self._writer or self._open()
        writer.append(body)

    def _settle_first(self) -> bool:
        """At the first record, and in a fork: is this still the process that logs? (torch.distributed may have begun
        meanwhile.) Answers whether it is."""
        is_fork = self._pid != os.getpid()
        if is_fork:
            self._pid = os.getpid()
            self._lock = threading.Lock()  # another thread of the parent may have held it
            self._client = None  # its connection is the parent's
        with self._lock:
            if is_fork:
                self._start_sender()
            if not self._is_sure:
                self._is_sure = True
                if not self._is_chosen():
                    self.active = False
        if not self.active:
            self.close()
        return self.active

    @_noted()
    def _fail(self, error: UsanceError) -> None:
        if not self._warns:
            raise error
        self.lost += 1
        # Each of the first few, then every power of two: a full disk must not fill a log as well.
        if self.lost < 8 or self.lost & (self.lost - 1) == 0:
            _log.error("record not stored (%d so far): %s", self.lost, _words(error))

    def _guard(self, work: Callable[[], _T]) -> _T | None:
        """Do it; with on_error="warn", a failure of the disk or the node is logged and None answered."""
        try:
            return work()
        except InputError:
            raise  # what was asked for is wrong, and was from the beginning
        except UsanceError as error:
            if not self._warns:
                raise
            _log.error("%s", _words(error))
            return None

    def resolve(self, asset: Asset) -> bytes | str:
        """What a record would name for this asset: a packed reference or an external name. Raises as `use`."""
        return self._target(asset) if self.active else b""

    def _target(self, asset: Asset) -> bytes | str:
        if isinstance(asset, str):
            found = self._targets.get(asset)
            if found is None:
                found = self._resolve(asset)
                if len(self._targets) >= NAMES_KEPT_MAX:
                    self._targets.clear()
                self._targets[asset] = found
            return found
        return asset.pack() if isinstance(asset, Ref) else asset

    def _resolve(self, name: str) -> bytes | str:
        if is_external_name(name):
            return name
        try:
            return parse_ref(name).pack()
        except InputError:
            pass
        return self._ask(name, lambda client: resolve(client, name).target)

    def _ref(self, asset: Asset) -> bytes:
        """As _target, where only an asset of this log will do."""
        target = self._target(asset)
        if isinstance(target, bytes) and len(target) == REF_BYTES:
            return target
        text = str(target) if isinstance(target, str) else target.hex()
        return self._ask(text, lambda client: need_ref(resolve(client, text), "into"))

    def _ask(self, name: str, question: Callable[[Client], _T]) -> _T:
        if self._url is None:
            raise InputError(
                f"without a node, {excerpt(name)} can't be looked up", field="asset",
                expected=f"{ASSET_FORMS}; or node=, for the name of an asset on the log",
            )  # fmt: skip
        try:
            with self._lock:
                if self._client is None:
                    self._client = self._new_client(self._url)
                return question(self._client)
        except NetworkError as error:
            raise NetworkError(f"{excerpt(name)} can't be looked up ({error.detail}); or give {ASSET_FORMS}") from None

    def flush(self, timeout_s: float = 0.0) -> Left:
        """Make durable what was recorded, then wait up to `timeout_s` seconds until it is logged. Answers what is left
        to be sent. Raises StorageError where the disk didn't keep it (logged, with on_error="warn")."""
        writer = self._writer
        if writer is None or (self._pid != os.getpid()):
            return Left(0, 0, "")
        self._guard(writer.sync)
        sender = self._sender
        return self._unsent(writer) if sender is None else sender.wait(timeout_s)

    def close(self, timeout_s: float | None = None) -> Left:
        """As `flush`, waiting up to `timeout_s` seconds (`close_timeout_s` where None), then let go of the spool. What
        isn't logged by then stays in the spool, is sent by the next recorder or `usance spool send`, and is told: in
        the answer and as a warning. May be called again; runs at the interpreter's exit by itself."""
        atexit.unregister(self.close)
        self._is_closed = True
        writer, self._writer = self._writer, None
        sender, self._sender = self._sender, None
        client, self._client = self._client, None
        if writer is None:
            return Left(0, 0, "")
        is_own = self._pid == os.getpid()  # else a fork that recorded nothing: what is open is its parent's
        try:
            self._guard(writer.close)
        finally:
            if client is not None and is_own:
                client.close()
            left = self._unsent(writer)
            if sender is not None and is_own:
                left = sender.finish(self._close_timeout_s if timeout_s is None else timeout_s)
                if left.waiting or left.dead:
                    _log.warning("%s", left)
        return left

    def _unsent(self, writer: SpoolWriter) -> Left:
        """What is left where nothing is sent from here."""
        return Left(writer.count, 0, "nothing is sent from here" if writer.count else "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _words(error: UsanceError) -> str:
    """An error in one line: its field and what was expected beside it."""
    if not isinstance(error, InputError):
        return error.detail
    field = f" ({error.field})" if error.field else ""
    return f"{error.detail}{field}" + (f"; expected {error.expected}" if error.expected else "")


_said: set[str] = set()


def _say_idle(rank: Rank) -> None:
    if rank.source not in _said:
        _said.add(rank.source)
        _log.warning(
            "this process is rank %d (%s): it logs nothing, rank 0 does; all_ranks=True makes every process log",
            rank.number, rank.source,
        )  # fmt: skip
