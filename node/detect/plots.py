"""The plots of a watch: how much everybody took, breadth beside takings, breadth over time, bursts, groups.

Users stand in them by the numbers that they have in the page's tables, never by names. Each plot comes with a sentence
that says what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from node.agents.page import Html
from node.detect.extraction import BREADTH, AssetLook, Look
from node.detect.groups import Group
from node.detect.svg import drawing, to_svg

POINTS_MAX = 2_000
"""Users drawn as points in one plot; of more, evenly chosen ones by how much they took, and the listed."""
CURVES_MAX = 8
MATRIX_MAX = 24
ORDINARY, LISTED = "#7f8c99", "#b3261e"
CURVES = ("#b3261e", "#0b57a4", "#1a7f4b", "#8a4fbe", "#a65f00", "#00777e", "#c2408b", "#4a4a4a")
STEPS = 120


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing, and the sentence that says what it shows."""

    drawing: Html
    says: str


Numbered = Sequence[tuple[int, Look]]
"""Those listed of an asset, with their numbers."""


def asset_plots(found: AssetLook, listed: Numbered, *, name: str) -> list[Plot]:
    """All plots of an asset's users; `name`: letters and digits, the asset's own in the page."""
    plots = [_distribution(found, listed, f"{name}a")]
    if found.measure == BREADTH:
        plots.append(_against_takings(found, listed, f"{name}b"))
        if listed:
            plots.append(_over_time(found, listed, f"{name}c"))
    if any(look.pace.hours for look in found.looks):
        plots.append(_bursts(found, listed, f"{name}d"))
    return plots


def _figure(width: float = 7.2, height: float = 3.4) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _logarithmic(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    """Logarithmic axes with plain numbers."""
    for wanted, axis, scale in ((x, axes.xaxis, axes.set_xscale), (y, axes.yaxis, axes.set_yscale)):
        if wanted:
            scale("log")
            axis.set_major_locator(LogLocator(numticks=8))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_formatter(NullFormatter())


def _drawn(found: AssetLook, listed: Numbered) -> list[Look]:
    """The ordinary users that are drawn as points."""
    chosen = {id(look) for _, look in listed}
    others = [look for look in found.looks if id(look) not in chosen]
    if len(others) <= POINTS_MAX:
        return others
    return [others[int(at)] for at in np.linspace(0, len(others) - 1, POINTS_MAX)]


def _mark(axes: Axes, points: Sequence[tuple[int, float, float]]) -> None:
    """Listed users with their numbers, on logarithmic axes; those close together share a label."""
    across, up = (math.log(high / low) for low, high in (axes.get_xlim(), axes.get_ylim()))
    spots: list[list[tuple[int, float, float]]] = []
    for point in sorted(points):
        near = next((spot for spot in spots if abs(math.log(point[1] / spot[0][1])) < 0.1 * across
                     and abs(math.log(point[2] / spot[0][2])) < 0.07 * up), None)  # fmt: skip
        if near is None:
            spots.append([point])
        else:
            near.append(point)
    for spot in spots:
        axes.plot([x for _, x, _ in spot], [y for _, _, y in spot], "o", color=LISTED, markersize=5, zorder=3)
        x, y = min(x for _, x, _ in spot), max(y for _, _, y in spot)
        axes.annotate(_numbers([number for number, _, _ in spot]), (x, y), xytext=(-5, 4), ha="right", zorder=4,
                      textcoords="offset points", color=LISTED, weight="bold")  # fmt: skip


def _numbers(numbers: Sequence[int]) -> str:
    """`1, 2, 3, 4 …`"""
    return ", ".join(map(str, sorted(numbers)[:4])) + (" …" if len(numbers) > 4 else "")


def _distribution(found: AssetLook, listed: Numbered, name: str) -> Plot:
    what = "distinct items" if found.measure == BREADTH else "takings"
    sizes = np.maximum([found.size_of(look) for look in found.looks] or [1], 1)
    with drawing():
        figure, axes = _figure(height=3.0)
        edges = np.geomspace(sizes.min(), max(sizes.max(), sizes.min() + 1) * 1.02, 41)
        axes.hist(sizes, bins=edges.tolist(), color=ORDINARY, edgecolor="white", linewidth=0.4)
        _logarithmic(axes, x=True)
        top = axes.get_ylim()[1]
        axes.set_ylim(0, top * 1.25)
        if found.quantiles:
            axes.axvline(max(1, found.quantiles[2]), color="#1a1a1a", linewidth=1, linestyle="--")
            axes.annotate("half took less", (max(1, found.quantiles[2]), top * 1.22), xytext=(3, 0), va="top",
                          textcoords="offset points", color="#1a1a1a")  # fmt: skip
        places: list[list[tuple[int, int]]] = []
        for size, number in sorted((found.size_of(look), number) for number, look in listed):
            if places and math.log(size / places[-1][0][0]) < 0.13 * math.log(edges[-1] / edges[0]):
                places[-1].append((size, number))
            else:
                places.append([(size, number)])
        for spot in places:
            axes.plot([size for size, _ in spot], [top * 1.02] * len(spot), "v", color=LISTED, markersize=6)
            axes.annotate(_numbers([number for _, number in spot]), (spot[0][0], top * 1.07), ha="left", va="bottom",
                          xytext=(-4, 0), textcoords="offset points", color=LISTED, weight="bold")  # fmt: skip
        axes.set_xlabel(f"{what} (each numbered mark is ten times the one before)")
        axes.set_ylabel("users")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="x", visible=False)
        says = (
            f"How many users took how many {what}: each bar counts users, the red numbers say where those listed stand."
        )
        return Plot(to_svg(figure, name=name, label=says), says)


def _against_takings(found: AssetLook, listed: Numbered, name: str) -> Plot:
    others = _drawn(found, listed)
    with drawing():
        figure, axes = _figure()
        axes.plot([max(1, look.named) for look in others], [max(1, look.breadth) for look in others], "o",
                  color=ORDINARY, markersize=3, alpha=0.6, markeredgewidth=0)  # fmt: skip
        most = max(max(1, look.named) for look in found.looks)
        takings = np.geomspace(1, max(2, most), 60)
        axes.plot(takings, takings, color="#1a1a1a", linewidth=0.8, linestyle=":")
        if found.law is not None:
            usual = [found.law.expected(float(value), most=found.items) for value in takings]
            axes.plot(takings, usual, color="#1a1a1a", linewidth=1)
        _logarithmic(axes, x=True, y=True)
        _mark(axes, [(number, look.named, look.breadth) for number, look in listed])
        axes.set_xlabel("takings")
        axes.set_ylabel("distinct items")
        drawn = f" ({len(others):,} of {len(found.looks) - len(listed):,} others are drawn)"
        says = (
            "Takings and the distinct items among them, a point for each user"
            f"{drawn if len(others) < len(found.looks) - len(listed) else ''}: the line is what users of this asset "
            "usually reach, the dotted one is never coming back to an item. Who goes through a catalogue stands far "
            "right and at the dotted line."
        )
        return Plot(to_svg(figure, name=name, label=says), says)


def _over_time(found: AssetLook, listed: Numbered, name: str) -> Plot:
    shown = sorted(listed, key=lambda pair: -pair[1].breadth)[:CURVES_MAX]
    begin, end = min(look.begin for look in found.looks), max(look.end for look in found.looks) + 1
    times = np.linspace(begin, end, STEPS)
    days = (times - begin) / 86_400_000
    with drawing():
        figure, axes = _figure()
        for (number, look), color in zip(shown, CURVES, strict=False):
            axes.plot(days, _breadth_at(look, times), color=color, linewidth=1.6, drawstyle="steps-post",
                      label=f"{number}")  # fmt: skip
        others = _drawn(found, listed)[:POINTS_MAX]
        if others:
            rows = np.array([_breadth_at(look, times) for look in others])
            axes.plot(days, np.quantile(rows, 0.99, axis=0), color=ORDINARY, linewidth=1.2, linestyle="--",
                      label="1 in 100 others")  # fmt: skip
            axes.plot(days, np.median(rows, axis=0), color=ORDINARY, linewidth=1.2, label="half of the others")
        axes.set_xlabel(f"days since {_day(begin)}")
        axes.set_ylabel("distinct items so far")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, max(float(days[-1]), 0.01))
        figure.legend(loc="outside right upper", fontsize=8)
        what = f"the {len(shown)} broadest of those listed" if len(shown) < len(listed) else "each user listed"
        says = (
            f"How many distinct items {what} had taken by each day, beside the others: a steep piece is fast "
            "taking, a straight line steady going through."
        )
        return Plot(to_svg(figure, name=name, label=says), says)


def _breadth_at(look: Look, times: np.ndarray) -> np.ndarray:
    """Distinct items by each time, from the sample of them."""
    firsts = np.sort(np.array(look.taken.items.times, np.uint64).astype(float))
    scale = look.taken.items.count / max(1, len(firsts))
    return np.searchsorted(firsts, times, side="right") * scale


def _day(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms // 1000, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"


def _bursts(found: AssetLook, listed: Numbered, name: str) -> Plot:
    others = [look for look in _drawn(found, listed) if look.pace.hours]
    with drawing():
        figure, axes = _figure()
        axes.plot([max(1, look.pace.usual_hour) for look in others], [max(1, look.pace.peak_hour) for look in others],
                  "o", color=ORDINARY, markersize=3, alpha=0.6, markeredgewidth=0)  # fmt: skip
        most = max(look.pace.peak_hour for look in found.looks)
        axes.plot([1, max(2, most)], [1, max(2, most)], color="#1a1a1a", linewidth=0.8, linestyle=":")
        _logarithmic(axes, x=True, y=True)
        _mark(axes, [(n, max(1, look.pace.usual_hour), max(1, look.pace.peak_hour)) for n, look in listed
                     if look.pace.hours])  # fmt: skip
        axes.set_xlabel("takings in a usual hour of the user's own")
        axes.set_ylabel("takings in its busiest hour")
        says = (
            "Each user's busiest hour beside its own usual one (the median of the hours in which it took anything): "
            "on the dotted line both are equal, and far above it there was a burst."
        )
        return Plot(to_svg(figure, name=name, label=says), says)


def group_plot(group: Group, *, name: str) -> Plot:
    """What each two members have in common."""
    shown = min(len(group.members), MATRIX_MAX)
    values = np.array([row[:shown] for row in group.shared[:shown]]) * 100
    np.fill_diagonal(values, np.nan)
    side = min(6.0, 1.6 + 0.42 * shown)
    with drawing():
        figure, axes = _figure(width=7.2, height=side)
        # Cells as outlines: a picture would come from a data: address, which the page's policy doesn't allow.
        axes.pcolormesh(values, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=1.5)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        axes.grid(visible=False)
        labels = [str(number + 1) for number in range(shown)]
        axes.set_xticks(np.arange(shown) + 0.5, labels)
        axes.set_yticks(np.arange(shown) + 0.5, labels)
        axes.set_xlabel("member")
        axes.set_ylabel("member")
        if shown <= 12:
            for row in range(shown):
                for column in range(shown):
                    if row != column:
                        value = values[row, column]
                        axes.text(column + 0.5, row + 0.5, f"{value:.0f}", ha="center", va="center",
                                  color="white" if value > 55 else "#1a1a1a")  # fmt: skip
        more = f" (the first {shown} of {len(group.members)} members)" if shown < len(group.members) else ""
        says = (
            f"Items that each two members have in common, in percent of what the one with fewer took{more}: near 0 "
            "(pale) they share a catalogue out, near 100 (dark) they take the same."
        )
        return Plot(to_svg(figure, name=name, label=says), says)
