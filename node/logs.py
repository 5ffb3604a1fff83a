"""What a node writes to stderr: one line a message, as text or as JSON, each warning with the name of its event.

An event's name (`writer-failed`) is what alerts and the runbook of docs/operations.md know it by: every message of
warning and above carries one, which a test compares with the page. What a stranger sent can't forge a line: control
characters are escaped. Messages never hold keys, tokens or bodies.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from node.printable import safe_line

ROOT = "usance"
LEVELS = ("debug", "info", "warning", "error")
FOREIGN = "library"
"""The event of messages that a library wrote."""


def event(name: str, /, **fields: str | int | float | None) -> dict[str, Any]:
    """`extra` of a log call: the event's name, and what programs want to read apart from the message."""
    return {"event": name, "fields": {key: value for key, value in fields.items() if value is not None}}


def _event_of(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] == ROOT:
        return str(getattr(record, "event", ""))
    return FOREIGN if record.levelno >= logging.WARNING else ""


def _trace(record: logging.LogRecord) -> str:
    """The traceback that belongs to a message, or nothing."""
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return "".join(traceback.format_exception(*record.exc_info)).rstrip()


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


class TextLines(logging.Formatter):
    """`2026-01-31 12:00:00.000Z WARNING event: message`; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        name, trace = _event_of(record), _trace(record)
        time = _time(record).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
        head = f"{time} {record.levelname} {name + ': ' if name else ''}{safe_line(record.getMessage())}"
        return head + ("\n" + "\n".join(safe_line(line) for line in trace.split("\n")) if trace else "")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, event, message, the event's fields, and a traceback as `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        said: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _event_of(record),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        trace = _trace(record)
        if trace:
            said["trace"] = trace
        return json.dumps(said, ensure_ascii=True)


def set_up(*, log_format: str, log_level: str) -> None:
    """Send all messages of this process to stderr in one form; those of libraries from warning on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(ROOT).setLevel(log_level.upper())
