"""A statement as one page to read and print, and as lines for a terminal (docs/reports.md)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from node.agents.page import Cell, Content, Html, cell, claim, join, number, page, pairs, section, table, tag
from node.agents.statementview import AssetName, Group, Movement, Party, StatementView
from node.cli.text import counted, short, show_time
from proofs.amounts import show_amount
from proofs.checkpoint import Checkpoint

NOT_SHOWN = (
    "uses that nobody logged",
    "who the parties are in the world: names are claims, the keys count",
    "that money moved: a receipt is the payee's word, a payment the payer's",
    "what is logged after the checkpoint named here",
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a page rests on: a checkpoint that was verified and replayed, the log's key, and a node that serves it."""

    checkpoint: Checkpoint
    vkey: str
    node: str


def quantities_text(group: Group) -> str:
    """`1,200 token, 3 item`."""
    return ", ".join(f"{count:,} {unit}" for unit, count in sorted(group.quantities.items()))


def asset_text(asset: AssetName) -> str:
    """Its name and version."""
    return asset.name + (f"@{asset.version}" if asset.version else "")


def commands(view: StatementView, anchor: Anchor) -> list[str]:
    """What anyone runs to check the page."""
    log, node = f"--log {shlex.quote(anchor.vkey)}", shlex.quote(anchor.node)
    return [
        f"usance audit {node} {log} --deep",
        f"usance report statement {view.ref} --node {node} {log}",
        f"usance records {view.ref} --node {node} {log}",
    ]


def statement_page(view: StatementView, anchor: Anchor) -> str:
    """The page."""
    title = f"Statement {view.ref.index}: {_called(view.payer)} to {_called(view.payee)}, {view.account.currency}"
    return page(
        title,
        tag("h1", f"Statement {view.ref.index}"),
        tag("p", "Usage of AI material, as logged on ", tag("bdi", anchor.checkpoint.origin), "."),
        _head(view),
        _totals(view),
        _lines(view),
        *([_credits(view)] if view.credits else []),
        _rides(view),
        _movements(view),
        _verify(view, anchor),
    )


def _money(view: StatementView, nanos: int) -> str:
    return show_amount(nanos, view.account.currency)


def _called(party: Party) -> str:
    return party.name or party.key.hex()[:16]


def _party(party: Party) -> Html:
    return claim(party.name, party.key.hex())


def _head(view: StatementView) -> Html:
    return pairs(
        (
            ("Payer", _party(view.payer)),
            ("Payee", _party(view.payee)),
            ("Due", tag("span", _money(view, view.due), class_="due")),
            ("Received", _money(view, view.received)),
            ("Open", _money(view, view.open)),
            ("Signed by", _party(view.signer)),
            ("Signed at", f"{show_time(view.fields['at'])} by the signer's clock"),
            ("Covers", _covers(view)),
            ("Reference", tag("code", str(view.ref))),
        )
    )  # fmt: skip


def _covers(view: StatementView) -> str:
    before = view.previous
    if not before.count:
        return f"all entries below {view.fields['to']}: the account's first statement"
    earlier = f"in {before.count} earlier statements" if before.count > 1 else "in an earlier statement"
    return f"all entries below {view.fields['to']}; those below {before.to} stood {earlier}"


def _totals(view: StatementView) -> Html:
    before, fields = view.previous.figures, view.fields

    def row(name: str, old: int, new: int, both: int) -> tuple[Cell, ...]:
        return cell(name), number(_money(view, old)), number(_money(view, new)), number(_money(view, both))

    gross, credits = (int.from_bytes(fields[name], "big") for name in ("gross", "credits"))
    rows = [
        row("Lines", before.gross, view.new_gross, gross),
        row("Credits", -before.credits, -view.new_credits, -credits),
        row("Lines less credits", before.gross - before.credits, view.new_gross - view.new_credits, gross - credits),
        row("Billed before", -view.billed, 0, -view.billed),
    ]
    foot = (cell("Due"), number(""), number(""), number(_money(view, view.due)))
    left = gross - credits - view.billed - view.due
    said = (
        f"{_money(view, left)} is below the smallest amount that can be paid, or a refund not used up, and is carried."
    )
    head = (cell(""), number("Before"), number("New"), number("Together"))
    return section("Totals", table("Since the account began", head, rows, foot), *([tag("p", said)] if left else []))


def _asset(view: StatementView, index: int) -> Html:
    asset = view.assets[index]
    return claim(asset_text(asset), short(str(asset.ref)))


def _lines(view: StatementView) -> Html:
    head = (
        cell("Asset"),
        cell("Use"),
        number("Uses"),
        cell("Quantities"),
        number("Charged"),
        number("Of it the payee's"),
    )
    rows = (
        (cell(_asset(view, group.asset)), cell(group.use), number(f"{group.uses:,}"), cell(quantities_text(group)),
         number(_money(view, group.charge)), number(_money(view, group.amount)))
        for group in view.groups
    )  # fmt: skip
    foot = (
        cell("Together"), cell(""), number(f"{sum(group.uses for group in view.groups):,}"), cell(""),
        number(_money(view, sum(group.charge for group in view.groups))), number(_money(view, view.new_gross)),
    )  # fmt: skip
    said = "New lines, by the asset that was used; of an asset made from the payee's, the payee gets its share"
    return section("Uses", table(said, head, rows, foot))


def _credits(view: StatementView) -> Html:
    head = (cell("Accepted by entry"), cell("Use"), cell("Asset"), number("Credit"))
    rows = (
        (cell(str(credit.index)), cell(f"{credit.use}, entry {credit.usage}"), cell(_asset(view, credit.asset)),
         number(_money(view, credit.amount)))
        for credit in view.credits
    )  # fmt: skip
    foot = (cell("Together"), cell(""), cell(""), number(_money(view, view.new_credits)))
    return section("Credits", table("Corrected uses, as far as the payee accepted", head, rows, foot))


def _rides(view: StatementView) -> Html:
    unpriced, unlicensed = view.fields["unpriced"], view.fields["unlicensed"]
    said = (
        f"{unpriced:,} unpriced or part-priced and {unlicensed:,} unlicensed uses by the payer since the account began."
    )
    if not view.rides:
        return section("Free rides", tag("p", said))
    head = (cell("Asset"), cell("Use"), cell("Status"), number("Uses"))
    rows = (
        (cell(_asset(view, ride.asset)), cell(ride.use), cell(_status(ride.status, ride.reason)),
         number(f"{ride.uses:,}"))
        for ride in view.rides
    )  # fmt: skip
    return section("Free rides", tag("p", said), table("Uses not, or not wholly, paid for", head, rows))


def _status(status: str, reason: str) -> str:
    return f"{status} ({reason})" if reason else status


def _movements(view: StatementView) -> Html:
    if not view.movements:
        return section("Payments and receipts", tag("p", "None is logged."))
    head = (cell("Entry"), cell("What"), cell("Method"), cell("Reference"), number("Amount"))
    rows = (
        (cell(str(move.index)), cell(_said_by(view, move)), cell(tag("bdi", move.method)),
         cell(tag("bdi", move.reference)), number(_money(view, move.amount)))
        for move in view.movements
    )  # fmt: skip
    foot = (cell("Received"), cell(""), cell(""), cell(""), number(_money(view, view.received)))
    return section("Payments and receipts", table("As the parties say", head, rows, foot))


def _said_by(view: StatementView, move: Movement) -> str:
    return "sent, says the payer" if move.kind == "payment" else "came, says the payee"


def _verify(view: StatementView, anchor: Anchor) -> Html:
    roots: list[tuple[Content, Content]] = [
        ("Root of the lines", tag("code", view.fields["root"].hex())),
        ("Root of the credits", tag("code", view.fields["credit_root"].hex())),
        ("Lines, credits", f"{view.fields['lines']:,}, {view.fields['credit_lines']:,}"),
        ("Log", tag("bdi", anchor.checkpoint.origin)),
        ("Log's key", tag("code", anchor.vkey)),
        ("Checkpoint", join((f"{anchor.checkpoint.size:,} entries, root ",
                             tag("code", anchor.checkpoint.root.hex())))),
    ]  # fmt: skip
    return section(
        "How to verify",
        tag(
            "p",
            "Every figure here was recomputed from the log's entries up to this checkpoint. Anyone can do that again:",
        ),
        *(tag("pre", command) for command in commands(view, anchor)),
        pairs(roots),
        tag("p", "Not shown:"),
        tag("ul", *(tag("li", what) for what in NOT_SHOWN)),
    )


def statement_lines(view: StatementView, anchor: Anchor) -> Iterator[str]:
    """The same for a terminal, in short."""
    yield f"statement {view.ref}"
    yield f"  payer {short(view.payer.key.hex())} {view.payer.name!r}"
    yield f"  payee {short(view.payee.key.hex())} {view.payee.name!r}"
    yield (
        f"  due {_money(view, view.due)}, received {_money(view, view.received)}, open {_money(view, view.open)}; "
        f"billed before {_money(view, view.billed)}"
    )
    for group in view.groups:
        asset = view.assets[group.asset]
        yield (
            f"  {group.use} of {asset_text(asset)!r} {short(str(asset.ref))}: {counted(group.uses, 'use')}, "
            f"{quantities_text(group)}: {_money(view, group.amount)} of {_money(view, group.charge)}"
        )
    for credit in view.credits:
        asset = view.assets[credit.asset]
        yield f"  credit for {credit.use} of {asset_text(asset)!r}, entry {credit.usage}: {_money(view, credit.amount)}"
    if view.adjustment:
        yield f"  carried and rounded: {_money(view, view.adjustment)}"
    for ride in view.rides:
        asset = view.assets[ride.asset]
        yield f"  {_status(ride.status, ride.reason)}: {ride.uses:,} times {ride.use} of {asset_text(asset)!r}"
    for move in view.movements:
        yield f"  {move.kind} {_money(view, move.amount)}, {move.method} {move.reference}, entry {move.index}"
    yield f"  recomputed from {anchor.checkpoint.size} entries, root {anchor.checkpoint.root.hex()}"
    yield f"NOT SHOWN: {'; '.join(NOT_SHOWN)}"
