"""`usance report art53` and `ab2013` against a real node: figures from the records of uses, by pages and by replay."""

import argparse
from typing import Any

import pytest

from node.cli import usefetch
from node.cli.lineagefetch import Fetched
from node.lineage.graph import parse_graph
from node.reports.materials import gather
from node.reports.uses import UseFigures
from proofs.errors import InputError, VerifyError
from tests.node.clitool import Cli
from tests.node.harness import NodeProcess

ALPACA = "pkg:huggingface/tatsu-lab/alpaca"
CLAIMED = "pkg:generic/press/corpus"
TERMS = 'currency = "EUR"\n[[offers]]\nuse = "train"\nunit = "token"\nprice = "0.01"\nper = 1\n'
TOTAL, EACH = "Quantities of logged uses for the model", "Quantities of logged uses, by source"
RANGE = "Training data size in the template's ranges (tokens, images, hours)"
DAYS = ("2026-01-05", "2026-03-01")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, node: NodeProcess) -> Cli:
    """A lab that used a press's corpus, by reference and by a name that the press claims, and Alpaca, first for a model
    that it only had a name for; two uses corrected, one to nothing; one that a provider saw; much for another model."""
    users = []
    for name in ("press", "lab"):
        folder = tmp_path_factory.mktemp(name)
        user = Cli(folder, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "me.key"})
        user.ok("key", "new", "me.key")
        user("party", name)
        users.append(user)
    press, made = users
    press.json("asset", "--name", "corpus", "--modality", "text", "--aka", CLAIMED)
    (press.folder / "terms.toml").write_text(TERMS)
    terms = press.json("terms", "corpus", "terms.toml")["ref"]
    key = made.json("key", "show", "me.key")["key"]

    def use(asset: str, kind: str, *words: object) -> Any:
        return made.json("use", asset, "--as", kind, *words)

    began = ("--from", f"{DAYS[0]}T00:00:00Z", "--until", f"{DAYS[0]}T12:00:00Z")
    lowered = use("corpus", "train", "--token", 1000, "--into-name", "model", *began)["ref"]
    use(CLAIMED, "train", "--token", 40, "--terms", terms, "--into-name", "model@1", *began)
    use(ALPACA, "finetune", "--quantity", "item=7", "--into-name", "model", *began)
    gone = use("corpus", "train", "--token", 99, "--into-name", "model", *began)["ref"]
    use("corpus", "train", "--token", 5000, "--into-name", "model", "--seen-by", "provider", "--party", key)
    for _ in range(3):
        use("corpus", "train", "--token", 1, "--into-name", "another")
    made.json("correct", lowered, "--token", 900, "--reason", "counted twice")
    made.json("correct", lowered, "--token", 800, "--reason", "counted thrice")
    made.json("correct", gone, "--token", 0, "--reason", "not used")
    made.json("asset", "--name", "model", "--version", "1", "--type", "model", "--trained-on", "corpus", "--trained-on",
              CLAIMED, "--trained-on", ALPACA)  # fmt: skip
    until = ("--from", f"{DAYS[1]}T00:00:00Z", "--until", f"{DAYS[1]}T12:00:00Z")
    use("corpus", "finetune", "--token", 60, "--into", "model", *until)
    return made


def answers(report: dict[str, Any], label: str) -> list[dict[str, Any]]:
    """The answers of the item of this label."""
    (one,) = [item["answers"] for part in report["sections"] for item in part["items"] if item["label"] == label]
    return one  # type: ignore[no-any-return]


def test_figures_are_what_the_records_say(lab: Cli) -> None:
    """Corrected quantities by use, units apart, each source with its records; nothing of what a provider saw, of a use
    that was taken back, or of another model."""
    report = lab.json("report", "art53", "model")
    totals = {one["value"]["use"]: one["value"]["quantities"] for one in answers(report, TOTAL)}
    assert totals == {"train": {"token": "840"}, "finetune": {"token": "60", "item": "7"}}
    (ranged,) = answers(report, RANGE)
    assert (ranged["value"]["token"], ranged["value"]["range"]) == ("900", "Less than 1 billion tokens")
    train = next(one for one in answers(report, EACH) if one["value"]["use"] == "train")
    assert [train["value"][name] for name in ("records", "corrected", "annulled")] == [2, 1, 1]
    party = lab.json("key", "show", "me.key")["key"]
    assert {(one["party"], one["party_name"]) for one in train["sources"]} == {(party, "lab")}
    kinds = [lab.json("records", one["record"])["record"]["kind"] for one in train["sources"]]
    assert sorted(kinds) == ["correction", "correction", "usage", "usage"]
    (latest,) = answers(report, "Latest logged use for the model")
    assert latest["text"] == f"until {DAYS[1]} (finetune)"
    dates = answers(lab.json("report", "ab2013", "model"), "Dates of first use")
    assert [one["text"] for one in dates] == [f"from {DAYS[0]} (train)", f"from {DAYS[0]} (finetune)"]
    assert report["left_out"] == []


@pytest.mark.parametrize("name", ["art53", "ab2013"])
def test_a_replay_comes_to_the_same(lab: Cli, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --verify the figures come from the replayed log, without one page of the node's; they are the same."""
    told = lab.json("report", name, "model")
    monkeypatch.setattr(usefetch, "REQUESTS_MAX", 0)
    replayed = lab("report", name, "model", "--verify", "--json")
    assert replayed.code == 0, replayed
    assert replayed.json() == {**told, "verified": True}


def test_pages_of_one_record_make_the_same(lab: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a page ends changes nothing."""
    told = lab.json("report", "art53", "model")
    monkeypatch.setattr(usefetch, "PAGE_MAX", 1)
    assert lab.json("report", "art53", "model") == told


def test_what_wasn_t_read_is_said(lab: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the bound on pages bites, sources without all of their records have no figure, and the command ends with
    3."""
    monkeypatch.setattr(usefetch, "REQUESTS_MAX", 2)
    done = lab("report", "art53", "model")
    assert done.code == 3
    assert "not all of it: quantities and times of 1 of 5 uses: not all of their records were read" in done.err
    assert "quantities and times of 1 of 5 uses" in done.out
    assert "no figure has them" in done.out


def test_a_record_isn_t_believed_beyond_its_form(lab: Cli, node: NodeProcess) -> None:
    """Each field of a node's record is judged, and what is wrong is named by record and field."""
    value = lab.json("report", "art53", "model")
    ref = next(one for one in answers(value, EACH) if one["value"]["use"] == "train")["sources"][0]["record"]
    row = node.json(f"/records/{ref.partition(':')[0]}")
    assert usefetch.parse_use(row) is not None
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("status", {"status": "paid"}), ("signer.party", {"signer": {"party": "lab"}}), ("ref", {"ref": "1:2"}),
        ("record.kind", {"record": {**row["record"], "kind": "none"}}),
        ("record.quantities", {"record": {**row["record"], "quantities": {"token": "-1"}}}),
        ("record.until", {"record": {**row["record"], "until": 0}}), ("corrected_to", {"corrected_to": {"byte": 1.5}}),
        ("corrected_to", {"corrected_to": {"bytes": "1"}}), ("corrected_to", {"corrected_to": None}),
        ("judged_as", {"judged_as": 7}), ("events", {"events": None}),
    ]  # fmt: skip
    for field, change in wrong:
        with pytest.raises(InputError) as caught:
            usefetch.parse_use({**row, **change})
        assert (caught.value.field or "").startswith(f"records {row['index']}.{field}"), field


class Liar:
    """A node that answers with these pages of records, the last of them again and again. It is its own transport."""

    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self.transport, self.pages, self.asked = self, pages, 0

    def get_json(self, path: str) -> dict[str, Any]:
        """The next page."""
        self.asked += 1
        return self.pages[min(self.asked, len(self.pages)) - 1]


@pytest.mark.parametrize(
    "lies",
    [
        [([6, 5], None)], [([6, 6], None)], [([6], 6)], [([], 0)], [([], 5), ([4], None)], [([6], 9), ([8], None)],
    ],
)  # fmt: skip
def test_pages_that_go_back_are_refused(lab: Cli, node: NodeProcess, lies: list[tuple[list[int], int | None]]) -> None:
    """Records ascend within a page and from page to page, and so does where the next page begins."""
    rows = {index: node.json(f"/records/{index}") for index in range(4, 10)}
    row = next(row for row in rows.values() if row["record"]["kind"] == "usage" and row["status"] != "observed")
    pages = [
        {"records": [{**row, "index": at, "ref": f"{at}:{'00' * 32}"} for at in indices], "next": following}
        for indices, following in lies
    ]
    value = lab.json("trace", "model", "--up", "--format", "json")
    fetched = Fetched(value, parse_graph(value))
    liar = Liar(pages)
    with pytest.raises(VerifyError, match="page"):
        read_all(fetched, liar)
    assert liar.asked == len(pages)


def read_all(fetched: Fetched, node: Liar) -> UseFigures:
    """What a report reads of a node's records."""
    uses = UseFigures(gather(fetched.graph))
    usefetch.read_uses(argparse.Namespace(json=True), node, fetched, uses)  # type: ignore[arg-type]
    return uses


def test_records_younger_than_the_lineage_are_passed_over(lab: Cli, node: NodeProcess) -> None:
    """A use that was logged while the report was made is in none of its figures."""
    value = lab.json("trace", "model", "--up", "--format", "json")
    fetched = Fetched(value, parse_graph(value))
    young = {**node.json("/records/5"), "index": fetched.graph.size, "ref": f"{fetched.graph.size}:{'00' * 32}"}
    uses = read_all(fetched, Liar([{"records": [young], "next": None}]))
    assert "5 of 5 uses" in uses.left_out()[0]


def test_counts_of_the_lineage_bound_what_is_read(lab: Cli) -> None:
    """What is waited for are the lineage's own counts, and no use that a provider saw."""
    graph = parse_graph(lab.json("trace", "model", "--up", "--format", "json"))
    assert "5 of 5 uses" in UseFigures(gather(graph)).left_out()[0]
