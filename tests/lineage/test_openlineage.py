"""OpenLineage events: every required field of the specification, stable ids, and all sources of all that was made."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from node.lineage.graph import parse_graph
from node.lineage.openlineage import openlineage_events
from tests.lineage import making

ORIGIN, NOW_MS = "log.example.org/uses", 1_750_000_000_123
MADE = [making.small, making.hostile, making.star, making.ring, making.large]


def _events(value: dict[str, Any], origin: str = ORIGIN) -> list[dict[str, Any]]:
    return openlineage_events(parse_graph(value), origin=origin, time_ms=NOW_MS)


def _check_facets(facets: dict[str, Any]) -> None:
    for name, facet in facets.items():
        assert re.fullmatch(r"(?:usance_)?[a-zA-Z]+", name)
        for field in ("_producer", "_schemaURL"):
            assert urlsplit(facet[field]).scheme


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_events_have_what_the_specification_requires(make: Callable[[], dict[str, Any]]) -> None:
    """Version 2-0-2: RunEvent, Run, Job, InputDataset, OutputDataset and BaseFacet, with their formats."""
    for event in _events(make()):
        json.dumps(event, allow_nan=False)
        assert set(event) == {
            "eventType", "eventTime", "producer", "schemaURL", "run", "job", "inputs", "outputs",
        }  # fmt: skip
        assert event["eventType"] == "COMPLETE"
        moment = datetime.fromisoformat(event["eventTime"])
        assert moment.tzinfo == UTC
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["eventTime"])
        assert urlsplit(event["producer"]).scheme
        assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        assert uuid.UUID(event["run"]["runId"]).version == 5
        assert event["job"]["namespace"]
        assert event["job"]["name"]
        assert len(event["outputs"]) == 1
        for data in (*event["inputs"], *event["outputs"]):
            assert data["namespace"]
            assert data["name"]
            _check_facets(data["facets"])
            _check_facets(data.get("inputFacets", {}))


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_every_edge_is_an_input_of_one_event(make: Callable[[], dict[str, Any]]) -> None:
    """One event for each material that has sources, with each of them; runs differ, and so do names."""
    value = make()
    events = _events(value)
    edges = [edge for edge in value["edges"] if edge["kind"] == "source"]
    assert len(events) == len({edge["from"] for edge in edges})
    assert sum(len(event["inputs"]) for event in events) == len(edges)
    assert len({event["run"]["runId"] for event in events}) == len(events)
    data = [one for event in events for one in (*event["inputs"], *event["outputs"])]
    ends = {edge["from"] for edge in edges} | {edge["to"] for edge in edges}
    assert len({(one["namespace"], one["name"]) for one in data}) == len(ends)


def test_what_an_event_says() -> None:
    """Names, relation, share, money, licences by who says them, the owner, and the names that he claims."""
    model = next(event for event in _events(making.small()) if event["job"]["name"].startswith("making/30:"))
    assert model["eventTime"] == "2023-11-14T22:13:20.030Z"
    assert model["outputs"][0]["namespace"] == "usance://log.example.org/uses"
    alpaca, archive = model["inputs"]
    assert (alpaca["namespace"], alpaca["name"]) == ("pkg:huggingface", "tatsu-lab/alpaca")
    material = alpaca["facets"]["usance_material"]
    assert material["declared"] == []
    assert material["concluded"][0] == {"license": "CC-BY-NC-4.0", "by": "Data Curators e.V."}
    assert "ownership" not in alpaca["facets"]
    assert archive["facets"]["usance_material"]["declared"] == [{"license": "CC-BY-4.0", "by": "Example Archive"}]
    assert archive["facets"]["ownership"]["owners"][0]["name"] == f"urn:usance:v1:party:{making.OWNER}"
    assert archive["facets"]["symlinks"]["identifiers"][0]["name"] == "archive/all"
    source = archive["inputFacets"]["usance_source"]
    assert (source["relations"], source["bps"]) == (["trained_on"], 1000)
    assert source["earned_before_credits"] == [{"currency": "USD", "amount_nanos": "350000000"}]


def test_ids_follow_from_the_log_and_the_material() -> None:
    """The same again gives the same events; another log's asset of the same number is another run."""
    assert _events(making.small()) == _events(making.small())
    ours = {event["run"]["runId"] for event in _events(making.small())}
    theirs = {event["run"]["runId"] for event in _events(making.small(), "other.example.org/log")}
    assert not ours & theirs


def test_a_clock_beyond_all_years_is_not_taken() -> None:
    """A record's time is its signer's: one that no date can hold gives way to the caller's."""
    value = making.small()
    value["nodes"][0]["record"]["at"] = 2**53
    model = next(event for event in _events(value) if event["job"]["name"].startswith("making/30:"))
    assert model["eventTime"] == "2025-06-15T15:06:40.123Z"
