"""`usance report licenses`, `art53` and `ab2013` against a real node."""

import json
from pathlib import Path

import pytest

from tests.node.clitool import Cli
from tests.node.harness import NodeProcess

GPT = "model:openai/gpt-3"
ALPACA = "pkg:huggingface/tatsu-lab/alpaca"


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory, node: NodeProcess) -> Cli:
    """A lab with a model: trained on its own corpus and on Alpaca, which GPT-3 wrote, as the lab's description says."""
    folder = tmp_path_factory.mktemp("lab")
    made = Cli(folder, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": str(folder / "lab.key")})
    made.ok("key", "new", "lab.key")
    made("party", "Lab <b>", "--url", "https://lab.example.org")
    for words in (
        ("describe", GPT, "--title", "OpenAI GPT-3", "--type", "model", "--license", "LicenseRef-OpenAI"),
        ("describe", ALPACA, "--title", "Alpaca", "--type", "dataset", "--license", "CC-BY-NC-4.0", "--origin",
         "synthetic", "--generated-by", GPT),
        ("asset", "--name", "corpus", "--type", "dataset", "--license", "CC-BY-SA-4.0", "--origin", "crawled",
         "--modality", "text"),
        ("asset", "--name", "model", "--type", "model", "--source", "corpus:trained_on", "--trained-on", ALPACA),
    ):  # fmt: skip
        done = made(*words)
        assert done.code == 0, done
    return made


def test_licences_behind_a_model(cli: Cli) -> None:
    """Declared and concluded ones with their paths; what a writer's terms forbid; nothing is said to be advice."""
    said = cli.json("report", "licenses", "model")
    found = {
        (one["license"], one["standing"], said["ways"][one["way"]]["to"]): one["through_outputs"]
        for one in said["findings"]
    }
    (corpus,) = [way["to"] for way in said["ways"][1:] if way["to"].isdigit()]
    assert found == {
        ("CC-BY-NC-4.0", "concluded", ALPACA): False,
        ("CC-BY-SA-4.0", "declared", corpus): False,
        ("LicenseRef-OpenAI", "concluded", GPT): True,
    }
    assert said["verified"] is False
    text = cli.ok("report", "licenses", "model").out
    assert f"-trained_on-> {ALPACA} -generated_by-> {GPT}" in text
    assert "forbid rival models: 1" in text
    assert "no legal advice" in text
    assert "the node's word" in text


def test_the_replayed_log_gives_the_same(cli: Cli) -> None:
    """--verify reads the whole log and comes to the same findings, which then are nobody's word."""
    told, replayed = (
        cli.json("report", "licenses", "model"),
        cli("report", "licenses", "model", "--verify", "--json").json(),
    )
    assert replayed["verified"] is True
    assert replayed["findings"] == told["findings"]


def test_classes_of_one_s_own(cli: Cli) -> None:
    """A file goes over the built-in table and is named; one that is none is refused with its name."""
    (cli.folder / "mine.json").write_text('{"CC BY-SA 4.0": ["Acad", "1", "0"]}')
    said = cli.json("report", "licenses", "model", "--classes", "mine.json")
    mine = said["readings"]["CC-BY-SA-4.0"]
    assert (mine["licenses"][0]["class"], mine["licenses"][0]["by"]) == ("academic only", "mine.json")
    (cli.folder / "none.json").write_text('{"MIT": 7}')
    assert "none.json" in cli.fails(2, "report", "licenses", "model", "--classes", "none.json")
    assert "missing.json" in cli.fails(2, "report", "licenses", "model", "--classes", "missing.json")


@pytest.mark.parametrize(("name", "heading"), [("art53", "## 3. Data processing aspects"), ("ab2013", "## (a)(12). ")])
def test_a_model_s_report_in_both_forms(cli: Cli, name: str, heading: str) -> None:
    """Markdown on the terminal and in a file, JSON by either option; the writer of synthetic data is named."""
    text = cli.ok("report", name, "model").out
    assert heading in text
    assert GPT in text
    assert "Lab \\<b\\>" in text
    assert "not logged" in text
    done = cli("report", name, "model", "-o", "report.md")
    assert (done.code, done.err) == (0, "wrote report.md\n")
    assert (cli.folder / "report.md").read_text() == text
    value = cli.json("report", name, "model")
    assert value == cli.ok("report", name, "model", "--format", "json").json()
    cli("report", name, "model", "--format", "json", "-o", "report.json")
    assert json.loads((cli.folder / "report.json").read_text()) == value
    assert value["missing"]


def test_strangers_neither_hide_nor_relabel_sources(cli: Cli, tmp_path: Path) -> None:
    """A description of another type and a claim on two names leave both sources where they are; whose words count can
    be chosen."""
    names = [f"pkg:generic/reported/{name}" for name in ("y", "z")]
    stranger = Cli(tmp_path, {**cli.environment, "USANCE_KEY": "me.key"})
    stranger.ok("key", "new", "me.key")
    stranger("party", "stranger")
    for name, license_ in zip(names, ("GPL-3.0-only", "MIT"), strict=True):
        cli.json("describe", name, "--license", license_, "--origin", "public")
    made = cli.json("asset", "--name", "judged", "--type", "model", "--trained-on", names[0], "--trained-on", names[1])
    stranger.json("describe", names[0], "--type", "model", "--license", "0BSD")
    stranger.json("asset", "--name", "s", "--aka", names[0], "--aka", names[1])
    for words in ((), ("--curator", stranger.json("key", "show", "me.key")["key"])):
        report = cli.json("report", "art53", made["index"], *words)
        items = {item["label"]: item["answers"] for part in report["sections"] for item in part["items"]}
        assert [one["about"] for one in items["List of publicly available datasets"]] == names
        licences = {(one["about"], one["quoted"]) for one in items["Licences of the sources"]}
        assert licences == {(names[0], "GPL-3.0-only"), (names[1], "MIT")}
        assert ("Chosen for this report" in report["basis"][-1]) == bool(words)
    assert "--curator" in cli.fails(2, "report", "art53", "judged", "--curator", "nobody")


def test_what_is_no_model_is_refused(cli: Cli, tmp_path: Path) -> None:
    """One line for a data set, for nothing, for a folder in place of a file, and for bounds."""
    assert "no model" in cli.fails(2, "report", "art53", "corpus")
    assert "nothing" in cli.fails(2, "report", "ab2013", "nothing")
    assert "is a folder" in cli.fails(2, "report", "art53", "model", "-o", str(tmp_path))
    assert "--depth" in cli.fails(2, "report", "art53", "model", "--depth", "0")
    assert "--limit" in cli.fails(2, "report", "licenses", "model", "--limit", "1000000")


def test_a_lineage_that_isn_t_whole_ends_with_3(cli: Cli) -> None:
    """What was left out is said on stderr and in the report."""
    done = cli("report", "art53", "model", "--depth", "1")
    assert done.code == 3
    assert "not all of it" in done.err
    assert "Left out of the lineage" in done.out
