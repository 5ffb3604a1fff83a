"""What is known of an asset whose terms are looked at: read from a node, and verified as far as entries can show it.

The asset, its sources and theirs are entries, checked by their proofs, so the closure is computed here. Which terms are
newest, who owns an asset (a delegate may have signed it) and what parties are called is the node's word; the terms
themselves are entries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from node.agents.inforce import PublishedTerms, terms_in_force
from node.agents.termspreview import Standing, check_shares
from node.client import Client, VerifiedEntry
from node.errors import ProblemError
from proofs import pricing
from proofs.errors import InputError, VerifyError
from proofs.pricing import Closure, Source, Splits
from proofs.ref import Ref, unpack_ref

ENTRIES_MAX = 512
"""Assets behind an asset that are looked at."""
NAMES_MAX = 64


class StandingReader:
    """Reads from one node; keeps what it has read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._entries: dict[Ref, VerifiedEntry] = {}
        self._closures: dict[Ref, Closure] = {}
        self._terms: dict[Ref, PublishedTerms | None] = {}
        self._owners: dict[Ref, bytes] = {}
        self._names: dict[bytes, str | None] = {}

    def standing(self, asset: VerifiedEntry, fields: Mapping[str, Any], *, signer: bytes | None) -> Standing:
        """What is known of an asset for these terms. Raises VerifyError where the node says what its entries don't."""
        self._entries[asset.ref] = asset
        closure = self._close(asset.ref)
        said = self._client.get(f"/assets/{asset.ref}")
        if not closure.fault:
            try:
                check_shares(closure, said.get("pays", []))
            except InputError as error:
                raise VerifyError(error.detail, field=error.field) from None
        by_index = {ref.index: ref for ref in self._entries}
        splits = {index: self._splits(by_index[index]) for index, _ in closure.shares}
        newest = self._newest(asset.ref)
        named = {split["party"] for split in fields.get("splits", ())}
        if "arbiter" in fields:
            named.add(fields["arbiter"])
        return Standing(
            asset.ref, self._owner(asset.ref), closure, splits, None if newest is None else newest.fields,
            signer=signer, is_retired=said.get("retired") is True,
            unknown=frozenset(party for party in named if self.name(party) is None),
        )  # fmt: skip

    def newest_ref(self, asset: Ref) -> Ref | None:
        """The entry of the asset's newest terms."""
        found = self._newest(asset)
        return None if found is None else found.ref

    def grants(self, terms: Ref) -> int:
        """How many grants of these terms the node knows of, ended ones too."""
        events = self._client.get(f"/records/{terms.index}").get("events")
        listed = events if isinstance(events, list) else []
        return sum(isinstance(event, dict) and event.get("kind") == "grant" for event in listed)

    def name(self, party: bytes) -> str | None:
        """What a party calls itself, as the node says; None where the log has no such party."""
        if party not in self._names:
            try:
                name = self._client.get(f"/parties/{party.hex()}").get("name")
            except ProblemError as error:
                if error.status != 404:
                    raise
                name = None
            else:
                name = name if isinstance(name, str) else ""
            self._names[party] = name
        return self._names[party]

    def names(self, parties: Iterable[bytes]) -> dict[bytes, str]:
        """Names of several parties; those of unknown ones are empty."""
        return {party: self.name(party) or "" for party in list(dict.fromkeys(parties))[:NAMES_MAX]}

    def asset_name(self, index: int) -> str:
        """What an asset of the closure is called."""
        return next((str(entry.body["name"]) for ref, entry in self._entries.items() if ref.index == index), "")

    def _entry(self, ref: Ref) -> VerifiedEntry:
        if ref not in self._entries:
            if len(self._entries) >= ENTRIES_MAX:
                raise InputError(
                    f"more than {ENTRIES_MAX} assets stand behind it", field="ASSET", expected="a smaller lineage"
                )
            entry = self._client.entry(ref.index)
            if entry.ref != ref or entry.body["kind"] != "asset":
                raise VerifyError(f"{ref} is no asset of this log", field="sources")
            self._entries[ref] = entry
        return self._entries[ref]

    def _close(self, asset: Ref) -> Closure:
        """The closure, those of all that stands behind computed first. References point backwards, so this ends."""
        waiting = [asset]
        while waiting:
            ref = waiting[-1]
            inner = [unpack_ref(source["asset"]) for source in self._sources(ref)]
            missing = [source for source in inner if source not in self._closures]
            if missing:
                if any(source.index >= ref.index for source in missing):
                    raise VerifyError("a source that isn't before the asset made of it", field="sources")
                waiting += missing
                continue
            waiting.pop()
            self._closures[ref] = pricing.close(self._source(source) for source in self._sources(ref))
        return self._closures[asset]

    def _sources(self, asset: Ref) -> list[dict[str, Any]]:
        listed = self._entry(asset).body.get("sources", ())
        return [source for source in listed if isinstance(source["asset"], bytes) and source["as"] != "evaluated_on"]

    def _source(self, source: Mapping[str, Any]) -> Source:
        ref, bps = unpack_ref(source["asset"]), source.get("bps", 0)
        terms = self._newest(ref) if bps else None
        return Source(ref.index, bps, "" if terms is None else terms.fields["currency"], self._closures[ref])

    def _newest(self, asset: Ref) -> PublishedTerms | None:
        if asset not in self._terms:
            self._terms[asset] = terms_in_force(self._client, asset)
        return self._terms[asset]

    def _splits(self, asset: Ref) -> Splits:
        terms = self._newest(asset)
        splits = () if terms is None else terms.fields.get("splits", ())
        return tuple((split["party"], split["bps"]) for split in splits) or ((self._owner(asset), pricing.BPS_MAX),)

    def _owner(self, asset: Ref) -> bytes:
        if asset not in self._owners:
            said = self._client.get(f"/assets/{asset}").get("party")
            try:
                owner = bytes.fromhex(said if isinstance(said, str) else "")
            except ValueError:
                owner = b""
            if len(owner) != 32:
                raise VerifyError(f"the node doesn't say who owns {asset}", field="party")
            self._owners[asset] = owner
        return self._owners[asset]
