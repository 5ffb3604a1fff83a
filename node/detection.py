"""A node's side of detection: who may ask, how much, and the threads that answer (docs/detect-index.md).

The index is in DIR/prints, made when it is first needed. Nothing of it is touched on the event loop, nor before
somebody asks: a node whose index is damaged, or that has no numpy, logs uses as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ledger.errors import StartupError, StorageError
from node.config import Config
from node.logs import event
from node.quotas import Kind, Over, Quotas, Rate
from node.tokens import Token, Tokens
from proofs.errors import RetryableError

if TYPE_CHECKING:
    from node.detect.serving import Serving

log = logging.getLogger("usance.node")

INDEX_FOLDER = "prints"
UPLOADS_FOLDER = "prints-uploads"
LOOKS_MAX = 8
"""Requests to look that are under way, one of which is looked up; the others wait, their bodies in memory."""
UPLOADS_MAX = 4
"""Print sets under way, one of which is taken in."""
TOKEN_MAX = 2
"""Of either, of one token."""
HOUR_S = 3600

T = TypeVar("T")


class AbsentError(Exception):
    """A package is missing that detection needs."""


@dataclass(slots=True)
class DetectTally:
    """What was asked of detection. Owner: the event loop. `failed`: why the index can't be used, "" where it can."""

    looks: int = 0
    items: int = 0
    prints: int = 0
    pairs: int = 0
    sets_taken: int = 0
    busy: int = 0
    owners: int = 0
    index_prints: int = 0
    failed: str = ""


class Detection:
    """Owner: the event loop; `_serving` is made and used on threads, one of which looks and one changes."""

    def __init__(self, folder: str, config: Config) -> None:
        self._folder = folder
        self._quotas = Quotas({})
        self.reload(config)
        self.tally = DetectTally()
        self._tokens: Tokens | None = None
        self._looker = ThreadPoolExecutor(1, thread_name_prefix="usance-detect")
        self._changer = ThreadPoolExecutor(1, thread_name_prefix="usance-prints")
        self._opening = threading.Lock()
        self._serving: Serving | None = None
        self._stopping = threading.Event()
        self._looks: Counter[str] = Counter()  # by token
        self._uploads: Counter[str] = Counter()
        shutil.rmtree(os.path.join(folder, UPLOADS_FOLDER), ignore_errors=True)  # of a node that was killed

    def reload(self, config: Config) -> None:
        """Take on other bounds."""
        self._config = config
        hourly = config.prints_per_hour
        self._quotas.set_rates({Kind.PRINTS: Rate(hourly / HOUR_S, hourly)})

    def tokens(self, known: Tokens | None) -> Tokens:
        """The node's tokens, read when first asked for where its readers need none (`known`). Raises InputError."""
        if known is not None:
            return known
        if self._tokens is None:
            self._tokens = Tokens(self._folder)
        return self._tokens

    def charge(self, token: Token, prints: int) -> Over | None:
        """Count prints that a token's holder looks up; what there is too much of, where there is."""
        return self._quotas.take(token.name.encode(), {Kind.PRINTS: prints})

    def charge_work(self, token: Token, prints: int) -> None:
        """Count, after the fact, what a look-up cost beyond its prints."""
        self._quotas.spend(token.name.encode(), Kind.PRINTS, prints)

    @property
    def prints_max(self) -> int:
        """Prints in one request: the setting's, and no more than a token has in an hour."""
        return min(self._config.prints_max, self._config.prints_per_hour or self._config.prints_max)

    @contextlib.contextmanager
    def looking(self, token: Token) -> Iterator[None]:
        """A place among those who look, to the block's end. Raises RetryableError."""
        with self._place(self._looks, token, LOOKS_MAX, RetryableError("too much is being looked up", retry_after_s=5)):
            yield

    @contextlib.contextmanager
    def _place(self, places: Counter[str], token: Token, places_max: int, full: RetryableError) -> Iterator[None]:
        """One of all places, few of which are one token's: who sends slowly keeps nobody else out."""
        if places.total() >= places_max or places[token.name] >= TOKEN_MAX:
            self.tally.busy += 1
            raise full
        places[token.name] += 1
        try:
            yield
        finally:
            places[token.name] -= 1
            if not places[token.name]:
                del places[token.name]

    @contextlib.asynccontextmanager
    async def uploading(self, token: Token) -> AsyncIterator[str]:
        """A place among those who upload, and a file's path for it, gone at the block's end. Raises RetryableError,
        StorageError."""
        full = RetryableError("too many print sets are coming in", retry_after_s=30)
        with self._place(self._uploads, token, UPLOADS_MAX, full):
            path = ""
            try:
                path = await self.change(lambda serving: serving.new_upload())
                yield path
            finally:
                with contextlib.suppress(OSError):  # what stays is cleared away at the next start
                    if path:
                        os.unlink(path)

    async def look(self, work: Callable[[Serving], T]) -> T:
        """Look something up, on the thread for it. Raises AbsentError, StorageError, and what `work` raises."""
        return await self._run(self._looker, work)

    async def change(self, work: Callable[[Serving], T]) -> T:
        """Change the index, on the thread for it. Raises as `look`."""
        return await self._run(self._changer, work)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[Serving], T]) -> T:
        if self._stopping.is_set():
            raise RetryableError("the node is stopping", retry_after_s=1)
        try:
            found = await asyncio.get_running_loop().run_in_executor(pool, lambda: work(self._open()))
        except (StorageError, StartupError) as error:
            self.note_failure(error.detail)
            raise
        self.tally.failed = ""
        if self._serving is not None:
            self.tally.owners, self.tally.index_prints = self._serving.size
        return found

    def note_failure(self, why: str) -> None:
        """Detection can't be used: say so, once for each reason, until it can again."""
        if self.tally.failed != why:
            log.error("detection failed: %s", why, extra=event("detect-failed"))
        self.tally.failed = why

    def _open(self) -> Serving:
        """On a thread: the index, opened or made at the first call."""
        with self._opening:
            if self._serving is None:
                try:
                    from node.detect.serving import Serving
                except ImportError as error:
                    raise AbsentError(error.name or "numpy") from None
                uploads = os.path.join(self._folder, UPLOADS_FOLDER)
                self._serving = Serving(os.path.join(self._folder, INDEX_FOLDER), uploads, stopping=self._stopping)
            return self._serving

    def stop(self) -> None:
        """Take nothing more; a print set that is being taken in is left."""
        self._stopping.set()

    def close(self) -> None:
        """Wait for the threads, close the index."""
        self.stop()
        self._looker.shutdown()
        self._changer.shutdown()
        if self._serving is not None:
            self._serving.close()
