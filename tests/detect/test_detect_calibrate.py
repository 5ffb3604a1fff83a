"""`usance detect calibrate`: what it prints and writes, what it refuses, and that its files are used by `detect`."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from node.cli.outcome import OK, USAGE
from node.detect.calibration import boilerplate, default_table, name_boilerplate, read_boilerplate, read_table
from tests.node.clitool import Cli

SEED = 20261122


def words(seed: object, count: int = 120) -> str:
    """Text that no other seed gives: about 1,000 letters and digits."""
    chance = random.Random(f"calibrate {SEED} {seed}")
    return " ".join(f"{chance.choice(('river', 'stone', 'window'))}{chance.randrange(10_000)}" for _ in range(count))


SHARED = words("shared", 40)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A user with texts of twelve owners: ten have a passage in common, two another."""
    rows = []
    for owner in range(12):
        folder = tmp_path / f"owner{owner}"
        folder.mkdir()
        passage = SHARED if owner < 10 else words("rare", 40)
        text = f"{words(owner)} {passage} {words((owner, 'end'))}"
        (folder / "text.txt").write_text(text)
        rows.append(json.dumps({"owner": f"owner{owner}", "text": text}))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n")
    return Cli(tmp_path)


def rates(value: Any) -> dict[int, tuple[int, int]]:
    """Of each class: pairs, false."""
    return {rate["from"]: (rate["pairs"], rate["false"]) for rate in value["rates"]}


def test_folders_and_rows_are_measured_alike_and_the_table_is_used(cli: Cli) -> None:
    """Each folder is an owner, or a column says whose a row is; the table is one that `detect` cites."""
    groups = [f"owner{owner}" for owner in range(12)]
    by_folder = cli("detect", "calibrate", *groups, "--seed", 5, "-o", "t.json", "--name", "twelve", "--json")
    by_row = cli(
        "detect", "calibrate", "rows.jsonl", "--column", "text", "--owner-column", "owner", "--seed", 5, "--json"
    )
    assert by_folder.code == by_row.code == OK, by_folder
    assert rates(by_folder.json())[2_000] == (66, 46)  # ten owners have one passage, two another
    assert rates(by_folder.json()) == rates(by_row.json())
    table = read_table(str(cli.folder / "t.json"))
    assert (table.name, table.sha256.hex()) == ("twelve", by_folder.json()["table_sha256"])
    assert table.boilerplate == name_boilerplate(boilerplate())
    assert "seed 5" in table.made
    done = cli("detect", "owner0", "--against", "owner1", "--calibration", "t.json", "--json")
    (finding,) = done.json()["findings"]
    rate = table.rate_for("documents", finding["length"])
    assert rate is not None
    assert (finding["rate"]["ppm"], finding["rate"]["pairs"]) == (rate.ppm, rate.pairs)


def test_the_boilerplate_that_it_writes_is_left_out_by_detect(cli: Cli) -> None:
    """What many owners share is in the list, what two share is not; with it, neither counts as it did."""
    groups = [f"owner{owner}" for owner in range(12)]
    done = cli("detect", "calibrate", *groups, "--boilerplate", "common.txt", "--seed", 1, "-o", "t.json", "--json")
    hashes = read_boilerplate(str(cli.folder / "common.txt"))
    assert len(hashes) == done.json()["boilerplate"] > 10
    assert read_table(str(cli.folder / "t.json")).boilerplate[0] == len(hashes) + len(boilerplate())
    assert cli("detect", "owner0", "--against", "owner1", "--json").json()["findings"]
    left = ["--boilerplate", "common.txt", "--calibration", "t.json", "--json"]
    assert cli("detect", "owner0", "--against", "owner1", *left).json()["findings"] == []
    assert cli("detect", "owner10", "--against", "owner11", *left).json()["findings"]


def test_what_people_see(cli: Cli) -> None:
    """Classes with their counts, the seed, the worst pairs with words of theirs, and what was passed over."""
    (cli.folder / "owner3" / "empty.txt").write_text("")
    (cli.folder / "owner3" / "photo.bin").write_bytes(bytes(range(256)) * 4)
    done = cli("detect", "calibrate", "owner0", "owner1", "owner3", "-o", "t.json", "--worst", 1)
    assert done.code == OK
    assert done.err.startswith("seed ")
    lines = done.out.splitlines()
    assert lines[0].startswith("3 items of 3 owners, ")
    assert lines[0].endswith(done.err.strip())
    (row,) = [line for line in lines if line.split()[:3] == ["2,000", "to", "10,000"]]
    assert row.split()[3:] == ["3", "3", "1,000,000", "1,000,000"]
    (worst,) = [line for line in lines if " hits, run " in line]
    assert worst.count("text.txt") == 2
    excerpt = lines[lines.index(worst) + 1].strip()
    assert excerpt in SHARED.replace(" ", "")
    assert any(line.startswith("empty: 1, as owner3/empty.txt") for line in lines)
    assert any(line.startswith("no text: ") and "owner3/photo.bin" in line for line in lines)
    assert (cli.folder / "t.json").exists()


def test_answers_are_compared_by_prompt_and_join_a_table(cli: Cli) -> None:
    """Each file is a model; a prompt's own words don't count; the other rule's rates are taken over from a table."""
    asked = words("asked", 60)
    for model in range(3):
        rows = [{"prompt": f"{prompt} {asked}", "output": f"{asked} {words((model, prompt), 60)}"} for prompt in "pqr"]
        (cli.folder / f"model{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = [f"model{model}.jsonl" for model in range(3)]
    assert cli("detect", "calibrate", "owner0", "owner1", "--bare", "-o", "t.json").code == OK
    done = cli("detect", "calibrate", *models, "--column", "output", "--prompt", "prompt", "--with", "t.json",
               "-o", "both.json", "--json")  # fmt: skip
    assert rates(done.json()) == {400: (9, 0)} or rates(done.json()) == {1_000: (9, 0)}, done
    both, first = (read_table(str(cli.folder / name)) for name in ("both.json", "t.json"))
    assert both.rates[: len(first.rates)] == first.rates
    assert both.boilerplate == first.boilerplate
    assert both.made.startswith(first.made)
    again = cli("detect", "calibrate", *models, "--column", "output", "--prompt", "prompt", "--with", "both.json")
    assert again.code == USAGE
    assert "has rates of answers" in again.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["owner0"], "material of 1 owners"),
        (["none", "owner1"], "there is no file or folder none"),
        (["owner0", "owner1", "--rule", "answers"], "answers with --prompt"),
        (["rows.jsonl", "--column", "text", "--prompt", "owner", "--rule", "documents"], "documents without"),
        (["rows.jsonl", "--owner-column", "owner"], "with --column"),
        (["owner0", "owner1", "--shared", "4"], "with --boilerplate"),
        (["owner0", "owner1", "--shared", "1", "--boilerplate", "b.txt"], "2 owners or more"),
        (["owner0", "owner1", "--seed", "-1"], "--seed -1"),
        (["owner0", "owner1", "--worst", "1001"], "--worst 1001"),
        (["owner0", "owner1", "-o", "owner2"], "owner2 is a folder"),
        (["owner0", "owner1", "--boilerplate", "owner2"], "owner2 is a folder"),
        (["owner0", "owner1", "--with", "rows.jsonl"], "rows.jsonl"),
        (["owner0", "owner1", "--name", "a\nb", "-o", "t.json"], "name is 'a"),
        (["short0", "short1"], "no two items to compare"),
    ],
)
def test_what_cant_be_measured_is_refused(cli: Cli, args: list[str], said: str) -> None:
    """The line says which option or what material, and nothing is written."""
    for number in range(2):
        (cli.folder / f"short{number}").write_text("too short to tell")
    before = sorted(cli.folder.iterdir())
    done = cli("detect", "calibrate", *args)
    assert done.code == USAGE, done
    assert said in done.err
    assert sorted(cli.folder.iterdir()) == before


def test_rows_without_an_owner_are_left_out_and_said(cli: Cli) -> None:
    """Nobody knows whether they are unrelated."""
    with (cli.folder / "rows.jsonl").open("a") as file:
        file.write(json.dumps({"text": words("nobody")}) + "\n")
    done = cli("detect", "calibrate", "rows.jsonl", "--column", "text", "--owner-column", "owner", "--json")
    assert done.json()["items"] == 12
    assert [(one["reason"], one["count"]) for one in done.json()["remarks"]] == [
        ("no owner in the column; left out", 1)
    ]


def test_bare_counts_what_the_package_knows(cli: Cli) -> None:
    """Without --bare the package's boilerplate is left out and named in the table; with it, none is."""
    for options, used in (([], name_boilerplate(boilerplate())), (["--bare"], name_boilerplate(boilerplate()[:0]))):
        assert cli("detect", "calibrate", "owner0", "owner1", "-o", "t.json", *options).code == OK
        assert read_table(str(cli.folder / "t.json")).boilerplate == used
    assert default_table().boilerplate == name_boilerplate(boilerplate())
