"""RSL and Croissant through a real log: in, logged, out, in again; nothing is new, and every file says the same."""

import json
from typing import Any

from tests.imports.foreign import DATA
from tests.node.clitool import Cli

BASE = "https://harbour.example"
RSL = str(DATA / "harbour.rsl.xml")
CROISSANT = str(DATA / "quay.croissant.json")
QUAY = "pkg:huggingface/harbour/quay-logs"


def report(cli: Cli, format_: str, file: str, *more: str) -> dict[str, Any]:
    """A dry run against the log, with every material and draft that the file comes to."""
    done = cli("import", format_, file, "--dry-run", "--report", "report.json", "--json", *more)
    assert done.code == 0, done.err
    said: dict[str, Any] = json.loads((cli.folder / "report.json").read_text(encoding="utf-8"))
    return said


def test_croissant_in_out_and_in(cli: Cli) -> None:
    """The description that was imported, exported and imported again is on the log already."""
    assert cli.json("import", "croissant", CROISSANT)["logged"] == 1
    said = cli.json("export", "croissant", QUAY, "-o", "quay.json")
    assert {note["field"] for note in said["notes"]} == {"creator", "datePublished"}
    again = cli.json("import", "croissant", "quay.json")
    assert (again["logged"], again["unchanged"]) == (0, 1)
    cli.json("export", "croissant", QUAY, "-o", "again.json")
    assert (cli.folder / "again.json").read_bytes() == (cli.folder / "quay.json").read_bytes()
    before, after = report(cli, "croissant", CROISSANT), report(cli, "croissant", "quay.json")
    assert [one["record"] for one in before["described"]] == [one["record"] for one in after["described"]]


def test_rsl_in_out_and_in(cli: Cli) -> None:
    """The owner publishes what a document states; the document that comes out states the same terms."""
    for path in ("archive/*", "weather/"):
        cli.json("asset", "--type", "work", "--name", path, "--aka", f"{BASE}/{path}")
    first = cli("import", "rsl", RSL, "--base", BASE, "--publish-terms", "--terms-dir", "first", "--json")
    assert first.code == 0, first.err
    assert first.json()["terms_to_publish"] == 2
    for path in ("archive/*", "weather/"):
        said = cli.json("export", "rsl", f"{BASE}/{path}", "-o", "out.xml")
        assert said["notes"] == []
        again = cli("import", "rsl", "out.xml", "--publish-terms", "--terms-dir", "second", "--json")
        assert (again.json()["logged"], again.json()["terms_to_publish"]) == (0, 0), again.out
    second = {file.name: file.read_bytes() for file in (cli.folder / "second").iterdir()}
    assert len(second) == 2
    assert second.items() <= {file.name: file.read_bytes() for file in (cli.folder / "first").iterdir()}.items()


def test_terms_travel_with_a_data_set(cli: Cli) -> None:
    """All terms of an asset, out as usage information and in again: nothing is left to publish."""
    (cli.folder / "terms.toml").write_text(
        'currency = "EUR"\nprohibits = ["distill", "redistribute"]\nduties = ["share-alike"]\nderivatives = 500\n'
        'needs_grant = true\non_match = "block"\nlicense = "LicenseRef-own"\nurl = "https://harbour.example/terms"\n'
        '[[offers]]\nuse = "train"\nunit = "token"\nprice = "2.500000001"\nper = 1_000_000\n'
    )
    name = "pkg:generic/harbour/tides"
    cli.json("asset", "--type", "dataset", "--name", "tides", "--aka", name, "--terms", "terms.toml")
    said = cli.json("export", "croissant", "tides", "-o", "tides.json")
    assert {note["field"] for note in said["notes"]} == {"creator", "datePublished", "url"}
    done = cli.json("import", "croissant", "tides.json", "--publish-terms", "--terms-dir", "out")
    assert (done["terms"], done["terms_to_publish"]) == (1, 0)
    (file,) = (cli.folder / "out").iterdir()
    assert 'price = "2.500000001"' in file.read_text()


def test_base_is_for_formats_with_paths(cli: Cli) -> None:
    """Paths without a site are refused by name, the rest is imported; a format without paths takes no base."""
    done = cli("import", "rsl", RSL, "--json")
    assert done.code == 3
    assert done.json()["logged"] == 1
    assert "--base" in cli.fails(2, "import", "croissant", CROISSANT, "--base", BASE)
    assert "base" in cli.fails(2, "import", "rsl", RSL, "--base", "harbour.example")
