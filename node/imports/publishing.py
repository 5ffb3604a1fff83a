"""Terms that a format states, as records for assets of the importer's own party that claim the material's name.

An import gives terms to an asset that has none. Terms that are in force stay: nothing on the log tells those that an
earlier import made from those that the owner made since, and terms that replace others replace them whole, with the
grants, prohibitions and shares that no price table knows of. Only who says so (`is_replacing`) replaces them, and is
told each field that changes by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from node.agents.inforce import PublishedTerms, terms_in_force
from node.client import Client
from node.imports.model import AMBIGUOUS, NOT_CARRIED, REPLACED, Note, Reading
from node.imports.plan import rows_of
from node.imports.termsfiles import TermsFile
from proofs import codec
from proofs.amounts import show_amount
from proofs.jsonform import to_json
from proofs.records import make_body
from proofs.ref import Ref, parse_ref

_NOTHING = "nothing"


def records_to_publish(
    client: Client, party: bytes, files: Iterable[TermsFile], reading: Reading, *, is_replacing: bool = False
) -> list[tuple[TermsFile, dict[str, Any]]]:
    """Records of terms (in JSON form, without `at`) for those assets of the party that claim a material's name: for
    each that has no terms, with `is_replacing` also where other ones are in force.

    What isn't published, and what replaces something, is noted in the reading. Raises as Client.get and Client.entry.
    """
    own = _claims(client, party)
    found = []
    taken: dict[Ref, TermsFile] = {}
    for file in files:
        if file.draft.name not in own:
            continue
        if file.fields is None:
            _note(reading, file, "terms", NOT_CARRIED, "not published: no currency is stated, and terms need one")
            continue
        asset = parse_ref(own[file.draft.name])
        body = codec.decode(make_body({"kind": "terms", "at": 0, "asset": asset.pack(), **file.fields}), field="terms")
        fields = {name: value for name, value in body.items() if name not in ("kind", "at", "asset")}
        first = taken.setdefault(asset, file)
        if first is not file:
            if first.fields != file.fields:
                detail = f"not published: asset {asset.index} is {first.draft.name} too, and got that one's terms"
                _note(reading, file, "terms", AMBIGUOUS, detail)
            continue
        present = terms_in_force(client, asset)
        if _is_due(reading, file, present, fields, is_replacing):
            found.append((file, {name: value for name, value in to_json(body).items() if name != "at"}))
    return found


def _is_due(
    reading: Reading, file: TermsFile, present: PublishedTerms | None, fields: Mapping[str, Any], is_replacing: bool
) -> bool:
    """Whether these terms are to be published; noted, where others are in force."""
    changes = [] if present is None else list(_changes(present.fields, fields))
    if present is None or not changes:
        return present is None
    asset = present.asset.index
    if is_replacing:
        for name, old, new in changes:
            detail = f"in force by entry {present.ref.index}; the file has {new}, which replaces it"
            reading.notes.append(Note(file.draft.place, f"terms of {asset}, {name}", old, REPLACED, detail))
        return True
    differing = ", ".join(dict.fromkeys(name for name, _, _ in changes))
    detail = (
        f"not published: entry {present.ref.index} has other terms in force (they differ in {differing}); publish a "
        "file of --terms-dir yourself, or give --replace-terms"
    )
    _note(reading, file, f"terms of {asset}", NOT_CARRIED, detail)
    return False


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What differs: the field, an offer by its use and unit, and both sides in words."""
    for name in sorted((old.keys() | new.keys()) - {"offers"}):
        before, after = _words(old.get(name)), _words(new.get(name))
        if before != after:
            yield name, before, after
    prices = [_prices(side) for side in (old, new)]
    for key in sorted(prices[0].keys() | prices[1].keys()):
        before, after = (side.get(key, _NOTHING) for side in prices)
        if before != after:
            yield f"offers {key}", before, after


def _prices(terms: Mapping[str, Any]) -> dict[str, str]:
    """What each use costs by each unit."""
    return {
        f"{one['use']}/{one['unit']}": f"{show_amount(one['price'], terms['currency'])} per {one['per']:,}"
        for one in terms.get("offers", ())
    }


def _words(value: object) -> str:
    """A field of terms for a person, lists in one order, hashes and parties in hex; what it is without saying so (no
    share, no need of a grant) is the same as nothing."""
    if not value:
        return _NOTHING
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return " ".join(_words(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return ", ".join(sorted(_words(inner) for inner in value))
    return "true" if value is True else str(value)


def _note(reading: Reading, file: TermsFile, field: str, reason: str, detail: str) -> None:
    reading.notes.append(Note.of(file.draft.place, field, file.draft.name, reason, detail))


def _claims(client: Client, party: bytes) -> dict[str, str]:
    """The names that the party's standing assets claim, and the newest asset (its reference) for each."""
    found: dict[str, str] = {}
    for row in rows_of(client, "/assets", "assets", party=party.hex()):
        if row.get("kind") == "asset" and not row.get("retired"):
            found.update((str(name), str(row.get("ref"))) for name in row.get("aka") or ())
    return found
