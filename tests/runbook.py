"""What the runbook of docs/operations.md has to explain, read from the sources: errors' messages, the log's events."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operations.md"
ALERTS = ROOT / "docs" / "operations" / "alerts.yml"
LAYERS = ("ledger", "node")
LIBRARY = 'getLogger("usance")'
"""In a module of the client's library: it speaks into its caller's program, not into a node's log."""
LOGGED = ("warning", "error", "critical", "exception")


def sources() -> Iterator[tuple[str, str]]:
    """Every source file of the layers, by its path."""
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _text(value: ast.expr) -> str:
    """A message as the runbook quotes it: … for what varies."""
    if isinstance(value, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in value.values)
    return str(value.value) if isinstance(value, ast.Constant) else "…"


def messages(error: str) -> dict[str, str]:
    """The messages that an error is raised with, by the places where they stand."""
    found = {}
    for path, text in sources():
        tree = ast.parse(text)
        heirs = [
            call
            for made in ast.walk(tree)
            if isinstance(made, ast.ClassDef) and error in map(ast.unparse, made.bases)
            for call in calls(made)
            if ast.unparse(call.func) == "super().__init__"
        ]
        for call in [*heirs, *(call for call in calls(tree) if ast.unparse(call.func) == error)]:
            if call.args:
                found[f"{path}:{call.lineno}"] = _text(call.args[0])
    return found


def events() -> dict[str, str]:
    """The event of each message from warning on ("" where it names none), by the place where it stands."""
    found = {}
    for path, text in sources():
        if LIBRARY in text:
            continue
        for call in calls(ast.parse(text)):
            func = call.func
            if isinstance(func, ast.Attribute) and func.attr in LOGGED and ast.unparse(func.value) in ("log", "_log"):
                extra = next((keyword.value for keyword in call.keywords if keyword.arg == "extra"), None)
                named = isinstance(extra, ast.Call) and ast.unparse(extra.func) == "event" and extra.args
                found[f"{path}:{call.lineno}"] = _text(extra.args[0]) if named and isinstance(extra, ast.Call) else ""
    return found


def rows(title: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading of the page."""
    text = PAGE.read_text(encoding="utf-8")
    start = re.search(rf"(?m)^#+ {re.escape(title)}$", text)
    assert start is not None, title
    end = re.compile(r"(?m)^#+ ").search(text, start.end())
    lines = [line for line in text[start.end() : end.start() if end else None].split("\n") if line.startswith("|")]
    assert len(lines) > 2, title
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def quoted(cell: str) -> list[str]:
    """What a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def phrases(title: str) -> list[str]:
    """The phrases of messages that a table of the runbook explains."""
    return [phrase for row in rows(title) for phrase in quoted(row[0])]
