"""docs/import.md says of RSL and Croissant what their readers do: its tables are the code's."""

import re
from pathlib import Path

from node.imports.croissant import COLLECTION_TYPES, NAMED, OWN, SOURCES, TAKEN
from node.imports.rslwords import ALIASES, ARRANGED, FREE, GROUPS, METERED, OUTSIDE, PAYMENT_ALIASES, USAGES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "import.md").read_text(encoding="utf-8")
JSON_LD = {"@context", "@type", "dct:conformsTo"}


def section(title: str) -> str:
    """A section of the page."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table under this first column."""
    lines = text.split(f"\n| {head} |", 1)[1].split("\n")[2:]
    table = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table


def codes(text: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", text)


def test_what_a_usage_stands_for() -> None:
    """Each usage with its uses, in order."""
    found = {codes(usage)[0]: tuple(uses.split(", ")) for usage, uses in rows(section("RSL"), "usage")}
    assert found == USAGES
    assert set(GROUPS) == {"ai-all", "all"}
    text = section("RSL")
    for word in (*GROUPS, *ALIASES, *PAYMENT_ALIASES, *FREE, *ARRANGED):
        assert f"`{word}`" in text, word
    for word in OUTSIDE:
        assert word in text


def test_what_a_payment_meters() -> None:
    """Each metered payment with its unit and usages."""
    found = {
        codes(kind)[0]: (unit, tuple(codes(what)) or tuple(USAGES))
        for kind, unit, what in rows(section("RSL"), "payment")
    }
    assert found == METERED


def test_every_property_that_is_read() -> None:
    """The table of Croissant lists them all, and no other."""
    table = rows(section("Croissant"), "property")
    listed = {name for cells in table[:-1] for name in codes(cells[0])}
    assert listed == TAKEN - JSON_LD
    assert set(codes(table[0][0])) == set(NAMED)
    relations = {name: relation for cells in table for name in codes(cells[0]) if name in SOURCES
                 for relation in [cells[1]]}  # fmt: skip
    assert all(SOURCES[name] in relation for name, relation in relations.items())
    assert set(OWN) <= listed
    origin = next(cells[1] for cells in table if "rai:dataCollectionType" in cells[0])
    assert {word.lower() for word in codes(origin)} - {"origin"} == set(COLLECTION_TYPES)
