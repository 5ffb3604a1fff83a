"""The API document against the application: routes, arguments, statuses, and that it holds together. Its schemas are
tried on real answers in tests/openapi."""

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from node.openapi import EVERYWHERE, OPERATIONS, STATUSES, document
from node.openapischemas import SCHEMAS
from tests.node.harness import NodeProcess
from tests.node.test_http_docs import ROUTES, page

BY_ROUTE = {(operation.method, re.sub(r"\{(\w+)\}", r"<\1>", operation.path)): operation for operation in OPERATIONS}


def test_every_route_is_in_the_document_and_no_other() -> None:
    """Operations are the application's routes."""
    assert len(BY_ROUTE) == len(OPERATIONS)
    assert set(BY_ROUTE) == set(ROUTES)


@pytest.mark.parametrize("route", sorted(ROUTES), ids="{0[0]} {0[1]}".format)
def test_arguments_and_statuses_are_those_of_the_code(route: tuple[str, str]) -> None:
    """An operation's arguments are those that its handler takes; each status that the handler names is documented."""
    source, operation = inspect.getsource(ROUTES[route]), BY_ROUTE[route]
    called = re.findall(r"query_args\(request(?:, ([^)]*))?\)", source)
    assert set(re.findall(r'"(\w+)"', called[0])) == set(operation.query)
    named = {int(status) for status in re.findall(r"(?:problem|bad_input)\(\s*([0-9]{3})", source)}
    if "Missing(" in source or "index_of(" in source:
        named.add(404)
    assert named <= {*EVERYWHERE, *operation.statuses}
    assert set(operation.required) <= set(operation.query)


def test_statuses_are_those_of_the_http_page() -> None:
    """What the page lists for whole requests is what the document can say, but for a wrong method and a defect."""
    table = page().split("### Errors")[1].split("### Problem types")[0]
    told = {int(status) for status in re.findall(r"^\| ([0-9]{3}) \|", table, re.M)}
    assert set(STATUSES) == told - {405, 500}


def references(value: Any) -> Iterator[str]:
    """Every $ref in the document."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_references_lead_somewhere_and_every_schema_is_used() -> None:
    """No reference to a schema that isn't there, and none that nobody refers to."""
    assert {ref.rpartition("/")[2] for ref in references(document())} == set(SCHEMAS)


def test_names_of_operations_are_unique() -> None:
    """Programs are made from them."""
    names = [item["operationId"] for path in document()["paths"].values() for item in path.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


def test_path_parameters_are_those_of_the_path() -> None:
    """Each one is declared, and required."""
    for path, item in document()["paths"].items():
        for operation in item.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path" and p["required"]}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_a_node_serves_it(node: NodeProcess) -> None:
    """As JSON, to be asked about again."""
    answer = node.get("/openapi.json")
    assert (answer.status, answer.type) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-cache"
    assert json.loads(answer.body) == document()
