"""The report of a watch as a page: what to look at first, then each asset's users and groups with their plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from node.agents.meters import Target, show_target
from node.agents.page import Content, Html, cell, claim, join, number, page, pairs, section, table, tag
from node.detect.extraction import BREADTH, AssetLook, Look
from node.detect.groups import MEMBERS_MAX, Group, Groups
from node.detect.plots import Plot, asset_plots, group_plot
from node.detect.watchwords import (
    NOT_SHOWN,
    OUTSIDE_WORDS,
    Watched,
    group_words,
    look_words,
    percent,
    rounded,
    show_day,
)

ASSETS_SHOWN = 12
"""Assets that the page has plots of: those with anything listed first, then those with most users."""
GROUPS_SHOWN = 12
ROWS_SHOWN = 100
MEMBERS_SHOWN = 24
NOTICE = (
    "Everything here is for review. No figure tells extraction from other heavy use: a mirror under licence, a backup "
    "or a search service may look the same. Whoever reads this has to ask."
)


class Names(Protocol):
    """What parties and assets call themselves; "" where nothing is known."""

    def party_name(self, party: bytes) -> str:
        """A party's name."""

    def asset_name(self, asset: Target) -> str:
        """An asset's name."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the page says of the log and of what was asked for. `asked`: filters, in words."""

    log: str
    size: int
    root: str
    asked: str


def watch_page(watched: Watched, frame: Frame, names: Names) -> str:
    """The page's file."""
    found = watched.extraction
    numbers = {id(look): place for place, (_, look) in enumerate(found.listed, 1)}
    return page(
        f"Watch over {frame.log}",
        tag("h1", "Who took unusually much"),
        tag("p", NOTICE),
        pairs(_summary(watched, frame)),
        section("To be looked at: users", *_listed(watched, names)),
        section("To be looked at: groups", *_groups(watched, names)),
        *(_asset(asset, groups, numbers, names, place)
          for place, (asset, groups) in enumerate(_shown(watched), 1)),
        section(
            "What this rests on",
            tag("p", f"Replayed from the {frame.size:,} entries of ", tag("bdi", frame.log), ", root ",
                tag("code", frame.root), ". How each figure is made stands in docs/watch.md."),
            tag("p", "Not shown:"),
            tag("ul", *(tag("li", what) for what in NOT_SHOWN)),
        ),
    )  # fmt: skip


def _summary(watched: Watched, frame: Frame) -> list[tuple[Content, Content]]:
    found = watched.extraction
    time = f"{show_day(found.since)} to {show_day(max(found.since, found.until - 1))}" if watched.records else "none"
    return [
        ("Log", tag("bdi", frame.log)),
        ("Looked at", f"{watched.records:,} usage records{frame.asked}"),
        ("Time of use", time),
        ("Compared", f"{found.compared:,} users of {sum(a.is_compared for a in found.assets):,} assets"),
        ("Listed", f"{len(found.listed) + found.more:,} users and {len(watched.found_groups):,} groups; of ordinary "
         f"users alone {rounded(found.alarms)} would be listed by chance, if use falls off as assumed"),
    ]  # fmt: skip


def _who(look: Look, names: Names) -> Html:
    shown = claim(names.party_name(look.taken.party), look.taken.party.hex()[:16] + "…")
    if not look.taken.user:
        return shown
    return join((shown, " end user ", tag("code", look.taken.user.hex()[:16] + "…", class_="claim")))


def _which(asset: Target, names: Names) -> Html:
    if isinstance(asset, str):
        return claim(asset, "by this name")
    index, _, leaf = show_target(asset).partition(":")
    return claim(names.asset_name(asset), f"{index}:{leaf[:16]}…")


def _listed(watched: Watched, names: Names) -> list[Html]:
    found = watched.extraction
    if not found.listed:
        return [tag("p", "Nobody: no user stands out from the others as this looks for.")]
    head = (number("No."), cell("User and asset"), cell("Why"), number("Expected"))
    rows = [
        (number(str(place)), cell(join((_who(look, names), " of ", _which(asset.asset, names)))),
         cell(look_words(look, asset, found.window_ms)), number(rounded(look.expected)))
        for place, (asset, look) in enumerate(found.listed[:ROWS_SHOWN], 1)
    ]  # fmt: skip
    more = len(found.listed) + found.more - len(rows)
    caption = (
        "The most unusual first. Expected: how many ordinary users would be as far out, if use falls off as assumed"
    )
    made = [table(caption, head, rows)]
    return [*made, tag("p", f"And {more:,} more; --json and --review have them.")] if more else made


def _groups(watched: Watched, names: Names) -> list[Html]:
    groups = watched.found_groups
    if not groups:
        return [tag("p", "None: no users take parts of one whole, or the same items, as this looks for.")]
    made: list[Html] = []
    for place, group in enumerate(groups[:GROUPS_SHOWN], 1):
        made.append(tag("p", tag("strong", f"Group {place}: {group.what}"), " of ", _which(group.asset.asset, names),
                        ". ", group_words(group)))  # fmt: skip
        made.append(_members(group, names))
        made.append(_plot(group_plot(group, name=f"g{place}")))
    if len(groups) > GROUPS_SHOWN:
        made.append(tag("p", f"And {len(groups) - GROUPS_SHOWN:,} more; --json and --review have them."))
    return made


def _members(group: Group, names: Names) -> Html:
    head = (number("Member"), cell("User"), number("Takings"), number("Distinct items"), number("Came back"))
    rows = [
        (number(str(place)), cell(_who(look, names)), number(f"{look.taken.takings:,}"),
         number(f"{look.taken.items.count:,}"), number(f"{look.taken.returns:,}"))
        for place, look in enumerate(group.members[:MEMBERS_SHOWN], 1)
    ]  # fmt: skip
    more = len(group.members) - len(rows)
    return table("Its members" + (f", the first {len(rows)} of {len(group.members):,}" if more else ""), head, rows)


def _plot(plot: Plot) -> Html:
    return tag("figure", plot.drawing, tag("figcaption", plot.says))


def _shown(watched: Watched) -> list[tuple[AssetLook, Groups]]:
    rows = list(zip(watched.extraction.assets, watched.groups, strict=True))
    rows.sort(key=lambda row: (not any(look.is_listed for look in row[0].looks), not row[1].found, -len(row[0].looks)))
    return rows[:ASSETS_SHOWN]


def _asset(found: AssetLook, groups: Groups, numbers: dict[int, int], names: Names, place: int) -> Html:
    listed = [(numbers[id(look)], look) for look in found.looks if look.is_listed]
    made: list[Html] = [tag("p", _which(found.asset, names)), pairs(_about(found, groups))]
    if found.looks:
        made += [_plot(plot) for plot in asset_plots(found, listed, name=f"a{place}")]
        made.append(_broadest(found, numbers, names))
    return section(f"Asset {place} and its users", *made)


def _about(found: AssetLook, groups: Groups) -> list[tuple[Content, Content]]:
    rows: list[tuple[Content, Content]] = [
        ("Users", f"{len(found.looks):,} looked at, {found.small:,} who took too little to be"),
        ("Items", f"{found.items:,}" if found.items else "the asset's record doesn't say how many"),
    ]
    if not found.is_compared:
        rows.append(("Compared", "no: users are too few to say who is unusual or who belongs together"))
    elif found.measure != BREADTH:
        rows.append(("Compared", "by how often they took: most records name no items"))
    elif found.unnamed:
        rows.append(("Compared", f"{found.population:,} users; {found.unnamed:,} name too few items to be"))
    if found.outside:
        rows.append(("Time", f"{found.outside:,} takings {OUTSIDE_WORDS}"))
    if groups.users:
        left = f"; {groups.left_out:,} more were left out, of {MEMBERS_MAX} at most" if groups.left_out else ""
        rows.append(("Pairs", f"every two of {groups.users:,} users{left}"))
    if groups.opaque:
        rows.append(("Opaque", f"{groups.opaque:,} users name items only by roots over several: which ones isn't seen"))
    return rows


def _broadest(found: AssetLook, numbers: dict[int, int], names: Names) -> Html:
    head = (cell("User"), number("No."), number("Takings"), number("Distinct items"), number("Of all"),
            number("Came back"), number("Busiest hour"), number("Usual hour"), number("Records"))  # fmt: skip
    rows = [
        (cell(_who(look, names)), number(str(numbers.get(id(look), ""))), number(f"{look.taken.takings:,}"),
         number(f"{look.breadth:,}"), number(percent(look.breadth / found.items) if found.items else ""),
         number(f"{look.taken.returns:,}"), number(f"{look.pace.peak_hour:,}"), number(rounded(look.pace.usual_hour)),
         number(f"{look.taken.records:,}"))
        for look in found.looks[:20]
    ]  # fmt: skip
    return table("The broadest users, listed or not", head, rows)
