"""Reads a drawn lineage back: boxes and lines with their coordinates."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

SVG = "{http://www.w3.org/2000/svg}"
_STEP = re.compile(r"([MLHCc])([-0-9. ]+)")


@dataclass(frozen=True)
class Box:
    """A node's box, and its tooltip's first line."""

    title: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawing:
    """`lines`: of each edge its tooltip, path and which end has the arrowhead."""

    root: ET.Element
    width: float
    height: float
    boxes: list[Box]
    lines: list[tuple[str, str, str]]


def read(text: str) -> Drawing:
    """Parses it as XML, strictly."""
    root = ET.fromstring(text)
    boxes, lines = [], []
    for group in root.iter(f"{SVG}g"):
        if group.get("class") == "n":
            x, y = map(float, re.fullmatch(r"translate\((\S+) (\S+)\)", group.get("transform") or "").groups())  # type: ignore[union-attr]
            shape = group.find(f"{SVG}rect")
            title = (group.findtext(f"{SVG}title") or "").split("\n")[0]
            boxes.append(Box(title, x, y, float(shape.get("width")), float(shape.get("height"))))
    for path in root.iter(f"{SVG}path"):
        title = path.findtext(f"{SVG}title")
        if title is not None:
            end = "head" if path.get("marker-end") else "tail" if path.get("marker-start") else ""
            lines.append((title, path.get("d") or "", end))
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    return Drawing(root, width, height, boxes, lines)


def points(path: str) -> Iterator[tuple[float, float]]:
    """Points along a path, close enough that none of its parts can hide a box."""
    x = y = 0.0
    for command, numbers in _STEP.findall(path):
        values = [float(number) for number in numbers.split()]
        if command == "H":
            values.append(y)
        if command in "MLH":
            to_x, to_y = values
            steps = 1 if command == "M" else max(2, int(max(abs(to_x - x), abs(to_y - y)) / 12))
            for at in range(1, steps + 1):
                part = at / steps if command != "M" else 1
                yield x + (to_x - x) * part, y + (to_y - y) * part
        elif command == "C":
            ax, ay, bx, by, to_x, to_y = values
            for at in range(1, 13):
                t, u = at / 12, 1 - at / 12
                yield (
                    u**3 * x + 3 * u * u * t * ax + 3 * u * t * t * bx + t**3 * to_x,
                    u**3 * y + 3 * u * u * t * ay + 3 * u * t * t * by + t**3 * to_y,
                )
        else:
            return  # the loop of an edge to itself
        x, y = to_x, to_y
