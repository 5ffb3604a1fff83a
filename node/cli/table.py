"""The one table of commands: where each is, what it does, an example, and which record kinds it makes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command. `module`: in node/cli, with a function `configure_<name>(parser)` that sets `run`; `kinds`: record
    kinds that it logs."""

    name: str
    module: str
    summary: str
    example: str
    kinds: tuple[str, ...] = ()


COMMANDS = (
    Command("key", "keys", "make a key file, or show its public key",
            "  usance key new lab.key\n  usance key show lab.key"),
    Command("node", "nodes", "make a node's folder, run a node, restore one from a backup",
            "  usance node init mylog --origin log.example.org/uses\n  usance node run mylog --listen 127.0.0.1:8463\n"
            "  usance node restore log.backup mylog --tail https://mirror.example.org\n"
            "  usance node fsck mylog --repair",
            ("genesis",)),
    Command("party", "parties", "register a party under a key, or change its name",
            "  usance party 'Example Lab' --url https://lab.example.org", ("party",)),
    Command("delegate", "parties", "let another key sign some kinds of records for the party",
            "  usance delegate meter.key --kinds usage,none\n"
            "  usance delegate --make-accept --key meter.key --party HEX --kinds usage,none    (at the meter)\n"
            "  usance delegate --new-key HEX --accept HEX --kinds usage,none                   (then by the party)",
            ("delegate",)),
    Command("rotate", "parties", "sign with a new main key from here on",
            "  usance rotate new.key\n"
            "  usance rotate --make-accept --key new.key --party HEX    (where the new key is)\n"
            "  usance rotate --new-key HEX --accept HEX                 (where the old one is)",
            ("rotate",)),
    Command("revoke", "parties", "end a delegate, or the party itself",
            "  usance revoke meter.key --reason 'machine retired'", ("revoke",)),
    Command("asset", "assets", "register an asset; of a folder or file, with the manifest of its files",
            "  usance asset ./corpus --name corpus --version 2026-01 --license CC-BY-4.0 --manifest corpus.manifest\n"
            "  usance asset --name model --type model --source corpus@2026-01:trained_on:500 --terms terms.toml",
            ("asset",)),
    Command("describe", "assets", "say what material is whose owner is not here",
            "  usance describe pkg:huggingface/org/name@rev --title name --type dataset --license MIT",
            ("description",)),
    Command("withdraw", "assets",
            "retire an asset of the party, with its offers and claims on names; end a grant or a claim",
            "  usance withdraw corpus@2026-01\n  usance withdraw 1234", ("withdraw",)),
    Command("terms", "terms", "publish terms for an asset: what its uses cost, and who gets it",
            "  usance terms corpus terms.toml", ("terms",)),
    Command("grant", "terms", "keep terms open to a party when newer ones are in force",
            "  usance grant 1234 HEX", ("grant",)),
    Command("use", "uses", "log a use of an asset or of outside material",
            "  usance use corpus --as train --token 1200000 --item a/b.txt --manifest corpus.manifest", ("usage",)),
    Command("nil", "uses", "log that nothing was used in a period",
            "  usance nil --from 2026-01-01 --until 2026-02-01", ("none",)),
    Command("correct", "corrections", "lower a usage that was logged",
            "  usance correct 1234 --token 1000000 --reason 'counted twice'", ("correction",)),
    Command("accept", "corrections", "credit the payer with this party's part of what a correction takes back",
            "  usance accept 1240", ("accept",)),
    Command("accounts", "accounts", "show who owes whom, and what was stated and paid of it",
            "  usance accounts --party lab.key\n  usance accounts --payer lab.key --payee HEX --currency EUR"),
    Command("settle", "settle", "state what is due, hand it over to be paid, and log that; nothing is paid twice",
            "  usance settle --dry-run\n"
            "  usance settle --payees payees.toml --adapter pain001 --out outbox --limit-per-payee 500.00EUR "
            "--limit-total 2000.00EUR\n"
            "  usance settle --as payee", ("statement",)),
    Command("pay", "payments", "say that money was sent for a statement",
            "  usance pay 1250 --amount 12.50 --method 'bank transfer' --reference INVOICE-7", ("payment",)),
    Command("receipt", "payments", "say that money came: for one statement, or for all in a bank's file",
            "  usance receipt 1250 --amount 12.50 --reference BANK-REF\n  usance receipt --bank camt053.xml",
            ("receipt",)),
    Command("dispute", "disputes", "say that a record is wrong",
            "  usance dispute 1234 --reason 'not our use'", ("dispute",)),
    Command("resolve", "disputes", "end a dispute",
            "  usance resolve 1260 --outcome conceded", ("resolution",)),
    Command("claim", "claims", "log that an asset of the party was found in what another has; it charges nobody",
            "  usance claim corpus --finding findings.json:0 --against model@2 --dry-run\n"
            "  usance claim corpus --finding findings.json:0 --against-party HEX", ("claim",)),
    Command("submit", "submit", "log many records from a file, one JSON object a line; continues where it stopped",
            "  usance submit uses.jsonl"),
    Command("spool", "spool",
            "show or send what programs logged without waiting for the node; retry or drop what was refused",
            "  usance spool status\n  usance spool send\n  usance spool send uses.spool    (from a machine without a "
            "network)\n  usance spool retry\n  usance spool drop 5f0c2a91:4711"),
    Command("trace", "trace", "show what a material was made from, what was made from it, and what its uses came to",
            "  usance trace model@2\n  usance trace pkg:huggingface/org/name --down --depth 2\n"
            "  usance trace model@2 --owner press.key\n  usance trace model@2 --format svg -o model.svg"),
    Command("records", "reads", "show records: one, verified, or a list",
            "  usance records 1234\n  usance records --party lab.key --kind usage --limit 20\n"
            "  usance records --kind claim --asset corpus"),
    Command("assets", "reads", "find assets and descriptions by name, owner, manifest root or claimed name",
            "  usance assets --name corpus"),
    Command("proof", "reads", "fetch the proof of a record, check it, and write it to a file",
            "  usance proof 1234 -o use.tlog-proof"),
    Command("evidence", "evidence", "fetch one file that shows what a use came to and that it was paid, and check it",
            "  usance evidence 1234 -o use.evidence.json\n  usance evidence 1234 --payee press.vkey -o mine.json"),
    Command("disclose", "evidence", "add hidden fields or single calls of a use to its evidence file",
            "  usance disclose use.evidence.json --from use.private.json --field model -o shown.evidence.json"),
    Command("verify", "verify",
            "check a proof or evidence file without a network, and say what it shows and what it doesn't",
            "  usance verify use.tlog-proof --log log.vkey\n"
            "  usance verify use.tlog-proof --log log.vkey --item a/b.txt --manifest corpus.manifest "
            "--asset-proof corpus.tlog-proof\n"
            "  usance verify found.tlog-proof --log log.vkey --canary found.canary.json --text answer.txt"),
    Command("audit", "audit", "judge a whole log: tree, tiles, signatures, numbers, heads and rules",
            "  usance audit https://log.example.org --log log.vkey\n  usance audit ./copy-of-the-log --log log.vkey"),
    Command("backup", "backup",
            "bring a backup up to date from a running node: the whole log in one file, verified; or check one",
            "  usance backup https://log.example.org log.backup --log log.vkey\n"
            "  usance backup --check log.backup --log log.vkey"),
    Command("reconcile", "reconcile",
            "compare what users logged of their use with what providers logged of it, over the whole log",
            "  usance reconcile --party lab.key --window day --since 2026-01-01 --until 2026-02-01\n"
            "  usance reconcile --asset corpus --review review.json"),
    Command("watch", "watch",
            "list who took unusually much of an asset, and groups that share it out, for somebody to look at",
            "  usance watch --asset corpus --since 2026-01-01 --until 2026-02-01 --review review.json\n"
            "  usance watch --html watch.html"),
    Command("detect", "detect",
            "find registered material in texts or a model's outputs, with the measured error rate of each finding",
            "  usance detect ./scraped --against press.index -o findings.json --html findings.html\n"
            "  usance detect outputs.jsonl --column answer --prompt question --against claude.jsonl gpt.jsonl\n"
            "  usance detect outputs.jsonl --column answer --node https://log.example.org --token-file detect.token"),
    Command("canary", "canary", "mark material before its release, to know it again in what others publish",
            "  usance canary make corpus.canaries --count 5 --asset corpus@2026-01 -o marks\n"
            "  usance canary check corpus.canaries outputs.jsonl --column answer\n"
            "  usance canary prove corpus.canaries 3 -o found", ("canary",)),
    Command("report", "report",
            "show a statement, a month's uses by item, the licences behind an asset, or a model's training content",
            "  usance report statement 1250 --html statement.html\n"
            "  usance report items --party press.key --month 2026-11 --asset corpus --manifest corpus.manifest\n"
            "  usance report licenses model@2\n"
            "  usance report art53 model@2 -o summary.md\n"
            "  usance report ab2013 model@2 --format json"),
    Command("export", "exports",
            "write a log, statements, an asset or its lineage in formats of others: Parquet, FOCUS, RSL, PROV and more",
            "  usance export parquet ./log-parquet\n"
            "  usance export focus 1250 -o statement.csv\n"
            "  usance export dsr --party press.key --since 2026-11-01 --until 2026-12-01 -o november.tsv\n"
            "  usance export rsl corpus -o corpus.rsl.xml\n"
            "  usance export croissant corpus --manifest corpus.manifest -o corpus.croissant.json\n"
            "  usance export prov corpus -o corpus.prov.json\n"
            "  usance export openlineage corpus -o corpus.openlineage.jsonl"),
    Command("import", "imports", "describe material from files of other formats: licences, sources, makers, prices",
            "  usance import provenance datasets.jsonl.gz --dry-run\n"
            "  usance import provenance datasets.jsonl.gz --report import.json\n"
            "  usance import litellm model_prices_and_context_window.json --terms-dir terms"),
)  # fmt: skip
