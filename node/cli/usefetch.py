"""The records of uses that a model's report adds up: from the node's pages, or from a replay of the whole log."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from ledger import keys
from ledger.accountquery import EVENTS_MAX
from ledger.corrections import newest_correction
from ledger.query import PAGE_MAX
from node.cli.lineagefetch import Fetched
from node.cli.progress import Bar, progress
from node.cli.replays import Replayed
from node.client import Client
from node.lineage import form
from node.lineage.graph import Graph
from node.reports.materials import UseKey
from node.reports.uses import Logged, UseFigures
from proofs.errors import InputError, VerifyError
from proofs.fields import LOWERED
from proofs.jsonform import from_json
from proofs.pricing import OBSERVED, STATUSES
from proofs.records import check_body, make_body
from proofs.ref import Ref, parse_ref, unpack_ref

REQUESTS_MAX = 2_000
"""Pages of records that one report asks a node for; what lies beyond is said to be left out."""


def read_uses(args: argparse.Namespace, client: Client, fetched: Fetched, uses: UseFigures) -> None:
    """Add the records of the uses that the lineage counts, as of its own size: from the replay that it was recomputed
    from, which has all of them, else from the node, up to REQUESTS_MAX pages.

    Raises NetworkError, ProblemError, InputError for what a record's form doesn't allow, VerifyError for pages that
    aren't those asked for.
    """
    if fetched.replayed is not None:
        _from_replay(fetched.replayed, fetched.graph.size, uses)
        return
    with progress("reading uses", unit="pages", quiet=args.json) as bar:
        _Reader(client, fetched.graph, uses, bar).read()


def _from_replay(log: Replayed, size: int, uses: UseFigures) -> None:
    parties = {party for _, party in uses.pairs}
    state = log.state
    for at, _ in state.view.scan(keys.STATUS, keys.after(keys.STATUS)) if parties else ():
        index = int.from_bytes(at[1:], "big")
        row = state.usage(index)
        if row is None or row.party.hex() not in parties or row.status == OBSERVED or index >= size:
            continue
        body = state.body(index)
        key = _key(body, row.asset if row.terms is not None else None, row.status, row.party.hex())
        if not uses.wants(key):
            continue
        corrected = newest_correction(state, index)
        uses.add(Logged(
            key, index, str(Ref(index, log.leaf_at(index))),
            body["quantities"] if corrected is None else corrected.quantities, body["from"], body["until"],
            corrected is not None, None if corrected is None else corrected.index,
        ))  # fmt: skip


def _key(body: dict[str, Any], judged: int | None, status: str, party: str) -> UseKey:
    """By what the log's traces count a use. `judged`: the asset by whose terms it was judged; another use counts for
    what it names."""
    target, into = body["asset"], body.get("into_name")
    named = target if isinstance(target, str) else str(unpack_ref(target).index)
    made = f"={into}" if into is not None else str(unpack_ref(body["into"]).index) if "into" in body else None
    return UseKey(named if judged is None else str(judged), body["use"], status, party, made)


class _Reader:
    """Asks for what each party used of each source, page by page, until the lineage's counts are met."""

    def __init__(self, client: Client, graph: Graph, uses: UseFigures, bar: Bar) -> None:
        self._client, self._graph, self._uses, self._bar = client, graph, uses, bar
        self._asked = 0

    def read(self) -> None:
        for source, party in self._uses.pairs:
            for row in self._records_of(source, party):
                one = parse_use(row)
                if one is not None and one.key.source == source:
                    self._uses.add(one)
                if self._uses.is_read(source, party):
                    break

    def _records_of(self, source: str, party: str) -> Iterator[dict[str, Any]]:
        """Usages of a source by a party; of an asset also those by the names that it claims, whose terms may have
        applied."""
        names = self._graph.node(source).record.get("aka", ())
        for name in dict.fromkeys((source, *names)):
            yield from self._records(name, party)

    def _records(self, name: str, party: str) -> Iterator[dict[str, Any]]:
        """Usages of a name by a party that the lineage's tree holds, in the log's order."""
        start: int | None = 0
        while start is not None and self._asked < REQUESTS_MAX:
            query = {"kind": "usage", "asset": name, "party": party, "from": start, "limit": PAGE_MAX}
            page = self._client.transport.get_json(f"/records?{urlencode(query)}")
            self._asked += 1
            self._bar.update(self._asked)
            before = start - 1
            for at, row in enumerate(form.listed(page, "records", "", form.an_object, PAGE_MAX)):
                index = form.required(row, "index", f"records[{at}]", form.count)
                if index <= before:
                    raise VerifyError("the node's page of records is another one", field="records")
                if index >= self._graph.size:
                    return
                before = index
                yield row
            following = form.optional(page, "next", "", form.count)
            if following is not None and following <= max(start, before):
                raise VerifyError("the node's next page begins before its last one ended", field="next")
            start = following


def parse_use(row: dict[str, Any]) -> Logged | None:
    """A usage as GET /records shows it; None for one that a provider saw. Raises InputError naming the record and the
    field for what isn't as it should be."""
    place = f"records {form.shown(row.get('index'))}"
    ref = parse_ref(form.required(row, "ref", place, form.reference))
    if ref.index != form.required(row, "index", place, form.count):
        raise InputError("the reference is of another leaf", field=f"{place}.ref", expected=f"{row['index']}:HEX")
    status = form.required(row, "status", place, form.one_of(STATUSES))
    party = form.required(form.required(row, "signer", place, form.an_object), "party", f"{place}.signer", form.party)
    body = _body(row.get("record"), f"{place}.record")
    if status == OBSERVED:
        return None
    judged = form.optional(row, "judged_as", place, form.reference) if row.get("terms") is not None else None
    quantities = _lowered(row["corrected_to"], f"{place}.corrected_to") if "corrected_to" in row else None
    return Logged(
        _key(body, None if judged is None else parse_ref(judged).index, status, party), ref.index, str(ref),
        body["quantities"] if quantities is None else quantities, body["from"], body["until"],
        quantities is not None, None if quantities is None else _correction(row, place),
    )  # fmt: skip


def _body(value: Any, place: str) -> dict[str, Any]:
    said = form.an_object(value, place)
    if said.get("kind") != "usage" or form.levels(said) > form.LEVELS_MAX:
        raise InputError(f"of kind {form.shown(said.get('kind'))}", field=f"{place}.kind", expected="usage")
    try:
        return check_body(make_body(from_json(said)))
    except InputError as error:
        raise InputError(error.detail, field=f"{place}.{error.field}", expected=error.expected) from error


def _lowered(value: Any, place: str) -> dict[str, int]:
    said = form.an_object(value, place)
    try:
        quantities: dict[str, int] = from_json({"quantities": said})["quantities"]
    except InputError as error:
        raise InputError(error.detail, field=place, expected=error.expected) from error
    if not LOWERED.ok(quantities):
        raise InputError(f"{place} is {form.shown(said)}", field=place, expected=LOWERED.expected)
    return quantities


def _correction(row: dict[str, Any], place: str) -> int | None:
    """The newest correction; None where the node lists so many later records that it needn't be among them."""
    events = form.listed(row, "events", place, form.an_object, EVENTS_MAX)
    if len(events) == EVENTS_MAX:
        return None
    found = [form.required(one, "index", f"{place}.events", form.count) for one in events
             if one.get("kind") == "correction"]  # fmt: skip
    return max(found, default=None)
