"""A model of Hugging Face has one external name, its package URL, whoever speaks of it: so what they say meets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.imports.cawg import read_cawg
from node.imports.croissant import read_croissant
from node.imports.hfcard import read_hfcard
from node.imports.model import GUESSED, REFUSED, REPLACED, Material, Reading
from node.imports.plan import make_plan, record_of
from node.imports.provenance import read_provenance
from node.imports.spdx import read_spdx
from tests.imports.foreign import notes
from tests.node.clitool import Cli

MODEL = "pkg:huggingface/Archive/Whale-7B"
PAGE = "https://huggingface.co/Archive/Whale-7B"
REVISION = "0123456789abcdef0123456789abcdef01234567"
CARD = "---\nlicense: mit\nlibrary_name: transformers\ndatasets:\n- archive/logs\n{more}---\nA whale.\n"


def spdx(own: str = "https://x.example/tuned", **fields: object) -> str:
    """A model, and another one that descends from it."""
    base = {"type": "ai_AIPackage", "spdxId": "https://x.example/base", "name": "Whale", **fields}
    tuned = {"type": "ai_AIPackage", "spdxId": own, "name": "Tuned"}
    related = {"type": "Relationship", "spdxId": "https://x.example/r", "relationshipType": "descendantOf",
               "from": own, "to": ["https://x.example/base"]}  # fmt: skip
    context = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
    return json.dumps({"@context": context, "@graph": [base, tuned, related]})


def croissant(**fields: object) -> str:
    """A data set with these properties."""
    return json.dumps({"@context": {"@vocab": "https://schema.org/"}, "@type": "Dataset", "name": "x", **fields})


def row(text: str) -> str:
    """A row of the Data Provenance Collection that this model wrote."""
    return json.dumps({"id": "whales", "url": "", "hf_url": "", "licenses": [], "model_generated": [text]}) + "\n"


def spoken(reading: Reading) -> set[str]:
    """All names that a reading holds, of materials and of their sources."""
    return {name for made in reading.materials for name in (made.name, *(source.name for source in made.sources))}


@pytest.mark.parametrize(
    ("read", "text", "named"),
    [
        (read_spdx, spdx(software_packageUrl=MODEL), {}),
        (read_spdx, spdx(software_packageUrl="pkg:HuggingFace/Archive/Whale-7B"), {}),
        (read_spdx, spdx(software_downloadLocation=PAGE), {}),
        (read_spdx, spdx(externalIdentifier=[{"identifier": MODEL + "?repository_url=https://huggingface.co"}]), {}),
        (read_hfcard, CARD.format(more=""), {"name": "Archive/Whale-7B"}),
        (read_hfcard, CARD.format(more=""), {"name": PAGE}), (read_hfcard, CARD.format(more=""), {"name": MODEL}),
        (read_hfcard, CARD.format(more="base_model: Archive/Whale-7B\n"), {"name": "a/b"}),
        (read_hfcard, CARD.format(more=f"base_model: {PAGE}\n"), {"name": "a/b"}),
        (read_hfcard, CARD.format(more=f"base_model: {PAGE}/tree/main\n"), {"name": "a/b"}),
        (read_spdx, spdx(software_downloadLocation=f"{PAGE}/resolve/main/model.gguf?download=true"), {}),
        (read_croissant, croissant(url="https://x.example", isBasedOn=f"{PAGE}/blob/main/README.md"), {}),
        (read_hfcard, CARD.format(more=f"base_model: {MODEL}\n"), {"name": "a/b"}),
        (read_provenance, row("Archive/Whale-7B"), {}),
        (read_croissant, croissant(url=PAGE), {}), (read_croissant, croissant(identifier=MODEL), {}),
        (read_croissant, croissant(url="https://x.example", isBasedOn=PAGE), {}),
        (read_cawg, json.dumps({"entries": {"cawg.data_mining": {"use": "notAllowed"}}}), {"name": PAGE}),
    ],
)  # fmt: skip
def test_everybody_calls_a_model_the_same(
    read: Callable[..., Reading], text: str, named: dict[str, str], tmp_path: Path
) -> None:
    """By its package URL, its page, its name on the hub; as what is described and as what something comes from."""
    (tmp_path / "file").write_text(text, encoding="utf-8")
    found = spoken(read(str(tmp_path / "file"), place="file", **named))
    assert MODEL in found
    assert not [name for name in found if name.startswith("model:")]


def test_the_hubs_cache_is_the_model(tmp_path: Path) -> None:
    """Its folder says that it is a model, and of which revision, whatever the header leaves open."""
    folder = tmp_path / "models--Archive--Whale-7B" / "snapshots" / REVISION
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    reading = read_hfcard(str(folder / "README.md"), place="card")
    (made,) = reading.materials
    assert (made.name, made.type, made.fields["version"]) == (MODEL, "model", REVISION)
    assert made.fields["uri"] == PAGE
    assert [note for note in reading.notes if note.reason == GUESSED] == []


def test_a_base_model_that_nobody_described_shows(cli: Cli, tmp_path: Path) -> None:
    """A card describes its own model only; what it was made from stands in the trace and in the summary of training
    content, by the name that a card of its own would have."""
    (tmp_path / "card.md").write_text(CARD.format(more="base_model: gpt2\n"), encoding="utf-8")
    assert cli.json("import", "hfcard", str(tmp_path / "card.md"), "--name", "Sea/Otter")["logged"] == 1
    found = _trace(cli, "pkg:huggingface/Sea/Otter", "--up")
    assert {one["to"]: one["relations"] for one in found["edges"]} == {
        "pkg:huggingface/gpt2": ["derived_from"], "pkg:huggingface/archive/logs": ["trained_on"]
    }  # fmt: skip
    report = cli("report", "art53", "pkg:huggingface/Sea/Otter").out
    assert "`pkg:huggingface/gpt2`" in report
    assert "`pkg:huggingface/archive/logs`" in report


@pytest.mark.parametrize(("page", "type"), [(PAGE, "model"), ("https://hf.co/datasets/Archive/Whale-7B", "dataset")])
def test_a_page_says_which_it_is(page: str, type: str, tmp_path: Path) -> None:
    """One name for both, and the type of the page that was given, against what the header looks like."""
    (tmp_path / "card").write_text(CARD.format(more="" if type == "dataset" else "task_ids: [x]\n"), encoding="utf-8")
    (made,) = read_hfcard(str(tmp_path / "card"), place="card", name=page).materials
    assert (made.name, made.type) == (MODEL, type)


def test_a_page_of_one_revision_is_that_revision(tmp_path: Path) -> None:
    """As the recording library names what it loaded: with the revision, which is the version too, and its page."""
    (tmp_path / "card").write_text(CARD.format(more="base_model: gpt2\n"), encoding="utf-8")
    page = f"{PAGE}/tree/{REVISION}"
    (made,) = read_hfcard(str(tmp_path / "card"), place="card", name=page.replace(REVISION, REVISION.upper())).materials
    assert (made.name, made.type) == (f"{MODEL}@{REVISION}", "model")
    assert (made.fields["version"], made.fields["uri"]) == (REVISION, page)
    assert "pkg:huggingface/gpt2" in {source.name for source in made.sources}


def test_files_of_one_repository_are_told_apart(tmp_path: Path) -> None:
    """A bill that lists a repository and two files of it: the repository's page names the repository, and no file is
    taken for it; one file alone is."""
    files = [
        {"type": "software_File", "spdxId": f"https://x.example/{name}", "name": name,
         "software_primaryPurpose": "model", "software_downloadLocation": f"{PAGE}/resolve/main/{name}"}
        for name in ("q4.gguf", "q8.gguf")
    ]  # fmt: skip
    document = json.loads(spdx(software_downloadLocation=PAGE))
    document["@graph"] += files
    (tmp_path / "bill").write_text(json.dumps(document), encoding="utf-8")
    reading = read_spdx(str(tmp_path / "bill"), place="bill")
    assert [made.name for made in reading.materials if made.fields["title"] == "Whale"] == [MODEL]
    assert {made.name for made in reading.materials if made.fields["title"] != "Whale"} == {
        "https://x.example/tuned", "https://x.example/q4.gguf", "https://x.example/q8.gguf"
    }  # fmt: skip
    (tmp_path / "bill").write_text(json.dumps({**document, "@graph": files[:1]}), encoding="utf-8")
    assert [made.name for made in read_spdx(str(tmp_path / "bill"), place="bill").materials] == [MODEL]


def test_a_model_trained_on_a_data_set_of_its_name(tmp_path: Path) -> None:
    """Both have one name on the hub: the source is refused, and the note says what to do."""
    (tmp_path / "card").write_text(CARD.format(more=""), encoding="utf-8")
    reading = read_hfcard(str(tmp_path / "card"), place="card", name="archive/logs")
    (note,) = [note for note in notes(reading, "datasets") if note.reason == REFUSED]
    assert "one external name" in note.detail
    assert "--name" in note.detail
    (made,) = read_hfcard(str(tmp_path / "card"), place="card", name="model:archive/logs").materials
    assert (made.name, made.type, made.sources[0].name) == (
        "model:archive/logs",
        "model",
        "pkg:huggingface/archive/logs",
    )


def test_a_data_set_that_becomes_a_model_is_listed() -> None:
    """The newest description of a name replaces the older one: where the type changes, it was perhaps another thing."""
    old = record_of(Material(MODEL, "dataset", "1", {"title": "Whale"}))
    reading = Reading(source="card", materials=[Material(MODEL, "model", "1", {"title": "Whale"})])
    make_plan(reading, {MODEL: old})
    (note,) = notes(reading, "type")
    assert (note.reason, note.value) == (REPLACED, "'dataset'")
    assert f"{MODEL} was a dataset, and is a model" in note.detail


def _trace(cli: Cli, name: str, *options: str) -> dict[str, Any]:
    return dict(json.loads(cli.ok("trace", name, "--json", *options).out))


@pytest.mark.parametrize("version", ["", f"@{REVISION}"])
def test_what_both_say_of_a_model_joins_in_a_trace(cli: Cli, tmp_path: Path, version: str) -> None:
    """A bill of materials says what was made from a model, its card what it was made of: one trace holds both, also
    where the bill names a revision, whatever the case of its digits."""
    tuned, repository, other = f"https://x.example/tuned{len(version)}", f"Sea/Whale-{len(version)}", tmp_path / "other"
    model, data = f"pkg:huggingface/{repository}", "pkg:huggingface/archive/logs"
    bill = spdx(tuned, software_packageUrl=model + version.upper())
    (tmp_path / "bill.json").write_text(bill, encoding="utf-8")
    (tmp_path / "card.md").write_text(CARD.format(more=""), encoding="utf-8")
    cli.ok("import", "spdx", str(tmp_path / "bill.json"))
    cli.ok("key", "new", str(other))
    environment = {"USANCE_KEY": str(other)}
    cli.ok("party", "Another curator", **environment)
    cli.ok("import", "hfcard", str(tmp_path / "card.md"), "--name", repository, **environment)
    found = _trace(cli, tuned, "--up")
    assert [one["id"] for one in found["nodes"]] == [tuned, *{model + version: None, model: None}, data]
    (node,) = [one for one in found["nodes"] if one["id"] == model]
    said = {one["party_name"]: one["record"]["type"] for one in node["descriptions"]}
    assert said == {"Another curator": "model", **({} if version else {"Curator": "model"})}
    assert tuned in {one["id"] for one in _trace(cli, data, "--down")["nodes"]}
