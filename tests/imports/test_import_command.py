"""`usance import` over a real node: everything once, whatever is bad, killed or imported again."""

import json
import os
import time
from collections import Counter
from pathlib import Path
from queue import Queue
from signal import SIGKILL
from subprocess import Popen
from urllib.parse import urlsplit

import pytest

from node.agents.termsfile import read_terms_file
from node.cli.imports import EXAMPLES_SHOWN
from node.imports import formats
from node.imports.model import UNKNOWN, Material, Note, Reading, TermsDraft
from node.imports.report import note_rows
from node.imports.termsfiles import make_files, terms_toml
from tests.node.badproxy import TIMEOUT_S, BadProxy, proxying
from tests.node.clitool import Cli

LIMIT_S = 30
ALPACA = "pkg:huggingface/tatsu-lab/alpaca"


def rows(*ids: str, **values: object) -> str:
    """A collection of these data sets."""
    return "".join(json.dumps({"id": one, "licenses": [{"License": "MIT"}], **values}) + "\n" for one in ids)


def described(cli: Cli) -> list[dict]:
    """The descriptions that the party has logged, in order."""
    party = cli.json("key", "show", "me.key")["key"]
    listed = cli.json("records", "--party", party, "--kind", "description", "--limit", "100000")["records"]
    return [row["record"] for row in listed]


def test_the_real_collection_in_time_and_only_once(cli, real_collection: Path, capsys) -> None:
    """All 2,311 data sets within the limit; again adds nothing; what isn't carried over is listed; alpaca is found by
    its title, with its writer, both licences, and all that hangs on it."""
    began = time.monotonic()
    done = cli.json("import", "provenance", real_collection, "--report", "report.json")
    took_s = time.monotonic() - began
    with capsys.disabled():
        print(f"\n2,311 data sets imported in {took_s:.1f} s ({done['logged']:,} records)")
    assert took_s <= LIMIT_S
    assert (done["new"], done["changed"], done["unchanged"]) == (done["logged"], 0, 0)
    assert done["types"]["dataset"] >= 2311
    report = json.loads((cli.folder / "report.json").read_text())
    assert len(report["described"]) == done["materials"] == done["logged"]
    assert len(report["all_notes"]) == sum(note["count"] for note in done["notes"])
    listed = {note["field"] for note in done["notes"] if note["reason"] == "not carried"}
    assert {"creators", "text_sources", "languages", "dialogs", "mean_input_chars", "licenses.License URL"} <= listed

    began = time.monotonic()
    again = cli.json("import", "provenance", real_collection)
    assert (again["logged"], again["unchanged"]) == (0, done["materials"])
    assert time.monotonic() - began <= LIMIT_S

    records = {record["name"]: record for record in described(cli)}
    assert len(records) == done["logged"]
    assert records[ALPACA]["license"] == "CC-BY-NC-4.0 AND LicenseRef-OpenAI"
    assert records[ALPACA]["sources"] == [{"as": "generated_by", "asset": "model:openai/gpt-3"}]
    assert records["model:openai/gpt-3"]["title"] == "OpenAI GPT-3"
    hanging = [one for one in records.values() if {"as": "derived_from", "asset": ALPACA} in one.get("sources", ())]
    assert len(hanging) == 13
    listed_as = cli.json("assets", "--name", "alpaca")["assets"]
    assert {row["name"] for row in listed_as} == {ALPACA}


def test_only_what_changed_is_logged_again(cli) -> None:
    """The newest description of a name replaces the older; what a file doesn't mention stays."""
    (cli.folder / "f").write_text(rows("a", "b", "c"))
    assert cli.json("import", "provenance", "f")["logged"] == 3
    (cli.folder / "f").write_text(rows("a", "b") + rows("d"))
    assert cli.json("import", "provenance", "f")["logged"] == 1
    (cli.folder / "g").write_text(rows("b", url="https://b.example/"))
    done = cli.json("import", "provenance", "f", "g")
    assert (done["new"], done["changed"], done["unchanged"], done["left_out"]) == (1, 0, 3, 0)
    (cli.folder / "f").write_text(rows("a", licenses=[{"License": "CC BY 4.0"}]))
    done = cli.json("import", "provenance", "f")
    assert (done["new"], done["changed"], done["logged"]) == (0, 1, 1)
    assert [record["license"] for record in described(cli) if record["title"] == "a"] == ["MIT", "CC-BY-4.0"]


def test_another_party_says_it_for_itself(cli) -> None:
    """What one curator described is new for another."""
    (cli.folder / "f").write_text(rows("a"))
    assert cli.json("import", "provenance", "f")["logged"] == 1
    cli.ok("key", "new", "other.key")
    cli.ok("party", "Other", "--key", "other.key")
    assert cli.json("import", "provenance", "f", "--key", "other.key")["logged"] == 1
    assert cli.json("import", "provenance", "f")["logged"] == 0


def test_a_dry_run_logs_and_writes_nothing(cli) -> None:
    """It shows what would be logged; also without a node."""
    ids = [f"n{number:02d}" for number in range(EXAMPLES_SHOWN + 5)]
    (cli.folder / "f").write_text(rows(*ids, creators=["me"]))
    before = sorted(path.name for path in cli.folder.rglob("*"))
    shown = cli.ok("import", "provenance", "f", "--dry-run").out
    assert "15 materials (15 datasets)" in shown
    assert "new  dataset  pkg:generic/data-provenance/n00  n00" in shown
    assert "… and 5 more" in shown
    assert "not carried  creators     15  line 1, line 2, line 3, …" in shown
    assert described(cli) == []
    alone = cli.ok("import", "provenance", "f", "--dry-run", USANCE_NODE="", USANCE_KEY="").out
    assert alone == shown
    assert [name for name in sorted(path.name for path in cli.folder.rglob("*")) if name not in before] == []


def test_bad_rows_are_reported_and_the_rest_is_logged(cli) -> None:
    """Exit 3, with the line of each; what merely isn't carried over is exit 0."""
    (cli.folder / "f").write_text(rows("a") + "{\n" + json.dumps({"id": 7}) + "\n" + rows("b"))
    done = cli("import", "provenance", "f")
    assert (done.code, done.err) == (3, "")
    assert "refused" in done.out
    assert "line 2" in done.out
    assert [record["title"] for record in described(cli)] == ["a", "b"]


def test_a_file_that_cannot_be_read_is_one_line(cli) -> None:
    """And nothing is logged, of the other files either; as for a format that nobody knows."""
    (cli.folder / "f").write_text(rows("a"))
    with open(cli.folder / "large", "wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert "large is 104,857,600 bytes" in cli.fails(2, "import", "provenance", "f", "large")
    assert "can't read missing" in cli.fails(2, "import", "provenance", "missing", "f")
    assert "'nonsense' is no format" in cli.fails(2, "import", "nonsense", "f")
    assert "is a folder" in cli.fails(2, "import", "provenance", "f", "--report", ".")
    assert described(cli) == []


def test_a_key_without_a_party_is_told_what_to_do(cli) -> None:
    """Nothing stays under way that would block the key later."""
    (cli.folder / "f").write_text(rows("a"))
    cli.ok("key", "new", "new.key")
    assert "run `usance party NAME`" in cli.fails(2, "import", "provenance", "f", "--key", "new.key")
    cli.ok("party", "New", "--key", "new.key")
    assert cli.json("import", "provenance", "f", "--key", "new.key")["logged"] == 1


class KillingProxy(BadProxy):
    """Kills the program that sent the write of a number: before the node has it, or after it answered."""

    def __init__(self, at: int, *, is_lost: bool) -> None:
        super().__init__(seed=0, mischief=0.0)
        self.at, self.is_lost = at, is_lost
        self.posts = 0
        self.victim: Queue[Popen[str]] = Queue()

    def ask(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes] | None:
        """See BadProxy."""
        self.posts += method == "POST"
        is_last = method == "POST" and self.posts == self.at
        answer = None if is_last and self.is_lost else super().ask(method, path, body)
        if is_last:
            self.victim.get(timeout=TIMEOUT_S).kill()
            return None
        return answer


@pytest.mark.parametrize(("at", "is_lost"), [(1, True), (1, False), (2, True), (2, False)])
def test_killed_in_the_middle_and_resumed_logs_each_once(cli, node, at: int, is_lost: bool) -> None:
    """Whether the node has what was under way or not; the file may even have changed meanwhile."""
    count = 1500  # two requests
    ids = [f"d{number}" for number in range(count)]
    (cli.folder / "f").write_text(rows(*ids))
    with proxying(KillingProxy(at, is_lost=is_lost)) as proxy:
        proxy.port = urlsplit(node.url).port
        with cli.start("import", "provenance", "f", "--node", proxy.url) as process:
            proxy.victim.put(process)
            assert process.wait(TIMEOUT_S) == -SIGKILL
    taken = len(described(cli))
    assert taken == (at - is_lost) * 1024 if at - is_lost < 2 else taken == count
    (cli.folder / "f").write_text(rows(*ids, "more"))
    done = cli.json("import", "provenance", "f")
    assert done["logged_before"] == (1024 if at == 1 else count - 1024)
    found = Counter(record["title"] for record in described(cli))
    assert found == Counter([*ids, "more"])
    assert cli.json("import", "provenance", "f")["logged"] == 0


def test_one_import_at_a_time_for_a_key(cli) -> None:
    """The second one is told, and ends."""
    from node.cli.common import now_ms
    from node.client import Client
    from node.imports.run import open_work
    from node.keyfiles import load_key
    from proofs.logkeys import parse_log_keys

    (cli.folder / "f").write_text(rows("a"))
    keys = parse_log_keys(cli.environment["USANCE_LOG"])
    client = Client(cli.environment["USANCE_NODE"], keys, state_folder=str(cli.folder / "state"))
    try:
        with open_work(str(cli.folder / "state"), client, load_key(str(cli.folder / "me.key")), now_ms=now_ms):
            assert "another import with this key is running" in cli.fails(2, "import", "provenance", "f")
    finally:
        client.close()
    assert cli.json("import", "provenance", "f")["logged"] == 1


OFFERS = [{"use": "train", "unit": "token", "price": 2_500_000_001, "per": 1_000_000}]


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch):
    """Any format, whose reader answers terms for `model:me/m`, `model:me/n` and, without a currency, `model:me/o`."""

    def read(path: str, *, place: str) -> Reading:
        reading = Reading(source=place)
        for name, more in (("m", {"currency": "EUR"}), ("n", {"currency": "EUR"}), ("o", {})):
            offers = json.loads(Path(path).read_text()) if more else []
            reading.materials.append(Material(f"model:me/{name}", "model", name))
            reading.terms.append(TermsDraft(f"model:me/{name}", name, {**more, "offers": offers, "duties": ["notice"]}))
        return reading

    monkeypatch.setattr("node.cli.imports.reader_of", lambda known, /, **options: read)


def test_terms_are_written_for_owners_and_logged_only_where_asked_and_owned(cli, node, priced) -> None:
    """Files that `usance terms` takes; never over a file that somebody changed; published for the own asset that claims
    the name, once."""
    (cli.folder / "f").write_text(json.dumps(OFFERS))
    asset = cli.json("asset", "--name", "m", "--type", "model", "--aka", "model:me/m")["ref"]
    assert "--terms-dir DIR writes them" in cli.ok("import", "x", "f").out
    done = cli.json("import", "x", "f", "--terms-dir", "t")
    assert (done["terms"], done["terms_written"], done["logged"]) == (3, 3, 0)
    m, n, o = sorted((cli.folder / "t").iterdir())
    assert read_terms_file(str(m)) == {"currency": "EUR", "offers": OFFERS, "duties": ["notice"]}
    assert 'price = "2.500000001"' in m.read_text()
    assert "currency: expected" in cli.fails(2, "terms", asset, o)
    o.write_text(o.read_text().replace('# currency = "XXX"', 'currency = "EUR"'))
    n.write_text(n.read_text() + "# mine\n")
    done = cli.json("import", "x", "f", "--terms-dir", "t")
    assert (done["terms_written"], [note["places"] for note in done["notes"]]) == (0, [["n", "o"]])
    assert n.read_text().endswith("# mine\n")
    assert read_terms_file(str(o))["offers"] == []

    assert "terms_in_force" not in node.json(f"/assets/{asset}")
    assert cli.json("import", "x", "f", "--publish-terms", "--dry-run")["terms_to_publish"] == 1
    assert cli.json("import", "x", "f", "--publish-terms")["logged"] == 1
    assert cli.json("import", "x", "f", "--publish-terms")["logged"] == 0
    own = cli.json("asset", "--name", "o", "--type", "model", "--aka", "model:me/o")["ref"]
    done = cli.json("import", "x", "f", "--publish-terms")
    assert (done["logged"], [note["places"] for note in done["notes"]]) == (0, [["o"]])
    cli.ok("withdraw", own)
    cli.ok("withdraw", asset)
    (cli.folder / "f").write_text(json.dumps([{**OFFERS[0], "price": 1}]))
    assert cli.json("import", "x", "f", "--publish-terms", "--replace-terms")["logged"] == 0


def test_what_the_node_refuses_is_reported_and_the_rest_is_logged(cli, priced) -> None:
    """Terms in another currency than the asset's first are refused by the log's rules, in the middle of a batch."""
    asset = cli.json("asset", "--name", "m", "--type", "model", "--aka", "model:me/m")["ref"]
    cli.ok("asset", "--name", "n", "--type", "model", "--aka", "model:me/n")
    (cli.folder / "usd.toml").write_text('currency = "USD"\noffers = []\n')
    cli.ok("terms", asset, "usd.toml")
    (cli.folder / "f").write_text(json.dumps(OFFERS))
    done = cli("import", "x", "f", "--publish-terms", "--replace-terms", "--json")
    assert done.code == 3
    assert done.json()["logged"] == 4
    (note,) = [one for one in done.json()["notes"] if one["reason"] != "replaced"]
    assert (note["reason"], note["places"]) == ("refused", ["m"])
    assert "the node refuses it: " in note["detail"]


def test_drafts_that_are_no_terms_are_noted() -> None:
    """A price below nothing, an unknown use, two drafts for one material."""
    good = {"currency": "EUR", "offers": OFFERS}
    reading = Reading(terms=[
        TermsDraft("model:a/b", "1", {"currency": "EUR", "offers": [{**OFFERS[0], "price": -1}]}),
        TermsDraft("model:a/c", "2", {"currency": "EUR", "offers": [{**OFFERS[0], "use": "sing"}]}),
        TermsDraft("model:a/d", "3", good), TermsDraft("model:a/d", "4", good),
        TermsDraft("model:a/d", "5", {"currency": "USD", "offers": []}),
        TermsDraft("model:A/d", "6", {**good, "derivatives": 500, "needs_grant": True, "text": bytes(32)}),
    ])  # fmt: skip
    made = make_files(reading)
    assert [file.draft.place for file in made] == ["6", "3"]
    assert len({file.name.lower() for file in made}) == 2
    assert [(note.place, note.reason) for note in reading.notes] == [
        ("1", "refused"), ("2", "refused"), ("5", "ambiguous")
    ]  # fmt: skip
    assert made[0].fields == {**good, "derivatives": 500, "needs_grant": True, "text": bytes(32)}


def test_titles_cannot_break_out_of_a_terms_file() -> None:
    """Names and texts of strangers stand in quotes or in one comment line."""
    text = terms_toml({"currency": "EUR", "offers": [], "license": 'MIT"\noffers = 1'}, title='x\ncurrency = "USD"')
    assert text.count("\n") == 3


def test_a_note_about_nothing_shows_no_value() -> None:
    """Where something is missing from a file, its note says so without `None` or empty quotes before it."""
    notes = [Note.of("/", "currency", value, UNKNOWN, "none is stated") for value in (None, "", "EUR")]
    assert [note_rows([one])[0][-1] for one in notes] == ["none is stated", "none is stated", "'EUR': none is stated"]


def test_each_format_has_its_reader() -> None:
    """What the table names exists, and each name once."""
    assert len({known.name for known in formats.FORMATS}) == len(formats.FORMATS)
    for known in formats.FORMATS:
        assert callable(formats.reader_of(known.name))


def test_what_is_no_file_in_the_terms_folder_stays(cli, priced) -> None:
    """A pipe or a link to nowhere by a terms file's name is noted, without waiting; the others are written."""
    (cli.folder / "f").write_text(json.dumps(OFFERS))
    cli.ok("import", "x", "f", "--terms-dir", "t")
    m, n, o = sorted((cli.folder / "t").iterdir())
    for path in (m, n, o):
        path.unlink()
    os.mkfifo(m)
    n.symlink_to("nowhere")
    done = cli.json("import", "x", "f", "--terms-dir", "t")
    assert (done["terms_written"], [note["places"] for note in done["notes"]]) == (1, [["m", "n"]])
