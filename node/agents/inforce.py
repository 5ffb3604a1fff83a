"""Terms as a client finds them: which are in force is the node's word, what they say is the entry's, verified.

A node that names older terms gains nothing: the ledger refuses what was signed on them, with those in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.client import Client, VerifiedEntry
from proofs.errors import InputError, VerifyError
from proofs.ref import Ref, parse_ref, unpack_ref


@dataclass(frozen=True, slots=True)
class PublishedTerms:
    """Terms that stand in the log. `ref`: the `terms` entry, or the `asset` entry that holds them; `asset`: whose they
    are; `fields`: currency, offers and so on, as the record has them."""

    ref: Ref
    asset: Ref
    fields: Mapping[str, Any]

    @property
    def derivatives(self) -> int:
        """What assets made from this one owe of their charges, in basis points."""
        return int(self.fields.get("derivatives", 0))


def terms_of_entry(entry: VerifiedEntry) -> PublishedTerms:
    """The terms in an entry: a `terms` record, or an asset with inline terms. Raises InputError for another."""
    body = entry.body
    if body["kind"] == "terms":
        fields = {name: value for name, value in body.items() if name not in ("kind", "at", "asset")}
        return PublishedTerms(entry.ref, unpack_ref(body["asset"]), fields)
    if body["kind"] == "asset" and "terms" in body:
        return PublishedTerms(entry.ref, entry.ref, body["terms"])
    what = "an asset without inline terms" if body["kind"] == "asset" else f"a record of kind {body['kind']}"
    raise InputError(
        f"entry {entry.ref.index} is {what}", field="TERMS", expected="a terms record, or an asset with inline terms"
    )


def terms_in_force(client: Client, asset: Ref) -> PublishedTerms | None:
    """The newest terms of an asset, as the node says, verified to be this asset's; None where it has none.

    Raises VerifyError where the node names something else, and as Client.entry.
    """
    said = client.get(f"/assets/{asset}").get("terms_in_force")
    if said is None:
        return None
    try:
        ref = parse_ref(said if isinstance(said, str) else "")
    except InputError as error:
        raise VerifyError(f"the node names no terms: {error.detail}", field="terms_in_force") from None
    entry = client.entry(ref.index)
    try:
        found = terms_of_entry(entry)
    except InputError:
        found = None
    if entry.ref != ref or found is None or found.asset != asset:
        raise VerifyError(f"the node names entry {ref.index}, which isn't terms of {asset}", field="terms_in_force")
    return found
