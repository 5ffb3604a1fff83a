"""Writes the commands' sections of docs/cli.md from the code: `.venv/bin/python -m scripts.clidocs`.

What stands before them is kept. tests/test_cli_docs.py compares page and code.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from node.cli import make_parser
from node.cli.table import COMMANDS, Command

COMMON = ("--help", "--key", "--node", "--log", "--policy", "--token-file", "--ca-file", "--json", "--debug")

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
BEGIN = "\n## `usance "


def render(page: str) -> str:
    """The page with its section of each command written anew."""
    return page.partition(BEGIN)[0] + "".join(_command(command) for command in COMMANDS)


def _command(command: Command) -> str:
    parser = _subparsers(make_parser(command.name))[command.name]
    actions = _subparsers(parser)
    text = f"{BEGIN}{command.name}`\n\n{command.summary[:1].upper()}{command.summary[1:]}."
    if command.kinds:
        text += f" Logs `{'`, `'.join(command.kinds)}`."
    text += "\n"
    for part in actions.values() if actions else (parser,):
        text += f"\n```text\n{_synopsis(part)}\n```\n" + "".join(_table(part))
    example = "\n".join(row.removeprefix("  ") for row in command.example.splitlines())
    return text + f"\n```sh\n{example}\n```\n"


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def _synopsis(parser: argparse.ArgumentParser) -> str:
    words = [parser.prog]
    optional = []
    for action in parser._actions:
        if not action.option_strings:
            words.append(f"[{action.metavar}]" if action.nargs == "?" else str(action.metavar))
        elif action.required:
            words.append(_spelled(action))
        elif action.option_strings[-1] in COMMON and action.option_strings[-1] != "--help":
            optional.append(action.option_strings[-1])
    return f"{' '.join(words)} [OPTION…]\n  common: {' '.join(optional)}"


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar)
    if action.nargs == 0:
        return action.option_strings[-1]
    value = "|".join(action.choices) if action.choices and not action.metavar else action.metavar or action.dest.upper()
    return f"{action.option_strings[0]} {value}"


def _table(parser: argparse.ArgumentParser) -> Iterator[str]:
    shown = [
        (group.title or "", action)
        for group in parser._action_groups
        for action in group._group_actions
        if not (action.option_strings and action.option_strings[-1] in COMMON)
    ]
    if not shown:
        return
    yield "\n| option | meaning |\n|---|---|\n"
    # Options that need no words of their own stand in one row, under what their group is for.
    for said, rows in groupby(shown, key=lambda row: row[1].help or f"{row[0]}"):
        names = ", ".join(f"`{_cell(_spelled(action))}`" for _, action in rows)
        yield f"| {names} | {_cell(said)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
