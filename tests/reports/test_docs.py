"""docs/reports.md maps each item of the reports to what it is taken from, and lists where licence classes differ."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node.lineage.graph import Graph, parse_graph
from node.lineage.licenseclasses import DIFFERENCES
from node.reports.document import NO_FIELD, Report
from node.reports.materials import ORIGINS
from tests.lineage.making import LAB, Maker
from tests.reports.reporting import ab2013_of, art53_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
NOTHING = "—"


def rows(title: str) -> list[tuple[str, ...]]:
    """The cells of the table under a heading."""
    part = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.split("\n") if line.startswith("| ")][1:]
    return [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines]


def whole() -> Graph:
    """A model with a source of every origin and one of none, so that every item of the templates is asked."""
    make = Maker("30")
    make.asset(30, "model", type="model", party=LAB, record={"aka": ["model:lab/model"]})
    make.asset(31, "model", type="model", record={"aka": ["model:lab/model"]})
    make.external("model:lab/model", claimed_by=["30", "31"])
    for claimant in ("30", "31"):
        make.edge("model:lab/model", claimant, kind="claim", relations=[])
    for at, origin in enumerate((*ORIGINS, None), 10):
        make.asset(at, f"set{at}", record={} if origin is None else {"origin": origin})
        make.edge("30", str(at), "trained_on")
    make.asset(21, "base", type="model")
    make.edge("10", "21", "derived_from")
    make.asset(20, "bench")
    make.edge("30", "20", "evaluated_on")
    return parse_graph(make.json())


@pytest.mark.parametrize(("title", "report"), [("Art. 53(1)(d) AI Act", art53_of), ("California AB 2013", ab2013_of)])
def test_each_item_says_where_it_is_from(title: str, report: Callable[[Graph], Report]) -> None:
    """Section and item as the report has them, in its order; a dash where no record can hold it, and nowhere else."""
    items = [(part.number, one) for part in report(whole()).sections for one in part.items]
    said = rows(title)
    assert [(number, label) for number, label, _ in said] == [(number, one.label) for number, one in items]
    unheld = {(number, one.label) for number, one in items if not one.answers and one.missing == NO_FIELD}
    assert {(number, label) for number, label, source in said if source == NOTHING} == unheld


def test_differences_of_licence_classes_are_the_code_s() -> None:
    """Each with its reason."""
    expected = [(f"`{name}`", field.replace("_", "-"), why) for (name, field), why in DIFFERENCES.items()]
    assert rows("Licences behind an asset") == expected
