"""Terms as a client finds them: the node says which, the entry says what; anything else is found out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.agents.inforce import terms_in_force, terms_of_entry
from node.client import Client
from proofs.errors import InputError, VerifyError
from proofs.ref import Ref, unpack_ref
from tests.node.fakelog import JSON, Answer, serving
from tests.node.test_settle_liars import Market


@pytest.fixture
def log() -> Iterator[Market]:
    """A log with an asset that has inline terms."""
    made = Market()
    with serving(made):
        yield made


@pytest.fixture
def client(log: Market, tmp_path: Path) -> Iterator[Client]:
    """A client of it."""
    made = Client(log.url, log.vkey, state_folder=str(tmp_path), sleep=lambda seconds: None)
    yield made
    made.close()


def says(log: Market, terms: Any) -> None:
    """Let the node name these terms for whatever asset."""

    def hook(method: str, path: str, body: bytes, answer: Answer) -> Answer:
        value = {"terms_in_force": terms} if terms != "none" else {}
        return (200, JSON, json.dumps(value).encode()) if path.startswith("/assets/") else answer

    log.hook = hook


def publish(log: Market, asset: bytes, **fields: Any) -> Ref:
    """Newer terms."""
    return log.put(log.owner, "terms", asset=asset, currency="EUR", offers=[], **fields)


def test_inline_and_later_terms_are_found(log: Market, client: Client) -> None:
    """Either kind, with what its entry says; an asset without terms has none."""
    asset = unpack_ref(log.asset)
    says(log, str(asset))
    found = terms_in_force(client, asset)
    assert found is not None
    assert (found.ref, found.asset, found.derivatives, found.fields["currency"]) == (asset, asset, 0, "EUR")
    newer = publish(log, log.asset, derivatives=700)
    says(log, str(newer))
    found = terms_in_force(client, asset)
    assert found is not None
    assert (found.ref, found.asset, found.derivatives) == (newer, asset, 700)
    says(log, "none")
    assert terms_in_force(client, asset) is None


def test_terms_of_something_else_are_found_out(log: Market, client: Client) -> None:
    """Another asset's terms, another record, another hash, no reference: refused."""
    asset = unpack_ref(log.asset)
    other = log.put(log.owner, "asset", type="dataset", name="other", terms={"currency": "EUR", "offers": []})
    plain = log.put(log.owner, "asset", type="dataset", name="plain")
    strange = publish(log, other.pack())
    party, forged = f"1:{log.reader.tree.leaf(1).hex()}", f"{asset.index}:{'00' * 32}"
    for named in (str(other), str(plain), str(strange), party, forged, "", "x", 7, [str(asset)]):
        says(log, named)
        with pytest.raises(VerifyError):
            terms_in_force(client, asset)


def test_only_entries_with_terms_hold_terms(log: Market, client: Client) -> None:
    """What a TERMS argument may be."""
    plain = log.put(log.owner, "asset", type="dataset", name="plain")
    for index in (0, plain.index):
        with pytest.raises(InputError, match="entry"):
            terms_of_entry(client.entry(index))
    assert terms_of_entry(client.entry(unpack_ref(log.asset).index)).ref.pack() == log.asset
