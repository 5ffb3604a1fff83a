"""Documents and code say the same: kinds, fields, prefixes, problem types, statuses, limits, example bytes, links."""

import importlib
import json
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.append import RULES as STATE_RULES
from ledger.append import Ledger, prepare
from ledger.context import LogIdentity
from ledger.errors import PROBLEM_TYPES
from ledger.reader import EntryCache, Reader
from ledger.state import STATUS_CODES
from ledger.store import MemoryStore
from node.config import SETTINGS
from node.problems import TITLES
from proofs import fields
from proofs.checkpoint import sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.entry import sign_batch
from proofs.fields import Rule
from proofs.jsonform import from_json
from proofs.kinds import KINDS, Kind
from proofs.merkle import EMPTY_ROOT, leaf_hash
from proofs.records import make_body
from proofs.tlogproof import TlogProof, format_tlog_proof

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SPEC = DOCS / "spec.md"
ARCHITECTURE = DOCS / "architecture.md"
THREATS = DOCS / "threat-model.md"
INDEX = DOCS / "README.md"

# --- reading Markdown


@cache
def read(path: Path) -> str:
    """A document's text."""
    return path.read_text(encoding="utf-8")


def slug(title: str) -> str:
    """The anchor that a heading gets."""
    plain = re.sub(r"[`*_]", "", title.strip()).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def headings(text: str) -> list[str]:
    """Titles of all headings, those in code blocks left out."""
    return re.findall(r"^#{1,6} (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)


def section(path: Path, title: str) -> str:
    """What stands under a heading, down to the next heading of the same level or a higher one."""
    lines = read(path).split("\n")
    starts = [n for n, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(title)}", line)]
    assert len(starts) == 1, f"{path.name}: {len(starts)} headings {title!r}"
    level = len(lines[starts[0]]) - len(lines[starts[0]].lstrip("#"))
    end = next(
        (n for n in range(starts[0] + 1, len(lines)) if re.match(rf"#{{1,{level}}} ", lines[n])),
        len(lines),
    )
    return "\n".join(lines[starts[0] + 1 : end])


def table(text: str, *columns: str) -> list[list[str]]:
    """The cells of the one table in a text that has these first columns; its lines are joined if there are several."""
    rows: list[list[str]] = []
    inside = False
    for line in text.split("\n"):
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[: len(columns)] == list(columns):
            inside = True
        elif inside and not set(line) <= set("|-: "):
            rows.append(cells)
    assert rows, f"no table {columns}"
    return rows


def code(cell: str) -> str:
    """What a cell has in backticks."""
    found = re.fullmatch(r"`([^`]+)`", cell)
    assert found, f"not in backticks: {cell}"
    return found[1]


# --- record kinds

TYPES = {
    "text": fields.TEXT,
    "ref": fields.REF,
    "target": fields.TARGET,
    "external name": fields.EXTERNAL,
    "digest": fields.DIGEST,
    "key": fields.KEY,
    "party": fields.PARTY,
    "signature": fields.SIGNATURE,
    "sum": fields.SUM,
    "ms": fields.MS,
    "money": fields.MONEY,
    "count": fields.COUNT,
    "positive": fields.POSITIVE,
    "bps": fields.BPS,
    "bool": fields.BOOL,
    "currency": fields.CURRENCY,
    "url": fields.URL,
    "uri": fields.URI,
    "media": fields.MEDIA,
    "iscc": fields.ISCC,
    "license": fields.LICENSE,
    "use": fields.USE,
    "unit": fields.UNIT,
    "quantities": fields.QUANTITIES,
    "lowered": fields.LOWERED,
    "attributes": fields.ATTRIBUTES,
}
"""The spec's names of field types, by the rule that each one is."""

MAPS = {
    "a map of asset, as, bps?, keys ascending": "source",
    "a map of use, unit, price, per, keys ascending": "offer",
    "a map of party, bps, keys ascending": "split",
    "a map of scheme, count, root, keys ascending": "prints",
    "a map of one of: asset (a reference), party, digest": "against",
}


def describe(expected: str) -> str:
    """How the spec writes what a rule expects."""
    for name, rule in TYPES.items():
        if rule.expected == expected:
            return name
    if expected in MAPS:
        return MAPS[expected]
    if expected.startswith("a map of currency, offers, "):
        return "terms"
    if found := re.fullmatch(r"one of (.+)", expected):
        return " · ".join(f"`{word}`" for word in found[1].split(", "))
    if found := re.fullmatch(r"a list of (\d+) to (\d+), none twice(, ascending)?; each: (.+)", expected):
        inner = describe(found[4])
        return f"list of {int(found[1])} to {int(found[2]):,}{found[3] or ''}: {inner}"
    return expected


def is_named(rule: Rule) -> str:
    """The name of the type that this very rule is, or a description of what it expects."""
    return next((name for name, known in TYPES.items() if known is rule), describe(rule.expected))


def field_rows(kind: Kind) -> list[list[str]]:
    """The rows that the spec's table of a kind must have: field, presence, value."""
    required = [[f"`{name}`", "required", is_named(rule)] for name, rule in kind.required.items()]
    return required + [[f"`{name}`", "optional", is_named(rule)] for name, rule in kind.optional.items()]


def group_lines(kind: Kind) -> list[str]:
    """The lines by which the spec says which fields come together and which exclude each other."""
    together = [f"All or none: {', '.join(f'`{name}`' for name in group)}." for group in kind.together]
    return together + [f"At most one of: {', '.join(f'`{name}`' for name in group)}." for group in kind.apart]


def test_every_kind_is_specified_and_no_other() -> None:
    """The spec's sections of record kinds are exactly the kinds of the code."""
    named = re.findall(r"^#### `([a-z]+)`", read(SPEC), re.M)
    assert sorted(named) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_fields_of_every_kind(kind: Kind) -> None:
    """Field names, presence, types, enumerations and list bounds are the code's; so are pairs and exclusions."""
    text = section(SPEC, f"`{kind.name}`")
    rows = [row[:3] for row in table(text, "field", "", "value")]
    assert rows == field_rows(kind)
    stated = re.findall(r"^(?:All or none|At most one of): .+$", text, re.M)
    assert stated == group_lines(kind)


def test_every_kind_has_its_rule() -> None:
    """No record passes unjudged: each kind that is defined has a state rule."""
    assert set(KINDS) == set(STATE_RULES)


def test_field_types_are_those_of_the_code() -> None:
    """Each type of the spec's list is used by name and stated in the code's own words."""
    rows = table(section(SPEC, "Field types"), "type", "value")
    assert {code(row[0]): row[1] for row in rows} == {name: rule.expected for name, rule in TYPES.items()}


def test_nested_maps_name_the_fields_of_the_code() -> None:
    """The maps inside of records have the fields that the code's rules name."""
    said = {code(row[0]): row[1] for row in table(section(SPEC, "Maps inside of records"), "map", "fields")}
    for expected, name in MAPS.items():
        if name != "against":
            words = expected.removeprefix("a map of ").removesuffix(", keys ascending").split(", ")
            assert said[name] == ", ".join(f"`{word.rstrip('?')}`{'?' if word.endswith('?') else ''}" for word in words)
    assert set(said) == set(MAPS.values()) | {"terms"}


def test_vocabularies_are_those_of_the_code() -> None:
    """Uses, units, duties and relations stand in the spec as the code has them."""
    text = section(SPEC, "Vocabularies")
    for name, words in (
        ("Uses", fields.USES),
        ("Units", fields.UNITS),
        ("Duties", fields.DUTIES),
        ("Relations", fields.RELATIONS),
    ):
        assert f"{name}: {', '.join(f'`{word}`' for word in words)}." in textwrap.fill(text, 100_000), name


# --- states, problems, rows


def test_statuses_are_those_of_the_code() -> None:
    """Every status that a record can get is in the spec's table, and no other is there as one that exists."""
    rows = table(section(SPEC, "Statuses"), "status", "given to")
    assert [code(row[0]) for row in rows] == list(STATUS_CODES)


def test_problem_types_are_those_of_the_code() -> None:
    """Every problem type with its title."""
    rows = table(section(SPEC, "Problem types"), "type", "title")
    assert {code(row[0]): row[1] for row in rows} == TITLES
    assert set(TITLES) == set(PROBLEM_TYPES)


def prefix_rows() -> list[list[str]]:
    """The rows of the table of key prefixes, from the code and the remarks beside it."""
    source = (ROOT / "ledger" / "keys.py").read_text(encoding="utf-8")
    pattern = re.compile(r'^([A-Z_]+) = b"(.)"  # \2 (.+?) -> (.+?) +owner: (\w+)$', re.M)
    found = [list(match.groups()) for match in pattern.finditer(source)]
    assert {row[0]: row[1].encode() for row in found} == keys.PREFIXES
    return [
        [f"`{name}`", f"`{letter}`", key, value, owner, kept(letter.encode())]
        for name, letter, key, value, owner in found
    ]


def kept(prefix: bytes) -> str:
    """Where a replay keeps the rows of a prefix."""
    return "no" if prefix in keys.REPLAY_DROPS else "file" if prefix in keys.REPLAY_SPILLS else "yes"


def test_key_prefixes_are_those_of_the_code() -> None:
    """The architecture's table of rows has every prefix with its key, value, owner and whether a replay keeps it."""
    assert table(section(ARCHITECTURE, "What the store holds"), "name", "prefix", "key") == prefix_rows()


# --- limits


def number(text: str) -> int:
    """The number that a cell begins with: `1,024`, `8 MiB`, `2^63 − 1`."""
    found = re.match(r"([0-9][0-9,]*)(?:\^([0-9]+))?(?: − ([0-9]+))?(?: (KiB|MiB))?", text)
    assert found, f"no number: {text}"
    base = int(found[1].replace(",", ""))
    value = base ** int(found[2]) if found[2] else base
    return (value - int(found[3] or 0)) * {None: 1, "KiB": 1024, "MiB": 1024 * 1024}[found[4]]


def constant(name: str) -> Any:
    """The value of `package.module.NAME`, or the default of `setting section.name`."""
    if name.startswith("setting "):
        return {setting.field: setting.default for setting in SETTINGS}[name.removeprefix("setting ")]
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize(("path", "title"), [(SPEC, "Limits"), (THREATS, "Bounds on hostile input")])
def test_limits_are_those_of_the_code(path: Path, title: str) -> None:
    """Each bound that a document states is the constant, or the setting's default, that it names."""
    rows = table(section(path, title), "what", "bound", "held by")
    assert len(rows) > 10
    wrong = [(row[0], row[1], constant(code(row[2]))) for row in rows if number(row[1]) != constant(code(row[2]))]
    assert not wrong


# --- the example


def wrapped(data: bytes) -> str:
    """Hexadecimal in lines of 48 bytes."""
    return "\n".join(textwrap.wrap(data.hex(), 96))


def private(seed: int) -> Ed25519PrivateKey:
    """The example's keys: 32 times the same byte."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


@cache
def example() -> dict[str, str]:
    """The blocks of the spec's example, made by the code: a log of four entries."""
    origin, at = "log.example/uses", 1_767_225_600_000
    operator, lab, log_key = private(1), private(2), private(3)
    ledger = Ledger(MemoryStore(), log=LogIdentity(origin, frozenset((public_bytes(log_key),))))
    usage = {
        "kind": "usage",
        "at": at,
        "asset": "pkg:huggingface/example/corpus@2026-01",
        "use": "train",
        "quantities": {"token": "1200000"},
        "from": at - 3_600_000,
        "until": at,
    }
    bodies = {
        "genesis": make_body({"kind": "genesis", "at": at, "origin": origin, "name": "Example operator"}),
        "party": make_body({"kind": "party", "at": at, "name": "Example lab"}),
        "usage": make_body(from_json(usage)),
        "none": make_body({"kind": "none", "at": at, "from": at - 7_200_000, "until": at - 3_600_000}),
    }
    entries: list[bytes] = []
    for key, names in ((operator, ["genesis"]), (lab, ["party"]), (lab, ["usage", "none"])):
        batch = sign_batch(
            key,
            origin=origin,
            size=ledger.size,
            root=ledger.tree.root if ledger.size else EMPTY_ROOT,
            first=1 if names[0] == "usage" else 0,
            bodies=[bodies[name] for name in names],
        )
        group = ledger.group()
        outcome = group.take(prepare(batch, origin=origin, root_at=ledger.root_at))
        group.commit()
        entries += batch.entries()
    note = sign_checkpoint(origin=origin, size=ledger.size, root=ledger.tree.root, private_key=log_key)
    reader = Reader(ledger.view(), EntryCache())
    path = tuple(reader.inclusion(2, ledger.size))
    proof = format_tlog_proof(TlogProof(index=2, path=path, checkpoint_note=note, extra=entries[2])).decode()
    shown = "\n".join(line if len(line) < 120 else line[:80] + "…" for line in proof.split("\n"))
    return {
        "record": json.dumps(usage, indent=1),
        "body": wrapped(bodies["usage"]),
        "lines": batch.lines(origin).decode(),
        "signature": wrapped(batch.signature),
        "entry": wrapped(entries[2]),
        "ref": f"2:{leaf_hash(entries[2]).hex()}",
        "statuses": json.dumps(outcome.statuses),
        "proof": shown,
    }


@pytest.mark.parametrize("block", ["record", "body", "lines", "signature", "entry", "ref", "statuses", "proof"])
def test_example_bytes_reproduce(block: str) -> None:
    """The spec's example is what the code makes, byte for byte."""
    assert example()[block].rstrip("\n") in section(SPEC, "Example")


# --- pages and links


def pages() -> list[Path]:
    """Every document."""
    found = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    return sorted(found)


def links(text: str) -> list[str]:
    """Targets of a document's links, code left out."""
    plain = re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return re.findall(r"\]\(([^)\s]+)\)", plain)


def test_links_resolve() -> None:
    """A relative link names a file or folder that is there, and a heading in it where it has a fragment."""
    broken = []
    for page in pages():
        for link in links(read(page)):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, fragment = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists():
                broken.append(f"{page.name}: {link}")
            elif fragment and fragment not in {slug(title) for title in headings(read(target))}:
                broken.append(f"{page.name}: {link} (no such heading)")
    assert not broken, "\n".join(broken)


def test_every_page_is_in_the_index() -> None:
    """docs/README.md leads to every page beside it and to every folder of pages."""
    listed = {link.partition("#")[0].rstrip("/") for link in links(read(INDEX))}
    beside = {path.name for path in DOCS.glob("*.md")} - {INDEX.name}
    folders = {path.parent.relative_to(DOCS).as_posix() for path in DOCS.glob("*/*.md")}
    assert not (beside | folders) - listed


def test_every_known_cheat_names_its_test() -> None:
    """The threat model's cheats name tests that exist, and each test of tests/ledger/test_cheats.py stands there."""
    rows = table(section(THREATS, "Cheating with money"), "somebody tries to", "shut by", "test")
    named = [re.findall(r"`(test_\w+)`", row[2]) for row in rows]
    assert all(named)
    pattern = re.compile(r"^def (test_\w+)", re.M)
    tests = {path: set(pattern.findall(read(path))) for path in (ROOT / "tests").rglob("test_*.py")}
    found = {name for names in named for name in names}
    assert not found - set().union(*tests.values())
    assert not tests[ROOT / "tests" / "ledger" / "test_cheats.py"] - found
