"""Terms, grants, shares, corrections, disputes, accounts, payments and settlement on the command line."""

import json
import os
import re
from pathlib import Path

import pytest

from node.agents.payments import reference_of
from node.cli.terms import show_bps
from proofs.ref import parse_ref
from tests.node.agents.support import DUTCH, GERMAN
from tests.node.clitool import Cli
from tests.node.harness import NodeProcess

EUR = 10**9


class Market:
    """An owner with a data set, a partner, and a lab that uses it: each a user with a folder."""

    def __init__(self, node: NodeProcess, folder: Path) -> None:
        self.node = node
        self.keys: dict[str, str] = {}
        self.owner, self.partner, self.lab = (self._user(folder, name) for name in ("owner", "partner", "lab"))
        self.name = folder.name
        self.asset = self.owner.json("asset", "--name", self.name)["ref"]

    def _user(self, folder: Path, name: str) -> Cli:
        (folder / name).mkdir()
        made = Cli(folder / name, {"USANCE_NODE": self.node.url, "USANCE_LOG": str(self.node.folder / "log.vkey"),
                                   "USANCE_KEY": "me.key"})  # fmt: skip
        made.ok("key", "new", "me.key")
        self.keys[name] = made.json("key", "show", "me.key")["key"]
        made.ok("party", f"{name} of {folder.name}")
        return made

    def terms(self, price: str = "0.50", more: str = "", *, split: bool = False) -> str:
        """The text of a terms file."""
        text = f'currency = "EUR"\n{more}\n[[offers]]\nuse = "train"\nunit = "token"\nprice = "{price}"\nper = 1\n'
        if split:
            for name, bps in (("owner", 9000), ("partner", 1000)):
                text += f'[[splits]]\nparty = "{self.keys[name]}"\nbps = {bps}\n'
        return text

    def publish(self, price: str = "0.50", more: str = "", *, split: bool = False) -> str:
        """Put terms in force; their reference."""
        (self.owner.folder / "terms.toml").write_text(self.terms(price, more, split=split))
        return self.owner.json("terms", self.name, "terms.toml")["ref"]

    def use(self, tokens: int, *more: str) -> dict:
        """The lab's use, as the command says it."""
        return self.lab.json("use", self.name, "--as", "train", "--token", tokens, *more)

    def record(self, ref: object) -> dict:
        """A record as `usance records` shows it."""
        return self.lab.json("records", str(ref))


@pytest.fixture
def market(node: NodeProcess, tmp_path: Path) -> Market:
    """Three users on the module's node."""
    return Market(node, tmp_path)


# Terms and grants


def test_terms_are_published_and_shown(market: Market) -> None:
    """Prices in words and as they are logged, splits, shares; and they are in force."""
    (market.owner.folder / "terms.toml").write_text(market.terms("2.50", "derivatives = 1250", split=True))
    out = market.owner.ok("terms", market.name, "terms.toml").out
    ref = re.match(r"terms logged as (\S+), in force from here on\n", out)
    assert ref
    assert "  train: 2.50 EUR per token\n" in out
    assert f"  of it 10 % to {market.keys['partner']}\n" in out
    assert "  assets made from it owe it 12.5 % of their charges\n" in out
    logged = market.record(ref[1])["record"]
    assert logged["offers"] == [{"per": "1", "price": "2500000000", "unit": "token", "use": "train"}]
    assert market.node.json(f"/assets/{market.asset}")["terms_in_force"] == ref[1]
    shown = market.owner.json("terms", market.name, "terms.toml")
    assert shown["terms"]["derivatives"] == 1250


def test_what_is_wrong_with_terms_is_named_by_the_files_key(market: Market) -> None:
    """Before anything is asked where the file alone is wrong; as the log refuses it where that knows better."""
    file = market.owner.folder / "terms.toml"
    file.write_text(market.terms("2.5e3"))
    assert "[[offers]] 1, price" in market.owner.fails(2, "terms", market.name, "terms.toml", "--node", "http://x:1")
    file.write_text(market.terms(split=True).replace(market.keys["partner"], "77" * 32))
    line = market.owner.fails(2, "terms", market.name, "terms.toml")
    assert "[[splits]] 2, party" in line
    assert "terms.toml" in line
    market.publish()
    file.write_text(market.terms().replace("EUR", "USD"))
    assert re.search(
        r"terms\.toml: .*currency.*expected EUR", market.owner.fails(2, "terms", market.name, "terms.toml")
    )
    assert "another party" in market.lab.fails(2, "terms", market.name, str(file))
    assert "can't read the terms" in market.owner.fails(2, "terms", market.name, "none.toml")


def test_a_grant_keeps_older_terms_open_until_it_is_withdrawn(market: Market) -> None:
    """Named by a use they still hold for the licensee; when the grant ends they don't."""
    old = market.publish("0.50")
    grant = market.owner.json("grant", old, market.keys["lab"])
    market.publish("0.75")
    assert market.use(10, "--terms", old)["node_says"]["charge"] == str(5 * EUR)
    assert market.use(10)["node_says"]["charge"] == str(7_500_000_000)
    done = market.owner.json("withdraw", grant["index"])
    assert done["grant"] == grant["ref"]
    line = market.lab.fails(2, "use", market.name, "--as", "train", "--token", 10, "--terms", old)
    assert "usance:terms" in line
    by_name = market.owner.json("grant", market.name, market.keys["lab"])
    assert by_name["terms"] == market.node.json(f"/assets/{market.asset}")["terms_in_force"]
    assert "no terms" not in market.owner.fails(2, "grant", market.asset, market.keys["lab"])


def test_a_use_names_the_terms_in_force(market: Market) -> None:
    """`--terms current` pins what is in force now; an asset without terms has none to pin."""
    assert "has no terms" in market.lab.fails(
        2, "use", market.name, "--as", "train", "--token", 1, "--terms", "current"
    )
    ref = market.publish()
    used = market.use(4, "--terms", "current")
    assert market.record(used["ref"])["record"]["terms"] == ref
    line = market.lab.fails(2, "use", "model:x/y", "--as", "train", "--token", 1, "--terms", "current")
    assert "external name" in line
    out = market.lab.ok("use", market.name, "--as", "train", "--token", 3).out
    assert "node says: charged 1.50 EUR" in out
    assert f"node says:   1.50 EUR to {market.keys['owner']}" in out
    assert "judged_as" not in out


# Assets


def test_an_asset_gives_its_sources_what_they_ask(market: Market) -> None:
    """The share is taken from the source's terms in force and shown; another one is refused with the right one."""
    market.publish(more="derivatives = 500")
    out = market.lab.ok("asset", "--name", "made", "--type", "model", "--trained-on", market.name).out
    assert f"trained_on {market.asset}, which gets 5 % of every charge" in out
    made = market.lab.json(
        "asset",
        "--name",
        "made",
        "--version",
        "2",
        "--source",
        f"{market.name}:trained_on",
        "--source",
        f"{market.asset}:evaluated_on",
        "--source",
        "doi:10.1234/x:derived_from",
    )
    assert made["sources"] == [
        {"asset": market.asset, "as": "trained_on", "bps": 500}, {"asset": market.asset, "as": "evaluated_on"},
        {"asset": "doi:10.1234/x", "as": "derived_from"},
    ]  # fmt: skip
    line = market.lab.fails(2, "asset", "--name", "less", "--source", f"{market.name}:derived_from:499")
    assert "sources.0.bps" in line
    assert "500" in line
    for bad in ("x", "x:made_of", "x:derived_from:10001", ":derived_from", "x:derived_from:1.5"):
        assert "--source" in market.lab.fails(2, "asset", "--name", "bad", "--source", bad)


def test_an_asset_may_have_terms_from_the_beginning(market: Market) -> None:
    """One record; what is wrong is named by the file's key."""
    file = market.owner.folder / "terms.toml"
    file.write_text(market.terms("1.00"))
    made = market.owner.json("asset", "--name", "sold", "--terms", "terms.toml")
    assert made["terms"]["offers"][0]["price"] == str(EUR)
    assert market.node.json(f"/assets/{made['ref']}")["terms_in_force"] == made["ref"]
    assert (
        "terms: train: 1.00 EUR per token"
        in market.owner.ok("asset", "--name", "shown", "--terms", "terms.toml", "--dry-run").out
    )
    file.write_text(market.terms(split=True).replace(market.keys["partner"], "77" * 32))
    assert "[[splits]] 2, party" in market.owner.fails(2, "asset", "--name", "bad", "--terms", "terms.toml")


# Corrections and disputes


def test_a_correction_lowers_and_is_accepted(market: Market) -> None:
    """Units that aren't named stay; the next correction starts from the newest; the payee's acceptance credits."""
    market.publish()
    used = market.lab.json("use", market.name, "--as", "train", "--token", 100, "--quantity", "item=7")
    done = market.lab.json("correct", used["index"], "--token", 90, "--reason", "counted twice")
    assert (done["before"], done["quantities"]) == ({"item": "7", "token": "100"}, {"item": "7", "token": "90"})
    done = market.lab.json("correct", used["ref"], "--quantity", "item=0", "--reason", "no items")
    assert (done["before"], done["quantities"]) == ({"item": "7", "token": "90"}, {"token": "90"})
    assert "at most 90" in market.lab.fails(2, "correct", used["index"], "--token", 91, "--reason", "x")
    assert "already" in market.lab.fails(2, "correct", used["index"], "--token", 90, "--reason", "x")
    accepted = market.owner.json("accept", done["index"])
    assert (accepted["usage"], accepted["quantities"]) == (used["ref"], {"token": "90"})
    account = market.node.json(f"/accounts/{market.keys['lab']}/{market.keys['owner']}/EUR")
    assert (account["accrued"], account["credit_lines"]) == (str(45 * EUR), 1)
    assert "is of kind correction" in market.lab.fails(2, "correct", done["index"], "--token", 1, "--reason", "x")
    out = market.lab.ok("records", used["index"]).out
    assert "node says: corrected to token 90" in out


def test_a_dispute_is_raised_and_ended(market: Market) -> None:
    """By those whom it concerns, once."""
    market.publish()
    used = market.use(5)
    line = market.partner.fails(2, "dispute", used["index"], "--reason", "not mine")
    assert "stranger" in line
    dispute = market.owner.json("dispute", used["ref"], "--reason", "it was more", "--evidence", "ab" * 32)
    assert dispute["target_kind"] == "usage"
    assert "signer" in market.owner.fails(2, "resolve", dispute["index"], "--outcome", "conceded")
    done = market.lab.json("resolve", dispute["index"], "--outcome", "conceded", "--note", "true")
    assert (done["target"], done["outcome"]) == (used["ref"], "conceded")
    assert "the dispute is conceded" in market.lab.ok("records", dispute["index"]).out
    assert "ended already" in market.owner.fails(2, "resolve", dispute["index"], "--outcome", "withdrawn")


# Accounts, payments, settlement


def statement_of(market: Market) -> dict:
    """The lab's statement to the owner, made by `settle`."""
    done = market.lab("settle", "--json")
    assert done.code == 3, done  # it is stated and not paid
    return next(row for row in done.json()["stated"] if row["payee"] == market.keys["owner"])


def test_accounts_are_shown_in_money(market: Market) -> None:
    """A list by party or side, and one account with its statements and what isn't stated yet."""
    assert market.lab.ok("accounts", "--party", market.keys["lab"]).out.startswith("none\n")
    market.publish(split=True)
    market.use(100)
    out = market.lab.ok("accounts", "--party", market.keys["lab"]).out
    assert re.search(r"accrued +stated +received +open", out)
    assert re.search(r"45\.00 EUR +0\.00 EUR +0\.00 EUR +0\.00 EUR", out)
    assert f"'owner of {market.name}'"[:20] in out
    assert "as the node says" in out
    for options, count in (
        (("--payer", market.keys["lab"]), 2), (("--payee", market.keys["owner"]), 1),
        (("--payer", market.keys["owner"]), 0), (("--party", market.keys["partner"], "--currency", "USD"), 0),
        (("--payer", market.keys["lab"], "--payee", market.keys["partner"]), 1),
        (("--party", market.keys["lab"], "--limit", "1"), 1),
    ):  # fmt: skip
        found = market.lab.json("accounts", *options)
        assert (len(found["accounts"]), found["complete"]) == (count, "--limit" not in options)
    statement_of(market)
    one = ("accounts", "--payer", market.keys["lab"], "--payee", market.keys["owner"], "--currency", "EUR")
    out = market.lab.ok(*one).out
    assert re.search(r"statement +to +due +received +open\n +\d+ +\d+ +45\.00 EUR +0\.00 EUR +45\.00 EUR\n", out)
    assert "not stated yet: 0.00 EUR; can't be stated: nothing new to state" in out
    assert market.lab.json(*one)["account"]["stated"] == str(45 * EUR)
    for bad in (("--party", "x"), ("--currency", "eur"), ("--limit", "0")):
        assert bad[0] in market.lab.fails(2, "accounts", *bad)


def test_money_is_logged_by_hand(market: Market) -> None:
    """Amounts as decimals in the statement's currency; all that is due, end-to-end reference where none is given."""
    market.publish()
    market.use(9)
    statement = statement_of(market)["statement"]
    paid = market.lab.json("pay", statement, "--amount", "1.25", "--method", "cash", "--reference", "R7")
    assert (paid["amount"], paid["currency"], paid["reference"]) == (str(1_250_000_000), "EUR", "R7")
    again = market.lab("pay", statement, "--amount", "3.25 EUR")
    assert again.code == 0
    assert "  3.25 EUR of 4.50 EUR due\n" in again.out
    assert f"a payment of this statement was logged before, says the node: entry {paid['index']}" in again.err
    came = market.owner.json("receipt", statement, "--amount", "1.50EUR", "--reference", "B1")
    assert market.record(came["ref"])["record"]["amount"] == "1500000000"
    for amount, said in (
        ("3.01", "at most"), ("4.51", "at most 4.50 EUR"), ("1.50 USD", "another currency"), ("0", "nothing"),
        ("1.005", "minor units"), ("1e1", "no amount"), ("-1", "no amount"),
    ):  # fmt: skip
        assert said in market.owner.fails(2, "receipt", statement, f"--amount={amount}", "--reference", "B2"), amount
    assert "acknowledged already" in market.owner.fails(2, "receipt", statement, "--amount", "1", "--reference", "B1")
    rest = market.owner.json("receipt", statement, "--amount", "3")
    assert rest["reference"] == reference_of(parse_ref(statement).leaf)
    assert "node says: open 0.00 EUR" in market.lab.ok("records", statement).out
    assert "another party" in market.owner.fails(2, "pay", statement)
    assert "is of kind" in market.owner.fails(2, "receipt", paid["index"])


def test_receipt_options_go_together(market: Market) -> None:
    """By hand or from a file, not both."""
    for options in (
        (), ("--dry-run", "7"), ("--bank", "f", "7"), ("--bank", "f", "--amount", "1"), ("--bank", "none"),
        ("7", "--method", "a\nb"),
    ):  # fmt: skip
        market.owner.fails(2, "receipt", *options)


def test_settle_pays_and_the_bank_file_receipts_it(market: Market) -> None:
    """The whole way on the command line: dry run, payment file, bank statement, receipts; the second time nothing."""
    market.publish()
    market.use(25)
    payees = market.lab.folder / "payees.toml"
    payees.write_text(
        f'[debtor]\nparty = "{market.keys["lab"]}"\nname = "Lab"\niban = "{GERMAN}"\n'
        f'[payees.{market.keys["owner"]}]\nname = "Owner"\niban = "{DUTCH}"\n'
    )
    os.chmod(payees, 0o600)
    (market.lab.folder / "out").mkdir()
    pay = ("settle", "--payees", "payees.toml", "--out", "out", "--adapter", "pain001", "--limit-per-payee", "12.50EUR")
    dry = market.lab.ok(*pay, "--dry-run").out
    assert "would be stated: new, 12.50 EUR" in dry
    assert os.listdir(market.lab.folder / "out") == []
    out = market.lab.ok(*pay).out
    assert re.search(r"\nstated: entry \d+, 12\.50 EUR, payee \S+ 'owner of [^']+', 1 line up to \d+\n", out)
    assert re.search(r"\npaid: entry \d+, 12\.50 EUR to .*, logged as entry \d+\n", out)
    (file,) = os.listdir(market.lab.folder / "out")
    assert f"handed over: out/{file}" in out
    assert market.lab.ok(*pay).out.endswith("nothing to settle\n")
    said = market.lab.json(*pay)
    assert (said["stated"], said["paid"], said["left"], said["verified"]) == ([], [], [], True)

    reference = re.search(r"<EndToEndId>(\w{32})<", (market.lab.folder / "out" / file).read_text())
    assert reference
    bank = market.owner.folder / "bank.csv"
    bank.write_text(f"booked,amount,currency,reference,text\n2026-02-02,12.50,EUR,B1,{reference[1]}\n"
                    "2026-02-02,1.00,EUR,B2,rent\n")  # fmt: skip
    out = market.owner.ok("receipt", "--bank", "bank.csv").out
    assert re.search(r"receipts signed: 1\n.*\n +\d+ +\d+ +12\.50 EUR +B1 +2026-02-02\n", out)
    assert "  1.00 EUR 2026-02-02 B2: no statement's reference in it" in out
    out = market.owner.ok("receipt", "--bank", "bank.csv").out
    assert "no new receipts\nreceipted before: 1\n" in out
    bank.write_text(f"booked,amount,currency,reference,text\n2026-02-03,1.00,EUR,B3,{reference[1]}\n")
    again = market.owner("receipt", "--bank", "bank.csv")
    assert (again.code, again.err) == (3, "")
    assert (
        "no receipt, to be looked at: 1\n  1.00 EUR 2026-02-03 B3: the statement that it names is settled" in again.out
    )


def test_settle_says_what_it_left(market: Market) -> None:
    """Exit 3, with the amount, whose it is and why; as JSON too."""
    market.publish()
    market.use(25)
    done = market.lab("settle", "--limit-total", "1.00EUR")
    assert done.code == 3
    assert re.search(
        r"LEFT: not stated, 12\.50 EUR, payee .*: 12\.50 EUR would pass the limit in total, 1\.00 EUR", done.out
    )
    left = json.loads(market.lab("settle", "--limit-total", "1.00EUR", "--json").out)["left"]
    assert [(row["statement"], row["amount"]) for row in left] == [(None, str(12_500_000_000))]
    stated = market.owner.ok("settle", "--as", "payee").out
    assert re.search(r"stated: entry \d+, 12\.50 EUR, payer \S+ 'lab of", stated)


def test_settle_options_are_checked_first(market: Market) -> None:
    """Nothing is asked of a node where an option is wrong."""
    payees = market.lab.folder / "payees.toml"
    payees.write_text(f'[debtor]\nparty = "{market.keys["lab"]}"\nname = "Lab"\niban = "{GERMAN}"\n[payees]\n')
    os.chmod(payees, 0o600)
    for options, said in (
        (("--limit-total", "5"), "--limit-total"), (("--out", "out"), "--payees"),
        (("--payees", "payees.toml"), "--out"),
        (("--payees", "payees.toml", "--out", "out", "--execute", "soon"), "--execute"),
        (("--payees", "payees.toml", "--out", "out", "--execute", "2020-01-01"), "past"),
        (("--payees", "payees.toml", "--out", "missing"), "no folder"),
        (("--payees", "none.toml", "--out", "out"), "none.toml"), (("--as", "arbiter"), "--as"),
    ):  # fmt: skip
        assert said in market.lab.fails(2, "settle", *options, "--node", "http://127.0.0.1:9"), options


def test_shares_are_shown_as_per_cent() -> None:
    """Without a float."""
    assert [show_bps(bps) for bps in (0, 1, 10, 500, 1250, 3333, 10_000)] == [
        "0 %", "0.01 %", "0.1 %", "5 %", "12.5 %", "33.33 %", "100 %",
    ]  # fmt: skip


# What is easily done wrong, and what is said then


def test_a_key_without_a_party_is_told_to_make_one(market: Market) -> None:
    """By each command that signs, in the same words; one record has no number in its batch."""
    market.lab.ok("key", "new", "other.key")
    (market.lab.folder / "uses.jsonl").write_text(
        json.dumps({"kind": "usage", "asset": market.asset, "use": "train", "quantities": {"token": "1"},
                    "from": 1, "until": 1}) + "\n"
    )  # fmt: skip
    for command in (("withdraw", market.asset), ("submit", "uses.jsonl"), ("settle",)):
        line = market.lab.fails(2, *command, "--key", "other.key")
        assert "no party on th" in line
        assert "run `usance party NAME` with it first" in line
    assert "record 0" not in market.lab.fails(2, "withdraw", market.asset)


def test_a_party_is_named_by_key_or_file(market: Market) -> None:
    """Wherever an option takes one; by its name nowhere."""
    market.publish()
    used = market.use(2)["index"]
    file, verifier = (str(market.lab.folder / name) for name in ("me.key", "me.vkey"))
    for command in (
        ("accounts", "--payer"), ("records", "--kind", "usage", "--party"), ("assets", "--party"),
        ("reconcile", "--party"), ("report", "items", "--month", "2026-01", "--party"),
    ):  # fmt: skip
        by_key = market.owner(*command, market.keys["lab"])
        assert by_key.code in (0, 3)
        for named in (file, verifier):
            assert market.owner(*command, named).out == by_key.out
        assert "64 hexadecimal digits, or a file" in market.owner.fails(2, *command, "the lab")
    owner = str(market.owner.folder / "me.vkey")
    assert "settled for 0 of 1 payees" in market.lab.ok("evidence", used, "--payee", owner, "-o", "e.json").out
    line = market.lab.fails(2, "use", market.name, "--as", "train", "--token", 1, "--seen-by", "provider")
    assert "--seen-by provider and --party" in line


def test_another_logs_key_is_found_out(market: Market) -> None:
    """And named, with the log that answers."""
    line = market.lab.fails(1, "records", 1, "--log", "me.vkey")
    assert "is of the log" in line
    assert "expected me, whose key was given" in line
    assert market.lab.fails(2, "records", 1, "--log", "no.vkey").endswith("no.vkey: No such file or directory")


def test_prices_in_records_are_shown_as_published(market: Market) -> None:
    """Not in nanos, for terms and for an asset that has them from the beginning; programs get the record."""
    ref = market.publish("2.50")
    assert "\n  offers train: 2.50 EUR per token\n" in market.lab.ok("records", ref).out
    made = market.owner.json("asset", "--name", f"{market.name}-2", "--terms", "terms.toml")["ref"]
    assert "\n  terms train: 2.50 EUR per token\n" in market.lab.ok("assets", made).out
    assert market.record(ref)["record"]["offers"][0]["price"] == "2500000000"


def test_a_dry_run_shows_what_sources_get(market: Market) -> None:
    """As it will be logged; a source that isn't there is found out."""
    market.publish(more="derivatives = 500")
    out = market.lab.ok("asset", "--name", "made", "--trained-on", market.name, "--dry-run").out
    assert f"trained_on {market.asset}, which gets 5 % of every charge" in out
    assert "nothing on this log" in market.lab.fails(2, "asset", "--name", "made", "--contains", "no such", "--dry-run")
    assert market.lab.json("asset", "--name", "made", "--dry-run", "--node", "http://127.0.0.1:1")["sources"] == []


def test_more_than_is_open_is_refused_in_money(market: Market) -> None:
    """A receipt for all that is due, when a part came before."""
    market.publish()
    market.use(9)
    statement = statement_of(market)["statement"]
    market.owner.ok("receipt", statement, "--amount", "1.25", "--reference", "B1")
    assert "expected at most 3.25 EUR: --amount" in market.owner.fails(2, "receipt", statement, "--reference", "B2")
    assert "1.005 EUR is no whole number" in market.owner.fails(2, "receipt", statement, "--amount", "1.005")


def test_a_dry_run_of_settle_tells_stated_from_paid(market: Market) -> None:
    """A payee without bank details: stated, and not paid. A folder that isn't there is never made."""
    market.publish()
    market.use(25)
    payees = market.lab.folder / "payees.toml"
    payees.write_text(f'[debtor]\nparty = "{market.keys["lab"]}"\nname = "Lab"\niban = "{GERMAN}"\n[payees]\n')
    os.chmod(payees, 0o600)
    pay = ("settle", "--payees", "payees.toml", "--out", "out", "--dry-run")
    assert "mkdir out" in market.lab.fails(2, *pay)
    (market.lab.folder / "out").mkdir()
    out = market.lab(*pay).out
    assert "would be stated: new, 12.50 EUR" in out
    assert "LEFT: the new statement, not paid, 12.50 EUR" in out
