"""Lineage as rows (docs/spec.md, "Lineage"): who says that what was made from what, and what uses of it came to.

What a record lists is in the record; these rows turn it round, so that a question about a material costs what hangs on
it, not the log. No rule reads them, and they count no steps: each record writes as many as it lists sources, and a
charge as many as it has shares.

A *material* is an asset, by its leaf index, or an external name. In keys: ``# index`` or ``= name 0``.

Lists (ledger/sumlist.py), none of them with a tree:

* ``v material made party use status``: uses, with what was charged for each. A use by external name that was judged as
  an asset counts for that asset. `made`: ``-``, or what the use says it went into: ``# index`` or ``= name 0``;
* ``e source used payer currency 0``: what an asset got of charges on another, its own splits to the payer left out;
* ``w used payer currency 0``: what of the charges on an asset didn't reach its own payees, where anything didn't;
* ``k used payer currency 0``: what was credited of charges on an asset.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger import keys
from ledger.context import Body, Context, Plan
from ledger.postings import CREDITED, EARNED, NOT_KEPT, NOWHERE, USES, Account
from ledger.state import State, UsageRow
from ledger.store import Overlay
from proofs import pricing
from proofs.fields import RELATIONS
from proofs.pricing import BPS_MAX, Splits

Target = int | str
"""A leaf index or an external name."""

_VERSIONED = re.compile(r"(pkg:[^@?#]+)@[^?#/]+((?:[?#].*)?)", re.DOTALL)
"""A version stands behind the last part of the path, before qualifiers and a part of the package (Package URL)."""
REPEATS_MAX = 8
"""Rows of one name that are gone through in search of the next; a seek costs as much as some ten."""
_SAID = struct.Struct(">BH32s")
EVALUATED_ON = 1 << RELATIONS.index("evaluated_on")


@dataclass(frozen=True, slots=True)
class Said:
    """One record's word that something was made from a material. `index`: the record's; `made`: what was; `relations`:
    one or more of proofs.fields.RELATIONS; `author`: the describing party, None where it is the asset's own record."""

    index: int
    made: Target
    relations: tuple[str, ...]
    bps: int
    author: bytes | None


def pack_material(target: Target) -> bytes:
    """As it stands in keys."""
    return b"#" + keys.number(target) if isinstance(target, int) else b"=" + keys.text(target)


def split_material(key: bytes) -> tuple[Target | None, bytes]:
    """A material at the front of a key, None for NOWHERE, and what comes after it."""
    if key[:1] == NOWHERE:
        return None, key[1:]
    if key[:1] == b"#":
        return int.from_bytes(key[1:9], "big"), key[9:]
    end = key.index(b"\0")
    return key[1:end].decode(), key[end + 1 :]


def _packed(raw: bytes | str) -> bytes:
    """The same for a record's field: a reference begins with the index as keys have it."""
    return b"=" + keys.text(raw) if isinstance(raw, str) else b"#" + raw[:8]


def note_sources(overlay: Overlay, index: int, body: Body, *, author: bytes = bytes(32), made: str = "") -> None:
    """The record at leaf `index` lists sources. `author`, `made`: of a description, who says it of which name."""
    found: dict[bytes, tuple[int, int]] = {}
    for source in body.get("sources", ()):
        material = _packed(source["asset"])
        bits, bps = found.get(material, (0, 0))
        found[material] = bits | 1 << RELATIONS.index(source["as"]), max(bps, source.get("bps", 0))
    number, name = keys.number(index), made.encode()
    for material, (bits, bps) in found.items():
        overlay.put(keys.MADE_FROM + material + number, _SAID.pack(bits, bps, author) + name)


def note_description(overlay: Overlay, context: Context, body: Body) -> None:
    """A party says something of an external name; what it said before counts no more."""
    overlay.put(keys.DESCRIBED + keys.text(body["name"]) + context.party, keys.number(context.index))
    note_sources(overlay, context.index, body, author=context.party, made=body["name"])


def note_use(context: Context, body: Body, row: UsageRow) -> None:
    """A usage was judged."""
    if not context.postings.sums_uses:
        return
    if row.terms is not None and row.asset is not None:
        material: bytes | str = row.asset.to_bytes(8, "big")
    else:
        named = body["asset"]
        material = named if isinstance(named, str) else named[:8]
    key = (material, body.get("into"), body.get("into_name"), row.party, body["use"], row.status)
    context.postings.uses[key] += (context.index, row.charge)


def note_charge(context: Context, plan: Plan, asset: int, amount: int) -> None:
    """A charge on an asset was handed down: what reached the payees of its sources, and what didn't reach its own."""
    party = context.party
    if not context.postings.sums_uses:
        return
    if not plan.sources and party not in (payee for payee, _ in plan.rest):
        return
    lists, used, end = context.postings.lists, keys.number(asset), party + plan.suffix
    left = amount
    for source, (bps, splits) in zip(plan.sources, plan.shares, strict=True):
        part = amount * bps // BPS_MAX
        left -= part
        got = _to_others(part, splits, party)
        if got:
            lists[EARNED + keys.number(source) + used + end] += (context.index, got)
    not_kept = amount - _to_others(left, plan.rest, party)
    if not_kept:
        lists[NOT_KEPT + used + end] += (context.index, not_kept)


def _to_others(amount: int, splits: Splits, party: bytes) -> int:
    """What of an amount reaches payees other than the payer."""
    if len(splits) == 1:
        return 0 if splits[0][0] == party else amount
    return sum(part for (payee, _), part in zip(splits, pricing.divide(amount, splits), strict=True) if payee != party)


def note_credit(context: Context, row: UsageRow, account: Account, amount: int) -> None:
    """A payee has taken back a part of a use's charge."""
    if row.asset is not None and context.postings.sums_uses:
        key = CREDITED + keys.number(row.asset) + account.payer + keys.text(account.currency)
        context.postings.lists[key] += (context.index, amount)


def note_dispute(state: State, context: Context, usage: int | None, index: int, body: Body) -> None:
    """The record at leaf `index`, or the `usage` that it corrects, is disputed."""
    row = None if usage is None else state.usage(usage)
    material: bytes | None = None
    if row is not None and row.asset is not None:
        material = b"#" + keys.number(row.asset)
    elif body["kind"] == "usage":
        material = _packed(body["asset"])
    elif body["kind"] == "asset":
        material = b"#" + keys.number(index)
    elif body["kind"] == "description":
        material = b"=" + keys.text(body["name"])
    if material is not None:
        state.overlay.put(keys.DISPUTED + material + keys.number(context.index), b"")


def note_finding(overlay: Overlay, context: Context, raw: bytes | str, kind: str) -> None:
    """A claim or canary is about a material."""
    overlay.put(keys.FOUND + _packed(raw) + keys.number(context.index), kind.encode())


def findings_of(
    state: State, target: Target, *, start: int = 0, newest_first: bool = False
) -> Iterator[tuple[int, str]]:
    """(index, kind) of the claims and canaries about a material, from the index `start` on, or back to it."""
    prefix = keys.FOUND + pack_material(target)
    for key, value in state.view.scan(prefix + keys.number(start), keys.after(prefix), reverse=newest_first):
        yield int.from_bytes(key[-8:], "big"), value.decode()


def descriptions(state: State, name: str) -> Iterator[tuple[bytes, int]]:
    """(author, index of the newest description of the name by it), by the authors' keys."""
    prefix = keys.DESCRIBED + keys.text(name)
    for key, value in state.view.scan(prefix, keys.after(prefix)):
        yield key[len(prefix) :], int.from_bytes(value, "big")


def said_of(state: State, source: Target) -> Iterator[Said | None]:
    """What was made from a material, in the order in which it was said; None for each description that its author has
    replaced, so that who asks can count what it costs."""
    prefix = keys.MADE_FROM + pack_material(source)
    for key, value in state.view.scan(prefix, keys.after(prefix)):
        index = int.from_bytes(key[-8:], "big")
        bits, bps, author = _SAID.unpack_from(value)
        relations = tuple(relation for at, relation in enumerate(RELATIONS) if bits >> at & 1)
        name = value[_SAID.size :].decode()
        if not name:
            yield Said(index, index, relations, bps, None)
        elif state.view.get(keys.DESCRIBED + keys.text(name) + author) == keys.number(index):
            yield Said(index, name, relations, bps, author)
        else:
            yield None


def standing_names(state: State, asset: int) -> Iterator[str]:
    """External names that the asset claims, as its party's newest."""
    names = state.asset_more(asset).aka
    row = state.asset(asset) if names else None
    for name in names:
        if row is not None and state.claim_of(name, row.party) == asset:
            yield name


def unversioned(name: str) -> str:
    """A package URL without its version, which is the package itself; any other name as it is."""
    found = _VERSIONED.fullmatch(name)
    return name if found is None else found[1] + (found[2] or "")


def is_known(state: State, name: str) -> bool:
    """Whether somebody describes or claims a name."""
    prefix = keys.DESCRIBED + keys.text(name)
    return next(iter(state.view.scan(prefix, keys.after(prefix))), None) is not None or state.claims(name)[0] > 0


def versions(state: State, name: str) -> Iterator[str | None]:
    """Versions of a package that records speak of: as a source, described, claimed or used; None for each name passed
    over, as one of another part of the package."""
    head, mark, part = name.partition("#")
    start = f"{head}@".encode()
    seen: set[str] = set()
    for prefix in (keys.MADE_FROM + b"=", keys.DESCRIBED, keys.AKA, keys.LIST_HEAD + USES + b"="):
        for found in _names(state, prefix, start):
            if found not in seen and unversioned(found) == head + mark + part:
                seen.add(found)
                yield found
            else:
                yield None


def _names(state: State, prefix: bytes, start: bytes) -> Iterator[str]:
    """Names that stand in keys behind `prefix` and begin with `start`, each once: a few rows of one name are gone
    through, more are sought past."""
    at, end = prefix + start, keys.after(prefix + start)
    last = b""
    while at:
        rows, at = state.view.scan(at, end), b""
        repeats = 0
        for key, _ in rows:
            name = key[len(prefix) : key.index(b"\0", len(prefix))]
            if name != last:
                last, repeats = name, 0
                yield name.decode()
            elif repeats == REPEATS_MAX:
                at = prefix + name + b"\1"
                break
            else:
                repeats += 1


def disputes_of(state: State, target: Target) -> Iterator[int]:
    """Disputes of records about the material, by the disputes' indices."""
    prefix = keys.DISPUTED + pack_material(target)
    for key, _ in state.view.scan(prefix, keys.after(prefix)):
        yield int.from_bytes(key[-8:], "big")


def sources_in(body: dict[str, Any]) -> dict[Target, tuple[list[str], int]]:
    """What a record lists: relations and share of each material."""
    found: dict[Target, tuple[list[str], int]] = {}
    for source in body.get("sources", ()):
        raw = source["asset"]
        target: Target = raw if isinstance(raw, str) else int.from_bytes(raw[:8], "big")
        relations, bps = found.get(target, ([], 0))
        found[target] = [*relations, source["as"]], max(bps, source.get("bps", 0))
    return found
