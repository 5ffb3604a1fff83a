"""Plots as SVG that can stand in a page of ours: without styles, scripts or anything from elsewhere, always the same.

Matplotlib draws with its own defaults, whatever a user's configuration says; texts become outlines, so that no font of
the reader's matters. What it writes is read as XML and written anew: styles as attributes, since the page's policy
allows no other style than its own; names of parts with the plot's own before them, since a page has several.
"""

from __future__ import annotations

import html
import io
from contextlib import AbstractContextManager
from typing import Any
from xml.parsers import expat

import matplotlib
from matplotlib.figure import Figure

from node.agents.page import Html

_PLAIN = {
    "svg.fonttype": "path", "svg.hashsalt": "usance", "font.family": ["DejaVu Sans"], "font.size": 9.0,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#4a4a4a", "axes.axisbelow": True,
    "axes.grid": True, "grid.color": "#e2e2e2", "grid.linewidth": 0.6, "legend.frameon": False,
}  # fmt: skip
_LEFT_OUT = frozenset(("metadata", "style"))


def drawing() -> AbstractContextManager[Any]:
    """Draw inside this: the same settings everywhere."""
    settings: Any = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    settings.update(_PLAIN)
    return matplotlib.rc_context(settings)


def to_svg(figure: Figure, *, name: str, label: str) -> Html:
    """The figure as an element `svg`; `name`: letters and digits, its own in the page; `label`: what it shows, for
    those who don't see it."""
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    writer = _Writer(name, label)
    writer.read(out.getvalue())
    return Html("".join(writer.parts))


class _Writer:
    """Writes what it reads again, without styles, with the plot's name before every id."""

    def __init__(self, name: str, label: str) -> None:
        self.parts: list[str] = []
        self._name, self._label = name, label
        self._skipping = 0

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.Parse(data, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._skipping or tag in _LEFT_OUT:
            self._skipping += 1
            return
        if tag == "svg":
            given = {"viewBox": attributes["viewBox"], "role": "img", "aria-label": self._label,
                     "stroke-linejoin": "round", "stroke-linecap": "butt"}  # fmt: skip
        else:
            given = {}
            for key, value in attributes.items():
                if key == "style":
                    given.update(_presented(value, self._name))
                elif not key.startswith("xmlns"):
                    given[key.removeprefix("xlink:")] = _renamed(key, value, self._name)
        shown = "".join(f' {key}="{html.escape(value, quote=True)}"' for key, value in given.items())
        self.parts.append(f"<{tag}{shown}>")

    def _end(self, tag: str) -> None:
        if self._skipping:
            self._skipping -= 1
            return
        self.parts.append(f"</{tag}>")


def _presented(style: str, name: str) -> dict[str, str]:
    """`fill: #ffffff; opacity: 0.5` as attributes."""
    pairs = (part.partition(":") for part in style.split(";") if part.strip())
    return {key.strip(): _renamed(key, value.strip(), name) for key, _, value in pairs}


def _renamed(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href") and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return value.replace("url(#", f"url(#{name}-")
