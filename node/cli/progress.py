"""Progress on stderr: a bar where a person watches, nothing where nobody does. With rich where it is installed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

EVERY_S = 0.1
WIDTH = 30


class Bar(Protocol):
    """Takes how much is done; totals are known from the start or not at all."""

    def update(self, done: int, total: int | None = None) -> None:
        """Show it, unless it was shown a moment ago."""


class _Silent:
    def update(self, done: int, total: int | None = None) -> None:
        """Nobody watches."""


class _Plain:
    def __init__(self, what: str, unit: str, total: int | None) -> None:
        self._what, self._unit, self._total = what, unit, total
        self._began = self._shown = time.monotonic()
        self._chars = 0

    def update(self, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        if now - self._shown >= EVERY_S:
            self._shown = now
            self._write(self._line(done, total if total is not None else self._total, now - self._began))

    def _line(self, done: int, total: int | None, seconds: float) -> str:
        rate = f"{done / seconds:,.0f} {self._unit}/s" if seconds else ""
        if not total:
            return f"{self._what}: {done:,} {self._unit}, {rate}"
        share = min(1.0, done / total)
        bar = "#" * round(share * WIDTH)
        return f"{self._what}: [{bar:<{WIDTH}}] {share:4.0%} {done:,} of {total:,} {self._unit}, {rate}"

    def _write(self, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self._chars))
        sys.stderr.flush()
        self._chars = len(text)

    def clear(self) -> None:
        if self._chars:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()


class _Rich:
    def __init__(self, progress: Any, task: Any) -> None:
        self._progress, self._task = progress, task

    def update(self, done: int, total: int | None = None) -> None:
        if total is None:
            self._progress.update(self._task, completed=done)
        else:
            self._progress.update(self._task, completed=done, total=total)


def steps(*, quiet: bool) -> Callable[[str, str, int], AbstractContextManager[Callable[[int], None]]]:
    """`show(what, unit, total)` for agents, which know no command line: a bar for each of their steps."""

    @contextmanager
    def show(what: str, unit: str, total: int) -> Iterator[Callable[[int], None]]:
        with progress(what, unit=unit, total=total, quiet=quiet) as bar:
            yield bar.update

    return show


@contextmanager
def progress(what: str, *, unit: str, total: int | None = None, quiet: bool = False) -> Iterator[Bar]:
    """A bar for the time of the block; it is gone afterwards."""
    if quiet or not sys.stderr.isatty():
        yield _Silent()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        plain = _Plain(what, unit, total)
        try:
            yield plain
        finally:
            plain.clear()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Rich(bar, bar.add_task(what, total=total))
