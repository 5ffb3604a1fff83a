"""What an ASSET argument means: a reference, an index, an external name, a description's title, or name[@version] with
`party/` before it (design section 8).

The node finds candidates; what is then used is the entry itself, checked by its proof, so that a node can't put another
asset in the place of the one that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.client import Client, VerifiedEntry
from node.errors import ProblemError
from proofs.errors import InputError, VerifyError, excerpt
from proofs.fields import is_external_name
from proofs.ref import Ref, parse_ref
from proofs.text import parse_decimal

ASSET_FORMS = (
    "a reference (INDEX:HEX); or an external name, which needs no entry on the log: pkg:huggingface/ORG/NAME@REVISION, "
    "model:PROVIDER/NAME, doi:10.… or https://…"
)
CANDIDATES_MAX = 20
PAGES_MAX = 50
PARTY_PREFIX_CHARS_MIN = 4


class AmbiguousError(InputError):
    """An ASSET argument that could mean several things; the message lists them."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an argument means. `target`: for a record's field, a packed reference or an external name; `entry`: the
    verified entry behind a reference, None for an external name that was given as such."""

    target: bytes | str
    entry: VerifiedEntry | None

    @property
    def text(self) -> str:
        """For people."""
        return self.target if isinstance(self.target, str) else str(self.entry.ref if self.entry else "")


def resolve(client: Client, text: str) -> Found:
    """The one asset or name that the argument means. Raises InputError where there is none or several."""
    if not text:
        raise InputError("no asset is named", field="ASSET", expected=ASSET_FORMS)
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of a command line that are no text
        raise InputError(f"{text!a} is no UTF-8 text", field="ASSET", expected=ASSET_FORMS) from None
    if is_external_name(text):
        return Found(text, None)
    if text.isascii() and text.isdigit():
        return _from_entry(client.entry(parse_decimal(text, field="ASSET")))
    if ":" in text:
        ref = _ref(text)
        if ref is not None:
            entry = client.entry(ref.index)
            if entry.ref != ref:
                raise InputError(f"{text} is not in this log", field="ASSET", expected=str(entry.ref))
            return _from_entry(entry)
    return _by_name(client, text)


def is_place(text: str) -> bool:
    """Whether the text is an index or a reference, and no name."""
    return (text.isascii() and text.isdigit()) or (":" in text and _ref(text) is not None)


def find_entry(client: Client, text: str, *, field: str = "REF", size: int | None = None) -> VerifiedEntry:
    """The verified entry that an index or reference names, in the tree of `size` (None: the newest). Raises InputError
    for other text, VerifyError where the log has another entry there, and as Client.entry."""
    if not is_place(text):
        raise InputError(f"{excerpt(text)} is no record", field=field, expected="an index, or INDEX:HEX")
    ref = parse_ref(text) if ":" in text else None
    found = client.entry(ref.index if ref else parse_decimal(text, field=field), size=size)
    if ref is not None and found.ref != ref:
        raise VerifyError(f"the log has another entry at {ref.index}", field=field, expected=str(found.ref))
    return found


def find_kind(client: Client, text: str, *kinds: str, field: str) -> VerifiedEntry:
    """As find_entry; raises InputError unless the entry is of one of the kinds."""
    found = find_entry(client, text, field=field)
    kind = found.body["kind"]
    if kind not in kinds:
        raise InputError(f"entry {found.ref.index} is of kind {kind}", field=field, expected=" or ".join(kinds))
    return found


def _ref(text: str) -> Ref | None:
    try:
        return parse_ref(text)
    except InputError:
        return None


def _from_entry(entry: VerifiedEntry) -> Found:
    kind = entry.body["kind"]
    if kind == "description":  # it stands for the material that it describes
        return Found(entry.body["name"], entry)
    if kind != "asset":
        raise InputError(f"entry {entry.ref.index} is of kind {kind}", field="ASSET", expected="an asset")
    return Found(entry.ref.pack(), entry)


def _by_name(client: Client, text: str) -> Found:
    rows: dict[int, dict[str, Any]] = {}
    for party, name, version in _readings(text):
        for row in _named(client, name):
            if version is not None and row.get("version") != version:
                continue
            if party is None or _is_party(client, str(row.get("party", "")), party):
                rows[int(row["index"])] = row
    standing = [row for row in rows.values() if not row.get("retired")] or list(rows.values())
    if not standing:
        raise InputError(
            f"nothing on this log is called {excerpt(text)}", field="ASSET",
            expected=f"{ASSET_FORMS}; or the index, title or name[@version] of what is registered on it: `usance "
            "assets` lists that, `usance asset` registers your own",
        )  # fmt: skip
    targets = {str(row.get("name")) if row["kind"] == "description" else int(row["index"]): row for row in standing}
    if len(targets) > 1:
        raise _ambiguous(text, list(targets.values()))
    entry = client.entry(int(next(iter(targets.values()))["index"]))
    names = {entry.body.get("name"), entry.body.get("title")}
    if not any(name in names and version in (None, entry.body.get("version")) for _, name, version in _readings(text)):
        raise VerifyError(
            f"the node answers {excerpt(text)} with entry {entry.ref.index}, which has another name", field="ASSET"
        )
    return _from_entry(entry)


def _readings(text: str) -> list[tuple[str | None, str, str | None]]:
    """(party, name, version) as the text may be meant: names may hold slashes and at signs themselves."""
    found: list[tuple[str | None, str, str | None]] = []
    before, slash, after = text.partition("/")
    for party, rest in ((None, text), (before, after)) if slash and before and after else ((None, text),):
        found.append((party, rest, None))
        name, at, version = rest.rpartition("@")
        if at and name and version:
            found.append((party, name, version))
    return found


def _named(client: Client, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    start: int | None = 0
    for _ in range(PAGES_MAX):
        page = client.get("/assets", name=name, from_=start, limit=100)
        listed = page.get("assets")
        for row in listed if isinstance(listed, list) else []:
            if isinstance(row, dict) and type(row.get("index")) is int and row.get("kind") in ("asset", "description"):
                rows.append(row)
        start = page.get("next") if type(page.get("next")) is int else None
        if start is None:
            break
    return rows


def _is_party(client: Client, party: str, wanted: str) -> bool:
    """Whether the party (hex) is the one that is meant: by hex, by the beginning of it, or by its name."""
    if len(wanted) >= PARTY_PREFIX_CHARS_MIN and party.startswith(wanted.lower()):
        return True
    try:
        return client.get(f"/parties/{party}").get("name") == wanted
    except ProblemError:
        return False


def _ambiguous(text: str, rows: list[dict[str, Any]]) -> AmbiguousError:
    shown = [candidate(row) for row in rows[:CANDIDATES_MAX]]
    more = f" and {len(rows) - CANDIDATES_MAX} more" if len(rows) > CANDIDATES_MAX else ""
    return AmbiguousError(
        f"{excerpt(text)} could mean: {'; '.join(shown)}{more}: give the index, or party/name@version", field=""
    )


def candidate(row: dict[str, Any]) -> str:
    """One candidate in a few words."""
    version = f"@{row['version']}" if row.get("version") else ""
    title = f" ({row['title']})" if row.get("title") else ""
    return f"{row['index']} {row['kind']} {row.get('name')}{version}{title} of {str(row.get('party'))[:12]}"


def need_ref(found: Found, what: str) -> bytes:
    """The packed reference; raises InputError for an external name where only an asset of this log will do."""
    if isinstance(found.target, str):
        raise InputError(f"{excerpt(found.target)} is an external name", field=what, expected="an asset of this log")
    return found.target
