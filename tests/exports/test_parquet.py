"""`usance export parquet`: tables that DuckDB reads with the log's own sums; a folder whole or not at all."""

import json
import re
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from node.exports import parquet
from node.exports.tables import TABLES, Row, Tables
from proofs.errors import InputError
from tests.node.clitool import TIMEOUT_S, Cli
from tests.node.harness import NodeProcess, body, nil_body
from tests.node.moneyworld import HOSTILE, World, make_world, offer, settle_once

EUR = 10**9
HUGE = 9_000_000_000  # tokens of a euro each: 9·10^18 nanos a use, so two uses pass 2^63
DOCS = Path(__file__).resolve().parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """Money, a statement and a credit, a name for a spreadsheet to trip over, and charges that pass 2^63 together."""
    made = make_world(node, name=HOSTILE)
    settle_once(made)
    usage = made.use(made.lab, made.corpus, quantities={"token": 1000})
    lowered = {"usage": usage.pack(), "quantities": {"token": 600}, "reason": "counted twice"}
    correction = made.refs(made.lab.log(body("correction", **lowered)))[0]
    made.publisher.log(body("accept", correction=correction.pack()))
    terms = {"currency": "EUR", "offers": [offer("train", "token", EUR)]}
    dear = made.refs(made.maker.log(body("asset", type="dataset", name="dear", terms=terms, aka=["pkg:generic/dear"])))
    for _ in range(2):
        made.use(made.partner, dear[0], quantities={"token": HUGE})
    made.use(made.maker, made.corpus, quantities={"token": 1000})
    made.state(made.maker, made.publisher)  # right after the line that it covers last
    seen = {"seen_by": "provider", "party": made.lab.key, "call": "=1+1", "quantities": {"token": 3}, "terms": None}
    fields = {name: value for name, value in seen.items() if value is not None}
    use = {"asset": made.corpus.pack(), "use": "train", "from_": 1, "until": 2**62}
    made.publisher.log(body("usage", **use, **fields))
    made.maker.log(
        body("description", name="pkg:generic/x", type="dataset", title=HOSTILE,
             sources=[{"asset": "model:a/b", "as": "generated_by"}]),
    )  # fmt: skip
    made.lab.log(nil_body(), nil_body(1))
    return made


@pytest.fixture
def ask(cli: Cli, world: World) -> Callable[[str], list[tuple[Any, ...]]]:
    """SQL over the exported tables, each a view of its name."""
    cli("export", "parquet", "out")
    database = duckdb.connect()
    for name in TABLES:
        database.execute(f"CREATE VIEW {name} AS SELECT * FROM '{cli.folder}/out/{name}.parquet'")
    return lambda question: database.execute(question).fetchall()


Ask = Callable[[str], list[tuple[Any, ...]]]


def test_records_are_those_that_an_audit_counts(ask: Ask, cli: Cli, node: NodeProcess) -> None:
    """Counts by kind and status are the audit's; every leaf is there once; references are the log's."""
    audit = cli.json("audit", node.url)
    assert dict(ask("SELECT kind, count(*) FROM records GROUP BY kind")) == audit["kinds"]
    found = dict(ask("SELECT status, count(*) FROM records WHERE kind = 'usage' GROUP BY status"))
    assert found == audit["statuses"]
    indices = [row[0] for row in ask("SELECT index FROM records")]
    assert indices == list(range(audit["size"]))
    for index, ref, text, key, number in ask("SELECT index, ref, body, key, number FROM records"):
        said = node.json(f"/records/{index}")
        assert (said["ref"], said["record"]) == (ref, json.loads(text))
        assert (said["signer"]["key"], said["number"]) == (key, number)


def test_charges_and_lines_add_up_exactly(ask: Ask, world: World, node: NodeProcess) -> None:
    """Charges by payer are those told by hand, beyond 2^63 too; lines and credits of each account are what the node's
    accounts say."""
    charged = dict(ask("SELECT used_by, sum(charge_nanos) FROM records WHERE kind = 'usage' GROUP BY used_by"))
    assert charged == {
        world.lab.key.hex(): 51 * EUR, world.partner.key.hex(): 2 * HUGE * EUR, world.maker.key.hex(): 10 * EUR,
    }  # fmt: skip
    sums = {
        (payer, payee, currency): (count, int(total))
        for payer, payee, currency, count, total in ask(
            "SELECT payer, payee, currency, count(*), sum(amount_nanos) FROM lines GROUP BY ALL"
        )
    }
    credits = {row[:2]: int(row[2]) for row in ask("SELECT payer, payee, sum(amount_nanos) FROM credits GROUP BY ALL")}
    listed = node.json("/accounts")["accounts"]
    assert {(row["payer"], row["payee"], row["currency"]) for row in listed} == set(sums)
    for row in listed:
        count, total = sums[row["payer"], row["payee"], row["currency"]]
        assert count == row["lines"]
        assert total - credits.get((row["payer"], row["payee"]), 0) == int(row["accrued"])
    assert credits == {(world.lab.key.hex(), world.publisher.key.hex()): 2 * EUR}


def test_lines_name_the_statement_that_covers_them(ask: Ask, world: World) -> None:
    """The lines that name a statement are those that are new in it: as many, and as much, as it says."""
    stated = [json.loads(row[0]) for row in ask("SELECT body FROM records WHERE kind = 'statement' ORDER BY index")]
    found = ask(
        "SELECT payer, payee, count(*), sum(amount_nanos) FROM lines WHERE statement_index IS NOT NULL "
        "GROUP BY payer, payee, statement_index ORDER BY statement_index"
    )
    assert found == [(row["payer"], row["payee"], row["lines"], int(row["gross"])) for row in stated]
    assert len(stated) == 2
    assert ask("SELECT count(*) FROM lines WHERE statement_index IS NULL") == [(9,)]
    assert ask("SELECT count(*) FROM credits WHERE statement_index IS NOT NULL") == [(0,)]
    assert ask(
        "SELECT count(*) FROM lines l JOIN records r USING (index) WHERE l.asset_index <> r.asset_index OR l.use <> "
        "r.use OR l.payer <> r.used_by OR l.currency <> r.currency OR l.amount_nanos > r.charge_nanos"
    ) == [(0,)]


def test_a_usage_s_fields_have_columns(ask: Ask, world: World) -> None:
    """What a provider saw is told from what the user logged; quantities are a map; times that no calendar has stay
    numbers; later records lead to the earlier ones."""
    seen = "SELECT seen_by, used_by, party, call, units['token'], until_ms, charge_nanos FROM records WHERE seen_by = "
    lab, publisher = world.lab.key.hex(), world.publisher.key.hex()
    assert ask(seen + "'provider'") == [("provider", lab, publisher, "=1+1", 3, 2**62, 0)]
    tokens = "SELECT sum(units['token']) FROM records WHERE kind = 'usage' AND seen_by = 'user' AND used_by = "
    assert ask(tokens + f"'{lab}'") == [(2105,)]
    assert ask("SELECT asset, asset_index FROM records WHERE use = 'distill'") == [
        (str(world.corpus), world.corpus.index)
    ]
    about = ask("SELECT c.usage_index = r.about_index FROM credits c JOIN records r ON r.index = c.correction_index")
    assert about == [(True,)]
    paid = ask("SELECT amount_nanos, payer, payee, currency FROM records WHERE kind = 'receipt'")
    assert paid == [(3 * EUR, lab, publisher, "EUR")]


def test_parties_assets_and_edges(ask: Ask, world: World) -> None:
    """Names stand as they were logged, whatever a spreadsheet makes of them; edges have both ends, relation, share, and
    who says so."""
    names = dict(ask("SELECT party, name FROM parties"))
    assert names[world.publisher.key.hex()] == HOSTILE
    assert len(names) == 5
    corpus = ask("SELECT name, version, currency, terms_index FROM assets WHERE version IS NOT NULL")
    assert corpus == [(HOSTILE + " corpus", "2026", "EUR", world.corpus.index)]
    assert ask("SELECT aka FROM assets WHERE name = 'dear'") == [(["pkg:generic/dear"],)]
    assert ask("SELECT kind, title, party FROM assets WHERE name = 'pkg:generic/x'") == [
        ("description", HOSTILE, world.maker.key.hex())
    ]
    maker = world.maker.key.hex()
    found = {row[:4]: row[4] for row in ask("SELECT from_id, to_id, relation, bps, said_by FROM edges")}
    assert found == {
        (str(world.model.index), str(world.corpus.index), "trained_on", 1000): maker,
        ("pkg:generic/x", "model:a/b", "generated_by", 0): maker,
    }


def test_row_groups_are_bounded(cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for four rows, or for few characters, a file has many row groups and the same rows."""
    whole = cli.json("export", "parquet", "one")["tables"]
    monkeypatch.setattr(parquet, "GROUP_ROWS_MAX", 4)
    small = cli.json("export", "parquet", "two")["tables"]
    assert {name: table["rows"] for name, table in whole.items()} == {
        name: table["rows"] for name, table in small.items()
    }
    file = parquet.pq.ParquetFile(cli.folder / "two" / "records.parquet")
    assert file.num_row_groups == -(-whole["records"]["rows"] // 4)
    monkeypatch.setattr(parquet, "GROUP_CHARS_MAX", 1)
    cli("export", "parquet", "three")
    assert parquet.pq.ParquetFile(cli.folder / "three" / "records.parquet").num_row_groups == file.metadata.num_rows


def test_a_file_says_of_which_log_it_is(cli: Cli, world: World) -> None:
    """Origin, size and root stand in each file's metadata, as the summary says them; the folder can be read by all."""
    said = cli.json("export", "parquet", "out")
    for name in TABLES:
        metadata = parquet.pq.read_metadata(cli.folder / "out" / f"{name}.parquet").metadata
        assert metadata[b"usance.root"].decode() == said["root"]
        assert (metadata[b"usance.size"], metadata[b"usance.format"]) == (b"%d" % said["size"], b"usance/tables/v1")
    assert (cli.folder / "out").stat().st_mode & 0o777 == 0o755


def test_what_is_there_is_left_alone(cli: Cli, world: World) -> None:
    """A folder with something in it, a file, a link and a place that isn't there are refused before any work; an empty
    folder is filled."""
    (cli.folder / "full").mkdir()
    (cli.folder / "full" / "mine").write_text("x")
    (cli.folder / "file").write_text("x")
    (cli.folder / "link").symlink_to("nowhere")
    (cli.folder / "void").mkdir()
    (cli.folder / "to-void").symlink_to("void")
    for name in ("full", "file", "link", "to-void"):
        assert "is there already" in cli.fails(2, "export", "parquet", name)
    assert "can't be made" in cli.fails(2, "export", "parquet", "no/where")
    (cli.folder / "empty").mkdir()
    assert "6 tables" in cli.ok("export", "parquet", "empty").out
    assert sorted(path.name for path in cli.folder.iterdir()) == [
        "empty",
        "file",
        "full",
        "link",
        "state",
        "to-void",
        "void",
    ]


def test_a_folder_comes_whole_or_not_at_all(cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writing ends in the middle, neither the folder nor a part of it stays."""
    rows = Tables.rows

    def cut(self: Tables) -> Iterator[tuple[str, Row]]:
        for count, row in enumerate(rows(self)):
            if count == 9:
                raise OSError(28, "No space left on device")
            yield row

    monkeypatch.setattr(Tables, "rows", cut)
    assert "No space left" in cli.fails(5, "export", "parquet", "out")
    assert [path.name for path in cli.folder.iterdir()] == ["state"]


def test_a_file_that_can_t_grow(cli: Cli, world: World) -> None:
    """A real limit on the size of files ends the command with one line that says what to do, and no folder."""
    limit = (4096, resource.RLIM_INFINITY)
    with cli.start(
        "export", "parquet", "out", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    ) as run:
        out, err = run.communicate(timeout=TIMEOUT_S)
    assert (run.returncode, out, err.count("\n")) == (5, "", 1)
    assert "can't write out" in err
    assert [path.name for path in cli.folder.iterdir()] == ["state"]


def test_without_pyarrow_the_extra_is_named(cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hasn't installed it is told what to install, before the log is read."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "node.exports.parquet")
    assert "pip install 'usance[analysis]'" in cli.fails(2, "export", "parquet", "out")


def test_a_log_of_its_genesis_alone(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """A log without uses, lines and statements has the same tables, with nothing in most."""
    node = make_node()
    cli = Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text})
    said = cli.json("export", "parquet", "out")
    rows = {name: table["rows"] for name, table in said["tables"].items()}
    assert rows == {**dict.fromkeys(TABLES, 0), "records": 1, "parties": 1}
    assert duckdb.execute(f"SELECT count(*) FROM '{tmp_path}/out/lines.parquet'").fetchall() == [(0,)]


def test_a_log_of_another_key_writes_nothing(
    cli: Cli, world: World, make_node: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    """Tables rest on a replay against the log's own key: of a node with another one there is no folder."""
    other = make_node(start=False).vkey.text
    assert "isn't signed" in cli.fails(1, "export", "parquet", "out", USANCE_LOG=other)
    assert not (cli.folder / "out").exists()


def test_the_documented_questions_are_answered(cli: Cli, world: World) -> None:
    """The SQL of docs/export.md runs on an export as it stands there."""
    cli("export", "parquet", "log-parquet")
    block = re.search(r"^```sql\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    assert block
    questions = [part for part in block[1].replace("'log-parquet/", f"'{cli.folder}/log-parquet/").split(";\n") if part]
    charged, owed, made = (duckdb.execute(question).fetchall() for question in questions)
    assert (world.lab.key.hex(), "2023-11", "EUR", 51 * EUR) in charged
    assert owed == []  # of a party that the page made up
    assert made == [(str(world.corpus.index),), (str(world.model.index),)]


def test_columns_are_the_documented_ones() -> None:
    """docs/export.md has every table and column, in order and in the code's words."""
    part = DOCS.read_text(encoding="utf-8").partition("\n## Parquet\n")[2].partition("\n## ")[0]
    for name, columns in TABLES.items():
        text = part.partition(f"\n### `{name}`\n")[2].partition("\n### ")[0]
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", text, re.M)
        assert rows == [(column.name, column.sort, column.says) for column in columns], name
        assert Counter(column.name for column in columns).most_common(1)[0][1] == 1


def test_folders_that_can_t_be_are_refused(tmp_path: Path) -> None:
    """A name below a file."""
    (tmp_path / "f").write_text("")
    with pytest.raises(InputError):
        parquet.check_folder(str(tmp_path / "f" / "g"))
