"""DOT: everything is in it, and no text of a log ends its label."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from node.lineage.dot import render_dot
from node.lineage.graph import parse_graph
from tests.lineage import making

MADE = [making.small, making.hostile, making.star, making.ring, making.large]
_VALUE = r'(?:"(?:[^"\\]|\\.)*"|[A-Za-z0-9.]+)'
_PAIRS = rf"(\w+)=({_VALUE})"
_LINE = re.compile(rf"  (n\d+(?: -> n\d+)?|graph|node|edge) \[(\w+={_VALUE}(?:, \w+={_VALUE})*)\];")


def _read(text: str) -> list[tuple[str, dict[str, str]]]:
    """Its statements, by the grammar of quoted strings."""
    lines = text.splitlines()
    assert lines[0] == "digraph lineage {"
    assert lines[-1] == "}"
    found = []
    for line in lines[1:-1]:
        match = _LINE.fullmatch(line)
        assert match is not None, line
        found.append((match[1], {name: _plain(value) for name, value in re.findall(_PAIRS, match[2])}))
    return found


def _plain(value: str) -> str:
    inner = value[1:-1] if value.startswith('"') else value
    return html.unescape(re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], inner))


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_every_node_and_edge_is_there(make: Callable[[], dict[str, Any]]) -> None:
    """A statement for each, from the source to what was made of it, and nothing else."""
    graph = parse_graph(make())
    statements = [(name, said) for name, said in _read(render_dot(graph)) if name[0] == "n" and name != "node"]
    name = {node.id: f"n{at}" for at, node in enumerate(graph.nodes)}
    expected = [*name.values(), *(f"{name[edge.source]} -> {name[edge.derived]}" for edge in graph.edges)]
    assert [name for name, _ in statements] == expected
    colours = {said.get("fillcolor") for name, said in statements if ">" not in name}
    assert all(re.fullmatch("#[0-9a-f]{6}", str(colour)) for colour in colours)


def test_labels_read_back_as_they_were() -> None:
    """Quotes, backslashes, entities and markup of a title are shown, not obeyed."""
    graph = parse_graph(making.hostile())
    labels = [said["label"].split("\n")[0] for name, said in _read(render_dot(graph)) if re.fullmatch(r"n\d+", name)]
    assert labels[0] == '"]; evil [label="x" URL="javascript:alert(1)'
    assert labels[1] == "</text><script>alert(1)</script>"
    assert "a\\N\\" in labels
    assert "&amp;&#0;" in labels


def test_what_a_label_says() -> None:
    """Licences with who says so, marks, money along the edge."""
    statements = dict(_read(render_dot(parse_graph(making.small()))))
    assert "CC-BY-4.0 (declared by Example Archive)" in statements["n1"]["label"]
    assert "DISPUTED (40)" in statements["n1"]["label"]
    assert "RETIRED" in statements["n2"]["label"]
    assert "CC-BY-NC-4.0 (concluded by Data Curators e.V.)" in statements["n3"]["label"]
    assert statements["n1 -> n0"]["label"] == "trained on\nshare 10 %\nearned 0.35 USD before credits"
    assert statements["n1 -> n5"]["label"] == "claimed by"


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_graphviz_takes_it(make: Callable[[], dict[str, Any]]) -> None:
    """`dot`, where it is installed, finds the same nodes, edges and labels."""
    program = shutil.which("dot")
    if program is None:
        pytest.skip("no Graphviz on this machine: `apt-get install graphviz`")
    graph = parse_graph(make())
    done = subprocess.run([program, "-Tdot_json"], input=render_dot(graph), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert len(said["objects"]) == len(graph.nodes)
    assert len(said["edges"]) == len(graph.edges)
