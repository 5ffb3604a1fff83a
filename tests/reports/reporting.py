"""Reports of lineages made by hand, with records of their uses."""

from collections.abc import Iterable

from node.lineage.graph import Graph
from node.reports.ab2013 import report_ab2013
from node.reports.art53 import report_art53
from node.reports.document import Report
from node.reports.materials import Training, UseKey, gather
from node.reports.uses import Logged, UseFigures
from tests.lineage.making import LAB

DAY = 86_400_000


def logged(
    source: str, index: int, *, use: str = "train", into: str = "30", status: str = "licensed", since: int = 0,
    until: int = 0, correction: int | None = None, **quantities: int,
) -> Logged:  # fmt: skip
    """A use of a source by the lab, with what it was corrected to."""
    key = UseKey(source, use, status, LAB, into)
    return Logged(key, index, f"{index}:{index:064x}", quantities, since, until, correction is not None, correction)


def _read(graph: Graph, records: Iterable[Logged], curators: list[str] | None) -> tuple[Training, UseFigures]:
    training = gather(graph, curators)
    uses = UseFigures(training)
    for one in records:
        uses.add(one)
    return training, uses


def art53_of(graph: Graph, *records: Logged, curators: list[str] | None = None) -> Report:
    """The summary, with these records of uses."""
    return report_art53(graph, *_read(graph, records, curators))


def ab2013_of(graph: Graph, *records: Logged, curators: list[str] | None = None) -> Report:
    """The documentation, with these records of uses."""
    return report_ab2013(graph, *_read(graph, records, curators))
