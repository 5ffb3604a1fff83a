"""What a watch over a log found, in words that a person understands: for the terminal, the page, JSON and the review
list alike (docs/watch.md).

Every sentence says what was counted, beside what it was held against; estimates say "about". None says what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.agents.meters import SIDES, show_target
from node.agents.windows import DAY, window_label
from node.detect.extraction import BREADTH, GROWTH, AssetLook, Extraction, Look
from node.detect.groups import PARTS, SAME_LEAST, Group, Groups
from node.detect.review import BULK, GROUP, RECORDS_MAX, Entry

USERS_SHOWN = 200
"""Users of an asset that JSON lists, the broadest; all are counted."""
MEMBER_RECORDS = 4
MEMBERS_NAMED = 8
DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
WINDOWS = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS}
NOT_SHOWN = (
    "what nobody logged",
    "whether a user may take all of it: terms and grants are another question",
    "accounts that share out more cleverly than is looked for, and which items stand behind a root over several",
    "whether an end user's digest means the same person elsewhere or tomorrow",
)
OUTSIDE_WORDS = "are of a time far from that of the others: they are in no growth and no axis of time"


@dataclass(frozen=True, slots=True)
class Watched:
    """A whole run: what was looked at, and the groups of each asset in the order of `extraction.assets`."""

    extraction: Extraction
    groups: list[Groups]
    records: int
    corrected: int
    names: dict[str, tuple[bytes, ...]]

    @property
    def found_groups(self) -> list[Group]:
        """All groups, asset by asset."""
        return [group for groups in self.groups for group in groups.found]


def show_minute(ms: int) -> str:
    """`2026-01-31 14:05` in UTC."""
    hour, minute = divmod(ms % DAY_MS // MINUTE_MS, 60)
    return f"{show_day(ms)} {hour:02d}:{minute:02d}"


def show_day(ms: int) -> str:
    """`2026-01-31` in UTC."""
    return window_label(ms, DAY)


def rounded(value: float) -> str:
    """A figure as people write it: under 0.001, 0.4, 3.5, 12, 1,340."""
    if 0 < value < 0.001:
        return "under 0.001"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def percent(part: float) -> str:
    """`29 %`."""
    return f"{100 * part:.0f} %" if part >= 0.1 or not part else f"{100 * part:.2g} %"


def breadth_words(look: Look, found: AssetLook) -> str:
    """How many distinct items, of how many."""
    taken = look.taken
    about = "about " if taken.items.is_full else ""
    least = "at least " if taken.breadth > taken.breadth_least else ""
    count = f"{least}{about}{look.breadth:,}"
    whole = f" of {found.items:,} items ({percent(look.breadth / found.items)})" if found.items else " items"
    return count + whole


def look_words(look: Look, found: AssetLook, window_ms: int) -> str:
    """Why a user of an asset is listed, in sentences."""
    taken, pace, growth = look.taken, look.pace, look.growth
    tenth = found.quantiles
    said = []
    if found.measure == BREADTH:
        said.append(
            f"Took {breadth_words(look, found)} in {look.named:,} takings, and came back to one that it had taken "
            f"before {_returns_words(look)}; users who take as often reach about {rounded(look.usual)} "
            f"items. Of {found.population:,} users, half took {rounded(tenth[2])} items or fewer, and one in a hundred "
            f"more than {rounded(tenth[5])}"
        )
    else:
        said.append(
            f"Took {taken.takings:,} times, without naming items; of {found.population:,} users, half took "
            f"{rounded(tenth[2])} times or fewer, and one in a hundred more than {rounded(tenth[5])}"
        )
    if pace.hours:
        said.append(
            f"In its busiest hour, from {show_minute(pace.peak_at)} UTC, {pace.peak_hour:,} takings; in a usual one "
            f"{rounded(pace.usual_hour)}"
        )
    if taken.long:
        said.append(f"{taken.long:,} takings stand in records over more than an hour, which show no burst")
    if growth.recent > growth.earlier and look.steps.get(GROWTH, 0) >= 1:
        said.append(
            f"In the last quarter of its time {rounded(growth.recent)} takings a typical {_window(window_ms)}, before "
            f"that {rounded(growth.earlier)}"
        )
    if taken.corrected:
        said.append(f"{taken.corrected:,} of its {taken.records:,} records were corrected; amounts are as first logged")
    if look.other_meters:
        said.append(f"Counted as the {SIDES[taken.side]}'s meter has it, signed by {taken.signer.hex()[:16]}…; "
                    f"{look.other_records:,} records of {look.other_meters:,} other meters aren't added")  # fmt: skip
    return ". ".join(said) + "."


def _returns_words(look: Look) -> str:
    """How often it came back; between what bounds, where roots don't say."""
    taken = look.taken
    if taken.returns_least < taken.returns and taken.roots is not None:
        return f"at least {taken.returns_least:,} and at most {taken.returns:,} times"
    return f"{'about ' if taken.items.is_full and taken.returns else ''}{taken.returns:,} times"


def _window(ms: int) -> str:
    return next((name for name, length in WINDOWS.items() if length == ms), "window")


def expected_words(look: Look, watched: Extraction) -> str:
    """How sure that is, by the model."""
    return (
        f"Of {watched.compared:,} ordinary users {rounded(look.expected)} would be as far out, if use falls off as "
        "assumed."
    )


def listed_words(look: Look, found: AssetLook, watched: Extraction) -> str:
    """All that is said of a user who is listed."""
    return f"{look_words(look, found, watched.window_ms)} {expected_words(look, watched)}"


def group_words(group: Group) -> str:
    """Why these users are a group, in sentences."""
    count = len(group.members)
    items = group.asset.items
    whole = f" of {items:,} ({percent(group.breadth / items)})" if items else ""
    about = "about " if any(look.taken.items.is_full for look in group.members) else ""
    most = max(value for row, values in enumerate(group.shared) for at, value in enumerate(values) if at != row)
    least = min(value for row, values in enumerate(group.shared) for at, value in enumerate(values) if at != row)
    sizes = sorted(look.taken.items.count for look in group.members)
    each = f"{sizes[0]:,} to {sizes[-1]:,}" if sizes[0] != sizes[-1] else f"{sizes[0]:,}"
    if group.what == PARTS:
        common = f"at most {percent(most)} of the smaller one's" if most >= 0.005 else "next to nothing"
        return (
            f"{count} users took {each} items each, {about}{group.breadth:,}{whole} together, with {common} in "
            f"common; choosing by themselves as many would have reached about "
            f"{group.by_chance:,}. They return to hardly anything and take at a like rate at the same time, from "
            f"{show_day(group.first)} to {show_day(group.last)}."
        )
    return (
        f"{count} users took {each} items each, {about}{group.breadth:,}{whole} together, with at least "
        f"{percent(least)} of the smaller one's in common, and at least {percent(SAME_LEAST)} of what few others take; "
        f"choosing by themselves as many would have reached about {group.by_chance:,}. From {show_day(group.first)} to "
        f"{show_day(group.last)}."
    )


# --- JSON and the review list


def look_figures(look: Look, found: AssetLook) -> dict[str, Any]:
    """A user's figures: whole numbers, and texts for the rest."""
    taken, pace = look.taken, look.pace
    days = max(1, -(-(look.end - look.begin + 1) // DAY_MS))
    spread_hours = max(1, -(-(look.end - look.begin + 1) // HOUR_MS))
    return {
        "records": taken.records, "takings": taken.takings, "takings_naming_items": look.named,
        "breadth": look.breadth, "breadth_most": max(taken.breadth if found.items is None
                                                     else min(taken.breadth, found.items), look.breadth),
        "breadth_estimated": taken.items.is_full, "returns": taken.returns,
        "returns_least": min(taken.returns_least, taken.returns), "usual_breadth": round(look.usual),
        "asset_items": found.items, "quantities": {unit: str(n) for unit, n in sorted(taken.quantities.items())},
        "records_a_day": rounded(taken.records / days), "takings_a_day": rounded(taken.takings / days),
        "takings_an_hour": rounded(taken.takings / spread_hours),
        "units_a_day": {unit: rounded(n / days) for unit, n in sorted(taken.quantities.items())},
        "busiest_hour": pace.peak_hour, "busiest_hour_from": pace.peak_at, "busiest_day": pace.peak_day,
        "usual_hour": rounded(pace.usual_hour), "active_hours": pace.hours, "takings_in_long_records": taken.long,
        "recent_window": rounded(look.growth.recent), "earlier_window": rounded(look.growth.earlier),
        "windows": look.growth.windows, "uses": dict(sorted(taken.uses.items())),
        "statuses": dict(sorted(taken.statuses.items())), "meter": SIDES[taken.side],
        "logged_by": taken.signer.hex(), "corrected": taken.corrected, "other_meters": look.other_meters,
        "records_of_other_meters": look.other_records,
        "steps_above_median": {name: f"{steps:.1f}" for name, steps in look.steps.items()},
        "expected_ordinary": rounded(look.expected) if found.is_compared else None,
    }  # fmt: skip


def look_value(look: Look, found: AssetLook) -> dict[str, Any]:
    """A user of an asset as JSON."""
    taken = look.taken
    return {
        "party": taken.party.hex(), "user": taken.user.hex() or None, "asset": show_target(taken.asset),
        "from": taken.first, "until": taken.last, "listed": look.is_listed, **look_figures(look, found),
        "records_shown": [str(ref) for ref in taken.shown_refs()],
    }  # fmt: skip


def member_text(look: Look) -> str:
    """A group's member: its party, and the end user after a slash."""
    return look.taken.party.hex() + (f"/{look.taken.user.hex()}" if look.taken.user else "")


def group_value(group: Group) -> dict[str, Any]:
    """A group as JSON."""
    return {
        "how": group.what, "asset": show_target(group.asset.asset), "says": group_words(group),
        "members": [member_text(look) for look in group.members], "from": group.first, "until": group.last,
        **_group_figures(group),
    }  # fmt: skip


def _group_figures(group: Group) -> dict[str, Any]:
    return {
        "breadth": group.breadth, "breadth_by_chance": group.by_chance, "asset_items": group.asset.items,
        "breadth_of_members": [look.taken.items.count for look in group.members],
        "takings_of_members": [look.taken.takings for look in group.members],
        "in_common_percent": [[round(100 * value) for value in row] for row in group.shared],
        "expected_pairs": rounded(group.expected),
    }  # fmt: skip


def asset_value(found: AssetLook, groups: Groups) -> dict[str, Any]:
    """An asset's users as JSON."""
    names = ("p10", "p25", "p50", "p75", "p90", "p99")
    law = found.law
    return {
        "asset": show_target(found.asset), "items": found.items, "users": len(found.looks) + found.small,
        "looked_at": len(found.looks), "too_small": found.small, "compared": found.is_compared,
        "compared_users": found.population if found.is_compared else 0, "naming_too_few_items": found.unnamed,
        "takings_outside_of_time": found.outside, "more_items_named": found.overfull or None,
        "by": found.measure if found.measure == BREADTH else "takings",
        "quantiles": {name: rounded(value) for name, value in zip(names, found.quantiles, strict=False)},
        "heaps_law": None if law is None else {"factor": f"{law.factor:.4f}", "power": f"{law.power:.4f}"},
        "spreads": {
            name: {"median": f"{spread.median:.4f}", "upper": f"{spread.upper:.4f}"}
            for name, spread in found.spreads.items()
        },
        "pairs_of_users": groups.users, "left_out_of_pairs": groups.left_out, "opaque_users": groups.opaque,
        "broadest": [look_value(look, found) for look in found.looks[:USERS_SHOWN]],
    }  # fmt: skip


def watched_value(watched: Watched) -> dict[str, Any]:
    """The whole run as JSON; everything listed is in `listed` and `groups`."""
    found = watched.extraction
    return {
        "usage_records": watched.records, "corrected": watched.corrected, "compared": found.compared,
        "alarms": rounded(found.alarms), "window_ms": found.window_ms, "from": found.since, "until": found.until,
        "listed": [
            {"says": listed_words(look, asset, found), **look_value(look, asset)}
            for asset, look in found.listed
        ],
        "listed_more": found.more,
        "groups": [group_value(group) for group in watched.found_groups],
        "assets": [asset_value(a, g) for a, g in zip(found.assets, watched.groups, strict=True)],
        "names": {name: [show_target(asset) for asset in assets] for name, assets in sorted(watched.names.items())},
    }  # fmt: skip


def review_entries(watched: Watched, *, asked: dict[str, str]) -> list[Entry]:
    """Everything listed, for the review list. `asked`: what the run was narrowed to in time: findings of January and
    of February are two."""
    found = watched.extraction
    entries = [
        Entry(
            BULK, show_target(asset.asset), listed_words(look, asset, found),
            party=look.taken.party.hex(), user=look.taken.user.hex() or None, since=look.taken.first,
            until=look.taken.last, about=dict(asked), figures=look_figures(look, asset),
            records=tuple(map(str, look.taken.shown_refs())),
        )
        for asset, look in found.listed
    ]  # fmt: skip
    for group in watched.found_groups:
        refs = [str(ref) for look in group.members for ref in look.taken.shown_refs()[:MEMBER_RECORDS]]
        entries.append(
            Entry(
                GROUP, show_target(group.asset.asset), group_words(group),
                members=tuple(member_text(look) for look in group.members), since=group.first, until=group.last,
                about={"how": group.what, **asked}, figures=_group_figures(group), records=tuple(refs[:RECORDS_MAX]),
            )
        )  # fmt: skip
    return entries
