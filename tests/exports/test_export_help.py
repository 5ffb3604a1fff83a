"""`usance export FORMAT --help`, and the table of formats in docs/export.md."""

import re
import shlex
from pathlib import Path

import pytest

from node.cli import main, make_parser
from node.cli.exports import FORMATS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "export.md"


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The format's own page ends with an example that its parser takes."""
    assert main(["export", name, "--help"]) == 0
    example = capsys.readouterr().out.partition("example:\n")[2].strip()
    words = shlex.split(example)
    assert words[:3] == ["usance", "export", name]
    assert make_parser("export").parse_args(words[1:]).action == name


def test_the_page_has_every_format() -> None:
    """A row of the first table, and a section, for each."""
    page = DOCS.read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| [^|]+ \|$", page.partition("\n## ")[0], re.M)) == FORMATS
    sections = re.findall(r"^## (\w+)$", page, re.M)
    assert [section.lower() for section in sections] == list(FORMATS)
