"""The command line, `usance` (design section 8): one table of commands, each in a module loaded when it is used.

`verify` and `audit` run on the base dependencies alone, so nothing is imported here that a command doesn't need.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from node.cli.outcome import EXIT_CODES, describe
from node.cli.table import COMMANDS, Command
from node.printable import safe_line
from proofs.errors import InputError


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line, and without abbreviated options: a script must not depend on what else there
    is. `unnamed`: of a command's actions the one that is meant where the first word is none of them."""

    def __init__(self, **options: object) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)  # type: ignore[arg-type]
        self.unnamed: tuple[str, Collection[str]] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, after `unnamed`."""
        given = list(sys.argv[1:] if args is None else args)
        if self.unnamed is not None and (not given or given[0] not in self.unnamed[1]):
            given.insert(0, self.unnamed[0])
        return super().parse_known_args(given, namespace)

    def error(self, message: str) -> NoReturn:
        """One line that says what is wrong and where help is; exit 2."""
        self.exit(2, f"{self.prog}: {safe_line(message)}; see `{self.prog} --help`\n")


class _ShowVersion(argparse.Action):
    """--version; the package's metadata are read only where it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib import metadata

        try:
            version = metadata.version("usance")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"usance {version}, Python {sys.version.split()[0]}")
        parser.exit(0)


def make_parser(chosen: str | None) -> Parser:
    """The parser with every command named and the chosen one complete (all of them for None)."""
    parser = Parser(
        prog="usance",
        description="A verifiable ledger for the uses of AI material: sign, append, prove, verify offline.",
        epilog="exit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items())
        + "\n\nUSANCE_NODE, USANCE_KEY, USANCE_LOG and USANCE_POLICY stand in for these options. The newest\n"
        "checkpoint seen of each log is kept in USANCE_STATE (~/.local/state/usance): two histories are noticed by it.",
    )  # fmt: skip
    parser.add_argument("--version", action=_ShowVersion, help="show the version and exit")
    names = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = names.add_parser(
            command.name, help=command.summary, description=_sentence(command), epilog=f"example:\n{command.example}"
        )
        if chosen in (None, command.name):
            module = importlib.import_module(f"node.cli.{command.module}")
            getattr(module, f"configure_{command.name}")(sub)
    return parser


def _sentence(command: Command) -> str:
    return command.summary[:1].upper() + command.summary[1:] + "."


def _print_all_signs() -> None:
    """What a terminal's encoding hasn't is printed as an escape, as on stderr: a title in another script ends no
    command. What else would be a file goes out as bytes (node/cli/files.py)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (EXIT_CODES). Never raises but for --debug's traceback on stderr."""
    _print_all_signs()
    given = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in given if not word.startswith("-")), "")
    debug = "--debug" in given
    try:
        try:
            args, unknown = make_parser(chosen).parse_known_args(given)
            if unknown:
                where = f"usance {chosen}" if chosen else "usance"
                raise InputError(f"unrecognized arguments: {safe_line(' '.join(unknown))}; see `{where} --help`")
            with contextlib.ExitStack() as args.at_end:
                code: int = args.run(args)
        except SystemExit as stop:  # argparse has said what it has to say, help included
            code = stop.code if isinstance(stop.code, int) else 2
        if sys.stdout is not None:  # None where it was closed by whoever started this
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output went away; what Python flushes at exit must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except KeyboardInterrupt:
        print("usance: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if debug:
            traceback.print_exc()
        message, code = describe(error)
        print(f"usance {chosen}: {safe_line(message)}" if chosen else f"usance: {safe_line(message)}", file=sys.stderr)
        return code
