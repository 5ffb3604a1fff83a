"""Takes a sample of what packages say of themselves, as text to calibrate detection on: JSON Lines of name, version,
owner and text. They come from the index that pip is configured for, by its page `pypi/NAME/json` beside the simple
ones; which ones, a seed decides among names that are given.

An owner is all packages that share an author, or the first word of their names, directly or over others: their texts
may have been written by one hand, so they are not known to be unrelated.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

PAGE_BYTES_MAX = 64 * 1024 * 1024
CHARS_MIN, CHARS_MAX = 2_000, 50_000
TRIES_EACH = 4
"""Names asked for each text that is wanted: many packages say little."""
TIMEOUT_S = 30
AUTHOR_CHARS = 24
SAMPLE_SEED = 20261122


@dataclass(frozen=True, slots=True)
class Described:
    """What a package says of itself."""

    name: str
    version: str
    author: str
    text: str


def index_url() -> str:
    """The index that pip uses here, which its help tells. Ends the program where it names none."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--help"], capture_output=True, text=True, check=False
    )
    found = re.search(r"--index-url.*?\(default\s+(https?://\S+?)\)", done.stdout, re.DOTALL)
    if found is None:
        raise SystemExit("pip names no index here: give it as --index URL")
    return found[1]


def fetch(url: str, *, accept: str, bytes_max: int = PAGE_BYTES_MAX) -> bytes | None:
    """What is there; None where nothing is, or more than `bytes_max`."""
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310 - checked: http or https
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            data: bytes = answer.read(bytes_max + 1)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None
    return data if len(data) <= bytes_max else None


def describe(index: str, name: str) -> Described | None:
    """What a package's newest version says; None where there is none, or the index has no such pages."""
    root = index.rstrip("/").removesuffix("/simple")
    data = fetch(f"{root}/pypi/{urllib.parse.quote(name, safe='')}/json", accept="application/json")
    try:
        said: Any = json.loads(data or b"{}").get("info")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("description"), str):
        return None
    authors = (said.get(field) for field in ("author", "author_email", "maintainer", "maintainer_email"))
    author = next((one for one in authors if isinstance(one, str) and one.strip()), "")
    return Described(name, str(said.get("version") or ""), author, said["description"])


def owners_of(found: Sequence[Described]) -> list[str]:
    """Of each the name of the first package that shares its owner."""
    parents = list(range(len(found)))

    def top(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    first: dict[tuple[str, str], int] = {}
    for at, one in enumerate(found):
        keys = [("family", re.split(r"[-_.]", one.name.lower())[0])]
        author = re.sub(r"\W", "", one.author.lower())[:AUTHOR_CHARS]
        if author:
            keys.append(("author", author))
        for key in keys:
            one_top, other_top = top(at), top(first.setdefault(key, at))
            parents[max(one_top, other_top)] = min(one_top, other_top)
    return [found[top(at)].name for at in range(len(found))]


def sample(index: str, names: Iterable[str], seed: int, count: int) -> Iterator[Described]:
    """Up to `count` texts of CHARS_MIN to CHARS_MAX characters, of at most TRIES_EACH times as many names."""
    pool = sorted(set(names))
    chance = random.Random(seed)  # noqa: S311 - to be repeatable
    found = 0
    for name in chance.sample(pool, min(len(pool), count * TRIES_EACH)):
        if found == count:
            return
        described = describe(index, name)
        if described is not None and CHARS_MIN <= len(described.text) <= CHARS_MAX:
            found += 1
            yield described


def main(argv: Sequence[str] | None = None) -> int:
    """Parse arguments, fetch, write."""
    parser = argparse.ArgumentParser(prog="scripts/calibration", description=__doc__)
    parser.add_argument("--names", metavar="FILE", required=True, help="package names, one a line")
    parser.add_argument("--index", metavar="URL", help="its simple pages (default: pip's index-url)")
    parser.add_argument("--seed", type=int, default=SAMPLE_SEED)
    parser.add_argument("--count", type=int, default=3_000, help="texts (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", required=True)
    args = parser.parse_args(argv)
    with open(args.names, encoding="utf-8") as file:
        names = [line.strip() for line in file if line.strip()]
    found: list[Described] = []
    for one in sample(args.index or index_url(), names, args.seed, args.count):
        found.append(one)
        if len(found) % 100 == 0:
            print(f"{len(found):,} texts", file=sys.stderr)
    owners = owners_of(found)
    with open(args.output, "w", encoding="utf-8") as file:
        for one, owner in zip(found, owners, strict=True):
            row = {"name": one.name, "version": one.version, "owner": owner, "text": one.text}
            file.write(json.dumps(row) + "\n")
    print(f"{len(found):,} texts of {len(set(owners)):,} owners, seed {args.seed}, in {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
