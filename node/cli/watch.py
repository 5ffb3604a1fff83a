"""`usance watch`: who took unusually much of an asset, by the usage records of a whole log (docs/watch.md).

The log is replayed as `audit` replays it, so nothing here is the node's word. Numpy and matplotlib come with the
`detect` extra: nothing that needs them is imported before the command runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ledger.state import State
from node.agents.meters import Target
from node.agents.reconcile import Filters
from node.cli.common import add_node, need_detect, now_ms, open_client
from node.cli.files import check_file, write_parts
from node.cli.outcome import OK
from node.cli.replays import Replayed, open_store, replay_node
from node.cli.text import counted, emit, right, short, table
from node.cli.wholelog import Names, add_filters, check_filters, claims, find_asset
from node.detect.review import Written, add_to_file
from proofs.errors import InputError
from proofs.ref import unpack_ref

if TYPE_CHECKING:
    from node.detect.extraction import AssetLook, Look
    from node.detect.groups import Group, Groups
    from node.detect.watchwords import Watched

WINDOWS = ("hour", "day", "week")
LISTED_SHOWN = 20
GROUPS_SHOWN = 10
MEMBERS_SHOWN = 6
ALARMS = "0.1"


def configure_watch(parser: argparse.ArgumentParser) -> None:
    """What is looked at, what is listed, and where it is written."""
    add_filters(parser.add_argument_group("what is looked at (default: everything)"))
    how = parser.add_argument_group("how")
    how.add_argument("--window", choices=WINDOWS, default="day", help="the steps in which a user is held against its "
                     "own past (default: day)")  # fmt: skip
    how.add_argument("--least", metavar="COUNT", default="100", help="list nobody who took fewer distinct items "
                     "(default: 100)")  # fmt: skip
    how.add_argument("--alarms", metavar="NUMBER", default=ALARMS, help="how many ordinary users may be listed in a "
                     "run by chance, if use falls off as assumed: more lists more (default: 0.1)")  # fmt: skip
    out = parser.add_argument_group("what is written")
    out.add_argument("--review", metavar="FILE", help="add what is found to this review list")
    out.add_argument("--html", metavar="FILE", help="write the report with its plots, as one page")
    add_node(parser)
    parser.set_defaults(run=run_watch)


def run_watch(args: argparse.Namespace) -> int:
    """Replay the log, look, print. Exit 0 whatever is found: nothing here is a check that could fail."""
    need_detect()
    from node.detect.takings import Takings

    filters, alarms, least = check_filters(args), _alarms(args.alarms), _least(args.least)
    for path, field in ((args.review, "--review"), (args.html, "--html")):
        if path is not None:
            check_file(path, field=field)
    client = open_client(args)
    asset, aka = find_asset(client, args.asset)
    filters = replace(filters, asset=asset, aka=aka)
    # Who logged a record couldn't know which items the sketches would keep: the root comes after it.
    takings = Takings(key=client.checkpoint().root, filters=filters)
    replayed = replay_node(args, client, open_store(args), watch=takings.add)
    state = replayed.state
    taken = takings.finish(body_of=lambda ref: state.body(ref.index), claimed=lambda name: claims(state, name))
    watched = _look(taken, state, window=args.window, alarms=alarms, least=least)
    asked = _asked(filters)
    written = _write(args, watched, replayed, asked)
    _show(args, watched, replayed, written)
    return OK


def _look(taken: Any, state: State, *, window: str, alarms: float, least: int) -> Watched:
    from node.detect.extraction import look_at
    from node.detect.groups import find_groups
    from node.detect.watchwords import WINDOWS as LENGTHS
    from node.detect.watchwords import Watched

    found = look_at(taken, items_of=lambda target: _items(state, target), window_ms=LENGTHS[window], alarms=alarms,
                    least=least)  # fmt: skip
    groups = [find_groups(asset, alarms=alarms) for asset in found.assets]
    return Watched(found, groups, taken.records, taken.corrected, taken.names)


def _items(state: State, target: Target) -> int | None:
    """How many items an asset has, where its record says so."""
    if isinstance(target, str):
        return None
    index = unpack_ref(target).index
    if state.asset(index) is None:
        return None
    items: int | None = state.body(index).get("items")
    return items


def _asked(filters: Filters) -> dict[str, str]:
    """The time that was asked for, which tells one month's findings from another's."""
    pairs = (("since", filters.since), ("until", filters.until))
    return {name: str(value) for name, value in pairs if value is not None}


def _write(args: argparse.Namespace, watched: Watched, replayed: Replayed, asked: dict[str, str]) -> Written | None:
    """The files that were asked for."""
    checkpoint = replayed.anchor.checkpoint
    if args.html is not None:
        from node.detect.watchpage import Frame, watch_page

        given = (("party", args.party), ("asset", args.asset), ("since", args.since), ("until", args.until))
        said = "".join(f", {name} {text}" for name, text in given if text is not None)
        frame = Frame(checkpoint.origin, checkpoint.size, checkpoint.root.hex(), said)
        write_parts(args.html, [watch_page(watched, frame, Names(replayed.state))])
    if args.review is None:
        return None
    from node.detect.watchwords import review_entries

    found = review_entries(watched, asked=asked)
    return add_to_file(args.review, found, log=checkpoint.origin, size=checkpoint.size, made=now_ms())


def _show(args: argparse.Namespace, watched: Watched, replayed: Replayed, written: Written | None) -> None:
    from node.detect.watchwords import watched_value

    checkpoint = replayed.anchor.checkpoint
    head = {"log": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "verified": True}
    value = {**head, **watched_value(watched), **({"review": written.value()} if written else {})} if args.json else {}
    lines = _lines(watched, replayed, _least(args.least))
    emit(value, as_json=args.json, lines=[*lines, *([written.line()] if written else [])] if not args.json else ())


def _lines(watched: Watched, replayed: Replayed, least: int) -> Iterator[str]:
    from node.detect.watchwords import NOT_SHOWN, rounded

    found, names, checkpoint = watched.extraction, Names(replayed.state), replayed.anchor.checkpoint
    groups = watched.found_groups
    yield (
        f"{checkpoint.origin}: FOR REVIEW: {counted(len(found.listed) + found.more, 'user')}, "
        f"{counted(len(groups), 'group')}"
    )
    yield f"  {checkpoint.size} records replayed, root {checkpoint.root.hex()}"
    yield (
        f"  {counted(watched.records, 'usage record')}; compared: {counted(found.compared, 'user')}, of whom by chance "
        f"{rounded(found.alarms)} would be listed, if use falls off as assumed"
    )
    for asset, of_asset in zip(found.assets, watched.groups, strict=True):
        yield ""
        yield from _asset_lines(asset, of_asset, found.listed, names, least)
    for place, (asset, look) in enumerate(found.listed[:LISTED_SHOWN], 1):
        yield ""
        yield from _listed_lines(place, asset, look, watched, names)
    more = len(found.listed) + found.more - LISTED_SHOWN
    if more > 0:
        yield f"and {more} more; --review, --html and --json have them"
    for group in groups[:GROUPS_SHOWN]:
        yield ""
        yield from _group_lines(group, names)
    if len(groups) > GROUPS_SHOWN:
        yield f"and {len(groups) - GROUPS_SHOWN} more groups; --review, --html and --json have them"
    yield ""
    yield "NOT SHOWN: " + "; ".join(NOT_SHOWN)


def _asset_lines(
    found: AssetLook, groups: Groups, listed: list[tuple[AssetLook, Look]], names: Names, least: int
) -> Iterator[str]:
    from node.detect.extraction import BREADTH, POPULATION_MIN
    from node.detect.watchwords import OUTSIDE_WORDS, member_text, percent, rounded

    items = f", {found.items:,} items" if found.items else ""
    yield f"{names.asset(found.asset)}{items}: {counted(len(found.looks), 'user')}, and {found.small:,} who took little"
    if found.overfull:
        yield f"  one user named {found.overfull:,} items, more than its record says it has: that count isn't used"
    elif found.items is not None and found.items < least:
        yield f"  nobody can be listed: it has {found.items:,} items, and --least is {least:,}"
    if not found.is_compared:
        yield f"  NOT COMPARED: too few users to say who is unusual or who belongs together (at least {POPULATION_MIN})"
    elif found.measure != BREADTH:
        yield "  most records name no items: compared by how often users took"
    elif found.unnamed:
        yield f"  {found.population:,} users compared; {found.unnamed:,} name too few items to be"
    if found.outside:
        yield f"  {found.outside:,} takings {OUTSIDE_WORDS}"
    if groups.opaque:
        yield f"  {counted(groups.opaque, 'user')} name items only by roots over several: which ones isn't seen"
    if groups.left_out:
        yield f"  {groups.left_out:,} users with fewer items are in no comparison of pairs"
    places = {id(look): str(place) for place, (_, look) in enumerate(listed, 1)}
    rows: list[tuple[str, ...]] = [
        ("no.", "user", "takings", "items", "of all", "came back", "usual items", "busiest hour", "usual hour",
         "expected")
    ]  # fmt: skip
    shown = [look for look in found.looks if look.is_listed][:LISTED_SHOWN] or found.looks[:5]
    for look in shown:
        share = percent(look.breadth / found.items) if found.items else ""
        expected = rounded(look.expected) if found.is_compared else ""
        usual = rounded(look.usual) if look.usual else ""
        who = "/".join(part[:16] for part in member_text(look).split("/"))
        rows.append(
            (places.get(id(look), ""), who, f"{look.taken.takings:,}", f"{look.breadth:,}", share,
             f"{look.taken.returns:,}", usual, f"{look.pace.peak_hour:,}", rounded(look.pace.usual_hour), expected)
        )  # fmt: skip
    yield from ("  " + line for line in table(right(rows, 2, 10)))


def _listed_lines(place: int, asset: AssetLook, look: Look, watched: Watched, names: Names) -> Iterator[str]:
    from node.detect.watchwords import listed_words

    taken = look.taken
    user = f", end user {short(taken.user.hex())}" if taken.user else ""
    yield f"{place}  {names.party(taken.party)}{user}, of {names.asset(asset.asset)}"
    yield f"  {listed_words(look, asset, watched.extraction)}"
    refs = [short(str(ref)) for ref in taken.shown_refs()]
    yield f"  records: {refs[0]} to {refs[-1]}, {taken.records:,} in all"


def _group_lines(group: Group, names: Names) -> Iterator[str]:
    from node.detect.watchwords import group_words

    yield f"group: {group.what}, of {names.asset(group.asset.asset)}"
    yield f"  {group_words(group)}"
    for look in group.members[:MEMBERS_SHOWN]:
        user = f", end user {short(look.taken.user.hex())}" if look.taken.user else ""
        yield f"  {names.party(look.taken.party)}{user}: {look.taken.items.count:,} items"
    if len(group.members) > MEMBERS_SHOWN:
        yield f"  and {len(group.members) - MEMBERS_SHOWN} more"


def _alarms(text: str) -> float:
    """A number above 0, at most 1,000."""
    plain = text.replace(".", "", 1)
    value = float(text) if plain.isascii() and plain.isdigit() and len(text) <= 12 else 0.0
    if not 0 < value <= 1000:
        raise InputError(f"--alarms {text[:80]!r}", field="--alarms", expected="a number above 0, at most 1000")
    return value


def _least(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) > 0):
        raise InputError(f"--least {text[:80]!r}", field="--least", expected="a number of items, 1 or more")
    return int(text)
